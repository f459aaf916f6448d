//! Random relations: a SELECT, its columns, and the list of all kinds that it is made of.

use super::draw::Draw;
use super::tables::{TABLES, Table, Type};
use super::{groups, joins, sets, subqueries, values, windows};

/// A column that a part of a query can name.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub kind: Type,
}

/// A SELECT and its columns.
pub struct Relation {
    pub sql: String,
    pub columns: Vec<Column>,
}

/// What stands in a FROM, and its columns with their qualified names.
pub struct Side {
    pub from: String,
    pub columns: Vec<Column>,
}

/// How one kind of relation is made over relations that are so deep, where it can be made at all.
pub struct Kind {
    pub name: &'static str,
    weight: usize,
    make: fn(&mut Draw, usize) -> Option<Relation>,
}

/// All kinds; a new one is one more entry.
pub const KINDS: &[Kind] = &[
    kind("table", 4, |draw, _| Some(scan(draw))),
    kind("chain of tables", 14, |draw, _| joins::chain(draw)),
    kind("join", 12, joins::join),
    kind("join by USING", 4, |draw, _| joins::using(draw)),
    kind("semi and anti join", 4, joins::semi),
    kind("join, grouped", 12, joins::grouped),
    kind("every pair, grouped", 8, joins::pairs),
    kind("WITH, joined to itself", 5, joins::with),
    kind("GROUP BY", 12, groups::group),
    kind("ROLLUP and GROUPING SETS", 3, groups::rollup),
    kind("DISTINCT", 8, groups::distinct),
    kind("DISTINCT ON", 3, groups::distinct_on),
    kind("ORDER BY with LIMIT", 6, groups::limit),
    kind("window", 10, windows::window),
    kind("window over times", 12, |draw, _| Some(windows::log(draw))),
    kind("set operation", 8, sets::set),
    kind("filter", 7, subqueries::filter),
    kind("IN and NOT IN", 7, subqueries::member),
    kind("EXISTS and NOT EXISTS", 5, subqueries::exists),
    kind("scalar subquery", 6, subqueries::scalar),
    kind("CASE, coalesce, text, time", 10, values::computed),
];

const fn kind(
    name: &'static str,
    weight: usize,
    make: fn(&mut Draw, usize) -> Option<Relation>,
) -> Kind {
    Kind { name, weight, make }
}

/// A relation with at most `depth` relations one in the other.
pub fn relation(draw: &mut Draw, depth: usize) -> Relation {
    let total: usize = KINDS.iter().map(|kind| kind.weight).sum();
    let mut at = if depth == 0 { 0 } else { draw.below(total) };
    for kind in KINDS {
        if at < kind.weight {
            if let Some(made) = (kind.make)(draw, depth.saturating_sub(1)) {
                draw.note(kind.name);
                return made;
            }
            break;
        }
        at -= kind.weight;
    }
    scan(draw)
}

/// A relation in a FROM.
pub fn side(draw: &mut Draw, depth: usize) -> Side {
    let inner = relation(draw, depth);
    let alias = draw.name();
    let columns = qualified(&alias, &inner.columns);
    let from = format!("({}) {alias}", inner.sql);
    Side { from, columns }
}

/// A table in a FROM, under a name of its own.
pub fn table(draw: &mut Draw) -> Side {
    let table = draw.pick(TABLES);
    let alias = draw.name();
    let columns = qualified(&alias, &columns_of(table));
    let from = format!("{} {alias}", table.name);
    Side { from, columns }
}

fn scan(draw: &mut Draw) -> Relation {
    let table = draw.pick(TABLES);
    let columns = columns_of(table);
    let sql = format!("SELECT {} FROM {}", names(&columns), table.name);
    Relation { sql, columns }
}

pub fn columns_of(table: &Table) -> Vec<Column> {
    let columns = table.columns.iter();
    columns.map(|c| column(c.name, c.kind)).collect()
}

pub fn column(name: impl Into<String>, kind: Type) -> Column {
    let name = name.into();
    Column { name, kind }
}

fn qualified(alias: &str, columns: &[Column]) -> Vec<Column> {
    let columns = columns.iter();
    columns
        .map(|c| column(format!("{alias}.{}", c.name), c.kind))
        .collect()
}

/// The names, as a list of SQL.
pub fn names(columns: &[Column]) -> String {
    let names: Vec<_> = columns.iter().map(|c| c.name.as_str()).collect();
    names.join(", ")
}

/// One column of a kind, where there is one.
pub fn one_of(draw: &mut Draw, columns: &[Column], kind: Type) -> Option<String> {
    let fit: Vec<_> = columns.iter().filter(|c| c.kind == kind).collect();
    (!fit.is_empty()).then(|| draw.pick(&fit).name.clone())
}

/// The list of a SELECT. A plain column keeps its name, if no other has it, or gets a new one.
pub fn listed(draw: &mut Draw, values: &[Column]) -> (String, Vec<Column>) {
    let (mut text, mut columns) = (Vec::new(), Vec::<Column>::new());
    for value in values {
        let own = value.name.rsplit_once('.').map(|(_, own)| own);
        let own = own.filter(|own| own.chars().all(|c| c.is_alphanumeric()));
        let name = match own {
            Some(own) if draw.percent(60) && columns.iter().all(|c| c.name != own) => own.into(),
            _ => draw.name(),
        };
        text.push(format!("{} AS {name}", value.name));
        columns.push(column(name, value.kind));
    }
    (text.join(", "), columns)
}

/// `SELECT values FROM from`, where `rest` stands behind.
pub fn select(draw: &mut Draw, values: &[Column], from: &str, rest: &str) -> Relation {
    let (list, columns) = listed(draw, values);
    let sql = format!("SELECT {list} FROM {from}{rest}");
    Relation { sql, columns }
}

/// ORDER BY all of `columns`, each way, with NULLs at a stated end.
pub fn order_by(draw: &mut Draw, columns: &[Column]) -> String {
    let ways = [
        "ASC NULLS FIRST",
        "ASC NULLS LAST",
        "DESC NULLS FIRST",
        "DESC NULLS LAST",
    ];
    let keys: Vec<_> = columns
        .iter()
        .map(|c| format!("{} {}", c.name, draw.pick(&ways)))
        .collect();
    format!("ORDER BY {}", keys.join(", "))
}
