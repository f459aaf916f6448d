//! `DROP MODEL`: removes a model, or one version of it.

use datafusion::error::Result;
use datafusion::sql::parser::Statement as DfStatement;

use super::cursor::Cursor;

pub(super) const STATEMENT: super::Statement = super::Statement {
    name: "DROP MODEL",
    call: "ml_drop",
    syntax: "DROP MODEL [IF EXISTS] name[.version]",
    description: "Removes a model with all its versions, or one version.",
    example: "DROP MODEL IF EXISTS ranker.3",
    opens: |cursor, ahead| cursor.sees(ahead, &["DROP", "MODEL"]),
    parse,
};

fn parse(cursor: &mut Cursor<'_, '_>) -> Result<DfStatement> {
    cursor.pass(2);
    let if_exists = cursor.takes(&["IF", "EXISTS"]);
    let model = cursor.model()?;
    cursor
        .call(STATEMENT.call)
        .text(model)
        .flag("if_exists", if_exists)
        .statement()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{becomes, refuses};

    #[test]
    fn names_a_model_or_a_version() {
        becomes("DROP MODEL Ranker", "SELECT * FROM ml_drop('ranker')");
        for version in ["m.3", "m . 3", "m .3", "m. 3", "'m.3'", "M/* x */.3"] {
            becomes(
                &format!("drop model if exists {version}"),
                "SELECT * FROM ml_drop('m.3', if_exists => true)",
            );
        }
        becomes(
            "DROP MODEL \"My.Model\".2",
            "SELECT * FROM ml_drop('My.Model.2')",
        );
        becomes("DROP MODEL if", "SELECT * FROM ml_drop('if')");
    }

    #[test]
    fn refuses_what_follows_the_name() {
        refuses(
            "DROP MODEL m CASCADE",
            "expected the end of the statement, found \"CASCADE\" at line 1, column 14",
        );
        refuses(
            "DROP MODEL m.x",
            "expected a version number after the model name, found \"x\" at line 1, column 14",
        );
        refuses("DROP MODEL", "expected a model name, found the end");
        refuses(
            "DROP MODEL m.1e5",
            "expected the end of the statement, found \".1e5\"",
        );
    }
}
