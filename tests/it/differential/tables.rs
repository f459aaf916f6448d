//! The tables that queries read: a log of purchases and what stands beside it. Columns of one name are
//! in several of them, values meet in joins, and some are NULL.

use super::draw::Draw;

/// What kind of values a column has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Type {
    Number,
    Real,
    Text,
    Truth,
    /// A timestamp, which is a number of epoch seconds in SQLite.
    Time,
}

/// A value of a table; a time is a number of epoch seconds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Number(i64),
    Text(String),
}

/// A column, and how the value of a row is drawn.
pub struct TableColumn {
    pub name: &'static str,
    pub kind: Type,
    value: fn(&mut Draw, i64) -> Option<Value>,
}

/// A table, its primary key and how it is stored.
pub struct Table {
    pub name: &'static str,
    pub key: &'static [&'static str],
    /// Rows of a row group in Parquet.
    pub group: usize,
    rows: i64,
    pub columns: &'static [TableColumn],
}

pub type Rows = Vec<Vec<Option<Value>>>;

impl Table {
    pub fn draw(&self, draw: &mut Draw) -> Rows {
        let columns = self.columns;
        (0..self.rows)
            .map(|row| columns.iter().map(|c| (c.value)(draw, row)).collect())
            .collect()
    }
}

/// 1 January 2024, a Monday, when the log begins.
pub const BEGIN: i64 = 1_704_067_200;

pub const LOG: Table = Table {
    name: "log",
    key: &[],
    group: 20,
    rows: 90,
    columns: &[
        number("id", |_, row| some(row)),
        number("household", |draw, _| number_or_null(draw, 0, 7, 10)),
        number("item", |draw, _| number_or_null(draw, 0, 12, 0)),
        number("price", |draw, _| number_or_null(draw, 1, 20, 12)),
        TableColumn {
            name: "tm",
            kind: Type::Time,
            value: |draw, _| some(BEGIN + 3600 * draw.between(0, 1500)),
        },
        text("event", |draw, _| {
            word(draw, &["buy", "view", " Cart "], 25)
        }),
    ],
};

pub const TABLES: &[Table] = &[
    LOG,
    Table {
        name: "households",
        key: &["household"],
        group: 20,
        rows: 9,
        columns: &[
            number("household", |_, row| some(row)),
            number("id", |draw, _| number_or_null(draw, 0, 30, 0)),
            number("size", |draw, _| number_or_null(draw, 1, 4, 20)),
            text("region", |draw, _| {
                word(draw, &["north", "south", "west"], 20)
            }),
        ],
    },
    Table {
        name: "items",
        key: &[],
        group: 20,
        rows: 30,
        columns: &[
            number("id", |_, row| some(row + 5)),
            number("item", |_, row| some(row / 2)),
            number("price", |draw, _| number_or_null(draw, 1, 20, 10)),
            text("brand", |draw, _| {
                word(draw, &["acme", "Blue", "buy", ""], 15)
            }),
        ],
    },
    Table {
        name: "weeks",
        key: &["household", "week"],
        group: 20,
        rows: 45,
        columns: &[
            number("household", |_, row| some(row / 5)),
            number("week", |_, row| some(row % 5 + 1)),
            number("spent", |draw, _| number_or_null(draw, -3, 9, 15)),
            number("price", |draw, _| number_or_null(draw, 1, 9, 0)),
        ],
    },
    Table {
        name: "views",
        key: &[],
        group: 200,
        rows: 1500,
        columns: &[
            number("id", |_, row| some(row)),
            number("household", |draw, _| number_or_null(draw, 0, 9, 0)),
            number("week", |_, row| some(row / 150)),
            number("price", |_, row| some(1500 - row)),
        ],
    },
    Table {
        name: "tags",
        key: &[],
        group: 20,
        rows: 14,
        columns: &[
            number("item", |draw, _| number_or_null(draw, 0, 14, 10)),
            text("tag", |draw, _| {
                word(draw, &["north", "buy", "new", "view"], 15)
            }),
        ],
    },
];

const fn number(name: &'static str, value: fn(&mut Draw, i64) -> Option<Value>) -> TableColumn {
    let kind = Type::Number;
    TableColumn { name, kind, value }
}

const fn text(name: &'static str, value: fn(&mut Draw, i64) -> Option<Value>) -> TableColumn {
    let kind = Type::Text;
    TableColumn { name, kind, value }
}

fn some(number: i64) -> Option<Value> {
    Some(Value::Number(number))
}

fn number_or_null(draw: &mut Draw, low: i64, high: i64, nulls: usize) -> Option<Value> {
    let number = draw.between(low, high);
    (!draw.percent(nulls)).then_some(Value::Number(number))
}

fn word(draw: &mut Draw, words: &[&str], nulls: usize) -> Option<Value> {
    let word = draw.pick(words).to_string();
    (!draw.percent(nulls)).then_some(Value::Text(word))
}
