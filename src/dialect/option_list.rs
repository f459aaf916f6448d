//! `OPTIONS (name = value, ...)`, which may also be written WITH.

use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{
    Array, DictionaryField, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    UnaryOperator, Value,
};
use datafusion::sql::sqlparser::tokenizer::Token;

use crate::error::Error;

use super::cursor::Cursor;

const VALUE: &str = "a string, a number, true, false, an array [...] or a struct {'name': value}";

/// Reads the list from its opening parenthesis to the closing one; names come out in lower case.
///
/// # Errors
/// Plan: a name that is given twice, a value that is no constant, a stray comma.
pub(super) fn option_list(cursor: &mut Cursor<'_, '_>) -> Result<Vec<(String, Expr)>> {
    cursor.expect(&Token::LParen, "( before the options")?;
    let mut options: Vec<(String, Expr)> = Vec::new();
    if cursor.parser.consume_token(&Token::RParen) {
        return Ok(options);
    }
    loop {
        let name = option_name(cursor)?;
        if options.iter().any(|(given, _)| *given == name) {
            return Err(Error::plan(format!("option \"{name}\" is given twice")).into());
        }
        cursor.pass(1);
        cursor.expect(&Token::Eq, &format!("= after the option name \"{name}\""))?;
        let value = value(cursor, 0)?;
        options.push((name, value));
        if cursor.parser.consume_token(&Token::RParen) {
            return Ok(options);
        }
        cursor.expect(&Token::Comma, ", or ) after an option")?;
    }
}

/// The option name that stands here, not yet passed.
fn option_name(cursor: &Cursor<'_, '_>) -> Result<String> {
    match &cursor.parser.peek_token_ref().token {
        Token::Word(word) if word.quote_style.is_none() => Ok(word.value.to_ascii_lowercase()),
        _ => Err(cursor.unexpected("an option name")),
    }
}

/// A constant. Arrays and structs are read here, so that they mean the same in every dialect.
fn value(cursor: &mut Cursor<'_, '_>, depth: usize) -> Result<Expr> {
    if depth >= cursor.recursion_limit {
        let limit = cursor.recursion_limit;
        return Err(
            Error::plan(format!("an option value is nested more than {limit} deep")).into(),
        );
    }
    if cursor.parser.consume_token(&Token::LBracket) {
        let elem = items(cursor, &Token::RBracket, |c| value(c, depth + 1))?;
        return Ok(Expr::Array(Array { elem, named: false }));
    }
    if cursor.parser.consume_token(&Token::LBrace) {
        let fields = items(cursor, &Token::RBrace, |c| field(c, depth + 1))?;
        return Ok(Expr::Dictionary(fields));
    }
    let opens = match &cursor.parser.peek_token_ref().token {
        Token::Word(word) if word.quote_style.is_some() => false,
        Token::Word(word) => ["true", "false", "struct", "array", "named_struct"]
            .iter()
            .any(|name| word.value.eq_ignore_ascii_case(name)),
        Token::Number(..) | Token::SingleQuotedString(_) | Token::Minus | Token::Plus => true,
        Token::EscapedStringLiteral(_) | Token::DollarQuotedString(_) => true,
        _ => false,
    };
    if !opens {
        return Err(no_value(cursor));
    }
    let start = cursor.parser.peek_token();
    let refused = cursor.unexpected(&format!("{VALUE} as the value of an option"));
    let expression = cursor.parser.parse_expr();
    let expression = expression.map_err(|e| cursor.refused(e))?;
    if is_constant(&expression) {
        Ok(expression)
    } else if matches!(start.token, Token::Word(_)) {
        Err(refused)
    } else {
        let at = start.span.start;
        Err(Error::plan(format!(
            "expected {VALUE}, found the expression {expression} at line {}, column {}",
            at.line, at.column
        ))
        .into())
    }
}

/// Says what a value can be; a text without its quotes is the likeliest slip.
fn no_value(cursor: &Cursor<'_, '_>) -> datafusion::error::DataFusionError {
    let word = matches!(
        &cursor.parser.peek_token_ref().token,
        Token::Word(_) | Token::DoubleQuotedString(_)
    );
    let hint = if word {
        " (a string stands in single quotes)"
    } else {
        ""
    };
    cursor.unexpected(&format!("{VALUE}{hint}"))
}

/// `'name': value` of a struct.
fn field(cursor: &mut Cursor<'_, '_>, depth: usize) -> Result<DictionaryField> {
    let named = matches!(
        cursor.parser.peek_token_ref().token,
        Token::Word(_) | Token::SingleQuotedString(_) | Token::DoubleQuotedString(_)
    );
    if !named {
        return Err(cursor.unexpected("the name of a struct field"));
    }
    let key = cursor.parser.parse_identifier();
    let key = key.map_err(|e| cursor.refused(e))?;
    cursor.expect(&Token::Colon, ": after the name of a struct field")?;
    let value = Box::new(value(cursor, depth)?);
    Ok(DictionaryField { key, value })
}

/// Items with commas between them up to `close`; there may be none.
fn items<'p, 'a, T>(
    cursor: &mut Cursor<'p, 'a>,
    close: &Token,
    mut item: impl FnMut(&mut Cursor<'p, 'a>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut items = Vec::new();
    if cursor.parser.consume_token(close) {
        return Ok(items);
    }
    loop {
        items.push(item(cursor)?);
        if cursor.parser.consume_token(close) {
            return Ok(items);
        }
        cursor.expect(&Token::Comma, &format!(", or {close}"))?;
    }
}

/// Whether an expression is a constant that an option can take.
fn is_constant(expression: &Expr) -> bool {
    match expression {
        Expr::Value(value) => matches!(
            value.value,
            Value::Number(..)
                | Value::Boolean(_)
                | Value::SingleQuotedString(_)
                | Value::EscapedStringLiteral(_)
                | Value::DollarQuotedString(_)
        ),
        Expr::UnaryOp { op, expr } => {
            let signed = matches!(op, UnaryOperator::Minus | UnaryOperator::Plus);
            let number =
                matches!(expr.as_ref(), Expr::Value(v) if matches!(v.value, Value::Number(..)));
            signed && number
        }
        Expr::Array(array) => array.elem.iter().all(is_constant),
        Expr::Dictionary(fields) => fields.iter().all(|field| is_constant(&field.value)),
        Expr::Struct { values, .. } => values.iter().all(is_constant),
        Expr::Named { expr, .. } => is_constant(expr),
        Expr::Function(function) => is_constructor(function),
        _ => false,
    }
}

/// `named_struct('name', value)`, and `struct(...)` in dialects where it is a plain function.
fn is_constructor(function: &Function) -> bool {
    let name = function.name.to_string();
    let known = ["struct", "named_struct"];
    known.iter().any(|k| k.eq_ignore_ascii_case(&name))
        && function.over.is_none()
        && function.filter.is_none()
        && match &function.args {
            FunctionArguments::List(list) => list.args.iter().all(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => is_constant(e),
                _ => false,
            }),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{becomes, refuses};

    /// What the call's arguments after the name are for these options.
    fn gives(options: &str, arguments: &str) {
        becomes(
            &format!("EXPORT MODEL m OPTIONS ({options})"),
            &format!("SELECT * FROM ml_export('m', {arguments})"),
        );
    }

    fn refused(options: &str, message: &str) {
        refuses(&format!("EXPORT MODEL m OPTIONS ({options})"), message);
    }

    #[test]
    fn takes_every_kind_of_constant() {
        gives(
            "A = 'x', b = 1, c = -2.5, d = TRUE, e = 1e-3, f = $$it's$$, g = +4",
            "a => 'x', b => 1, c => -2.5, d => TRUE, e => 1e-3, f => $$it's$$, g => +4",
        );
        gives("a = [], b = {}", "a => [], b => {}");
        gives(
            "a = ['x', [1, -2]], b = {'k': 1.0, l: [true, {'m': 'n'}]}",
            "a => ['x', [1, -2]], b => {'k': 1.0, l: [true, {'m': 'n'}]}",
        );
        gives(
            "a = STRUCT(0.5 AS x, [1] AS y), b = named_struct('k', 1), c = ARRAY[1]",
            "a => STRUCT(0.5 AS x, [1] AS y), b => named_struct('k', 1), c => ARRAY[1]",
        );
        becomes("EXPORT MODEL m OPTIONS ()", "SELECT * FROM ml_export('m')");
    }

    #[test]
    fn refuses_what_is_no_constant() {
        refused(
            "a = mmoe",
            "struct {'name': value} (a string stands in single quotes), found \"mmoe\" at line 1, column 29",
        );
        refused("a = \"mmoe\"", "(a string stands in single quotes)");
        refused(
            "a = 1 + 1",
            "found the expression 1 + 1 at line 1, column 29",
        );
        refused("a = (SELECT 1)", "found \"(\" at line 1, column 29");
        refused("a = struct(x)", "found \"struct\" at line 1, column 29");
        refused("a = [x]", "found \"x\" at line 1, column 30");
        refused("a =", "found \")\"");
    }

    #[test]
    fn refuses_doubles_and_stray_commas() {
        refused("epochs = 1, EPOCHS = 2", "option \"epochs\" is given twice");
        refused(
            "a = 1,",
            "expected an option name, found \")\" at line 1, column 31",
        );
        refused("a = [1,]", "found \"]\" at line 1, column 32");
        refused(
            "a = {'k': 1,}",
            "expected the name of a struct field, found \"}\"",
        );
        refused(
            "a = {'k' 1}",
            "expected : after the name of a struct field, found \"1\"",
        );
        refused(
            "a 1",
            "expected = after the option name \"a\", found \"1\" at line 1, column 27",
        );
        refused(
            "'a' = 1",
            "expected an option name, found 'a' at line 1, column 25",
        );
        refused(
            "a = 1 b = 2",
            "expected , or ) after an option, found \"b\"",
        );
    }

    #[test]
    fn bounds_the_nesting() {
        refused(
            &format!("a = {}", "[".repeat(100_000)),
            "nested more than 50 deep",
        );
        refused(
            &format!("a = {}", "{'k':".repeat(100_000)),
            "nested more than 50 deep",
        );
    }
}
