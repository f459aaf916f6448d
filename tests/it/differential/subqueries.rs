//! Filters, with subqueries and without.

use super::draw::Draw;
use super::groups::numbers;
use super::relation::{Column, Relation, Side, column, one_of, relation, select, side};
use super::tables::Type;
use super::values::{aggregate, predicate};

/// All columns of the rows of a side for which `test` holds.
fn filtered(draw: &mut Draw, from: &Side, test: &str) -> Relation {
    let columns = from.columns.clone();
    let test = match draw.percent(25) {
        true => format!("{test} AND {}", predicate(draw, &columns)),
        false => test.to_string(),
    };
    select(draw, &columns, &from.from, &format!(" WHERE {test}"))
}

pub fn filter(draw: &mut Draw, depth: usize) -> Option<Relation> {
    let from = side(draw, depth);
    let test = predicate(draw, &from.columns);
    Some(filtered(draw, &from, &test))
}

/// Rows whose value another relation has, or has not. A NULL among the others makes NOT IN never true.
pub fn member(draw: &mut Draw, depth: usize) -> Option<Relation> {
    let (from, other) = (side(draw, depth), side(draw, depth));
    let kind = *draw.pick(&[Type::Number, Type::Number, Type::Text, Type::Time]);
    let (a, b) = (
        one_of(draw, &from.columns, kind)?,
        one_of(draw, &other.columns, kind)?,
    );
    let list = match draw.below(3) {
        0 => format!("SELECT {b} FROM {}", other.from),
        1 => format!("SELECT {b} FROM {} WHERE {b} IS NOT NULL", other.from),
        _ => format!(
            "SELECT {b} FROM {} WHERE {}",
            other.from,
            predicate(draw, &other.columns)
        ),
    };
    let not = *draw.pick(&["", "NOT "]);
    Some(filtered(draw, &from, &format!("{a} {not}IN ({list})")))
}

/// Rows for which another relation has a row that fits, or has none.
pub fn exists(draw: &mut Draw, depth: usize) -> Option<Relation> {
    let (from, other) = (side(draw, depth), side(draw, depth));
    let kind = *draw.pick(&[Type::Number, Type::Number, Type::Text]);
    let (a, b) = (
        one_of(draw, &from.columns, kind)?,
        one_of(draw, &other.columns, kind)?,
    );
    let mut fits = format!("{b} = {a}");
    if draw.percent(30) {
        fits += &format!(" AND {}", predicate(draw, &other.columns));
    }
    let not = *draw.pick(&["", "NOT "]);
    let test = format!("{not}EXISTS (SELECT 1 FROM {} WHERE {fits})", other.from);
    Some(filtered(draw, &from, &test))
}

/// One value of another relation, in a filter or as a column, alone or for each row.
pub fn scalar(draw: &mut Draw, depth: usize) -> Option<Relation> {
    let from = side(draw, depth);
    let own = numbers(&from.columns);
    let (a, alias) = (one_of(draw, &own, Type::Number)?, draw.name());
    let inner = relation(draw, depth);
    let others: Vec<Column> = inner
        .columns
        .iter()
        .map(|c| column(format!("{alias}.{}", c.name), c.kind))
        .collect();
    let b = one_of(draw, &others, Type::Number)?;
    let (value, fits) = match draw.percent(50) {
        true => (aggregate(draw, &others), format!(" WHERE {b} = {a}")),
        false => (aggregate(draw, &others), String::new()),
    };
    let one = format!("(SELECT {} FROM ({}) {alias}{fits})", value.name, inner.sql);
    if value.kind == Type::Number && draw.percent(50) {
        let test = format!(
            "{a} {} {one} - {}",
            draw.pick(&[">", "<="]),
            draw.between(0, 5)
        );
        return Some(filtered(draw, &from, &test));
    }
    let mut values = draw.some(&from.columns, 1, 3);
    values.push(column(one, value.kind));
    Some(select(draw, &values, &from.from, ""))
}
