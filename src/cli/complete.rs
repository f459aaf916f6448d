//! What the tab key offers and when the enter key ends a statement.

use std::collections::BTreeSet;
use std::time::Duration;

use datafusion::common::TableReference;
use datafusion::common::utils::quote_identifier;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper, Highlighter, Hinter};
use sqltorch::{Engine, split_statements};
use tokio::runtime::Handle;

use super::describe;

/// Reading the columns of a file must not make the tab key feel slow.
const PATIENCE: Duration = Duration::from_millis(300);

/// Columns are offered from so many tables at most when the statement names none.
const MANY_TABLES: usize = 50;

const KEYWORDS: &[&str] = &[
    "ALL",
    "ALTER",
    "ANALYZE",
    "AND",
    "ANTI",
    "ARRAY",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "COPY",
    "CREATE",
    "CROSS",
    "DEFAULT_VERSION",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "DROP",
    "ELSE",
    "END",
    "EXCEPT",
    "EXCLUDE",
    "EXISTS",
    "EXPLAIN",
    "EXPORT",
    "EXTERNAL",
    "EXTRACT",
    "FALSE",
    "FILTER",
    "FIRST",
    "FOLLOWING",
    "FROM",
    "FULL",
    "FUNCTIONS",
    "GROUP",
    "HAVING",
    "IF",
    "IN",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "LAST",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LOCATION",
    "MODEL",
    "MODELS",
    "NOT",
    "NULL",
    "NULLS",
    "OFFSET",
    "ON",
    "OPTIONS",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PARTITION",
    "PRECEDING",
    "QUALIFY",
    "RANGE",
    "RENAME",
    "REPLACE",
    "RIGHT",
    "ROWS",
    "SELECT",
    "SEMI",
    "SET",
    "SHOW",
    "STORED",
    "STRUCT",
    "TABLE",
    "TABLES",
    "THEN",
    "TO",
    "TRANSFORM",
    "TRUE",
    "TYPES",
    "UNBOUNDED",
    "UNION",
    "USING",
    "VALUES",
    "VERBOSE",
    "VIEW",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
];

/// The shell's commands.
pub const COMMANDS: &[&str] = &["\\?", "\\d", "\\q", "\\timing"];

/// Completion over the engine's catalog, and validation of lines.
#[derive(Helper, Highlighter, Hinter)]
pub struct Assistant {
    engine: Engine,
    workers: Handle,
    files: FilenameCompleter,
}

impl Assistant {
    /// Reads the catalog of `engine` on `workers`.
    pub fn new(engine: Engine, workers: Handle) -> Self {
        Self {
            engine,
            workers,
            files: FilenameCompleter::new(),
        }
    }

    /// The words that may stand at the end of `before`, a part of `statement`.
    fn candidates(&self, statement: &str, before: &str, prefix: &str) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        match place(before) {
            Place::Model => words.extend(self.engine.model_names()),
            Place::Relation => {
                words.extend(self.tables());
                words.extend(self.keywords(prefix));
            }
            Place::Member => words.extend(self.columns(statement)),
            Place::Command => words.extend(self.tables().chain(self.engine.model_names())),
            // Everything there is would be a wall of text.
            Place::Anywhere if prefix.is_empty() => {}
            Place::Anywhere => {
                words.extend(self.columns(statement));
                words.extend(self.tables());
                words.extend(self.functions());
                words.extend(self.keywords(prefix));
            }
        }
        words
    }

    fn tables(&self) -> impl Iterator<Item = String> {
        let tables = describe::tables(&self.engine).into_iter();
        tables.map(|table| describe::short_name(&self.engine, &table))
    }

    fn functions(&self) -> Vec<String> {
        let state = self.engine.context().state();
        let scalar = state.scalar_functions().keys();
        let aggregate = state.aggregate_functions().keys();
        let window = state.window_functions().keys();
        scalar.chain(aggregate).chain(window).cloned().collect()
    }

    /// Keywords and relations in the letters that the user has begun with.
    fn keywords(&self, prefix: &str) -> impl Iterator<Item = String> {
        let small = prefix.chars().any(char::is_lowercase);
        let words = KEYWORDS.iter().copied().chain(self.engine.relation_names());
        words.map(move |word| match small {
            true => word.to_lowercase(),
            false => word.to_uppercase(),
        })
    }

    /// Columns of the tables and files that the statement names, or of all tables.
    fn columns(&self, statement: &str) -> Vec<String> {
        let all = describe::tables(&self.engine);
        let words: BTreeSet<&str> = statement
            .split(|c: char| !is_word(c) || c == '.')
            .filter(|word| !word.is_empty())
            .collect();
        let is_named = |table: &&TableReference| words.contains(table.table());
        let mut tables: Vec<_> = all.iter().filter(is_named).cloned().collect();
        tables.extend(files(statement).map(TableReference::bare));
        if tables.is_empty() {
            tables = all.into_iter().take(MANY_TABLES).collect();
        }
        let engine = self.engine.clone();
        let columns = async move {
            let mut columns = Vec::new();
            for table in tables {
                if let Ok(provider) = engine.context().table_provider(table).await {
                    let schema = provider.schema();
                    let names = schema.fields().iter().map(|field| field.name());
                    columns.extend(names.map(|name| quote_identifier(name).into_owned()));
                }
            }
            columns
        };
        let patient = async { tokio::time::timeout(PATIENCE, columns).await };
        self.workers.block_on(patient).unwrap_or_default()
    }
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = &line[..pos];
        if before.matches('\'').count() % 2 == 1 {
            return self.files.complete_path(line, pos);
        }
        if before.starts_with('\\') && !before.contains(' ') {
            let commands = COMMANDS.iter().map(ToString::to_string);
            return Ok((0, matching(commands, before)));
        }
        // `table.col`: only the part behind the point is completed.
        let start = before
            .rfind(|c: char| !is_word(c) || c == '.')
            .map_or(0, |at| {
                at + before[at..].chars().next().map_or(1, char::len_utf8)
            });
        let prefix = &before[start..];
        let candidates = self.candidates(line, &before[..start], prefix);
        Ok((start, matching(candidates, prefix)))
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        Ok(match is_finished(context.input()) {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

/// Whether the enter key should run this: every statement has its `;`, or it is a command.
fn is_finished(input: &str) -> bool {
    let input = input.trim();
    input.is_empty()
        || input.starts_with('\\')
        || super::shell::is_word_command(input)
        || split_statements(input)
            .last()
            .is_none_or(|last| last.complete)
}

/// What can stand at the end of a text.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Model,
    Relation,
    /// After `table.`.
    Member,
    /// After `\d`.
    Command,
    Anywhere,
}

fn place(before: &str) -> Place {
    if before.starts_with("\\d ") {
        return Place::Command;
    }
    if before.ends_with('.') {
        return Place::Member;
    }
    let last = before.split_whitespace().next_back().unwrap_or_default();
    let last = last.rsplit(['(', ',']).next().unwrap_or_default();
    match last.to_ascii_uppercase().as_str() {
        "MODEL" => Place::Model,
        "FROM" | "JOIN" | "TABLE" | "INTO" | "DESCRIBE" => Place::Relation,
        _ => Place::Anywhere,
    }
}

/// Texts in single quotes that look like files.
fn files(statement: &str) -> impl Iterator<Item = String> {
    statement
        .split('\'')
        .skip(1)
        .step_by(2)
        .filter(|text| text.contains(['.', '/', '*']))
        .map(String::from)
}

fn matching(words: impl IntoIterator<Item = String>, prefix: &str) -> Vec<Pair> {
    let prefix = prefix.to_lowercase();
    words
        .into_iter()
        .filter(|word| {
            word.trim_start_matches('"')
                .to_lowercase()
                .starts_with(&prefix)
        })
        .map(|word| Pair {
            display: word.clone(),
            replacement: word,
        })
        .collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '.'
}

#[cfg(test)]
mod tests {
    use rustyline::history::MemHistory;
    use tokio::runtime::Runtime;

    use super::*;

    /// What the tab key offers at the end of `line` in a session with one table and one CSV file.
    fn offered(line: &str) -> Vec<String> {
        let runtime = Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::builder().model_dir(folder.path()).build().unwrap();
        runtime.block_on(async {
            let sql = "CREATE TABLE visits AS SELECT 1 AS user_id, 2 AS \"Week\"";
            engine.sql(sql).await.unwrap().collect().await.unwrap();
        });
        let assistant = Assistant::new(engine, runtime.handle().clone());
        let history = MemHistory::new();
        let (_, pairs) = assistant
            .complete(line, line.len(), &Context::new(&history))
            .unwrap();
        pairs.into_iter().map(|pair| pair.replacement).collect()
    }

    #[test]
    fn tables_follow_from() {
        assert_eq!(offered("SELECT 1 FROM vis"), ["visits"]);
        assert!(offered("SELECT 1 FROM ").contains(&"visits".to_string()));
    }

    #[test]
    fn columns_of_the_named_table_are_offered() {
        assert_eq!(offered("SELECT * FROM visits v WHERE v.u"), ["user_id"]);
        assert_eq!(offered("SELECT * FROM visits WHERE wee"), ["\"Week\""]);
    }

    #[test]
    fn keywords_keep_the_letters_of_the_user() {
        assert_eq!(offered("selec"), ["select"]);
        assert_eq!(offered("SELEC"), ["SELECT"]);
        assert_eq!(offered("SELECT * FROM calib"), ["calibration"]);
        assert_eq!(offered("SELECT * FROM ROC"), ["ROC_CURVE"]);
    }

    #[test]
    fn commands_and_their_tables_are_offered() {
        assert_eq!(offered("\\ti"), ["\\timing"]);
        assert_eq!(offered("\\d vi"), ["visits"]);
    }

    #[test]
    fn models_follow_model() {
        assert_eq!(place("SELECT * FROM PREDICT(MODEL "), Place::Model);
        assert_eq!(place("drop model "), Place::Model);
    }

    #[test]
    fn a_semicolon_ends_a_statement() {
        for finished in [
            "",
            "select 1;",
            "select 1; -- one",
            "\\d",
            "quit",
            "-- nothing",
            "/* a */",
        ] {
            assert!(is_finished(finished), "{finished}");
        }
        for open in ["select 1", "select ';", "select 1; select 2", "/* a;"] {
            assert!(!is_finished(open), "{open}");
        }
    }
}
