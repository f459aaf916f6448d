//! What our SQL adds to DataFusion's: statements about models, and the familiar spelling of the
//! calls that apply them.
//!
//! Everything here is syntax. [`parse`] returns DataFusion's own statements: each statement of
//! ours has become a query over a call (`DROP MODEL m` is `SELECT * FROM ml_drop('m')`), so
//! whatever plans the calls needs no second way in, and sessions with DataFusion's own parser can
//! write the calls themselves.
//!
//! A new statement is a new file and one line in [`ALL`].

mod alter_model;
mod call;
mod calls;
mod create_model;
mod cursor;
mod describe_model;
mod drop_model;
mod export_model;
mod gaps;
mod option_list;
mod parser;
mod rewrite;
mod show_create_model;
mod show_functions;
mod show_model_types;
mod show_models;
mod split;

#[cfg(test)]
pub use calls::RELATIONS;
pub use parser::parse;
pub use split::{Piece, split_statements};

use datafusion::error::Result;
use datafusion::sql::parser::Statement as DfStatement;

use cursor::Cursor;

/// A statement that DataFusion's parser does not know.
pub struct Statement {
    /// Its first words, `CREATE MODEL`.
    pub name: &'static str,
    /// The call that it becomes, `ml_train`.
    pub call: &'static str,
    /// What can be written, on one line.
    pub syntax: &'static str,
    /// What it does, in one sentence.
    pub description: &'static str,
    /// A statement that parses.
    pub example: &'static str,
    /// Whether the statement begins at the token that many places ahead.
    opens: fn(&Cursor<'_, '_>, usize) -> bool,
    /// Reads the whole statement, from its first word.
    parse: fn(&mut Cursor<'_, '_>) -> Result<DfStatement>,
}

/// All statements of ours.
pub const ALL: &[Statement] = &[
    create_model::STATEMENT,
    drop_model::STATEMENT,
    alter_model::STATEMENT,
    show_models::STATEMENT,
    show_model_types::STATEMENT,
    describe_model::STATEMENT,
    show_create_model::STATEMENT,
    export_model::STATEMENT,
    show_functions::STATEMENT,
];

#[cfg(test)]
mod tests;
