//! Joins of all kinds.

use super::draw::Draw;
use super::groups::{grouped_select, having};
use super::relation::{
    Column, Relation, Side, column, one_of, order_by, relation, select, side, table,
};
use super::spelling::either;
use super::tables::{TABLES, Table, Type};
use super::values::{aggregates, predicate};

const JOINS: &[&str] = &["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"];

/// A condition by which the two sides are joined, where they have columns of one kind.
fn on(draw: &mut Draw, left: &[Column], right: &[Column]) -> Option<String> {
    let mut tests = Vec::new();
    for _ in 0..=usize::from(draw.percent(20)) {
        let plain: Vec<_> = left
            .iter()
            .filter(|c| c.kind != Type::Real)
            .cloned()
            .collect();
        if plain.is_empty() {
            return None;
        }
        let a = draw.pick(&plain).clone();
        let own = |name: &str| name.rsplit('.').next().map(str::to_string);
        let same = right
            .iter()
            .find(|b| own(&b.name) == own(&a.name) && b.kind == a.kind);
        let b = match same {
            Some(same) if draw.percent(50) => same.name.clone(),
            _ => one_of(draw, right, a.kind)?,
        };
        tests.push(format!("{} = {b}", a.name));
    }
    if draw.percent(25) {
        let (a, b) = (
            one_of(draw, left, Type::Number)?,
            one_of(draw, right, Type::Number)?,
        );
        tests.push(format!("{a} < {b} + {}", draw.between(0, 9)));
    }
    if draw.percent(10) {
        let side = *draw.pick(&[left, right]);
        tests.push(predicate(draw, side));
    }
    Some(tests.join(" AND "))
}

/// Two relations in one FROM.
fn joined(draw: &mut Draw, depth: usize) -> Side {
    let (left, right) = (side(draw, depth), side(draw, depth));
    join_of(draw, left, right)
}

fn join_of(draw: &mut Draw, left: Side, right: Side) -> Side {
    let how = *draw.pick(JOINS);
    let from = match on(draw, &left.columns, &right.columns) {
        Some(on) if draw.percent(92) => format!("{} {how} {} ON {on}", left.from, right.from),
        _ => format!("{} CROSS JOIN {}", left.from, right.from),
    };
    let columns = [left.columns, right.columns].concat();
    Side { from, columns }
}

/// Two relations, some columns of both.
pub fn join(draw: &mut Draw, depth: usize) -> Option<Relation> {
    let from = joined(draw, depth);
    let values = draw.some(&from.columns, 2, 5);
    let rest = match draw.percent(30) {
        true => format!(" WHERE {}", predicate(draw, &from.columns)),
        false => String::new(),
    };
    Some(select(draw, &values, &from.from, &rest))
}

/// Two relations, joined and then grouped by columns of either.
pub fn grouped(draw: &mut Draw, depth: usize) -> Option<Relation> {
    let from = joined(draw, depth);
    let keys = draw.some(&from.columns, 1, 4);
    Some(grouped_select(draw, &from, &keys))
}

/// Every pair of two keys with what a third relation has of it: the table that models train on.
pub fn pairs(draw: &mut Draw, depth: usize) -> Option<Relation> {
    let mut keys = Vec::new();
    for _ in 0..2 {
        let inner = side(draw, depth);
        let key = one_of(draw, &inner.columns, Type::Number)?;
        let (alias, name) = (draw.name(), draw.name());
        let distinct = match draw.percent(70) {
            true => format!(
                "(SELECT DISTINCT {key} AS {name} FROM {}) {alias}",
                inner.from
            ),
            false => format!(
                "(SELECT {key} AS {name}, count(*) AS n FROM {} GROUP BY {key}) {alias}",
                inner.from
            ),
        };
        keys.push((distinct, column(format!("{alias}.{name}"), Type::Number)));
    }
    let third = side(draw, depth);
    let (a, b) = (
        one_of(draw, &third.columns, Type::Number)?,
        one_of(draw, &third.columns, Type::Number)?,
    );
    let [(household, first), (week, second)] = keys.try_into().ok()?;
    let compare = *draw.pick(&["<", "<=", "="]);
    let how = *draw.pick(&["LEFT JOIN", "LEFT JOIN", "JOIN"]);
    let from = Side {
        from: format!(
            "{household} CROSS JOIN {week} {how} {} ON {a} = {} AND {b} {compare} {}",
            third.from, first.name, second.name
        ),
        columns: third.columns,
    };
    let mut keys = vec![first, second];
    keys.extend(draw.some(&from.columns, 0, 1));
    let mut values = keys.clone();
    values.extend(aggregates(draw, &from.columns, 1, 3));
    let having = having(draw, &from.columns);
    let group: Vec<_> = keys.iter().map(|k| k.name.as_str()).collect();
    let rest = format!(" GROUP BY {}{having}", group.join(", "));
    Some(select(draw, &values, &from.from, &rest))
}

/// Three or four tables in one FROM, grouped or with the first rows of an order.
pub fn chain(draw: &mut Draw) -> Option<Relation> {
    let mut from = table(draw);
    for _ in 0..draw.between(2, 3) {
        let next = table(draw);
        let how = *draw.pick(&[
            "JOIN",
            "JOIN",
            "JOIN",
            "LEFT JOIN",
            "RIGHT JOIN",
            "FULL JOIN",
        ]);
        let on = on(draw, &from.columns, &next.columns)?;
        from.from = format!("{} {how} {} ON {on}", from.from, next.from);
        from.columns.extend(next.columns);
    }
    if draw.percent(40) {
        from.from += &format!(" WHERE {}", predicate(draw, &from.columns));
    }
    let values = draw.some(&from.columns, 2, 4);
    if draw.percent(40) {
        return Some(grouped_select(draw, &from, &values));
    }
    let rest = match draw.percent(50) {
        true => format!(
            " {} LIMIT {}",
            order_by(draw, &values),
            draw.pick(&[1, 3, 20])
        ),
        false => String::new(),
    };
    Some(select(draw, &values, &from.from, &rest))
}

/// Two or three tables joined by columns of one name.
pub fn using(draw: &mut Draw) -> Option<Relation> {
    let key = *draw.pick(&["household", "item"]);
    let has_key = |table: &&Table| table.columns.iter().any(|c| c.name == key);
    let tables: Vec<_> = TABLES.iter().filter(has_key).collect();
    let (mut from, mut columns, mut first) = (String::new(), Vec::new(), String::new());
    let number = draw.between(2, 3);
    for i in 0..number {
        let (table, alias) = (*draw.pick(&tables), draw.name());
        let how = *draw.pick(&["JOIN", "LEFT JOIN"]);
        if i == 0 {
            from = format!("{} {alias}", table.name);
            first = format!("{alias}.{key}");
        } else {
            from += &format!(" {how} {} {alias} USING ({key})", table.name);
        }
        let own = table.columns.iter().filter(|c| c.name != key);
        columns.extend(own.map(|c| column(format!("{alias}.{}", c.name), c.kind)));
    }
    let grouped = draw.percent(50);
    let key = if grouped || number > 2 { &first } else { key };
    columns.push(column(key, Type::Number));
    let from = Side { from, columns };
    let values = draw.some(&from.columns, 2, 4);
    Some(match grouped {
        true => grouped_select(draw, &from, &values),
        false => select(draw, &values, &from.from, ""),
    })
}

/// Rows of one relation that the other has, or has not.
pub fn semi(draw: &mut Draw, depth: usize) -> Option<Relation> {
    let (left, right) = (side(draw, depth), side(draw, depth));
    let on = on(draw, &left.columns, &right.columns)?;
    let (how, exists) = *draw.pick(&[
        ("LEFT SEMI JOIN", "EXISTS"),
        ("LEFT ANTI JOIN", "NOT EXISTS"),
    ]);
    let rest = either(
        format!(" {how} {} ON {on}", right.from),
        format!(" WHERE {exists} (SELECT 1 FROM {} WHERE {on})", right.from),
    );
    let values = draw.some(&left.columns, 1, 4);
    Some(select(draw, &values, &left.from, &rest))
}

/// A relation with a name, joined to itself.
pub fn with(draw: &mut Draw, depth: usize) -> Option<Relation> {
    let inner = relation(draw, depth);
    let name = draw.name();
    let mut sides = Vec::new();
    for _ in 0..2 {
        let alias = draw.name();
        let columns = inner.columns.iter();
        sides.push(Side {
            from: format!("{name} {alias}"),
            columns: columns
                .map(|c| column(format!("{alias}.{}", c.name), c.kind))
                .collect(),
        });
    }
    let [left, right] = sides.try_into().ok()?;
    let from = join_of(draw, left, right);
    let values = draw.some(&from.columns, 2, 4);
    let mut made = match draw.percent(60) {
        true => grouped_select(draw, &from, &values),
        false => select(draw, &values, &from.from, ""),
    };
    made.sql = format!("WITH {name} AS ({}) {}", inner.sql, made.sql);
    Some(made)
}
