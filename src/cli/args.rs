//! The command line.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand, ValueHint};

use super::output::Format;

const AFTER_HELP: &str = "\
What is run:
  -c and -f run in the order in which they are given. Without them a terminal gets the shell, and
  anything else on standard input is run as a script. Each takes several statements separated by `;`.

What is printed:
  Results go to standard output, everything else to standard error. In the shell a table shows the
  first 40 rows (--max-rows); scripts print every row. Where standard output is a terminal, tables that
  are wider have floating-point numbers rounded to 6 digits, then long texts cut with `…`, then columns
  in the middle left out. csv, tsv, json and ndjson are always complete, whatever their length.

Init file:
  The shell first runs $XDG_CONFIG_HOME/sqltorch/init.sql (~/.config/sqltorch/init.sql), or else
  ~/.sqltorchrc. Scripts run the same everywhere: they read an init file only where --init names it.
  What its statements return is not printed.

Exit status:
  0 done; 1 a statement failed, the rest was not run; 2 wrong usage; 130 after Ctrl-C; 141 when the
  reader of standard output went away.";

/// Train and apply multi-task recommenders from SQL.
#[derive(Debug, Parser)]
#[command(name = "sqltorch", after_help = AFTER_HELP, disable_version_flag = true)]
#[command(subcommand_value_name = "COMMAND", disable_help_subcommand = true)]
pub struct Args {
    #[command(flatten)]
    pub engine: EngineArgs,

    /// Run these statements; may be repeated
    #[arg(
        short = 'c',
        long = "command",
        value_name = "SQL",
        allow_hyphen_values = true
    )]
    commands: Vec<String>,

    /// Run the statements of this file, `-` for standard input; may be repeated
    #[arg(short = 'f', long = "file", value_name = "FILE", value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,

    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,

    /// Rows of a result that a table shows, 0 for all [default: 40 in the shell, otherwise 0]
    #[arg(long, value_name = "N")]
    pub max_rows: Option<usize>,

    /// Run the statements of this file first
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub init: Option<PathBuf>,

    /// Don't look for an init file
    #[arg(long, conflicts_with = "init")]
    pub no_init: bool,

    /// Print the versions of sqltorch and its libraries
    #[arg(short = 'V', long)]
    pub version: bool,

    #[command(subcommand)]
    pub action: Option<Action>,

    /// `-c` and `-f` in the order in which they were given.
    #[arg(skip)]
    ordered: Vec<Script>,
}

/// What an engine is built from; accepted before and after a command's name.
#[derive(Debug, clap::Args)]
pub struct EngineArgs {
    /// Folder of trained models
    #[arg(long, global = true, value_name = "DIR", env = "SQLTORCH_MODEL_DIR")]
    #[arg(default_value = "models", value_hint = ValueHint::DirPath)]
    pub model_dir: PathBuf,

    /// Memory for queries and training, like 2GB or 512MiB [default: no limit]
    #[arg(long, global = true, value_name = "SIZE", value_parser = bytes)]
    pub memory_limit: Option<usize>,

    /// Where models run: auto, cpu, cuda or cuda:N
    #[arg(long, global = true, default_value = "auto", value_parser = device)]
    pub device: String,

    /// Threads to use [default: one per core]
    #[arg(long, global = true, value_name = "N", value_parser = at_least_one)]
    pub threads: Option<usize>,

    /// No progress and no remarks on standard error, only errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// What can be done besides running SQL.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Apply a model to Parquet files and write the result into a Parquet file
    Score(ScoreArgs),
    /// Make an e-commerce log to train on, with the true probabilities in a side file
    Datagen(DatagenArgs),
    /// Turn IDX files, as MNIST and Fashion-MNIST come in, into a Parquet file
    Idx(IdxArgs),
    /// Draw a grid of images that an image_gan generates, a row for each label
    Images(ImagesArgs),
}

/// Arguments of `sqltorch score`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The output file appears only when it is complete: until then rows go to a hidden file beside it, which
is removed after an error or Ctrl-C.")]
pub struct ScoreArgs {
    /// Model to apply, as SHOW MODELS spells it; NAME.N for version N
    #[arg(long, value_name = "NAME")]
    pub model: String,

    /// Parquet file, folder or glob to read
    #[arg(long, value_name = "PATH")]
    pub input: String,

    /// Parquet file to write
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: PathBuf,

    /// Columns to write, of the input and of the model, such as user_id,p_click [default: all]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub columns: Vec<String>,

    /// Score only the input rows for which this SQL condition holds
    #[arg(long = "where", value_name = "SQL", allow_hyphen_values = true)]
    pub condition: Option<String>,

    /// Replace the output file if it exists
    #[arg(long)]
    pub overwrite: bool,
}

/// Arguments of `sqltorch datagen`.
#[derive(Debug, clap::Args)]
pub struct DatagenArgs {
    /// Rows of the log
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub rows: u64,

    /// The same seed makes the same log
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,

    /// Folder to write into
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub output: PathBuf,
}

/// Arguments of `sqltorch idx`.
#[derive(Debug, clap::Args)]
pub struct IdxArgs {
    /// IDX file of images, gzipped or not: the column `pixels`, as many numbers from 0 to 255 a row
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub images: PathBuf,

    /// IDX file of their labels: the column `label`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub labels: Option<PathBuf>,

    /// Parquet file to write
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: PathBuf,

    /// Replace the output file if it exists
    #[arg(long)]
    pub overwrite: bool,
}

/// Arguments of `sqltorch images`.
#[derive(Debug, clap::Args)]
pub struct ImagesArgs {
    /// Generator of images, as SHOW MODELS spells it; NAME.N for version N
    #[arg(long, value_name = "NAME")]
    pub model: String,

    /// Images to draw; with labels as many for each, together at least as many
    #[arg(long, value_name = "N", default_value_t = 64)]
    #[arg(value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    pub n: usize,

    /// The same seed draws the same images [default: the model's]
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,

    /// PNG file to write
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: PathBuf,

    /// Replace the output file if it exists
    #[arg(long)]
    pub overwrite: bool,
}

/// A source of statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Script {
    /// The text of a `-c`.
    Command(String),
    /// The file of an `-f`.
    File(PathBuf),
    /// Standard input, run statement by statement as it comes.
    Stdin,
}

impl Args {
    /// Reads the command line of this process.
    pub fn from_command_line() -> Result<Self, clap::Error> {
        Self::parse_ordered(std::env::args_os())
    }

    fn parse_ordered(
        words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(words)?;
        let mut args = Self::from_arg_matches(&matches)?;
        args.ordered = args.in_order(&matches);
        if args.action.is_some() && !args.ordered.is_empty() {
            return Err(command.error(
                ErrorKind::ArgumentConflict,
                "-c and -f can't be used together with a command",
            ));
        }
        Ok(args)
    }

    fn in_order(&self, matches: &ArgMatches) -> Vec<Script> {
        let commands = self.commands.iter().cloned().map(Script::Command);
        let files = self.files.iter().map(|file| match file.to_str() {
            Some("-") => Script::Stdin,
            _ => Script::File(file.clone()),
        });
        let mut all: Vec<_> = positions(matches, "commands")
            .zip(commands)
            .chain(positions(matches, "files").zip(files))
            .collect();
        all.sort_by_key(|(position, _)| *position);
        all.into_iter().map(|(_, script)| script).collect()
    }

    /// What to run without asking; `None` opens the shell.
    pub fn scripts(&self) -> Option<Vec<Script>> {
        if !self.ordered.is_empty() {
            Some(self.ordered.clone())
        } else if io::stdin().is_terminal() {
            None
        } else {
            Some(vec![Script::Stdin])
        }
    }
}

fn positions<'a>(matches: &'a ArgMatches, id: &str) -> impl Iterator<Item = usize> + use<'a> {
    matches.indices_of(id).into_iter().flatten()
}

/// Reads `2GB` (powers of 1000), `2GiB` and `2G` (powers of 1024), or plain bytes.
fn bytes(text: &str) -> Result<usize, String> {
    let wrong = || format!("`{text}` is not a size; write it like 2GB, 512MiB or 1500000000");
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = unit.trim().to_ascii_lowercase();
    let factor = match unit.as_str() {
        "" | "b" => 1.0,
        _ => {
            let power = match unit.as_bytes()[0] {
                b'k' => 1,
                b'm' => 2,
                b'g' => 3,
                b't' => 4,
                _ => return Err(wrong()),
            };
            match &unit.as_bytes()[1..] {
                b"b" => 1000f64.powi(power),
                b"" | b"ib" => 1024f64.powi(power),
                _ => return Err(wrong()),
            }
        }
    };
    let size = number.parse::<f64>().map_err(|_| wrong())? * factor;
    if size < 1.0 || size > isize::MAX as f64 {
        return Err(wrong());
    }
    Ok(size as usize)
}

fn device(text: &str) -> Result<String, String> {
    let known = matches!(text, "auto" | "cpu" | "cuda")
        || text
            .strip_prefix("cuda:")
            .is_some_and(|index| index.parse::<u32>().is_ok());
    match known {
        true => Ok(text.to_string()),
        false => Err("known: auto, cpu, cuda, cuda:N".into()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("expected a whole number from 1".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::parse_ordered(line.split_whitespace().map(String::from))
    }

    #[test]
    fn definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn commands_and_files_keep_their_order() {
        let args = parse("sqltorch -c A -f b.sql -f - -c D").unwrap();
        assert_eq!(
            args.scripts().unwrap(),
            [
                Script::Command("A".into()),
                Script::File("b.sql".into()),
                Script::Stdin,
                Script::Command("D".into()),
            ]
        );
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(bytes("2GB"), Ok(2_000_000_000));
        assert_eq!(bytes("512MiB"), Ok(536_870_912));
        assert_eq!(bytes("1.5 gib"), Ok(1_610_612_736));
        assert_eq!(bytes("64k"), Ok(65_536));
        assert_eq!(bytes("123"), Ok(123));
        for wrong in [
            "",
            "GB",
            "2XB",
            "2GBs",
            "-1",
            "0",
            "1.2.3",
            "9e9",
            "99999999T",
            "2é",
        ] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn engine_options_stand_before_or_after_a_command() {
        let line = "score --model m --input i --output o";
        for line in [
            format!("sqltorch --threads 3 {line}"),
            format!("sqltorch {line} --threads 3"),
        ] {
            assert_eq!(parse(&line).unwrap().engine.threads, Some(3));
        }
    }

    #[test]
    fn rejects_statements_together_with_a_command() {
        let error = parse("sqltorch -c A datagen --rows 1 --output d").unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn rejects_unknown_devices() {
        assert!(device("cuda:1").is_ok());
        for wrong in ["gpu", "cuda:", "cuda:x", ""] {
            assert!(device(wrong).is_err(), "{wrong}");
        }
    }
}
