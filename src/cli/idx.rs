//! `sqltorch idx`.

use indicatif::HumanCount;
use sqltorch::image::idx::read;

use super::args::IdxArgs;
use super::failure::Outcome;
use super::score::Output;

/// Reads the IDX files and writes the Parquet file.
pub fn run(args: &IdxArgs, quiet: bool) -> Outcome {
    let batch = read(&args.images, args.labels.as_deref())?;
    let mut file = Output::create(&args.output, args.overwrite, batch.schema())?;
    file.write(&batch)?;
    file.publish()?;
    if !quiet {
        let rows = HumanCount(batch.num_rows() as u64);
        eprintln!("{}: {rows} images", args.output.display());
    }
    Ok(())
}
