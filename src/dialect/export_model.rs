//! `EXPORT MODEL`: writes a model into a folder that other programs can read.

use datafusion::error::Result;
use datafusion::sql::parser::Statement as DfStatement;

use super::cursor::Cursor;
use super::option_list::option_list;

pub(super) const STATEMENT: super::Statement = super::Statement {
    name: "EXPORT MODEL",
    call: "ml_export",
    syntax: "EXPORT MODEL name[.version] {OPTIONS | WITH} (location = 'folder')",
    description: "Writes weights, vocabularies and the manifest of a model into a new folder.",
    example: "EXPORT MODEL ranker OPTIONS (location = 'exported/ranker')",
    opens: |cursor, ahead| cursor.sees(ahead, &["EXPORT", "MODEL"]),
    parse,
};

fn parse(cursor: &mut Cursor<'_, '_>) -> Result<DfStatement> {
    cursor.pass(2);
    let model = cursor.model()?;
    if !cursor.takes(&["OPTIONS"]) && !cursor.takes(&["WITH"]) {
        return Err(cursor.unexpected("OPTIONS or WITH after the model name"));
    }
    let mut call = cursor.call(STATEMENT.call).text(model);
    for (name, value) in option_list(cursor)? {
        call = call.named(&name, value);
    }
    call.statement()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{becomes, refuses};

    #[test]
    fn says_where_to() {
        for list in ["OPTIONS", "WITH", "with"] {
            becomes(
                &format!("EXPORT MODEL m {list} (location = 'd')"),
                "SELECT * FROM ml_export('m', location => 'd')",
            );
        }
        refuses(
            "EXPORT MODEL m TO 'd'",
            "expected OPTIONS or WITH after the model name, found \"TO\" at line 1, column 16",
        );
    }
}
