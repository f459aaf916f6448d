//! TRANSFORM: a select list that is stored with the model, applied to the query when it is trained
//! and to the rows when it predicts.

use arrow::datatypes::Field;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, DFSchema};
use datafusion::execution::SessionState;
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::analyzer::type_coercion::TypeCoercionRewriter;
use datafusion::sql::planner::IdentNormalizer;
use datafusion::sql::sqlparser::ast::{Expr as SqlExpr, ExprWithAlias, Ident, SelectItem};
use datafusion::sql::sqlparser::parser::Parser;

use crate::error::{Error, Result};
use crate::feature::find_name;
use crate::plan::upstream::expression_parser;
use crate::store::FittedModel;

/// Who turns the list's SQL into expressions: the planner of the statement that has the list, or the
/// session when that statement has long been planned.
pub trait Planner {
    /// The name that an identifier means.
    fn name(&self, ident: &Ident) -> String;

    /// The expression over `schema`.
    ///
    /// # Errors
    /// `Plan` when it names a column or function that is not there.
    fn plan(&mut self, expr: SqlExpr, schema: &DFSchema) -> datafusion::error::Result<Expr>;
}

/// The planner of the statement that stands in FROM.
pub struct Statement<'a>(pub &'a mut dyn RelationPlannerContext);

impl Planner for Statement<'_> {
    fn name(&self, ident: &Ident) -> String {
        self.0.normalize_ident(ident.clone())
    }

    fn plan(&mut self, expr: SqlExpr, schema: &DFSchema) -> datafusion::error::Result<Expr> {
        self.0.sql_to_expr(expr, schema)
    }
}

/// The session, behind its analyzer: types are coerced at once, since nobody does it later.
pub struct Session(pub SessionState);

impl Planner for Session {
    fn name(&self, ident: &Ident) -> String {
        let fold = &self.0.config_options().sql_parser;
        IdentNormalizer::new(fold.enable_ident_normalization).normalize(ident.clone())
    }

    fn plan(&mut self, expr: SqlExpr, schema: &DFSchema) -> datafusion::error::Result<Expr> {
        let expr = ExprWithAlias { expr, alias: None };
        let expr = self.0.create_logical_expr_from_sql_expr(expr, schema)?;
        let mut coercion = TypeCoercionRewriter::new(schema);
        Ok(expr.rewrite(&mut coercion)?.data)
    }
}

/// One entry of the list.
enum Item {
    /// `*`
    All,
    /// An expression with the name of its column.
    Named(String, Box<SqlExpr>),
}

fn parse(list: &str, planner: &dyn Planner) -> Result<Vec<Item>> {
    let wrong = |e| Error::plan(format!("TRANSFORM ({list}): {e}"));
    let mut parser = expression_parser(list).map_err(|e| wrong(e.to_string()))?;
    let items = parser
        .parse_comma_separated(Parser::parse_select_item)
        .map_err(|e| wrong(e.to_string()))?;
    let named = |ident: &Ident, expr| Item::Named(planner.name(ident), Box::new(expr));
    items
        .into_iter()
        .map(|item| match item {
            SelectItem::Wildcard(options) if options.to_string().is_empty() => Ok(Item::All),
            SelectItem::ExprWithAlias { expr, alias } => Ok(named(&alias, expr)),
            SelectItem::UnnamedExpr(expr) => match &expr {
                SqlExpr::Identifier(name) => Ok(named(&name.clone(), expr)),
                other => Err(wrong(format!(
                    "{other} needs a name: write {other} AS name"
                ))),
            },
            other => Err(wrong(format!("{other} is not possible here, only * alone"))),
        })
        .collect()
}

/// Plans one expression, which must look at its own row only.
///
/// # Errors
/// `Plan` when it does not; `what` names it.
pub fn row_wise(
    expr: SqlExpr,
    schema: &DFSchema,
    what: &str,
    planner: &mut dyn Planner,
) -> Result<Expr> {
    let text = expr.to_string();
    let planned = planner.plan(expr, schema)?;
    let beyond = planned.exists(|e| {
        Ok(matches!(
            e,
            Expr::AggregateFunction(_)
                | Expr::WindowFunction(_)
                | Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
                | Expr::Unnest(_)
        ))
    })?;
    if planned.is_volatile() {
        return Err(Error::plan(format!(
            "{what} takes expressions that have one value for one row; {text} has another each time"
        )));
    }
    if beyond {
        return Err(Error::plan(format!(
            "{what} takes expressions over one row; {text} has an aggregate, window or subquery: \
             move it into the query"
        )));
    }
    Ok(planned)
}

/// The query's rows as the model is to see them: the list, and the columns in `always` that it does
/// not make itself.
///
/// # Errors
/// `Plan` for a list that is no list of row-wise expressions over the query.
pub fn apply(
    list: &str,
    query: LogicalPlan,
    always: &[String],
    planner: &mut dyn Planner,
) -> Result<LogicalPlan> {
    let schema = query.schema().clone();
    let column = |i: usize| Expr::Column(Column::from(schema.qualified_field(i)));
    let items = parse(list, planner)?;
    let own: Vec<_> = items
        .iter()
        .filter_map(|item| match item {
            Item::Named(name, _) => Some(name.clone()),
            Item::All => None,
        })
        .collect();
    let mut names: Vec<String> = Vec::new();
    let mut exprs = Vec::new();
    let mut add = |name: &str, expr: Expr| {
        if names.iter().any(|n| n == name) {
            return Err(Error::plan(format!(
                "TRANSFORM makes column {name:?} twice"
            )));
        }
        names.push(name.to_string());
        exprs.push(expr.alias(name));
        Ok(())
    };
    for item in items {
        match item {
            Item::All => {
                for (i, field) in schema.fields().iter().enumerate() {
                    // A name of the list itself wins over the column of that name.
                    if !own.contains(field.name()) {
                        add(field.name(), column(i))?;
                    }
                }
            }
            Item::Named(name, expr) => add(&name, row_wise(*expr, &schema, "TRANSFORM", planner)?)?,
        }
    }
    let known = || schema.fields().iter().map(|f| f.name().as_str());
    let always = always.iter().filter_map(|name| find_name(known(), name));
    let always: Vec<usize> = always.collect();
    for (i, field) in schema.fields().iter().enumerate() {
        if always.contains(&i) && !names.contains(field.name()) {
            names.push(field.name().clone());
            exprs.push(column(i).alias(field.name()));
        }
    }
    Ok(LogicalPlanBuilder::from(query).project(exprs)?.build()?)
}

/// The list's expressions that the model reads, planned over the rows to predict: name, expression
/// and field.
///
/// # Errors
/// `Plan` when an expression names a column that is not there.
pub fn features(
    list: &str,
    model: &FittedModel,
    schema: &DFSchema,
    planner: &mut dyn Planner,
) -> Result<Vec<(String, Expr, Field)>> {
    let encoder = &model.manifest().encoder;
    let inputs: Vec<String> = encoder.inputs().iter().map(|c| c.name.clone()).collect();
    let mut found = Vec::new();
    for item in parse(list, planner)? {
        if let Item::Named(name, expr) = item
            && inputs.contains(&name)
        {
            let expr = made("feature", &name, *expr, model, schema, planner)?;
            let (_, field) = expr.to_field(schema)?;
            found.push((name, expr, field.as_ref().clone()));
        }
    }
    Ok(found)
}

/// The list's expression for the column `name`, where it has one; `what` says in an error what the
/// column is.
///
/// # Errors
/// `Plan` when the expression names a column that is not there.
pub fn column(
    what: &str,
    name: &str,
    model: &FittedModel,
    schema: &DFSchema,
    planner: &mut dyn Planner,
) -> Result<Option<Expr>> {
    let Some(list) = &model.manifest().transform else {
        return Ok(None);
    };
    let items = parse(list, planner)?;
    let expr = items.into_iter().find_map(|item| match item {
        Item::Named(known, expr) if known == name => Some(*expr),
        _ => None,
    });
    expr.map(|expr| made(what, name, expr, model, schema, planner))
        .transpose()
}

fn made(
    what: &str,
    name: &str,
    expr: SqlExpr,
    model: &FittedModel,
    schema: &DFSchema,
    planner: &mut dyn Planner,
) -> Result<Expr> {
    row_wise(expr, schema, "TRANSFORM", planner).map_err(|e| {
        Error::plan(format!(
            "model {} makes its {what} {name:?} by TRANSFORM: {e}",
            model.name().name
        ))
    })
}
