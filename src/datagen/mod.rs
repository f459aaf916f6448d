//! A generated e-commerce log whose true probabilities are known, by which models can be held
//! against the best possible.
//!
//! `users.parquet` and `products.parquet` describe who and what, `log.parquet` has one row per
//! product shown (an exposure) in the scenes search, home and detail with its labels click, cart,
//! purchase, review and rating, and `truth.parquet` has the probabilities from which the labels
//! were drawn. These are smooth functions of the columns and of latent effects of users and
//! products, a large part of which follows from their attributes; the weights differ by scene and
//! the tasks are related, not equal. Users and products grow more slowly than rows, so that every
//! id is seen often.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use arrow::array::RecordBatch;

use crate::error::{Error, Result};
use crate::random::Draws;

mod draw;
mod files;
mod products;
mod query;
mod session;
mod table;
#[cfg(test)]
mod tests;
mod truth;
mod users;
mod words;

use files::{FILES, Finished, Folder, Table};
use products::Products;
use query::Queries;
use session::Sessions;
use table::{LogRows, Outcome, TruthRows};
use truth::{Law, STAGES};
use users::Users;

/// Which log to make, and where.
#[derive(Debug, Clone)]
pub struct Datagen {
    /// Rows of the log, from 1 to 100 billion.
    pub rows: u64,
    /// The same rows and seed give the same files, byte for byte.
    pub seed: u64,
    /// Folder for the four files; made when it does not exist.
    pub output: PathBuf,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Rows of the log, and of the truth.
    pub rows: u64,
    /// Rows of `users.parquet`.
    pub users: u64,
    /// Rows of `products.parquet`.
    pub products: u64,
    /// Sessions the log is made of.
    pub sessions: u64,
    /// Rows with a click, a cart, a purchase and a review, in this order.
    pub reached: [u64; 4],
    /// The files with their sizes in bytes.
    pub files: Vec<(PathBuf, u64)>,
}

/// More would need more memory for users and products than a log should take.
const MAX_ROWS: u64 = 100_000_000_000;
/// Rows per record batch, and between two calls of `progress`.
const BATCH_ROWS: u64 = 8_192;
/// Exposures on which rates and difficulty are adjusted.
const PILOT_ROWS: usize = 20_000;

/// Random streams of one seed.
const PEOPLE: u64 = 0;
const GOODS: u64 = 1;
const PILOT: u64 = 2;
const VISITS: u64 = 3;
const OUTCOMES: u64 = 4;

/// Makes the log. `progress` is told the rows done so far and may stop the work; memory does not
/// grow with the rows but for users and products.
///
/// # Errors
/// `Plan` when `rows` is out of range or one of the files exists, `Io` when the folder or the disk refuses,
/// `Cancelled` when `progress` breaks. No file of the log remains after an error.
pub fn generate(
    options: &Datagen,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Report> {
    if !(1..=MAX_ROWS).contains(&options.rows) {
        return Err(Error::plan(format!(
            "rows must be from 1 to {MAX_ROWS}, got {}",
            options.rows
        )));
    }
    let folder = Folder::open(&options.output)?;
    let shop = Shop::draw(options.rows, options.seed);
    let [users_name, products_name, truth_name, log_name] = FILES;
    let users = write_whole(&folder, users_name, &shop.users.batch()?)?;
    let products = write_whole(&folder, products_name, &shop.products.batch()?)?;

    let log_schema = LogRows::default().finish()?.schema();
    let truth_schema = TruthRows::default().finish()?.schema();
    let mut log = Table::create(&folder, log_name, &log_schema)?;
    let truth = Table::create(&folder, truth_name, &truth_schema)?;

    // One thread draws rows and writes the truth, this one writes the log.
    let (sender, receiver) = sync_channel(2);
    let (counts, truth) = thread::scope(|scope| {
        let drawing = scope.spawn(|| draw_rows(&shop, options, truth, sender));
        let written = write_log(&mut log, receiver, progress);
        let drawn = drawing
            .join()
            .map_err(|_| Error::internal("the thread that draws the log stopped"));
        written.and(drawn?)
    })?;
    let files = folder.publish(vec![users, products, truth, log.finish()?])?;
    Ok(Report {
        rows: options.rows,
        users: shop.users.all.len() as u64,
        products: shop.products.all.len() as u64,
        sessions: counts.sessions,
        reached: counts.reached,
        files,
    })
}

/// Everything that is drawn before the first row.
struct Shop {
    users: Users,
    products: Products,
    queries: Queries,
    law: Law,
}

impl Shop {
    fn draw(rows: u64, seed: u64) -> Self {
        let users = Users::draw(users_for(rows), &mut Draws::stream(seed, PEOPLE));
        let products = Products::draw(products_for(rows), seed, &mut Draws::stream(seed, GOODS));
        let queries = Queries::new();
        let mut pilot = Sessions::new(
            &users,
            &products,
            &queries,
            PILOT_ROWS as u64,
            Draws::stream(seed, PILOT),
        );
        let exposures: Vec<_> = (0..PILOT_ROWS).map(|_| pilot.next()).collect();
        let law = Law::fit(exposures.iter().map(|exposure| {
            let user = &users.all[exposure.user].effects;
            (exposure, user, &products.all[exposure.product].effects)
        }));
        Self {
            users,
            products,
            queries,
            law,
        }
    }
}

/// About 90 rows per user of a log of 5 thousand, 720 of a million, 1800 of ten million.
fn users_for(rows: u64) -> usize {
    ((0.35 * (rows as f64).powf(0.6)) as usize).max(10)
}

/// About 70 rows per product of a log of 5 thousand, 1000 of a million, 3200 of ten million.
fn products_for(rows: u64) -> usize {
    (rows as f64).sqrt() as usize
}

#[derive(Default)]
struct Counts {
    sessions: u64,
    reached: [u64; STAGES],
}

fn draw_rows(
    shop: &Shop,
    options: &Datagen,
    mut truth_table: Table,
    log: SyncSender<RecordBatch>,
) -> Result<(Counts, Finished)> {
    let visits = Draws::stream(options.seed, VISITS);
    let mut outcomes = Draws::stream(options.seed, OUTCOMES);
    let mut sessions = Sessions::new(
        &shop.users,
        &shop.products,
        &shop.queries,
        options.rows,
        visits,
    );
    let mut counts = Counts::default();
    let (mut log_rows, mut truth_rows) = (LogRows::default(), TruthRows::default());
    for row in 0..options.rows {
        let exposure = sessions.next();
        let user = &shop.users.all[exposure.user].effects;
        let product = &shop.products.all[exposure.product].effects;
        let truth = shop.law.truth(&exposure, user, product);
        let outcome = Outcome::draw(&truth, &mut outcomes);
        counts.sessions = exposure.session_id as u64;
        for (count, reached) in counts.reached.iter_mut().zip(outcome.reached) {
            *count += u64::from(reached);
        }
        let row_id = row as i64 + 1;
        log_rows.push(row_id, &exposure, &outcome, &shop.products, &shop.queries);
        truth_rows.push(row_id, &truth);
        if (row + 1) % BATCH_ROWS == 0 || row + 1 == options.rows {
            truth_table.write(&truth_rows.finish()?)?;
            if log.send(log_rows.finish()?).is_err() {
                // The writer of the log has stopped and says why.
                return Err(Error::cancelled());
            }
        }
    }
    drop(log);
    Ok((counts, truth_table.finish()?))
}

fn write_log(
    table: &mut Table,
    batches: Receiver<RecordBatch>,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<()> {
    let mut done = 0;
    for batch in batches {
        table.write(&batch)?;
        done += batch.num_rows() as u64;
        if progress(done).is_break() {
            return Err(Error::cancelled());
        }
    }
    Ok(())
}

fn write_whole(folder: &Folder, name: &'static str, batch: &RecordBatch) -> Result<Finished> {
    let mut table = Table::create(folder, name, &batch.schema())?;
    table.write(batch)?;
    table.finish()
}
