//! Lists and months, which SQLite does not have: random queries over the log whose rows are worked out
//! here, the plain way.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Months};

use super::draw::Draw;
use super::tables::{BEGIN, Rows, Value};
use super::{Cell, Row};

/// A query and its rows.
pub struct Worked {
    pub sql: String,
    pub rows: Vec<Row>,
}

/// A row of the log.
#[derive(Clone, Debug)]
struct Entry {
    id: i64,
    household: Option<i64>,
    item: Option<i64>,
    price: Option<i64>,
    time: i64,
    event: Option<String>,
}

/// What `array_agg` gives: no list where it saw no row.
type List = Option<Vec<Option<i64>>>;

/// A list for each row of what stands before it in the SELECT.
struct Lists {
    shown: &'static str,
    list: String,
    rest: String,
    rows: Vec<(Row, List)>,
}

type Values = Box<dyn Fn(&List) -> Vec<Cell>>;

/// What is made of a list: SQL around it, and the values that come out.
struct Use {
    before: &'static str,
    after: String,
    values: Values,
}

/// A query over the rows of the log.
pub fn query(draw: &mut Draw, log: &Rows) -> Worked {
    let log: Vec<_> = log.iter().map(|row| entry(row)).collect();
    let lists = match draw.below(5) {
        0 => return months(draw, &log),
        1 => windows_of_months(draw, &log),
        2 => windows_of_rows(draw, &log),
        _ => groups(draw, &log),
    };
    let made = made_of(draw);
    let Lists {
        shown,
        list,
        rest,
        rows,
    } = lists;
    let (before, after) = (made.before, &made.after);
    // Only a list that is a column can be unnested.
    let sql = match made.before == UNNEST || draw.percent(50) {
        true => format!(
            "SELECT {shown}, {before}l{after} AS v FROM (SELECT {shown}, {list} AS l FROM log{rest}) q"
        ),
        false => format!("SELECT {shown}, {before}{list}{after} AS v FROM log{rest}"),
    };
    let mut out = Vec::new();
    for (shown, list) in rows {
        for value in (made.values)(&list) {
            out.push([shown.clone(), vec![value]].concat());
        }
    }
    around(draw, sql, out)
}

/// The query as it is, or grouped by its value, or without rows that have none.
fn around(draw: &mut Draw, sql: String, mut rows: Vec<Row>) -> Worked {
    match draw.below(4) {
        0 => {
            let mut counts = BTreeMap::<Cell, usize>::new();
            for row in rows {
                *counts.entry(row.last().cloned().flatten()).or_default() += 1;
            }
            Worked {
                sql: format!("SELECT v, count(*) AS n FROM ({sql}) w GROUP BY v"),
                rows: counts
                    .into_iter()
                    .map(|(v, n)| vec![v, Some(n.to_string())])
                    .collect(),
            }
        }
        1 => {
            rows.retain(|row| row.last().is_some_and(Option::is_some));
            let sql = format!("SELECT * FROM ({sql}) w WHERE v IS NOT NULL");
            Worked { sql, rows }
        }
        _ => Worked { sql, rows },
    }
}

/// Keys by which rows of the log stand together.
type Key = fn(&Entry) -> Row;

const KEYS: &[(&str, Key)] = &[
    ("household", |e| vec![cell(e.household)]),
    ("item", |e| vec![cell(e.item)]),
    ("event", |e| vec![e.event.clone()]),
    ("household, event", |e| {
        vec![cell(e.household), e.event.clone()]
    }),
];

type Collected = fn(&Entry) -> Option<i64>;

/// What is collected of a row.
const COLLECTED: &[(&str, Collected)] = &[
    ("price", |e| e.price),
    ("id", |e| Some(e.id)),
    ("item", |e| e.item),
];

/// The rows before and after each row, some of each.
fn windows_of_rows(draw: &mut Draw, log: &[Entry]) -> Lists {
    draw.note("list of a window's rows");
    let &(key, key_of) = draw.pick(KEYS);
    let &(name, value) = draw.pick(COLLECTED);
    let down = draw.percent(50);
    let (from, to) = (draw.between(-4, 2), draw.between(0, 3));
    let to = from + to;
    let edge = |at: i64| match at {
        0 => "CURRENT ROW".to_string(),
        at if at < 0 => format!("{} PRECEDING", -at),
        at => format!("{at} FOLLOWING"),
    };
    let way = if down { " DESC" } else { "" };
    let list = format!(
        "array_agg({name}) OVER (PARTITION BY {key} ORDER BY tm{way}, id ROWS BETWEEN {} AND {})",
        edge(from),
        edge(to)
    );
    let mut rows = Vec::new();
    for mut part in parts(log, key_of).into_values() {
        part.sort_by_key(|e| (if down { -e.time } else { e.time }, e.id));
        for (at, entry) in (0_i64..).zip(&part) {
            let near = (0_i64..)
                .zip(&part)
                .filter(|(i, _)| (from..=to).contains(&(i - at)));
            let list: Vec<_> = near.map(|(_, e)| value(e)).collect();
            rows.push((vec![cell(Some(entry.id))], some(list)));
        }
    }
    Lists {
        shown: "id",
        list,
        rest: String::new(),
        rows,
    }
}

/// The ids of the months before and after each row, which are of different length.
fn windows_of_months(draw: &mut Draw, log: &[Entry]) -> Lists {
    draw.note("list of a window of months");
    let &(key, key_of) = draw.pick(KEYS);
    // A month later than 30 and 31 January is one day, on which frames would shrink: two months it is.
    let (back, on) = (draw.between(1, 2) as u32, 2);
    let (frame, near): (String, Box<dyn Fn(i64, i64) -> bool>) = match draw.below(4) {
        0 => (
            format!("INTERVAL '{back} months' PRECEDING AND INTERVAL '1 second' PRECEDING"),
            Box::new(move |now, then| then >= sooner(now, back) && then < now),
        ),
        1 => (
            format!("INTERVAL '{back} months' PRECEDING AND CURRENT ROW"),
            Box::new(move |now, then| then >= sooner(now, back) && then <= now),
        ),
        2 => (
            format!("INTERVAL '1 hour' FOLLOWING AND INTERVAL '{on} months' FOLLOWING"),
            Box::new(move |now, then| then >= now + 3600 && then <= later(now, on)),
        ),
        _ => (
            format!("UNBOUNDED PRECEDING AND INTERVAL '{back} months' PRECEDING"),
            Box::new(move |now, then| then <= sooner(now, back)),
        ),
    };
    // Rows of one time stand in any order: they are sorted.
    let list = format!(
        "array_sort(array_agg(id) OVER (PARTITION BY {key} ORDER BY tm RANGE BETWEEN {frame}))"
    );
    let mut rows = Vec::new();
    for part in parts(log, key_of).into_values() {
        for entry in &part {
            let near = part.iter().filter(|e| near(entry.time, e.time));
            let mut list: Vec<_> = near.map(|e| Some(e.id)).collect();
            list.sort_unstable();
            rows.push((vec![cell(Some(entry.id))], some(list)));
        }
    }
    Lists {
        shown: "id",
        list,
        rest: String::new(),
        rows,
    }
}

/// The rows of each group in order, all or some or each value once.
fn groups(draw: &mut Draw, log: &[Entry]) -> Lists {
    draw.note("list of a group's rows");
    let &(key, key_of) = draw.pick(KEYS);
    let &(name, value) = draw.pick(COLLECTED);
    let (down, least) = (draw.percent(50), draw.between(4, 15));
    let way = if down { "DESC" } else { "ASC" };
    let (each, filtered) = (draw.percent(25), draw.percent(40));
    let filter = match filtered {
        true => format!(" FILTER (WHERE price > {least})"),
        false => String::new(),
    };
    let list = match each {
        true => format!("array_agg(DISTINCT {name} ORDER BY {name} {way} NULLS LAST){filter}"),
        false => format!("array_agg({name} ORDER BY tm {way}, id){filter}"),
    };
    let mut rows = Vec::new();
    for (shown, mut part) in parts(log, key_of) {
        part.retain(|e| !filtered || e.price.is_some_and(|price| price > least));
        part.sort_by_key(|e| (if down { -e.time } else { e.time }, e.id));
        let mut list: Vec<_> = part.iter().map(value).collect();
        if each {
            list.sort_by_key(|v| (v.is_none(), v.map(|v| if down { -v } else { v })));
            list.dedup();
        }
        rows.push((shown, some(list)));
    }
    Lists {
        shown: key,
        list,
        rest: format!(" GROUP BY {key}"),
        rows,
    }
}

const UNNEST: &str = "unnest(";

/// Something that is made of a list.
fn made_of(draw: &mut Draw) -> Use {
    let number = draw.between(1, 20);
    let (from, to) = *draw.pick(&[(1, 2), (2, 3), (2, 9), (-2, -1), (-1, -1), (1, 1), (5, 7)]);
    let at = draw.between(1, 4);
    match draw.below(11) {
        0 => a_use("array_to_string(", ", ',', '-')", |list| {
            list.map(|l| joined(&l))
        }),
        1 => a_use("array_length(", ")", |list| {
            list.map(|l| l.len().to_string())
        }),
        2 => a_use("array_has(", &format!(", {number})"), move |list| {
            list.map(|l| i32::from(l.contains(&Some(number))).to_string())
        }),
        3 => a_use(
            "array_to_string(array_slice(",
            &format!(", {from}, {to}), ',', '-')"),
            move |list| list.map(|l| joined(&slice(&l, from, to))),
        ),
        4 => a_use("(", &format!(")[{at}]"), move |list| {
            cell(list?.get(at as usize - 1).copied()?)
        }),
        5 => a_use(
            "array_to_string(array_sort(",
            ", 'DESC', 'NULLS LAST'), ',', '-')",
            |list| {
                list.map(|mut l| {
                    l.sort_by_key(|v| std::cmp::Reverse(*v));
                    joined(&l)
                })
            },
        ),
        6 => a_use("array_max(", ")", |list| {
            cell(list?.into_iter().flatten().max())
        }),
        7 => a_use("array_position(", &format!(", {number})"), move |list| {
            let at = list?.iter().position(|&v| v == Some(number))?;
            Some((at + 1).to_string())
        }),
        8 => a_use("array_length(array_distinct(", "))", |list| {
            let mut l = list?;
            l.sort_unstable();
            l.dedup();
            Some(l.len().to_string())
        }),
        9 => a_use("array_to_string(array_reverse(", "), ',', '-')", |list| {
            list.map(|mut l| {
                l.reverse();
                joined(&l)
            })
        }),
        _ => {
            draw.note("unnest of a list");
            Use {
                before: UNNEST,
                after: ")".into(),
                values: Box::new(|list| list.iter().flatten().map(|v| cell(*v)).collect()),
            }
        }
    }
}

fn a_use(before: &'static str, after: &str, value: impl Fn(List) -> Cell + 'static) -> Use {
    Use {
        before,
        after: after.into(),
        values: Box::new(move |list| vec![value(list.clone())]),
    }
}

/// Times moved by months, which end where the month does.
fn months(draw: &mut Draw, log: &[Entry]) -> Worked {
    draw.note("times and months");
    let (number, days) = (draw.between(1, 14), draw.between(0, 40));
    let moved: Box<dyn Fn(i64) -> i64> = match draw.percent(50) {
        true => Box::new(move |t| later(t, number as u32) + days * 86_400),
        false => Box::new(move |t| sooner(t, number as u32) - days * 86_400),
    };
    let sign = if moved(BEGIN) > BEGIN { "+" } else { "-" };
    let time = format!("tm {sign} INTERVAL '{number} months {days} days'");
    let (value, of): (String, fn(i64) -> i64) = match draw.below(4) {
        0 => (format!("date_trunc('quarter', {time})"), |t| {
            let date = date(t);
            let months = date.month0() % 3;
            let first = date.date_naive().with_day(1).unwrap() - Months::new(months);
            first.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp()
        }),
        1 => (format!("CAST(extract(month FROM {time}) AS BIGINT)"), |t| {
            date(t).month().into()
        }),
        2 => (format!("CAST(extract(year FROM {time}) AS BIGINT)"), |t| {
            date(t).year().into()
        }),
        _ => (time.clone(), |t| t),
    };
    let rows = log
        .iter()
        .map(|e| vec![cell(Some(e.id)), cell(Some(of(moved(e.time))))]);
    let rows = rows.collect();
    around(draw, format!("SELECT id, {value} AS v FROM log"), rows)
}

fn date(time: i64) -> DateTime<chrono::Utc> {
    DateTime::from_timestamp(time, 0).unwrap()
}

fn later(time: i64, months: u32) -> i64 {
    (date(time) + Months::new(months)).timestamp()
}

fn sooner(time: i64, months: u32) -> i64 {
    (date(time) - Months::new(months)).timestamp()
}

/// The rows of the log by key, each part in the order of the log.
fn parts(log: &[Entry], key: Key) -> BTreeMap<Row, Vec<Entry>> {
    let mut parts = BTreeMap::<Row, Vec<Entry>>::new();
    for entry in log {
        parts.entry(key(entry)).or_default().push(entry.clone());
    }
    parts
}

/// `array_slice`: both ends count from 1, or from the last where they are negative.
fn slice(list: &[Option<i64>], from: i64, to: i64) -> Vec<Option<i64>> {
    let length = list.len() as i64;
    let place = |at: i64| if at < 0 { length + at + 1 } else { at };
    let (from, to) = (place(from), place(to));
    (1_i64..)
        .zip(list)
        .filter(|(i, _)| (from..=to).contains(i))
        .map(|(_, v)| *v)
        .collect()
}

fn joined(list: &[Option<i64>]) -> String {
    let texts: Vec<_> = list
        .iter()
        .map(|v| cell(*v).unwrap_or("-".into()))
        .collect();
    texts.join(",")
}

fn some(list: Vec<Option<i64>>) -> List {
    (!list.is_empty()).then_some(list)
}

fn cell(number: Option<i64>) -> Cell {
    number.map(|n| n.to_string())
}

fn entry(row: &[Option<Value>]) -> Entry {
    let number = |i: usize| match &row[i] {
        Some(Value::Number(number)) => Some(*number),
        _ => None,
    };
    Entry {
        id: number(0).unwrap(),
        household: number(1),
        item: number(2),
        price: number(3),
        time: number(4).unwrap(),
        event: match &row[5] {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        },
    }
}
