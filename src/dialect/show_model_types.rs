//! `SHOW MODEL TYPES`: lists the architectures.

use datafusion::error::Result;
use datafusion::sql::parser::Statement as DfStatement;

use super::cursor::Cursor;

pub(super) const STATEMENT: super::Statement = super::Statement {
    name: "SHOW MODEL TYPES",
    call: "ml_model_types",
    syntax: "SHOW MODEL TYPES",
    description: "Lists the values that the option model_type can take.",
    example: "SHOW MODEL TYPES",
    opens: |cursor, ahead| cursor.sees(ahead, &["SHOW", "MODEL", "TYPES"]),
    parse,
};

fn parse(cursor: &mut Cursor<'_, '_>) -> Result<DfStatement> {
    cursor.pass(3);
    cursor.call(STATEMENT.call).statement()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{becomes, refuses};

    #[test]
    fn lists_the_family() {
        becomes("SHOW MODEL TYPES", "SELECT * FROM ml_model_types()");
        refuses("SHOW MODEL TYPES x", "found \"x\" at line 1, column 18");
    }
}
