//! Groups, distinct rows, and the first rows of an order.

use super::draw::Draw;
use super::relation::{
    Column, Relation, Side, column, listed, names, order_by, relation, select, side,
};
use super::spelling::either;
use super::tables::Type;
use super::values::{aggregate, aggregates, predicate};

/// HAVING, sometimes.
pub fn having(draw: &mut Draw, columns: &[Column]) -> String {
    if draw.percent(80) {
        return String::new();
    }
    let value = aggregate(draw, columns);
    let test = predicate(draw, &[value]);
    format!(" HAVING {test}")
}

/// Groups by `keys`, most of which are shown, with some aggregates.
pub fn grouped_select(draw: &mut Draw, from: &Side, keys: &[Column]) -> Relation {
    let mut values: Vec<_> = keys.iter().filter(|_| draw.percent(80)).cloned().collect();
    let least = i64::from(values.is_empty());
    values.extend(aggregates(draw, &from.columns, least, 2));
    let having = having(draw, &from.columns);
    let rest = format!(" GROUP BY {}{having}", names(keys));
    select(draw, &values, &from.from, &rest)
}

/// A relation, grouped by columns or by nothing.
pub fn group(draw: &mut Draw, depth: usize) -> Option<Relation> {
    let from = side(draw, depth);
    if draw.percent(8) {
        let values = aggregates(draw, &from.columns, 1, 4);
        return Some(select(draw, &values, &from.from, ""));
    }
    let keys = draw.some(&from.columns, 1, 3);
    Some(grouped_select(draw, &from, &keys))
}

/// Groups by several sets of keys at once; SQLite makes them one after the other.
pub fn rollup(draw: &mut Draw, depth: usize) -> Option<Relation> {
    let inner = relation(draw, depth);
    let keys = draw.some(&inner.columns, 2, 2);
    let [a, b] = keys.as_slice() else { return None };
    let (a, b) = (a.name.as_str(), b.name.as_str());
    let value = aggregate(draw, &inner.columns);
    let (with, one, two, three) = (draw.name(), draw.name(), draw.name(), draw.name());
    let (how, sets) = match draw.below(3) {
        0 => (
            format!("ROLLUP ({a}, {b})"),
            vec![[a, b], [a, ""], ["", ""]],
        ),
        1 => (
            format!("CUBE ({a}, {b})"),
            vec![[a, b], [a, ""], ["", b], ["", ""]],
        ),
        _ => (
            format!("GROUPING SETS (({a}), ({b}))"),
            vec![[a, ""], ["", b]],
        ),
    };
    let ours = format!(
        "SELECT {a} AS {one}, {b} AS {two}, {} AS {three} FROM {with} GROUP BY {how}",
        value.name
    );
    let each: Vec<_> = sets
        .iter()
        .map(|set| {
            let shown = set.map(|key| if key.is_empty() { "NULL" } else { key });
            let keys: Vec<_> = set.iter().filter(|key| !key.is_empty()).copied().collect();
            let group = match keys.is_empty() {
                true => String::new(),
                false => format!(" GROUP BY {}", keys.join(", ")),
            };
            let [x, y] = shown;
            let value = &value.name;
            format!("SELECT {x} AS {one}, {y} AS {two}, {value} AS {three} FROM {with}{group}")
        })
        .collect();
    let body = either(ours, each.join(" UNION ALL "));
    Some(Relation {
        sql: format!("WITH {with} AS ({}) {body}", inner.sql),
        columns: vec![
            column(one, keys[0].kind),
            column(two, keys[1].kind),
            column(three, value.kind),
        ],
    })
}

/// Different rows of some columns.
pub fn distinct(draw: &mut Draw, depth: usize) -> Option<Relation> {
    let from = side(draw, depth);
    let keys = draw.some(&from.columns, 1, 3);
    let (list, columns) = listed(draw, &keys);
    let sql = format!("SELECT DISTINCT {list} FROM {}", from.from);
    Some(Relation { sql, columns })
}

/// The first row of each key by an order of all columns.
pub fn distinct_on(draw: &mut Draw, depth: usize) -> Option<Relation> {
    let inner = relation(draw, depth);
    let alias = draw.name();
    let keys = draw.some(&inner.columns, 1, 2);
    let rest: Vec<_> = inner
        .columns
        .iter()
        .filter(|c| keys.iter().all(|k| k.name != c.name))
        .cloned()
        .collect();
    let order = order_by(draw, &[keys.clone(), rest].concat());
    let (all, on) = (names(&inner.columns), names(&keys));
    let ours = format!(
        "SELECT DISTINCT ON ({on}) {all} FROM ({}) {alias} {order}",
        inner.sql
    );
    let sqlite = format!(
        "SELECT {all} FROM (SELECT *, row_number() OVER (PARTITION BY {on} {order}) AS nth FROM ({})) {alias} WHERE nth = 1",
        inner.sql
    );
    Some(Relation {
        sql: either(ours, sqlite),
        columns: inner.columns,
    })
}

/// Some rows of an order of all columns, so that it is the same rows everywhere.
pub fn limit(draw: &mut Draw, depth: usize) -> Option<Relation> {
    let inner = relation(draw, depth);
    let alias = draw.name();
    let columns = draw.some(&inner.columns, 1, 4);
    let order = order_by(draw, &columns);
    let rows = draw.pick(&[1, 5, 12, 40]);
    let offset = match draw.percent(25) {
        true => format!(" OFFSET {}", draw.between(0, 9)),
        false => String::new(),
    };
    let sql = format!(
        "SELECT {} FROM ({}) {alias} {order} LIMIT {rows}{offset}",
        names(&columns),
        inner.sql
    );
    Some(Relation { sql, columns })
}

/// Two numbers that are sorted by in a window, or grouped by; none where there are no numbers.
pub fn numbers(columns: &[Column]) -> Vec<Column> {
    let numbers = columns.iter().filter(|c| c.kind == Type::Number);
    numbers.cloned().collect()
}
