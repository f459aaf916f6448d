//! How many rows a second: encoding, training and prediction, for a fixed set of workloads, each measured in a process
//! of its own; with `--peers` beside the programs of a yardstick script, in turn.
//!
//! ```text
//! cargo bench --bench speed -- --runs 3 --json now.json
//! cargo bench --bench speed -- --against before.json --only mmoe
//! cargo bench --bench speed -- --only mmoe --peers python3 --yardstick kuairand_mmoe.py
//! ```

mod measure;
mod peers;
mod report;
mod workload;

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;

use measure::Measured;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures rows a second.
#[derive(Parser)]
struct Args {
    /// Runs of each workload; medians are shown
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Workloads to run, by name; all where none is named
    #[arg(long)]
    only: Vec<String>,
    /// The folder of real data sets; a workload whose data is not there is left out
    #[arg(long, env = "SQLTORCH_TEST_DATA", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data"))]
    data: PathBuf,
    /// Where generated logs are kept from run to run
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/data/download/bench"))]
    work: PathBuf,
    /// Python with what the yardstick imports
    #[arg(long, requires = "yardstick")]
    peers: Option<PathBuf>,
    /// A script that takes a peer's name and prints "train N rows/s, predict N rows/s"
    #[arg(long, requires = "peers")]
    yardstick: Option<PathBuf>,
    /// Where to write the results as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// An earlier run's JSON, to show ratios to
    #[arg(long)]
    against: Option<PathBuf>,
    /// Used by the program itself: measure one workload and print JSON
    #[arg(long, hide = true)]
    child: Option<String>,
    /// Given by cargo bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result {
    let args = Args::parse();
    if let Some(name) = &args.child {
        let found = workload::find(name)?;
        let measured =
            tokio::runtime::Runtime::new()?.block_on(measure::measure(found, &args.work))?;
        println!("{}", serde_json::to_string(&measured)?);
        return Ok(());
    }
    let chosen = args.only.iter().map(|name| workload::find(name));
    let mut chosen = chosen.collect::<Result<Vec<_>>>()?;
    if chosen.is_empty() {
        chosen = workload::ALL.iter().collect();
    }
    chosen.retain(|workload| {
        let there = workload.is_there(&args.data);
        if !there {
            eprintln!(
                "left out: {} needs {}",
                workload.name,
                args.data.join("kuairand").display()
            );
        }
        there
    });
    std::fs::create_dir_all(&args.work)?;
    for workload in &chosen {
        tokio::runtime::Runtime::new()?.block_on(workload.prepare(&args.data, &args.work))?;
    }
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for run in 1..=args.runs.max(1) {
        for workload in &chosen {
            eprintln!("run {run}: {}", workload.name);
            ours.push(in_child(workload.name, &args.data, &args.work)?);
            if let (Some(python), Some(script), "mmoe") =
                (&args.peers, &args.yardstick, workload.name)
            {
                for peer in peers::ALL {
                    eprintln!("run {run}: {peer}");
                    theirs.push(peers::run(python, script, peer)?);
                }
            }
        }
    }
    let medians = report::medians(&ours);
    print!("{}", report::table(&medians));
    if !theirs.is_empty() {
        print!(
            "\n{}",
            report::peers(&medians, &report::median_peers(&theirs))
        );
    }
    if let Some(file) = &args.against {
        let before: Vec<Measured> = serde_json::from_slice(&std::fs::read(file)?)?;
        print!("\n{}", report::ratios(&medians, &before));
    }
    if let Some(file) = &args.json {
        std::fs::write(file, serde_json::to_vec_pretty(&medians)?)?;
    }
    Ok(())
}

fn in_child(name: &str, data: &Path, work: &Path) -> Result<Measured> {
    let output = Command::new(std::env::current_exe()?)
        .args(["--child", name, "--data"])
        .arg(data)
        .arg("--work")
        .arg(work)
        .output()?;
    if !output.status.success() {
        return Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(serde_json::from_str(text.trim())?)
}
