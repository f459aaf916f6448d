//! Builds `SELECT * FROM ml_train('m', (query), name => value)`, the form that every statement of
//! ours takes, exactly as DataFusion's parser would read it.

use datafusion::error::Result;
use datafusion::sql::parser::{DFParserBuilder, Statement as DfStatement};
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArgOperator, Ident, ObjectName, Query, SetExpr,
    Statement as SqlStatement, TableFactor, Value,
};
use datafusion::sql::sqlparser::dialect::Dialect;

use crate::error::Error;

/// The arguments of a call, in order.
pub(super) struct Call<'a> {
    dialect: &'a dyn Dialect,
    name: &'static str,
    arguments: Vec<FunctionArg>,
}

impl<'a> Call<'a> {
    /// A call without arguments; some dialects have a form of their own for named arguments.
    pub(super) fn new(dialect: &'a dyn Dialect, name: &'static str) -> Self {
        Self {
            dialect,
            name,
            arguments: Vec::new(),
        }
    }

    /// Adds a positional text.
    pub(super) fn text(mut self, text: String) -> Self {
        self.arguments
            .push(FunctionArg::Unnamed(FunctionArgExpr::Expr(string(text))));
        self
    }

    /// Adds a query.
    pub(super) fn query(mut self, query: Box<Query>) -> Self {
        let query = FunctionArgExpr::Expr(Expr::Subquery(query));
        self.arguments.push(FunctionArg::Unnamed(query));
        self
    }

    /// Adds `name => value`.
    pub(super) fn named(mut self, name: &str, value: Expr) -> Self {
        let name = Ident::new(name);
        let arg = FunctionArgExpr::Expr(value);
        let operator = FunctionArgOperator::RightArrow;
        self.arguments
            .push(if self.dialect.supports_named_fn_args_with_expr_name() {
                FunctionArg::ExprNamed {
                    name: Expr::Identifier(name),
                    arg,
                    operator,
                }
            } else {
                FunctionArg::Named {
                    name,
                    arg,
                    operator,
                }
            });
        self
    }

    /// Adds `name => true` if it is so.
    pub(super) fn flag(self, name: &str, set: bool) -> Self {
        if set {
            self.named(name, Expr::value(Value::Boolean(true)))
        } else {
            self
        }
    }

    /// The query over the call, as a statement.
    pub(super) fn statement(self) -> Result<DfStatement> {
        let Self {
            name, arguments, ..
        } = self;
        select_all(|relation| {
            if let TableFactor::Table {
                name: called,
                args: Some(args),
                ..
            } = relation
            {
                *called = ObjectName::from(vec![Ident::new(name)]);
                args.args = arguments;
            }
        })
    }
}

/// A string literal.
pub(super) fn string(text: String) -> Expr {
    Expr::value(Value::SingleQuotedString(text))
}

/// `SELECT * FROM (query)`.
pub(super) fn select_from(query: Box<Query>) -> Result<Box<Query>> {
    as_query(select_all(|relation| {
        *relation = TableFactor::Derived {
            lateral: false,
            subquery: query,
            alias: None,
            sample: None,
        };
    })?)
}

/// `SELECT * FROM table`.
pub(super) fn select_from_table(table: ObjectName) -> Result<Box<Query>> {
    as_query(select_all(|relation| {
        if let TableFactor::Table { name, args, .. } = relation {
            *name = table;
            *args = None;
        }
    })?)
}

fn as_query(statement: DfStatement) -> Result<Box<Query>> {
    match statement {
        DfStatement::Statement(statement) => match *statement {
            SqlStatement::Query(query) => Ok(query),
            _ => Err(no_template()),
        },
        _ => Err(no_template()),
    }
}

/// `SELECT * FROM x`, where `edit` makes of the empty call that it is given what x shall be. The
/// parser's own template spares us some thirty fields, most of which are about other databases.
fn select_all(edit: impl FnOnce(&mut TableFactor)) -> Result<DfStatement> {
    let mut statement = DFParserBuilder::new("SELECT * FROM x()")
        .build()?
        .parse_statement()?;
    if let DfStatement::Statement(sql) = &mut statement
        && let SqlStatement::Query(query) = sql.as_mut()
        && let SetExpr::Select(select) = query.body.as_mut()
        && let [from] = select.from.as_mut_slice()
    {
        edit(&mut from.relation);
        return Ok(statement);
    }
    Err(no_template())
}

fn no_template() -> datafusion::error::DataFusionError {
    Error::internal("the template of a call is no query").into()
}
