//! The program as a process: exit status, what goes to which stream, formats, signals.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::time::{answered_soon, wait_until};

/// A folder to work in, which is the home of the program too.
struct Place {
    folder: TempDir,
}

/// What a run left behind.
#[derive(Debug)]
struct Ran {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sqltorch"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env("HOME", self.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_STATE_HOME")
            .env_remove("SQLTORCH_MODEL_DIR")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs with `input` on standard input.
    fn feed(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap().into()
    }

    /// Names of all files, hidden ones too.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).unwrap();
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<_> = entries.map(|entry| name(entry.unwrap())).collect();
        names.sort();
        names
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A query that nobody waits for.
const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 1000000000000) WHERE value % 3 = 1";

fn send(signal: &str, child: &Child) {
    let status = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn version_names_the_libraries() {
    let ran = Place::new().run(&["--version"]);
    assert_eq!(ran.status, Some(0));
    let first = format!("sqltorch {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(ran.stdout.lines().next(), Some(first.as_str()));
    for library in ["datafusion ", "arrow ", "libtorch "] {
        assert!(ran.stdout.contains(library), "{}", ran.stdout);
    }
}

#[test]
fn statements_run_in_the_order_given() {
    let place = Place::new();
    place.write("two.sql", "SELECT 2 AS b; -- nothing more\n");
    let ran = place.run(&[
        "--format=csv",
        "-c",
        "SELECT 1 AS a",
        "-f",
        "two.sql",
        "-c",
        "SELECT 3 AS c;",
    ]);
    assert_eq!(ran.stdout, "a\n1\nb\n2\nc\n3\n");
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
}

#[test]
fn stops_at_the_first_error() {
    let sql = "SELECT 1 AS a; SELECT nope; SELECT 3 AS c";
    let ran = Place::new().run(&["--format", "csv", "-c", sql]);
    assert_eq!(ran.status, Some(1));
    assert_eq!(ran.stdout, "a\n1\n");
    assert!(
        ran.stderr.starts_with("error: statement 2: "),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("nope"), "{}", ran.stderr);
    assert!(
        !ran.stderr.contains("Error during planning"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.lines().count() <= 3, "{}", ran.stderr);
}

#[test]
fn an_error_names_the_line_of_the_file() {
    let place = Place::new();
    place.write(
        "job.sql",
        "SELECT 1;\n\n-- the next one is wrong\nSELECT\n  1 +;\n",
    );
    let ran = place.run(&["-f", "job.sql"]);
    assert_eq!(ran.status, Some(1));
    assert!(
        ran.stderr.starts_with("error: job.sql:4: "),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("ParserError"), "{}", ran.stderr);
    let ran = place.feed(&[], "SELECT 1;\nSELECT nope;\n");
    assert!(
        ran.stderr.starts_with("error: standard input, line 2: "),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let place = Place::new();
    let ran = place.run(&["-f", "none.sql"]);
    assert_eq!(ran.status, Some(1));
    assert_eq!(
        ran.stderr,
        "error: can't read none.sql: No such file or directory\n"
    );
    fs::write(place.path().join("bytes.sql"), [0xff, 0xfe]).unwrap();
    let ran = place.run(&["-f", "bytes.sql"]);
    assert_eq!(ran.stderr, "error: can't read bytes.sql: not UTF-8 text\n");
}

#[test]
fn wrong_usage_is_status_2() {
    let place = Place::new();
    for wrong in [
        &["--nope"][..],
        &["--format", "xml"],
        &["--memory-limit", "much"],
        &["--threads", "0"],
        &["--device", "gpu"],
        &["score", "--model", "m"],
        &[
            "-c", "SELECT 1", "score", "--model", "m", "--input", "i", "--output", "o",
        ],
        &["datagen", "--rows", "0", "--output", "d"],
        &["--init", "a", "--no-init"],
        &["stray"],
    ] {
        let ran = place.run(wrong);
        assert_eq!(ran.status, Some(2), "{wrong:?}");
        assert_eq!(ran.stdout, "", "{wrong:?}");
        assert!(
            ran.stderr.starts_with("error: "),
            "{wrong:?}: {}",
            ran.stderr
        );
    }
}

#[test]
fn every_format_prints_null_and_text() {
    let place = Place::new();
    let sql = "SELECT 1 AS n, 'a,b' AS t UNION ALL SELECT NULL, '' ORDER BY n";
    let print = |format: &str| place.run(&["--format", format, "-c", sql]).stdout;
    assert_eq!(print("csv"), "n,t\n1,\"a,b\"\n,\"\"\n");
    assert_eq!(print("tsv"), "n\tt\n1\ta,b\n\t\"\"\n");
    assert_eq!(
        print("ndjson"),
        "{\"n\":1,\"t\":\"a,b\"}\n{\"n\":null,\"t\":\"\"}\n"
    );
    assert_eq!(
        print("json"),
        "[{\"n\":1,\"t\":\"a,b\"},\n {\"n\":null,\"t\":\"\"}]\n"
    );
    let table = print("table");
    assert!(table.contains("   n  t\n"), "{table}");
    assert!(table.contains("NULL\n"), "{table}");
}

#[test]
fn a_statement_without_columns_prints_nothing() {
    let place = Place::new();
    for format in ["table", "csv", "tsv", "json", "ndjson"] {
        let sql = "CREATE VIEW v AS SELECT 1 AS a; SET datafusion.execution.batch_size = 100";
        let ran = place.run(&["--format", format, "-c", sql]);
        assert_eq!(
            (ran.status, ran.stdout.as_str()),
            (Some(0), ""),
            "{format}: {}",
            ran.stderr
        );
    }
}

#[test]
fn an_empty_result_keeps_its_header() {
    let place = Place::new();
    let sql = "SELECT 1 AS a WHERE false";
    assert_eq!(place.run(&["--format", "csv", "-c", sql]).stdout, "a\n");
    assert_eq!(place.run(&["--format", "json", "-c", sql]).stdout, "[]\n");
}

#[test]
fn a_piped_table_is_complete() {
    let place = Place::new();
    let sql = "SELECT value, repeat('x', 200) AS long FROM generate_series(1, 500)";
    let all = place.run(&["-c", sql]).stdout;
    assert_eq!(all.lines().count(), 502);
    assert!(!all.contains('…'));
    let few = place.run(&["--max-rows", "3", "-c", sql]).stdout;
    assert!(few.ends_with("... 3 of 500 rows\n"), "{few}");
}

#[test]
fn standard_input_runs_as_it_comes() {
    let place = Place::new();
    let mut child = place
        .command(&["--format", "csv"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for number in 1..=2 {
        writeln!(input, "SELECT\n {number} AS a;").unwrap();
        let mut lines = [String::new(), String::new()];
        for line in &mut lines {
            output.read_line(line).unwrap();
        }
        assert_eq!(lines, ["a\n".to_string(), format!("{number}\n")]);
    }
    input.write_all(b"SELECT 3 AS b").unwrap();
    drop(input);
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "b\n3\n");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let place = Place::new();
    let sql = "SELECT * FROM generate_series(1, 100000000000)";
    for format in ["csv", "table", "ndjson", "json"] {
        let mut child = place
            .command(&["--format", format, "-c", sql])
            .spawn()
            .unwrap();
        let mut first = [0; 100];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let ran: Ran = child.wait_with_output().unwrap().into();
        assert_eq!(
            (ran.status, ran.stderr.as_str()),
            (Some(141), ""),
            "{format}"
        );
    }
}

#[test]
fn signals_end_it_within_a_second() {
    let place = Place::new();
    for (signal, status) in [("-INT", 130), ("-TERM", 143)] {
        let sql = format!("SELECT 1 AS a; {ENDLESS}; SELECT 3");
        let mut child = place
            .command(&["--format", "csv", "-c", &sql])
            .spawn()
            .unwrap();
        // The first result says that the signal is listened to.
        let mut first = [0; 4];
        let mut output = child.stdout.take().unwrap();
        output.read_exact(&mut first).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        let sent = Instant::now();
        send(signal, &child);
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        let ran: Ran = child.wait_with_output().unwrap().into();
        assert_eq!(
            (ran.status, ran.stderr.as_str()),
            (Some(status), "cancelled\n")
        );
        assert_eq!(rest, "");
        answered_soon(sent);
    }
}

#[test]
fn waiting_for_input_can_be_interrupted() {
    let place = Place::new();
    let mut child = place
        .command(&["--format", "csv"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "SELECT 1 AS a;").unwrap();
    let mut output = child.stdout.take().unwrap();
    output.read_exact(&mut [0; 4]).unwrap();
    send("-INT", &child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(input);
}

#[test]
fn scripts_read_an_init_file_only_when_told() {
    let place = Place::new();
    let init = "CREATE VIEW v AS SELECT 7 AS a; SELECT 'not shown';";
    place.write(".sqltorchrc", init);
    place.write("mine.sql", init);
    let sql = ["--format", "csv", "-c", "SELECT a FROM v"];
    assert_eq!(place.run(&sql).status, Some(1));
    let ran = place.run(&[&["--init", "mine.sql"][..], &sql].concat());
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), "a\n7\n"));
    place.write("bad.sql", "SELECT 1;\nSELECT nope;");
    let ran = place.run(&[&["--init", "bad.sql"][..], &sql].concat());
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(1), ""));
    assert!(
        ran.stderr.starts_with("error: bad.sql:2: "),
        "{}",
        ran.stderr
    );
}

#[test]
fn files_are_tables() {
    let place = Place::new();
    let sql = "COPY (SELECT * FROM generate_series(1, 10)) TO 'logs/a.parquet'; \
               COPY (SELECT * FROM generate_series(11, 20)) TO 'logs/b.parquet';";
    assert_eq!(place.run(&["-c", sql]).status, Some(0));
    let count = "SELECT count(*) AS n, max(value) AS m FROM 'logs/*.parquet'";
    let ran = place.run(&["--format", "csv", "-c", count]);
    assert_eq!(ran.stdout, "n,m\n20,20\n", "{}", ran.stderr);
}

/// The shell on a terminal of its own, 80 columns wide.
struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: Arc<Mutex<String>>,
    /// Where the next [`Terminal::wait_for`] begins to look.
    seen: usize,
}

impl Terminal {
    /// `None`, with a line that says so, where there is nothing to make a terminal with.
    fn open(place: &Place) -> Option<Self> {
        let program = format!("stty cols 80; exec {}", env!("CARGO_BIN_EXE_sqltorch"));
        let spawned = Command::new("script")
            .args(["-qec", &program, "/dev/null"])
            .current_dir(place.path())
            .env("HOME", place.path())
            .env("TERM", "xterm")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_STATE_HOME")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = spawned else {
            println!("skipped: there is no `script` to make a terminal with");
            return None;
        };
        let keys = child.stdin.take().unwrap();
        let mut output = child.stdout.take().unwrap();
        let screen = Arc::new(Mutex::new(String::new()));
        let shared = screen.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..count]);
                shared.lock().unwrap().push_str(&text);
            }
        });
        Some(Self {
            child,
            keys,
            screen,
            seen: 0,
        })
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until `text` appears and returns what came up to its end.
    fn wait_for(&mut self, text: &str) -> String {
        let mut found = String::new();
        wait_until(&format!("no {text:?}"), || {
            let screen = self.screen.lock().unwrap().clone();
            let new = screen.get(self.seen..).unwrap_or_default();
            match new.find(text) {
                Some(at) => found = new[..at + text.len()].to_string(),
                None => return false,
            }
            true
        });
        self.seen += found.len();
        found
    }

    /// Types a line at the prompt and returns what is shown up to the next `text`.
    fn enter(&mut self, line: &str, text: &str) -> String {
        self.wait_for(PROMPT);
        self.press(&format!("{line}\r"));
        self.wait_for(text)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const PROMPT: &str = "sqltorch> ";

#[test]
fn the_shell_reads_its_init_file_and_keeps_a_history() {
    let place = Place::new();
    place.write(
        ".config/sqltorch/init.sql",
        "CREATE VIEW v AS SELECT 41 + 1 AS answer;",
    );
    let Some(mut terminal) = Terminal::open(&place) else {
        return;
    };
    let sql = "SELECT answer, value FROM v, generate_series(1, 99);";
    let shown = terminal.enter(sql, "99 rows in ");
    assert!(shown.contains("    42     40"), "{shown}");
    assert!(!shown.contains("    42     41"), "{shown}");
    assert!(shown.contains("... 40 of 99 rows"), "{shown}");
    terminal.enter("SELECT nope;", "error: ");
    terminal.enter("\\d", "v     view");
    terminal.enter("\\q", "\n");
    assert!(terminal.child.wait().unwrap().success());
    let history = fs::read_to_string(place.path().join(".local/state/sqltorch/history")).unwrap();
    assert!(history.contains("SELECT nope;"), "{history}");
}

#[test]
fn the_shell_goes_on_after_ctrl_c() {
    let place = Place::new();
    let Some(mut terminal) = Terminal::open(&place) else {
        return;
    };
    terminal.enter(&format!("{ENDLESS};"), "\r\n");
    std::thread::sleep(Duration::from_millis(300));
    let pressed = Instant::now();
    terminal.press("\x03");
    terminal.wait_for("cancelled");
    answered_soon(pressed);
    terminal.wait_for(PROMPT);
    // At the prompt it throws the line away.
    terminal.press("SELECT 'thrown away'");
    terminal.wait_for("away'");
    terminal.press("\x03");
    terminal.wait_for("\n");
    terminal.enter("SELECT 'kept' AS k;", "kept\r\n");
    terminal.wait_for(PROMPT);
    terminal.press("\x04");
    assert!(terminal.child.wait().unwrap().success());
}

/// A terminal writes `^C` behind the bar: on a line of its own it would leave the bar's line behind.
#[test]
fn a_bar_leaves_room_for_ctrl_c() {
    let place = Place::new();
    let Some(mut terminal) = Terminal::open(&place) else {
        return;
    };
    let sql = "CREATE MODEL m OPTIONS (input_label_cols = ['click'], epochs = 1000, batch_size = 256) AS \
               SELECT value % 97 AS kind, value % 3 = 0 AS click FROM generate_series(1, 300000);";
    terminal.enter(sql, "\x1b[2Kepoch 1/1000 ");
    let rest = terminal.wait_for("\r");
    let width = "epoch 1/1000 ".len() + rest.trim_end_matches('\r').chars().count();
    assert!((70..=77).contains(&width), "{width}: {rest:?}");
    terminal.press("\x03");
    terminal.wait_for("cancelled");
}

#[test]
fn score_checks_before_it_works() {
    let place = Place::new();
    let make = "COPY (SELECT * FROM generate_series(1, 10)) TO 'in.parquet'";
    assert_eq!(place.run(&["-c", make]).status, Some(0));
    place.write("out.parquet", "precious");
    let before = place.files();
    let score = |more: &[&str]| {
        let ran = place.run(&[&["score", "--model", "nope"][..], more].concat());
        assert_eq!(
            (ran.status, ran.stdout.as_str()),
            (Some(1), ""),
            "{more:?}: {}",
            ran.stderr
        );
        ran.stderr
    };
    assert_eq!(
        score(&["--input", "in.parquet", "--output", "out.parquet"]),
        "error: out.parquet exists; --overwrite replaces it\n"
    );
    assert_eq!(
        score(&["--input", "none.parquet", "--output", "new.parquet"]),
        "error: can't read none.parquet: no such file or folder\n"
    );
    let input = ["--input", "in.parquet", "--output", "new.parquet"];
    let bad = score(&[&input[..], &["--where", "value > 3) OR (true"]].concat());
    assert!(bad.starts_with("error: --where "), "{bad}");
    // The model is unknown; whatever is said, no half-written file stays.
    score(&input);
    score(&[
        "--input",
        "in.parquet",
        "--output",
        "out.parquet",
        "--overwrite",
    ]);
    assert_eq!(place.files(), before);
    assert_eq!(
        fs::read_to_string(place.path().join("out.parquet")).unwrap(),
        "precious"
    );
}

/// A model `m` with the task click, and `in.parquet` with so many rows for it.
fn with_model(rows: usize) -> Place {
    let place = Place::new();
    let sql = format!(
        "CREATE MODEL m OPTIONS (model_type = 'shared_bottom', input_label_cols = ['click'], \
         epochs = 1, hidden_units = [8], data_split_method = 'no_split') AS \
         SELECT value % 7 AS user_id, value % 5 AS x, value % 3 = 0 AS click \
         FROM generate_series(1, 2000); \
         COPY (SELECT value AS \"Row\", value % 9 AS user_id, value % 5 AS x \
         FROM generate_series(1, {rows})) TO 'in.parquet'"
    );
    let ran = place.run(&["--format", "csv", "-c", &sql]);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    let header = "version,epoch,split,task,loss,auc,weight,rows,seconds\n";
    assert!(ran.stdout.starts_with(header), "{}", ran.stdout);
    place
}

#[test]
fn score_writes_input_and_predictions() {
    let place = with_model(20_000);
    let score = [
        "score",
        "--model",
        "m",
        "--input",
        "*.parquet",
        "--output",
        "out/o.parquet",
    ];
    fs::create_dir(place.path().join("out")).unwrap();
    let ran = place.run(&score);
    assert_eq!(
        (ran.status, ran.stdout.as_str()),
        (Some(0), ""),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.starts_with("out/o.parquet: 20,000 rows in "),
        "{}",
        ran.stderr
    );
    let check = |sql: &str| place.run(&["--format", "csv", "-c", sql]).stdout;
    let good = "SELECT count(*) AS n, count(DISTINCT \"Row\") AS rows, \
                bool_and(p_click BETWEEN 0 AND 1) AS good FROM 'out/o.parquet'";
    assert_eq!(check(good), "n,rows,good\n20000,20000,true\n");
    let header = check("SELECT * FROM 'out/o.parquet' LIMIT 0");
    assert_eq!(header, "Row,user_id,x,p_click\n");

    assert_eq!(place.run(&score).status, Some(1));
    let more = [
        "--overwrite",
        "--quiet",
        "--columns",
        "Row, p_click",
        "--where",
        "x = 1 -- one",
    ];
    let ran = place.run(&[&score[..], &more].concat());
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        check("SELECT count(*) AS n FROM 'out/o.parquet'"),
        "n\n4000\n"
    );
    assert_eq!(
        check("SELECT * FROM 'out/o.parquet' LIMIT 0"),
        "Row,p_click\n"
    );
    assert_eq!(fs::read_dir(place.path().join("out")).unwrap().count(), 1);
}

#[test]
fn score_names_what_is_wrong() {
    let place = with_model(10);
    let score = [
        "score",
        "--model",
        "m",
        "--input",
        "in.parquet",
        "--output",
        "o.parquet",
    ];
    let fail = |more: &[&str]| {
        let ran = place.run(&[&score[..], more].concat());
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(1), ""), "{more:?}");
        ran.stderr
    };
    let columns = fail(&["--columns", "row"]);
    assert_eq!(
        columns,
        "error: unknown column \"row\"; known: Row, user_id, x, p_click\n"
    );
    let condition = fail(&["--where", "nope = 1"]);
    assert_eq!(
        condition,
        "error: unknown column \"nope\"; known: Row, user_id, x\n"
    );
    let ran = place.run(&[
        "score",
        "--model",
        "m",
        "--input",
        "x*",
        "--output",
        "o.parquet",
    ]);
    assert_eq!(ran.stderr, "error: no Parquet file matches x*\n");
    assert!(!place.files().contains(&"o.parquet".to_string()));
}

#[test]
fn a_cancelled_score_leaves_nothing() {
    let place = with_model(3_000_000);
    let before = place.files();
    let score = [
        "score",
        "--model",
        "m",
        "--input",
        "in.parquet",
        "--output",
        "o.parquet",
    ];
    let child = place.command(&score).spawn().unwrap();
    wait_until("it never began to write", || place.files() != before);
    let sent = Instant::now();
    send("-INT", &child);
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!(
        (ran.status, ran.stderr.as_str()),
        (Some(130), "cancelled\n")
    );
    answered_soon(sent);
    assert_eq!(place.files(), before);
}

#[test]
fn a_cancelled_training_leaves_no_model() {
    let place = Place::new();
    let sql = "SELECT 1; \
               CREATE MODEL m OPTIONS (input_label_cols = ['click'], epochs = 100000, \
               early_stop = false) AS SELECT value % 7 AS user_id, value % 3 = 0 AS click \
               FROM generate_series(1, 50000)";
    let mut child = place
        .command(&["--format", "csv", "-c", sql])
        .spawn()
        .unwrap();
    // Kept open to the end: a reader that leaves ends the program in another way.
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 9]).unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let sent = Instant::now();
    send("-INT", &child);
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!(
        (ran.status, ran.stderr.as_str()),
        (Some(130), "cancelled\n")
    );
    answered_soon(sent);
    let ran = place.run(&["--format", "csv", "-c", "SHOW MODELS"]);
    assert_eq!(
        (ran.status, ran.stdout.lines().count()),
        (Some(0), 1),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_cancelled_generator_goes_on_from_its_checkpoint() {
    let place = Place::new();
    let sql = |option: &str| {
        format!(
            "CREATE MODEL g OPTIONS (model_type = 'tabular_gan', input_label_cols = ['click'], epochs = 20, \
             hidden_units = [32, 16], batch_size = 250 {option}) AS SELECT * FROM 'rows.parquet'"
        )
    };
    let rows = |modulus: u32| {
        let copy = format!(
            "COPY (SELECT value % {modulus} AS kind, value % 3 = 0 AS click FROM generate_series(1, 3000)) \
             TO 'rows.parquet'"
        );
        assert_eq!(place.run(&["-c", &copy]).status, Some(0));
    };
    rows(7);
    let child = place.command(&["-c", &sql("")]).spawn().unwrap();
    let checkpoint = place.path().join("models/.checkpoint-g");
    wait_until("it kept nothing", || checkpoint.exists());
    send("-INT", &child);
    let ran: Ran = child.wait_with_output().unwrap().into();
    let lines: Vec<_> = ran.stderr.lines().collect();
    assert_eq!((ran.status, lines.len()), (Some(130), 2), "{}", ran.stderr);
    assert!(
        lines[0].starts_with("kept epoch ") && lines[0].ends_with("goes on from there"),
        "{}",
        ran.stderr
    );
    assert_eq!(lines[1], "cancelled");
    let changed = sql(", learn_rate = 0.01, resume = true");
    let ran = place.run(&["-c", &changed]);
    assert!(
        ran.stderr
            .contains("had another learn_rate, 0.001, not 0.01"),
        "{}",
        ran.stderr
    );
    rows(5);
    let ran = place.run(&["-c", &sql(", resume = true")]);
    assert!(
        ran.stderr.contains("had another content of the rows"),
        "{}",
        ran.stderr
    );
    rows(7);
    let count = "SELECT count(*) FROM TRAINING_INFO(MODEL g) WHERE task = 'likelihood'";
    let resumed = format!("{}; {count}", sql(", resume = true"));
    let ran = place.run(&["--format", "csv", "-c", &resumed]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.trim_end().ends_with("\n20"), "{}", ran.stdout);
    assert!(!checkpoint.exists());
    // What an interrupted training of a model that never was has left can be dropped like a model.
    fs::write(place.path().join("models/.checkpoint-left"), "").unwrap();
    let drop = ["-c", "DROP MODEL left"];
    assert_eq!(place.run(&drop).status, Some(0));
    let again = place.run(&drop);
    assert!(
        again.stderr.contains("unknown model \"left\""),
        "{}",
        again.stderr
    );
}

/// Where nobody says a precision, a training goes on in that of its checkpoint, though it would begin in another.
#[test]
fn a_resumed_training_keeps_the_precision_of_its_checkpoint() {
    let place = Place::new();
    let images = "COPY (SELECT arrow_cast(array_agg((i * 31 + n * 7) % 256 ORDER BY n), 'FixedSizeList(64, UInt8)') \
                  AS pixels FROM generate_series(1, 100) AS t(i), generate_series(0, 63) AS s(n) GROUP BY i) \
                  TO 'images.parquet'";
    let ran = place.run(&["-c", images]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let sql = |name: &str, epochs: u32, options: &str| {
        format!(
            "CREATE MODEL {name} OPTIONS (model_type = 'image_gan', batch_size = 50, epochs = {epochs}{options}) \
             AS SELECT pixels FROM 'images.parquet'"
        )
    };
    let trained_in = |statement: &str, name: &str| {
        let show = format!("SELECT value FROM ml_describe('{name}') WHERE property = 'precision'");
        let ran = place.run(&["--format", "csv", "-c", &format!("{statement}; {show}")]);
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        ran.stdout.lines().last().unwrap_or_default().to_string()
    };
    let own = trained_in(&sql("plain", 1, ""), "plain");
    let other = match own.as_str() {
        "float32" => "bfloat16",
        _ => "float32",
    };
    let begin = format!("SET sqltorch.precision = '{other}'; {}", sql("g", 4, ""));
    let child = place.command(&["-c", &begin]).spawn().unwrap();
    let checkpoint = place.path().join("models/.checkpoint-g");
    wait_until("it kept nothing", || checkpoint.exists());
    send("-INT", &child);
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!(ran.status, Some(130), "{}", ran.stderr);
    let said = format!(", resume = true, precision = '{own}'");
    let ran = place.run(&["-c", &sql("g", 4, &said)]);
    assert!(
        ran.stderr
            .contains(&format!("had another precision, \"{other}\"")),
        "{}",
        ran.stderr
    );
    assert_eq!(trained_in(&sql("g", 4, ", resume = true"), "g"), other);
}

#[test]
fn idx_files_become_a_table_and_a_generator_draws_a_grid() {
    let place = Place::new();
    let bytes = |header: &[u8], values: &mut dyn Iterator<Item = u32>| -> Vec<u8> {
        let header = header.iter().copied();
        header.chain(values.map(|v| (v % 256) as u8)).collect()
    };
    let images = [0, 0, 8, 3, 0, 0, 0, 40, 0, 0, 0, 4, 0, 0, 0, 4];
    let images = bytes(&images, &mut (0..640).map(|i| i * 37));
    let labels = bytes(&[0, 0, 8, 1, 0, 0, 0, 40], &mut (0..40).map(|i| i % 2));
    fs::write(place.path().join("images"), &images).unwrap();
    fs::write(place.path().join("labels"), labels).unwrap();
    let idx = [
        "idx",
        "--images",
        "images",
        "--labels",
        "labels",
        "--output",
        "t.parquet",
    ];
    let ran = place.run(&idx);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!(
        (&ran.stdout[..], &ran.stderr[..]),
        ("", "t.parquet: 40 images\n")
    );
    let ran = place.run(&idx);
    assert_eq!(ran.status, Some(1));
    assert!(ran.stderr.contains("t.parquet exists"), "{}", ran.stderr);
    fs::write(place.path().join("images"), &images[..600]).unwrap();
    let ran = place.run(&[&idx[..], &["--overwrite"]].concat());
    assert!(
        ran.stderr.contains("has 584 bytes of values"),
        "{}",
        ran.stderr
    );

    let ran = place.run(&[
        "-c",
        "CREATE MODEL g OPTIONS (model_type = 'image_gan', input_label_cols = ['label'], epochs = 1, \
         batch_size = 20) AS SELECT * FROM 't.parquet'",
    ]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let draw = ["images", "--model", "g", "--n", "6", "--output", "grid.png"];
    let ran = place.run(&draw);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stdout, "row 1: label 0\nrow 2: label 1\n");
    let picture = fs::read(place.path().join("grid.png")).unwrap();
    assert!(picture.starts_with(b"\x89PNG"));
    let ran = place.run(&draw);
    assert!(ran.stderr.contains("grid.png exists"), "{}", ran.stderr);
    let ran = place.run(&["images", "--model", "h", "--output", "h.png"]);
    assert!(ran.stderr.contains("unknown model"), "{}", ran.stderr);
}

#[test]
fn datagen_prints_its_files() {
    let place = Place::new();
    let ran = place.run(&["datagen", "--rows", "500", "--seed", "3", "--output", "log"]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.lines().count() > 1, "{}", ran.stdout);
    for file in ran.stdout.lines() {
        assert!(place.path().join(file).is_file(), "{file}");
    }
    assert!(ran.stderr.contains("500 rows"), "{}", ran.stderr);
}
