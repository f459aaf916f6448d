//! `DESCRIBE MODEL`: the properties of a model.

use datafusion::error::Result;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::cursor::Cursor;

pub(super) const STATEMENT: super::Statement = super::Statement {
    name: "DESCRIBE MODEL",
    call: "ml_describe",
    syntax: "{DESCRIBE | DESC} MODEL name[.version]",
    description: "Shows the properties of a model: type, tasks, features, size and metrics.",
    example: "DESCRIBE MODEL ranker",
    opens: |cursor, ahead| {
        let model =
            cursor.sees(ahead, &["DESCRIBE", "MODEL"]) || cursor.sees(ahead, &["DESC", "MODEL"]);
        model && !names_a_table(cursor, ahead + 2)
    },
    parse,
};

/// `DESCRIBE model` and `DESCRIBE model.t` are about a table and a schema of that name.
fn names_a_table(cursor: &Cursor<'_, '_>, ahead: usize) -> bool {
    matches!(
        cursor.parser.peek_nth_token_ref(ahead).token,
        Token::EOF | Token::SemiColon | Token::Period
    )
}

fn parse(cursor: &mut Cursor<'_, '_>) -> Result<DfStatement> {
    cursor.pass(2);
    let model = cursor.model()?;
    cursor.call(STATEMENT.call).text(model).statement()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{becomes, refuses};

    use super::super::tests::passes;

    #[test]
    fn tells_a_model_from_a_table() {
        for model in ["DESCRIBE MODEL m.2", "DESC MODEL m.2", "desc model 'm.2'"] {
            becomes(model, "SELECT * FROM ml_describe('m.2')");
        }
        for table in [
            "DESCRIBE model",
            "DESC model;",
            "DESCRIBE model.t",
            "DESCRIBE t",
        ] {
            passes(table);
        }
        refuses("DESCRIBE MODEL 5", "expected a model name, found \"5\"");
    }
}
