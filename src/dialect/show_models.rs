//! `SHOW MODELS`: lists the stored models.

use datafusion::error::Result;
use datafusion::sql::parser::Statement as DfStatement;

use super::call::string;
use super::cursor::Cursor;

pub(super) const STATEMENT: super::Statement = super::Statement {
    name: "SHOW MODELS",
    call: "ml_models",
    syntax: "SHOW MODELS [LIKE 'pattern']",
    description: "Lists the stored models with their versions.",
    example: "SHOW MODELS LIKE 'ran%'",
    opens: |cursor, ahead| cursor.sees(ahead, &["SHOW", "MODELS"]),
    parse,
};

fn parse(cursor: &mut Cursor<'_, '_>) -> Result<DfStatement> {
    cursor.pass(2);
    let mut call = cursor.call(STATEMENT.call);
    if let Some(pattern) = cursor.like()? {
        call = call.named("like", string(pattern));
    }
    call.statement()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{becomes, refuses};

    #[test]
    fn lists_all_or_some() {
        becomes("SHOW MODELS", "SELECT * FROM ml_models()");
        becomes(
            "show models like 'ran%'",
            "SELECT * FROM ml_models(like => 'ran%')",
        );
    }

    #[test]
    fn refuses_a_pattern_without_quotes() {
        refuses(
            "SHOW MODELS LIKE ran",
            "expected a pattern in single quotes after LIKE, found \"ran\" at line 1, column 18",
        );
    }
}
