//! `ALTER MODEL`: renames a model, or chooses the version that its name stands for.

use datafusion::error::Result;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{Expr, Value};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::call::string;
use super::cursor::Cursor;

pub(super) const STATEMENT: super::Statement = super::Statement {
    name: "ALTER MODEL",
    call: "ml_alter",
    syntax: "ALTER MODEL name {RENAME TO new_name | SET DEFAULT_VERSION = version}",
    description: "Renames a model, or chooses the version that its name stands for.",
    example: "ALTER MODEL ranker SET DEFAULT_VERSION = 2",
    opens: |cursor, ahead| cursor.sees(ahead, &["ALTER", "MODEL"]),
    parse,
};

fn parse(cursor: &mut Cursor<'_, '_>) -> Result<DfStatement> {
    cursor.pass(2);
    let model = cursor.new_model()?;
    let call = cursor.call(STATEMENT.call).text(model);
    let call = if cursor.takes(&["RENAME", "TO"]) {
        call.named("rename_to", string(cursor.new_model()?))
    } else if cursor.takes(&["SET", "DEFAULT_VERSION"]) {
        cursor.expect(&Token::Eq, "= after DEFAULT_VERSION")?;
        call.named("default_version", version(cursor)?)
    } else {
        return Err(
            cursor.unexpected("RENAME TO or SET DEFAULT_VERSION = ... after the model name")
        );
    };
    call.statement()
}

fn version(cursor: &mut Cursor<'_, '_>) -> Result<Expr> {
    match cursor.parser.peek_token_ref().token.clone() {
        Token::Number(digits, long) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            cursor.pass(1);
            Ok(Expr::value(Value::Number(digits, long)))
        }
        _ => Err(cursor.unexpected("a version number")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{becomes, refuses};

    #[test]
    fn renames_and_chooses_a_version() {
        becomes(
            "ALTER MODEL m RENAME TO \"Eu\"",
            "SELECT * FROM ml_alter('m', rename_to => 'Eu')",
        );
        becomes(
            "alter model m set default_version=2",
            "SELECT * FROM ml_alter('m', default_version => 2)",
        );
    }

    #[test]
    fn refuses_other_changes() {
        refuses(
            "ALTER MODEL m SET x = 2",
            "expected RENAME TO or SET DEFAULT_VERSION = ... after the model name, found \"SET\" at line 1, column 15",
        );
        refuses(
            "ALTER MODEL m SET DEFAULT_VERSION = 2.5",
            "expected a version number, found \"2.5\" at line 1, column 37",
        );
        refuses(
            "ALTER MODEL m.2 RENAME TO x",
            "found \".2\" at line 1, column 14",
        );
    }
}
