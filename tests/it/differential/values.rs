//! Random expressions over the columns of a FROM: what features are computed with.

use super::draw::Draw;
use super::relation::{Column, Relation, column, one_of, select, side};
use super::spelling::either;
use super::tables::{BEGIN, Type};

/// A few columns and something computed from the others.
pub fn computed(draw: &mut Draw, depth: usize) -> Option<Relation> {
    let from = side(draw, depth);
    let mut values = draw.some(&from.columns, 1, 3);
    for _ in 0..draw.between(1, 2) {
        values.extend(value(draw, &from.columns));
    }
    let rest = match draw.percent(25) {
        true => format!(" WHERE {}", predicate(draw, &from.columns)),
        false => String::new(),
    };
    Some(select(draw, &values, &from.from, &rest))
}

/// Something computed from columns, if any of them can be computed with.
pub fn value(draw: &mut Draw, columns: &[Column]) -> Option<Column> {
    let kind = draw.pick(columns).kind;
    match kind {
        Type::Number | Type::Real => number(draw, columns),
        Type::Text => of_text(draw, columns),
        Type::Truth => Some(column(predicate(draw, columns), Type::Truth)),
        Type::Time => of_time(draw, columns),
    }
}

fn number(draw: &mut Draw, columns: &[Column]) -> Option<Column> {
    let a = one_of(draw, columns, Type::Number)?;
    let b = one_of(draw, columns, Type::Number)?;
    let test = predicate(draw, columns);
    // SQLite's max and min of several values are NULL where one is.
    let most = either(
        format!("greatest({a}, {b})"),
        format!("coalesce(max({a}, {b}), {a}, {b})"),
    );
    let least = either(
        format!("least({a}, {b})"),
        format!("coalesce(min({a}, {b}), {a}, {b})"),
    );
    let texts = [
        format!("CASE WHEN {test} THEN {a} ELSE {b} END"),
        format!("CASE WHEN {test} THEN {a} END"),
        format!("CASE {a} WHEN 1 THEN {b} WHEN 2 THEN 20 ELSE 0 END"),
        format!("CASE WHEN {test} THEN 1 ELSE 0 END"),
        format!("coalesce({a}, {b}, -1)"),
        format!("coalesce({a}, 0)"),
        format!("nullif({a}, {b})"),
        format!("{a} + {b}"),
        format!("{a} - {b}"),
        format!("{a} / 3"),
        format!("{a} % 5"),
        format!("{a} / nullif({b}, 0)"),
        format!("abs({a} - 4)"),
        format!("CAST(CAST({a} AS VARCHAR) AS BIGINT)"),
        most,
        least,
    ];
    Some(column(draw.pick(&texts), Type::Number))
}

fn of_text(draw: &mut Draw, columns: &[Column]) -> Option<Column> {
    let a = one_of(draw, columns, Type::Text)?;
    let b = one_of(draw, columns, Type::Text)?;
    let number = one_of(draw, columns, Type::Number).unwrap_or("7".into());
    let length = draw.between(1, 3);
    let values = [
        column(format!("upper(trim({a}))"), Type::Text),
        column(format!("lower({a})"), Type::Text),
        column(format!("coalesce({a}, {b}, 'none')"), Type::Text),
        column(
            format!("coalesce({a}, 'none') || '-' || CAST({number} AS VARCHAR)"),
            Type::Text,
        ),
        column(
            format!("CASE WHEN {a} = {b} THEN 'same' ELSE {a} END"),
            Type::Text,
        ),
        column(format!("nullif({a}, 'buy')"), Type::Text),
        column(format!("substr({a}, 2, {length})"), Type::Text),
        column(format!("replace({a}, 'i', 'oo')"), Type::Text),
        column(
            either(
                format!("left({a}, {length})"),
                format!("substr({a}, 1, {length})"),
            ),
            Type::Text,
        ),
        column(format!("concat({a}, '/', {b})"), Type::Text),
        column(format!("length({a})"), Type::Number),
        column(
            either(format!("strpos({a}, 'e')"), format!("instr({a}, 'e')")),
            Type::Number,
        ),
        column(format!("{a} || {b} IS NULL"), Type::Truth),
    ];
    Some(draw.pick(&values).clone())
}

fn of_time(draw: &mut Draw, columns: &[Column]) -> Option<Column> {
    let a = one_of(draw, columns, Type::Time)?;
    let b = one_of(draw, columns, Type::Time)?;
    let hours = draw.between(1, 90);
    let part = |name: &str, sqlite: String| {
        let text = either(format!("CAST(extract({name} FROM {a}) AS BIGINT)"), sqlite);
        column(text, Type::Number)
    };
    let format = |f: &str| format!("CAST(strftime('{f}', {a}, 'unixepoch') AS INTEGER)");
    let start = |unit: &str, sqlite: String| {
        column(
            either(format!("date_trunc('{unit}', {a})"), sqlite),
            Type::Time,
        )
    };
    let between = either(
        format!("CAST(extract(epoch FROM {a}) - extract(epoch FROM {b}) AS BIGINT)"),
        format!("{a} - {b}"),
    );
    let bin = either(
        format!("date_bin(INTERVAL '6 hours', {a})"),
        format!("{a} - {a} % 21600"),
    );
    let seconds = hours * 3600;
    let values = [
        part("hour", format!("{a} / 3600 % 24")),
        part("dow", format!("({a} / 86400 + 4) % 7")),
        part("doy", format("%j")),
        part("month", format("%m")),
        part("day", format("%d")),
        part("epoch", a.clone()),
        start("hour", format!("{a} - {a} % 3600")),
        start("day", format!("{a} - {a} % 86400")),
        start("week", format!("{a} - ({a} - 345600) % 604800")),
        start(
            "month",
            format!("unixepoch({a}, 'unixepoch', 'start of month')"),
        ),
        column(
            either(
                format!("{a} + INTERVAL '{hours} hours'"),
                format!("{a} + {seconds}"),
            ),
            Type::Time,
        ),
        column(
            either(
                format!("{a} - INTERVAL '{hours} days'"),
                format!("{a} - {}", seconds * 24),
            ),
            Type::Time,
        ),
        column(between, Type::Number),
        column(bin, Type::Time),
    ];
    Some(draw.pick(&values).clone())
}

/// A moment of the log in its first days.
fn moment(draw: &mut Draw) -> String {
    let seconds = BEGIN + 3600 * draw.between(0, 1200);
    let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap();
    either(time.format("TIMESTAMP '%Y-%m-%d %H:%M:%S'"), seconds)
}

/// Something that is true, false or NULL.
pub fn predicate(draw: &mut Draw, columns: &[Column]) -> String {
    let a = draw.pick(columns).clone();
    let b = one_of(draw, columns, a.kind).unwrap_or(a.name.clone());
    let a_text = &a.name;
    let (low, high) = (draw.between(-1, 9), draw.between(3, 14));
    let texts = match a.kind {
        Type::Number => vec![
            format!("{a_text} > {low}"),
            format!("{a_text} <= {high}"),
            format!("{a_text} IN (1, {low}, {high})"),
            format!("{a_text} NOT IN (2, {low})"),
            format!("{a_text} NOT IN (1, NULL)"),
            format!("NOT ({a_text} = {low})"),
            format!("({a_text} IS DISTINCT FROM {low})"),
            format!("({a_text} IS NOT DISTINCT FROM {b})"),
            format!("{a_text} BETWEEN {low} AND {high}"),
            format!("{a_text} = {b}"),
            format!("{a_text} < {b} + {low}"),
            format!("coalesce({a_text}, {b}) <> {low}"),
        ],
        Type::Real => vec![format!("{a_text} > {low}"), format!("{a_text} <= {b}")],
        Type::Text => vec![
            format!("{a_text} = 'buy'"),
            format!("{a_text} <> {b}"),
            format!("{a_text} < 'm'"),
            format!("{a_text} IN ('buy', 'north', 'Blue')"),
            either(
                format!("{a_text} LIKE '%u%'"),
                format!("{a_text} GLOB '*u*'"),
            ),
            either(
                format!("{a_text} ILIKE 'B%'"),
                format!("{a_text} LIKE 'B%'"),
            ),
            either(
                format!("{a_text} NOT LIKE '_u%'"),
                format!("{a_text} NOT GLOB '?u*'"),
            ),
        ],
        Type::Truth => vec![
            a_text.clone(),
            format!("NOT {a_text}"),
            format!("{a_text} IS TRUE"),
            format!("{a_text} IS NOT TRUE"),
            format!("{a_text} = {b}"),
        ],
        Type::Time => {
            let (one, other) = (moment(draw), moment(draw));
            let hour = either(
                format!("extract(hour FROM {a_text})"),
                format!("{a_text} / 3600 % 24"),
            );
            vec![
                format!("{a_text} >= {one}"),
                format!("{a_text} < {one}"),
                format!("{a_text} BETWEEN {one} AND {other}"),
                format!("{a_text} <> {b}"),
                format!("{hour} > {high}"),
            ]
        }
    };
    let text = draw.pick(&texts).clone();
    match draw.below(12) {
        0 => format!("{a_text} IS NULL"),
        1 => format!("({text} OR {})", predicate(draw, columns)),
        2 => format!("({text} AND {})", predicate(draw, columns)),
        3 => format!("({text} OR {a_text} IS NULL)"),
        _ => text,
    }
}

/// Something computed from a group of rows, whatever their order.
pub fn aggregate(draw: &mut Draw, columns: &[Column]) -> Column {
    let a = draw.pick(columns).clone();
    let test = predicate(draw, columns);
    let a_text = &a.name;
    let mut values = vec![
        column("count(*)", Type::Number),
        column(format!("count({a_text})"), Type::Number),
        column(format!("count(DISTINCT {a_text})"), Type::Number),
        column(format!("count(*) FILTER (WHERE {test})"), Type::Number),
        column(
            format!("sum(CASE WHEN {test} THEN 1 ELSE 0 END)"),
            Type::Number,
        ),
        column(
            either(format!("bool_or({test})"), format!("max({test})")),
            Type::Truth,
        ),
        column(
            either(format!("bool_and({test})"), format!("min({test})")),
            Type::Truth,
        ),
    ];
    if matches!(a.kind, Type::Number | Type::Text | Type::Time) {
        let first = format!("first_value({a_text} ORDER BY {a_text} ASC NULLS LAST)");
        let last = format!("last_value({a_text} ORDER BY {a_text} ASC NULLS FIRST)");
        let (min, max) = (format!("min({a_text})"), format!("max({a_text})"));
        values.push(column(either(first, &min), a.kind));
        values.push(column(either(last, &max), a.kind));
        values.push(column(min, a.kind));
        values.push(column(max, a.kind));
    }
    if a.kind == Type::Number {
        let list = format!("array_to_string(array_agg({a_text} ORDER BY {a_text}), ',')");
        let same = format!("group_concat({a_text}, ',' ORDER BY {a_text})");
        // A list of nothing but NULL is an empty text; SQLite's is NULL.
        values.push(column(
            either(format!("nullif({list}, '')"), same),
            Type::Text,
        ));
        values.push(column(format!("avg({a_text})"), Type::Real));
        for sum in [
            format!("sum({a_text})"),
            format!("sum({a_text}) FILTER (WHERE {test})"),
            format!("sum(DISTINCT {a_text})"),
            format!("sum({a_text}) + 1"),
            format!("sum(coalesce({a_text}, 0))"),
        ] {
            values.push(column(sum, Type::Number));
        }
    }
    if a.kind == Type::Text {
        let ours = format!("string_agg({a_text}, '+' ORDER BY {a_text})");
        let sqlite = format!("group_concat({a_text}, '+' ORDER BY {a_text})");
        values.push(column(either(ours, sqlite), Type::Text));
    }
    draw.pick(&values).clone()
}

/// Between `low` and `high` aggregates.
pub fn aggregates(draw: &mut Draw, columns: &[Column], low: i64, high: i64) -> Vec<Column> {
    let number = draw.between(low, high);
    (0..number).map(|_| aggregate(draw, columns)).collect()
}
