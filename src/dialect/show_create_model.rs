//! `SHOW CREATE MODEL`: the statement that would train a model again.

use datafusion::error::Result;
use datafusion::sql::parser::Statement as DfStatement;

use super::cursor::Cursor;

pub(super) const STATEMENT: super::Statement = super::Statement {
    name: "SHOW CREATE MODEL",
    call: "ml_show_create",
    syntax: "SHOW CREATE MODEL name[.version]",
    description: "Shows the statement that trains a model again, with every option that applied.",
    example: "SHOW CREATE MODEL ranker",
    opens: |cursor, ahead| cursor.sees(ahead, &["SHOW", "CREATE", "MODEL"]),
    parse,
};

fn parse(cursor: &mut Cursor<'_, '_>) -> Result<DfStatement> {
    cursor.pass(3);
    let model = cursor.model()?;
    cursor.call(STATEMENT.call).text(model).statement()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{becomes, refuses};

    #[test]
    fn names_a_model() {
        becomes(
            "SHOW CREATE MODEL m.2",
            "SELECT * FROM ml_show_create('m.2')",
        );
        refuses("SHOW CREATE MODEL", "expected a model name, found the end");
    }
}
