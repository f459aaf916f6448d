//! `SHOW FUNCTIONS`: lists what can be called, DataFusion's functions and ours.

use datafusion::error::Result;
use datafusion::sql::parser::Statement as DfStatement;

use super::call::string;
use super::cursor::Cursor;

pub(super) const STATEMENT: super::Statement = super::Statement {
    name: "SHOW FUNCTIONS",
    call: "ml_functions",
    syntax: "SHOW FUNCTIONS [LIKE 'pattern']",
    description: "Lists all functions and relations with their description and an example.",
    example: "SHOW FUNCTIONS LIKE '%auc'",
    opens: |cursor, ahead| cursor.sees(ahead, &["SHOW", "FUNCTIONS"]),
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
    fn takes_the_statement_over() {
        becomes("SHOW FUNCTIONS", "SELECT * FROM ml_functions()");
        becomes(
            "SHOW FUNCTIONS LIKE '%auc';",
            "SELECT * FROM ml_functions(like => '%auc')",
        );
    }

    #[test]
    fn refuses_other_filters() {
        refuses(
            "SHOW FUNCTIONS WHERE true",
            "expected the end of the statement, found \"WHERE\" at line 1, column 16",
        );
    }
}
