//! `CREATE MODEL`: trains a model on the rows of a query.

use datafusion::error::{DataFusionError, Result};
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{Expr, Query, SelectFlavor, SetExpr};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::Token;

use crate::error::Error;

use super::call::{select_from, select_from_table, string};
use super::cursor::Cursor;
use super::option_list::option_list;

pub(super) const STATEMENT: super::Statement = super::Statement {
    name: "CREATE MODEL",
    call: "ml_train",
    syntax: "CREATE [OR REPLACE] MODEL [IF NOT EXISTS] name [TRANSFORM (select_list)] {OPTIONS | WITH} (option = value, ...) AS query",
    description: "Trains a model on the rows of a query and stores it under a name; the result has a row per epoch, split and task.",
    example: "CREATE MODEL ranker OPTIONS (model_type = 'mmoe', input_label_cols = ['click', 'buy']) AS SELECT * FROM logs",
    opens: |cursor, ahead| {
        cursor.sees(ahead, &["CREATE", "MODEL"])
            || cursor.sees(ahead, &["CREATE", "OR", "REPLACE", "MODEL"])
    },
    parse,
};

/// Arguments of the call that the statement itself sets; no option can have these names.
const RESERVED: &[(&str, &str)] = &[
    ("or_replace", "write CREATE OR REPLACE MODEL"),
    ("if_not_exists", "write CREATE MODEL IF NOT EXISTS"),
    ("transform", "write TRANSFORM (...) before OPTIONS"),
];

fn parse(cursor: &mut Cursor<'_, '_>) -> Result<DfStatement> {
    cursor.pass(1);
    let or_replace = cursor.takes(&["OR", "REPLACE"]);
    cursor.pass(1);
    let if_not_exists = cursor.takes(&["IF", "NOT", "EXISTS"]);
    if or_replace && if_not_exists {
        return Err(Error::plan(
            "CREATE MODEL takes OR REPLACE or IF NOT EXISTS, not both of them",
        )
        .into());
    }
    let name = cursor.new_model()?;
    let clauses = Clauses::parse(cursor)?;
    let query = training_query(cursor)?;

    let mut call = cursor
        .call(STATEMENT.call)
        .text(name)
        .query(query)
        .flag("or_replace", or_replace)
        .flag("if_not_exists", if_not_exists);
    if let Some(list) = clauses.transform {
        call = call.named("transform", string(list));
    }
    for (name, value) in clauses.options.unwrap_or_default() {
        call = call.named(&name, value);
    }
    call.statement()
}

/// What can stand between the name and AS, in either order.
#[derive(Default)]
struct Clauses {
    transform: Option<String>,
    options: Option<Vec<(String, Expr)>>,
}

impl Clauses {
    /// Reads up to and with AS.
    fn parse(cursor: &mut Cursor<'_, '_>) -> Result<Self> {
        let mut clauses = Self::default();
        let mut last = "the model name";
        loop {
            if cursor.takes(&["AS"]) {
                return Ok(clauses);
            }
            if clauses.transform.is_none() && cursor.takes(&["TRANSFORM"]) {
                clauses.transform = Some(select_list(cursor)?);
                last = "TRANSFORM (...)";
            } else if clauses.options.is_none()
                && (cursor.takes(&["OPTIONS"]) || cursor.takes(&["WITH"]))
            {
                clauses.options = Some(options(cursor)?);
                last = "the options";
            } else {
                return Err(clauses.no_clause(cursor, last));
            }
        }
    }

    fn no_clause(&self, cursor: &Cursor<'_, '_>, last: &str) -> DataFusionError {
        let mut allowed = String::new();
        if self.options.is_none() {
            allowed += "OPTIONS, WITH, ";
        }
        if self.transform.is_none() {
            allowed += "TRANSFORM, ";
        }
        let allowed = match allowed.strip_suffix(", ") {
            Some(clauses) => format!("{clauses} or AS after {last}"),
            None => format!("AS after {last}"),
        };
        if cursor.at_end() {
            return Error::plan(format!(
                "CREATE MODEL needs a query to train on: expected {allowed}, found the end"
            ))
            .into();
        }
        cursor.unexpected(&allowed)
    }
}

fn options(cursor: &mut Cursor<'_, '_>) -> Result<Vec<(String, Expr)>> {
    let options = option_list(cursor)?;
    for (name, _) in &options {
        if let Some((_, instead)) = RESERVED.iter().find(|(reserved, _)| reserved == name) {
            return Err(Error::plan(format!("unknown option \"{name}\"; {instead}")).into());
        }
    }
    Ok(options)
}

/// The list of TRANSFORM, in the parser's own spelling.
fn select_list(cursor: &mut Cursor<'_, '_>) -> Result<String> {
    cursor.expect(&Token::LParen, "( after TRANSFORM")?;
    if cursor.parser.peek_token_ref().token == Token::RParen {
        return Err(cursor.unexpected("an expression or * in TRANSFORM"));
    }
    let items = cursor.parser.parse_projection();
    let items = items.map_err(|e| cursor.refused(e))?;
    cursor.expect(&Token::RParen, ", or ) in TRANSFORM")?;
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    Ok(items.join(", "))
}

/// Reads the query, in a form that can stand as an argument in parentheses.
fn training_query(cursor: &mut Cursor<'_, '_>) -> Result<Box<Query>> {
    if cursor.takes(&["TABLE"]) {
        let table = cursor.parser.parse_object_name(true);
        return select_from_table(table.map_err(|e| cursor.refused(e))?);
    }
    let opens = match &cursor.parser.peek_token_ref().token {
        Token::LParen => true,
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::SELECT | Keyword::WITH | Keyword::VALUES | Keyword::FROM
        ),
        _ => false,
    };
    if !opens {
        return Err(cursor.unexpected("a query after AS"));
    }
    let place = cursor.unexpected("a query that returns rows after AS");
    let mut query = cursor.query()?;
    while is_wrapped(&query) {
        match *query.body {
            SetExpr::Query(inner) => query = inner,
            body => {
                *query.body = body;
                break;
            }
        }
    }
    match first_part(&query.body) {
        SetExpr::Select(select) if select.flavor == SelectFlavor::Standard => Ok(query),
        SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => {
            if query.with.is_some() {
                Ok(query)
            } else {
                select_from(query)
            }
        }
        _ => Err(place),
    }
}

/// Whether there is nothing to the query but the one inside its parentheses.
fn is_wrapped(query: &Query) -> bool {
    matches!(query.body.as_ref(), SetExpr::Query(_))
        && query.with.is_none()
        && query.order_by.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none()
        && query.locks.is_empty()
        && query.for_clause.is_none()
        && query.settings.is_none()
        && query.format_clause.is_none()
        && query.pipe_operators.is_empty()
}

/// What the text of a query begins with, after its CTEs.
fn first_part(mut body: &SetExpr) -> &SetExpr {
    while let SetExpr::SetOperation { left, .. } = body {
        body = left;
    }
    body
}

#[cfg(test)]
mod tests {
    use super::super::tests::{becomes, refuses};

    #[test]
    fn trains_on_a_query() {
        becomes(
            "CREATE MODEL M OPTIONS (model_type = 'mmoe', w = {'a': 1.0}, k = [1, 2]) AS SELECT a FROM t;",
            "SELECT * FROM ml_train('m', (SELECT a FROM t), model_type => 'mmoe', w => {'a': 1.0}, k => [1, 2])",
        );
        becomes(
            "create or replace model m as select 1",
            "SELECT * FROM ml_train('m', (SELECT 1), or_replace => true)",
        );
        becomes(
            "CREATE MODEL IF NOT EXISTS m WITH (epochs = 2) AS WITH c AS (SELECT 1) SELECT * FROM c",
            "SELECT * FROM ml_train('m', (WITH c AS (SELECT 1) SELECT * FROM c), if_not_exists => true, epochs => 2)",
        );
        becomes(
            "CREATE MODEL options -- a name\n AS /* rows */ SELECT 1 UNION ALL SELECT 2 LIMIT 1",
            "SELECT * FROM ml_train('options', (SELECT 1 UNION ALL SELECT 2 LIMIT 1))",
        );
    }

    #[test]
    fn keeps_the_list_of_transform_as_text() {
        let call = "SELECT * FROM ml_train('m', (SELECT 1), transform => 'price / 100 AS p, ''x'' AS y, * EXCEPT (a)', epochs => 1)";
        let transform = "TRANSFORM (price/100 p, 'x' as y, * EXCEPT(a))";
        becomes(
            &format!("CREATE MODEL m {transform} OPTIONS (epochs = 1) AS SELECT 1"),
            call,
        );
        becomes(
            &format!("CREATE MODEL m OPTIONS (epochs = 1) {transform} AS SELECT 1"),
            call,
        );
    }

    #[test]
    fn takes_any_query() {
        becomes(
            "CREATE MODEL m AS ((SELECT 1))",
            "SELECT * FROM ml_train('m', (SELECT 1))",
        );
        becomes(
            "CREATE MODEL m AS TABLE s.\"T\"",
            "SELECT * FROM ml_train('m', (SELECT * FROM s.\"T\"))",
        );
        becomes(
            "CREATE MODEL m AS VALUES (1, 2)",
            "SELECT * FROM ml_train('m', (SELECT * FROM (VALUES (1, 2))))",
        );
        becomes(
            "CREATE MODEL m AS (SELECT 1) UNION ALL (SELECT 2)",
            "SELECT * FROM ml_train('m', (SELECT * FROM ((SELECT 1) UNION ALL (SELECT 2))))",
        );
        becomes(
            "CREATE MODEL b AS SELECT * FROM PREDICT(MODEL a, TABLE t)",
            "SELECT * FROM ml_train('b', (SELECT * FROM PREDICT('a', (SELECT * FROM t))))",
        );
    }

    #[test]
    fn refuses_what_cannot_be() {
        for (sql, message) in [
            (
                "CREATE MODEL m\nFOO",
                "expected OPTIONS, WITH, TRANSFORM or AS after the model name, found \"FOO\" at line 2, column 1",
            ),
            (
                "CREATE MODEL m OPTIONS (a = 1)",
                "CREATE MODEL needs a query to train on: expected TRANSFORM or AS after the options, found the end",
            ),
            (
                "CREATE MODEL m OPTIONS () WITH () AS SELECT 1",
                "expected TRANSFORM or AS after the options, found \"WITH\"",
            ),
            (
                "CREATE MODEL m OPTIONS () TRANSFORM (*) x",
                "expected AS after TRANSFORM (...), found \"x\"",
            ),
            (
                "CREATE MODEL m AS 5",
                "expected a query after AS, found \"5\" at line 1, column 19",
            ),
            (
                "CREATE MODEL m AS WITH c AS (SELECT 1) INSERT INTO t SELECT 1",
                "expected a query that returns rows after AS, found \"WITH\"",
            ),
            (
                "CREATE MODEL m AS SELECT 1)",
                "expected the end of the statement, found \")\"",
            ),
            (
                "CREATE OR REPLACE MODEL IF NOT EXISTS m AS SELECT 1",
                "not both",
            ),
            ("CREATE MODEL", "expected a model name, found the end"),
            (
                "CREATE MODEL m.2 AS SELECT 1",
                "after the model name, found \".2\"",
            ),
            (
                "CREATE MODEL m TRANSFORM () AS SELECT 1",
                "expected an expression or * in TRANSFORM",
            ),
            (
                "CREATE MODEL m TRANSFORM (a b c) AS SELECT 1",
                "expected , or ) in TRANSFORM, found \"c\"",
            ),
            (
                "CREATE MODEL m OPTIONS (or_replace = true) AS SELECT 1",
                "unknown option \"or_replace\"; write CREATE OR REPLACE MODEL",
            ),
            (
                "CREATE MODLE m AS SELECT 1",
                "Expected: an object type after CREATE, found: MODLE",
            ),
        ] {
            refuses(sql, message);
        }
    }
}
