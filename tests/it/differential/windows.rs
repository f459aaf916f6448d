//! Windows: over any relation, where only peers count, and over the times of the log.

use super::draw::Draw;
use super::groups::numbers;
use super::relation::{Column, Relation, column, columns_of, one_of, order_by, select, side};
use super::spelling::either;
use super::tables::{LOG, Type};

/// A window over a relation that has ties: only values that all peers share.
pub fn window(draw: &mut Draw, depth: usize) -> Option<Relation> {
    let from = side(draw, depth);
    let own = numbers(&from.columns);
    let (a, b) = (
        one_of(draw, &own, Type::Number)?,
        one_of(draw, &own, Type::Number)?,
    );
    let key = draw.pick(&from.columns).name.clone();
    let parts = draw
        .pick(&[format!("PARTITION BY {key} "), String::new()])
        .clone();
    let order = order_by(draw, &[column(&a, Type::Number)]);
    let (low, high) = (draw.between(0, 4), draw.between(0, 4));
    let frame = draw
        .pick(&[
            String::new(),
            format!("RANGE BETWEEN {low} PRECEDING AND {high} FOLLOWING"),
            format!("RANGE BETWEEN UNBOUNDED PRECEDING AND {low} PRECEDING"),
            format!("RANGE BETWEEN {low} FOLLOWING AND UNBOUNDED FOLLOWING"),
            "RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING".into(),
            format!("GROUPS BETWEEN {low} PRECEDING AND {high} FOLLOWING"),
        ])
        .clone();
    let whole = format!("OVER ({parts})");
    let ranked = format!("OVER ({parts}{order})");
    let framed = format!("OVER ({parts}{order} {frame})");
    let made = [
        column(format!("count(*) {whole}"), Type::Number),
        column(format!("sum({b}) {whole}"), Type::Number),
        column(format!("avg({b}) {whole}"), Type::Real),
        column(format!("rank() {ranked}"), Type::Number),
        column(format!("dense_rank() {ranked}"), Type::Number),
        column(format!("percent_rank() {ranked}"), Type::Real),
        column(format!("cume_dist() {ranked}"), Type::Real),
        column(format!("sum({b}) {framed}"), Type::Number),
        column(format!("count({b}) {framed}"), Type::Number),
        column(format!("max({b}) {framed}"), Type::Number),
        column(format!("count(*) {framed}"), Type::Number),
        column(
            format!("sum({b}) FILTER (WHERE {b} > {low}) {framed}"),
            Type::Number,
        ),
    ];
    let mut values = draw.some(&from.columns, 1, 3);
    values.extend(draw.some(&made, 1, 2));
    Some(select(draw, &values, &from.from, ""))
}

/// What happened before and after each row of the log.
pub fn log(draw: &mut Draw) -> Relation {
    let key = *draw.pick(&["household", "item", "event", ""]);
    let parts = match key {
        "" => String::new(),
        key => format!("PARTITION BY {key} "),
    };
    let back = *draw.pick(&["", " DESC"]);
    let rows = format!("{parts}ORDER BY tm{back}, id");
    let (from, to) = (draw.between(1, 4), draw.between(0, 3));
    let (days, hours) = (draw.between(1, 20), draw.between(1, 90));
    let span = |number: i64, unit: &str| {
        let seconds = number * if unit == "days" { 86_400 } else { 3600 };
        either(format!("INTERVAL '{number} {unit}'"), seconds)
    };
    let second = either("INTERVAL '1 second'", 1);
    let frame = match draw.below(5) {
        0 => format!("{} PRECEDING AND {second} PRECEDING", span(days, "days")),
        1 => format!("CURRENT ROW AND {} FOLLOWING", span(days, "days")),
        2 => format!("UNBOUNDED PRECEDING AND {} PRECEDING", span(hours, "hours")),
        3 => format!(
            "{} FOLLOWING AND {} FOLLOWING",
            span(hours, "hours"),
            span(days + 9, "days")
        ),
        _ => format!(
            "{} PRECEDING AND {} FOLLOWING",
            span(hours, "hours"),
            span(hours, "hours")
        ),
    };
    let range = format!("OVER ({parts}ORDER BY tm{back} RANGE BETWEEN {frame})");
    let step = draw.between(1, 3);
    let made = [
        column(format!("sum(price) {range}"), Type::Number),
        column(format!("count(*) {range}"), Type::Number),
        column(format!("min(price) {range}"), Type::Number),
        column(format!("max(tm) {range}"), Type::Time),
        column(format!("avg(price) {range}"), Type::Real),
        column(
            format!("count(*) FILTER (WHERE event = 'buy') {range}"),
            Type::Number,
        ),
        column(format!("row_number() OVER ({rows})"), Type::Number),
        column(format!("lag(price, {step}) OVER ({rows})"), Type::Number),
        column(
            format!("lag(price, {step}, -1) OVER ({rows})"),
            Type::Number,
        ),
        column(format!("lead(id) OVER ({rows})"), Type::Number),
        column(format!("lag(tm) OVER ({rows})"), Type::Time),
        column(format!("first_value(price) OVER ({rows})"), Type::Number),
        column(
            format!(
                "last_value(event) OVER ({rows} ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)"
            ),
            Type::Text,
        ),
        column(
            format!("nth_value(price, {step}) OVER ({rows})"),
            Type::Number,
        ),
        column(format!("ntile(4) OVER ({rows})"), Type::Number),
        column(
            format!("sum(price) OVER ({rows} ROWS BETWEEN {from} PRECEDING AND 1 PRECEDING)"),
            Type::Number,
        ),
        column(
            format!("max(price) OVER ({rows} ROWS BETWEEN {from} PRECEDING AND {to} FOLLOWING)"),
            Type::Number,
        ),
        distinct_before(key, days),
    ];
    let mut values = draw.some(&columns_of(&LOG), 1, 3);
    values.extend(draw.some(&made, 1, 3));
    select(draw, &values, "log", "")
}

/// How many different events the last days had; SQLite counts them for each row.
fn distinct_before(key: &str, days: i64) -> Column {
    let (parts, same) = match key {
        "" => (String::new(), String::new()),
        key => (
            format!("PARTITION BY {key} "),
            format!("o.{key} IS log.{key} AND "),
        ),
    };
    let ours = format!(
        "count(DISTINCT event) OVER ({parts}ORDER BY tm RANGE BETWEEN INTERVAL '{days} days' PRECEDING AND CURRENT ROW)"
    );
    let seconds = days * 86_400;
    let sqlite = format!(
        "(SELECT count(DISTINCT o.event) FROM log o WHERE {same}o.tm BETWEEN log.tm - {seconds} AND log.tm)"
    );
    column(either(ours, sqlite), Type::Number)
}
