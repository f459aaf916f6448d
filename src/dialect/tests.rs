//! What all statements share: their list, EXPLAIN, several in a text, and any text at all.

use datafusion::sql::parser::{DFParserBuilder, Statement as DfStatement};
use datafusion::sql::sqlparser::dialect::{
    BigQueryDialect, DuckDbDialect, GenericDialect, MySqlDialect, PostgreSqlDialect,
};

use super::*;
use crate::random::Draws;

const LIMIT: usize = 50;

fn stock(sql: &str) -> Result<Vec<DfStatement>> {
    let mut parser = DFParserBuilder::new(sql)
        .with_recursion_limit(LIMIT)
        .build()?;
    parser.parse_statements().map(Vec::from)
}

fn ours(sql: &str) -> Result<Vec<DfStatement>> {
    parse(sql, &GenericDialect {}, LIMIT).map(Vec::from)
}

/// `sql` is what the stock parser reads in `call`, and prints as something it reads the same.
pub(super) fn becomes(sql: &str, call: &str) {
    let parsed = ours(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    let expected = stock(call).unwrap_or_else(|e| panic!("{call}: {e}"));
    assert_eq!(parsed, expected, "{sql}");
    for statement in parsed {
        // DataFusion prints COPY and CREATE EXTERNAL TABLE in ways that it does not read.
        if !matches!(statement, DfStatement::CopyTo(_)) {
            let printed = statement.to_string();
            assert_eq!(stock(&printed).unwrap(), [statement], "{printed}");
        }
    }
}

/// `sql` is the same to us and to the stock parser.
pub(super) fn passes(sql: &str) {
    let expected = stock(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    assert_eq!(ours(sql).unwrap(), expected, "{sql}");
}

/// `sql` is refused by us and by the stock parser; our message comes back.
pub(super) fn fails(sql: &str) -> String {
    assert!(stock(sql).is_err(), "{sql}");
    ours(sql).expect_err(sql).to_string()
}

/// `sql` is refused, with `message` in what is said.
pub(super) fn refuses(sql: &str, message: &str) {
    let error = ours(sql).expect_err(sql).to_string();
    assert!(error.contains(message), "{sql}: {error}");
}

/// Up to `most` random numbers, the same ones for a seed.
pub(super) fn picks(seed: u64, most: usize) -> impl Iterator<Item = usize> {
    let mut draws = Draws::seeded(seed);
    let count = draws.below(most + 1);
    (0..count).map(move |_| (draws.word() >> 33) as usize)
}

#[test]
fn every_example_becomes_its_call() {
    for statement in ALL {
        let parsed = ours(statement.example).unwrap();
        let call = format!("SELECT * FROM {}(", statement.call);
        assert!(
            parsed[0].to_string().starts_with(&call),
            "{}",
            statement.name
        );
        let names = ALL.iter().filter(|other| other.name == statement.name);
        assert_eq!(names.count(), 1, "{}", statement.name);
        assert!(
            statement.example.starts_with(statement.name),
            "{}",
            statement.name
        );
        assert!(statement.description.ends_with('.'), "{}", statement.name);
        assert!(!statement.syntax.is_empty(), "{}", statement.name);
    }
}

#[test]
fn explains_every_statement() {
    for explain in [
        "EXPLAIN",
        "EXPLAIN ANALYZE",
        "explain analyze verbose",
        "EXPLAIN FORMAT tree",
        "EXPLAIN VERBOSE FORMAT 'indent'",
        "EXPLAIN (ANALYZE, VERBOSE)",
        "EXPLAIN (ANALYZE off, FORMAT tree)",
    ] {
        for statement in ALL {
            let call = ours(statement.example).unwrap().remove(0);
            becomes(
                &format!("{explain} {}", statement.example),
                &format!("{explain} {call}"),
            );
        }
        passes(&format!("{explain} SELECT 1"));
    }
    refuses(
        "EXPLAIN EXPLAIN DROP MODEL m",
        "Nested EXPLAINs are not supported",
    );
    refuses(
        &"EXPLAIN ".repeat(100_000),
        "Nested EXPLAINs are not supported",
    );
    refuses("EXPLAIN FORMAT blue DROP MODEL m", "blue");
    refuses(
        "EXPLAIN DROP MODEL m x",
        "expected the end of the statement",
    );
}

#[test]
fn reads_several_statements() {
    becomes(
        ";; DROP MODEL a; SELECT 1;\n-- c\nCREATE MODEL b AS SELECT ';' ; SHOW MODELS;",
        "SELECT * FROM ml_drop('a'); SELECT 1; SELECT * FROM ml_train('b', (SELECT ';')); SELECT * FROM ml_models()",
    );
    assert_eq!(ours(" ; -- nothing").unwrap(), []);
}

#[test]
fn leaves_other_statements_to_datafusion() {
    for sql in [
        "SHOW TABLES",
        "SHOW ALL",
        "SHOW COLUMNS FROM t",
        "SHOW CREATE TABLE t",
        "SHOW CREATE TABLE model",
        "DESCRIBE t",
        "DROP TABLE model",
        "ALTER TABLE model RENAME TO m",
        "CREATE TABLE model (a INT)",
        "SET sqltorch.device = 'cpu'",
        "RESET datafusion.execution.batch_size",
        "COPY model TO 'x.csv'",
        "EXPLAIN (SELECT 1)",
        "VALUES (1)",
        "BEGIN",
    ] {
        passes(sql);
    }
    for sql in [
        "CREATE MODLE m",
        "SELECT 1 SELECT 2",
        "DROP MODELS m",
        "SELECT 'a",
        "EXPLAIN",
    ] {
        let theirs = stock(sql).unwrap_err().to_string();
        assert_eq!(ours(sql).unwrap_err().to_string(), theirs);
    }
}

#[test]
fn says_what_the_recursion_limit_is() {
    let deep = format!("SELECT {}1{}", "(".repeat(200), ")".repeat(200));
    refuses(&format!("CREATE MODEL m AS {deep}"), "(current limit: 50)");
    refuses(
        &format!("SELECT * FROM PREDICT(MODEL m, ({deep}))"),
        "(current limit: 50)",
    );
}

#[test]
fn speaks_the_other_dialects() {
    let sql = "CREATE MODEL m OPTIONS (a = [1, {'k': -2}]) AS SELECT * FROM PREDICT(MODEL n, TABLE t, b => 1)";
    let dialects: [&dyn datafusion::sql::sqlparser::dialect::Dialect; 4] = [
        &PostgreSqlDialect {},
        &MySqlDialect {},
        &DuckDbDialect {},
        &BigQueryDialect {},
    ];
    for dialect in dialects {
        let parsed = parse(sql, dialect, LIMIT).unwrap();
        assert_eq!(
            parsed[0].to_string(),
            "SELECT * FROM ml_train('m', (SELECT * FROM PREDICT('n', (SELECT * FROM t), b => 1)), a => [1, {'k': -2}])"
        );
    }
}

#[test]
fn survives_any_text() {
    let words: Vec<&str> = "CREATE OR REPLACE MODEL IF NOT EXISTS m .3 . 3 OPTIONS WITH TRANSFORM AS SELECT FROM \
        TABLE t , , ( ( ) ) [ ] { } : = => 'a' \"b\" 1 -1 true * PREDICT( ML.PREDICT( ml_evaluate( ; DROP \
        ALTER RENAME TO SET DEFAULT_VERSION SHOW MODELS TYPES LIKE DESCRIBE EXPORT FUNCTIONS EXPLAIN ANALYZE \
        VERBOSE FORMAT tree (ANALYZE) STRUCT( - + /*c*/ --c\n $1 COPY INSERT INTO VALUES WHERE UNION JOIN ON"
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect();
    let starts = [
        "",
        "CREATE MODEL m",
        "CREATE MODEL m OPTIONS (a =",
        "EXPLAIN",
        "SELECT * FROM PREDICT(",
        "SELECT * FROM PREDICT(MODEL m, SELECT",
        "DROP MODEL",
        "ALTER MODEL m",
        "EXPORT MODEL m WITH (",
        "CREATE MODEL m TRANSFORM (",
    ];
    let (mut parsed, mut refused) = (0, 0);
    for seed in 0..30_000u64 {
        let tail: Vec<&str> = picks(seed, 14).map(|i| words[i % words.len()]).collect();
        let sql = format!(
            "{} {}",
            starts[seed as usize % starts.len()],
            tail.join(" ")
        );
        match ours(&sql) {
            Ok(_) => parsed += 1,
            Err(error) => {
                let message = error.to_string();
                assert!(!message.contains("Internal"), "{sql}: {message}");
                refused += 1;
            }
        }
        let _ = split_statements(&sql);
    }
    assert!(parsed > 100 && refused > 100, "{parsed} {refused}");
}
