//! `sqltorch datagen`.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use indicatif::{HumanBytes, HumanCount};
use sqltorch::datagen::{Datagen, Report, generate};

use super::args::DatagenArgs;
use super::failure::{Failure, Outcome};
use super::interrupt::Workers;
use super::output::print_lines;
use super::progress;

/// Makes the log and prints the files that were written.
pub fn run(workers: &Workers, args: DatagenArgs, quiet: bool) -> Outcome {
    let started = Instant::now();
    let options = Datagen {
        rows: args.rows,
        seed: args.seed,
        output: args.output,
    };
    let report = workers.run(make(options, quiet))?;
    if !quiet {
        let [clicks, carts, purchases, reviews] = report.reached.map(HumanCount);
        let bytes = report.files.iter().map(|(_, bytes)| bytes).sum();
        eprintln!(
            "{} rows ({}) of {} users and {} products in {}: {clicks} clicks, {carts} carts, \
             {purchases} purchases, {reviews} reviews",
            HumanCount(report.rows),
            HumanBytes(bytes),
            HumanCount(report.users),
            HumanCount(report.products),
            progress::duration(started.elapsed().as_secs_f64()),
        );
    }
    let files = report.files.iter();
    print_lines(files.map(|(file, _)| file.display().to_string()))
}

async fn make(options: Datagen, quiet: bool) -> Outcome<Report> {
    let bar = progress::bar(Some(options.rows), progress::is_wanted(quiet));
    let cancel = CancelOnDrop::default();
    let cancelled = cancel.0.clone();
    let report = tokio::task::spawn_blocking(move || {
        bar.set_prefix("generating");
        generate(&options, &mut |rows| {
            bar.set_position(rows);
            match cancelled.load(Ordering::Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })
    })
    .await;
    match report {
        Ok(made) => Ok(made?),
        Err(error) => Err(Failure::Error(format!("internal error: {error}"))),
    }
}

/// Tells the thread that does the work when nobody waits for it any more.
#[derive(Default)]
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
