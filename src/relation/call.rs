//! A call in FROM, taken apart: the model, the query, and named values.

use std::ops::RangeInclusive;

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Ident, Query, TableAlias, TableFactor, UnaryOperator,
    Value as SqlValue,
};
use serde_json::{Map, Number, Value};

use crate::error::{Error, Result};
use crate::plan::options::unknown_option;

/// The arguments of one of our calls.
pub struct Call {
    /// The relation's name, lower case.
    pub name: String,
    positional: Vec<Expr>,
    named: Vec<(String, Expr)>,
}

/// What stands in FROM.
pub enum Parsed {
    /// A call of ours, with the alias behind it.
    Ours(Box<(Call, Option<TableAlias>)>),
    /// Anything else.
    Other(Box<TableFactor>),
}

impl Call {
    /// Takes `factor` apart when it is a call of something in `known`; gives it back otherwise.
    ///
    /// # Errors
    /// `Plan` when it is one of ours with something behind it that a call can't have.
    pub fn parse(
        factor: TableFactor,
        known: impl Fn(&str) -> Option<&'static str>,
    ) -> Result<Parsed> {
        let TableFactor::Table {
            name,
            args: Some(_),
            ..
        } = &factor
        else {
            return Ok(Parsed::Other(Box::new(factor)));
        };
        let parts: Vec<_> = name
            .0
            .iter()
            .filter_map(|part| part.as_ident())
            .map(|ident| ident.value.to_lowercase())
            .collect();
        let Some(name) = known(&parts.join(".")) else {
            return Ok(Parsed::Other(Box::new(factor)));
        };
        let TableFactor::Table {
            alias,
            args: Some(args),
            with_hints,
            version,
            with_ordinality,
            partitions,
            json_path,
            sample,
            index_hints,
            ..
        } = factor
        else {
            return Err(Error::internal("a call lost its arguments"));
        };
        let leftovers = [
            (with_ordinality, "WITH ORDINALITY"),
            (!with_hints.is_empty(), "WITH hints"),
            (version.is_some(), "a table version"),
            (!partitions.is_empty(), "PARTITION"),
            (json_path.is_some(), "a JSON path"),
            (sample.is_some(), "TABLESAMPLE"),
            (!index_hints.is_empty(), "index hints"),
            (args.settings.is_some(), "SETTINGS"),
        ];
        if let Some((_, what)) = leftovers.iter().find(|(there, _)| *there) {
            return Err(Error::plan(format!("{name}(...) can't have {what}")));
        }
        let call = Self::from_arguments(name, args.args)?;
        Ok(Parsed::Ours(Box::new((call, alias))))
    }

    fn from_arguments(name: &str, arguments: Vec<FunctionArg>) -> Result<Self> {
        let mut call = Self {
            name: name.to_string(),
            positional: Vec::new(),
            named: Vec::new(),
        };
        for argument in arguments {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) if call.named.is_empty() => {
                    call.positional.push(expr);
                }
                FunctionArg::Named {
                    name,
                    arg: FunctionArgExpr::Expr(expr),
                    ..
                } => call.name_argument(folded(&name), expr)?,
                FunctionArg::ExprNamed {
                    name: Expr::Identifier(name),
                    arg: FunctionArgExpr::Expr(expr),
                    ..
                } => call.name_argument(folded(&name), expr)?,
                other => {
                    return Err(Error::plan(format!(
                        "{name}(...) can't take the argument {other}"
                    )));
                }
            }
        }
        Ok(call)
    }

    fn name_argument(&mut self, name: String, value: Expr) -> Result<()> {
        if self.named.iter().any(|(known, _)| known == &name) {
            return Err(Error::plan(format!(
                "option {name} of {} is given twice",
                self.name
            )));
        }
        self.named.push((name, value));
        Ok(())
    }

    /// The first argument: a model's name, as a string.
    ///
    /// # Errors
    /// `Plan` when it is missing or something else.
    pub fn model(&self) -> Result<String> {
        let wrong = || {
            Error::plan(format!(
                "{} needs a model as its first argument: MODEL name or 'name'",
                self.name
            ))
        };
        match self.positional.first().ok_or_else(wrong)? {
            Expr::Value(value) => match &value.value {
                SqlValue::SingleQuotedString(name) => Ok(name.clone()),
                _ => Err(wrong()),
            },
            _ => Err(wrong()),
        }
    }

    /// The query in argument `position`, if that argument is there.
    ///
    /// # Errors
    /// `Plan` when it is something else.
    pub fn query(&self, position: usize) -> Result<Option<&Query>> {
        let mut expr = match self.positional.get(position) {
            None => return Ok(None),
            Some(expr) => expr,
        };
        while let Expr::Nested(inner) = expr {
            expr = inner;
        }
        match expr {
            Expr::Subquery(query) => Ok(Some(query)),
            other => Err(Error::plan(format!(
                "{} needs TABLE name or a query in parentheses as its argument {}, got {other}",
                self.name,
                position + 1
            ))),
        }
    }

    /// Whether the first argument is a query and no model.
    pub fn begins_with_query(&self) -> bool {
        let mut expr = self.positional.first();
        while let Some(Expr::Nested(inner)) = expr {
            expr = Some(inner);
        }
        matches!(expr, Some(Expr::Subquery(_)))
    }

    /// The query that is the named argument `name`.
    ///
    /// # Errors
    /// `Plan` when it is something else.
    pub fn named_query(&self, name: &str) -> Result<Option<&Query>> {
        let found = self.named.iter().find(|(n, _)| n == name);
        let Some(mut expr) = found.map(|(_, expr)| expr) else {
            return Ok(None);
        };
        while let Expr::Nested(inner) = expr {
            expr = inner;
        }
        match expr {
            Expr::Subquery(query) => Ok(Some(query)),
            other => Err(Error::plan(format!(
                "option {name} of {}: expected TABLE name or a query in parentheses, got {other}",
                self.name
            ))),
        }
    }

    /// As [`Call::query`], for a query that must be there.
    ///
    /// # Errors
    /// `Plan` when it is missing or something else.
    pub fn required_query(&self, position: usize) -> Result<&Query> {
        self.query(position)?.ok_or_else(|| {
            Error::plan(format!(
                "{} needs TABLE name or a query in parentheses as its argument {}",
                self.name,
                position + 1
            ))
        })
    }

    /// Checks that there are no more than `most` unnamed arguments.
    ///
    /// # Errors
    /// `Plan` for the first that is too many.
    pub fn at_most(&self, most: usize) -> Result<()> {
        match self.positional.get(most) {
            None => Ok(()),
            Some(extra) => Err(Error::plan(format!(
                "{} takes {most} unnamed arguments at the most, got {extra} too",
                self.name
            ))),
        }
    }

    /// Checks that there are no more than `most` unnamed arguments and no named ones but `allowed`.
    ///
    /// # Errors
    /// `Plan` for the first that is too many.
    pub fn allow(&self, most: usize, allowed: &[&str]) -> Result<()> {
        self.at_most(most)?;
        match self
            .named
            .iter()
            .find(|(n, _)| !allowed.contains(&n.as_str()))
        {
            None => Ok(()),
            Some((unknown, _)) => Err(unknown_option(&self.name, unknown, allowed)),
        }
    }

    /// The value of the named argument `name`.
    ///
    /// # Errors
    /// `Plan` when it is not a literal.
    pub fn value(&self, name: &str) -> Result<Option<Value>> {
        let found = self.named.iter().find(|(n, _)| n == name);
        found
            .map(|(name, expr)| literal(expr).map_err(|got| not_literal(name, got)))
            .transpose()
    }

    /// A named text.
    ///
    /// # Errors
    /// `Plan` when it is something else.
    pub fn text(&self, name: &str) -> Result<Option<String>> {
        match self.value(name)? {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(Error::plan(format!(
                "option {name} of {}: expected a string, got {other}",
                self.name
            ))),
        }
    }

    /// A named boolean; false where it is not given.
    ///
    /// # Errors
    /// `Plan` when it is something else.
    pub fn flag(&self, name: &str) -> Result<bool> {
        match self.value(name)? {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(other) => Err(Error::plan(format!(
                "option {name} of {}: expected true or false, got {other}",
                self.name
            ))),
        }
    }

    /// A named whole number.
    ///
    /// # Errors
    /// `Plan` when it is something else, or not `allowed`.
    pub fn whole_number(&self, name: &str, allowed: RangeInclusive<u64>) -> Result<Option<u64>> {
        let Some(value) = self.value(name)? else {
            return Ok(None);
        };
        match value.as_u64().filter(|number| allowed.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(Error::plan(format!(
                "option {name}: expected a whole number from {} to {}, got {value}",
                allowed.start(),
                allowed.end()
            ))),
        }
    }

    /// A named number from 0 to 1.
    ///
    /// # Errors
    /// `Plan` when it is something else.
    pub fn fraction(&self, name: &str) -> Result<Option<f64>> {
        let Some(value) = self.value(name)? else {
            return Ok(None);
        };
        match value.as_f64().filter(|number| (0.0..=1.0).contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(Error::plan(format!(
                "option {name}: expected a number from 0 to 1, got {value}"
            ))),
        }
    }

    /// All named arguments but `except`, in the order given.
    ///
    /// # Errors
    /// `Plan` when one is not a literal.
    pub fn values(&self, except: &[&str]) -> Result<Map<String, Value>> {
        self.named
            .iter()
            .filter(|(name, _)| !except.contains(&name.as_str()))
            .map(|(name, expr)| {
                let value = literal(expr).map_err(|got| not_literal(name, got))?;
                Ok((name.clone(), value))
            })
            .collect()
    }

    /// Plans the query in argument `position`, with everything that is visible around the call.
    ///
    /// # Errors
    /// As DataFusion plans it.
    pub fn plan_query(
        query: &Query,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<LogicalPlan> {
        Ok(context.plan(TableFactor::Derived {
            lateral: false,
            subquery: Box::new(query.clone()),
            alias: None,
            sample: None,
        })?)
    }
}

fn not_literal(name: &str, got: String) -> Error {
    Error::plan(format!(
        "option {name}: expected a literal (string, number, boolean, array or struct), got {got}"
    ))
}

fn folded(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

/// A literal as a JSON value.
fn literal(expr: &Expr) -> std::result::Result<Value, String> {
    let fail = || expr.to_string();
    match expr {
        Expr::Nested(inner) => literal(inner),
        Expr::Value(value) => match &value.value {
            SqlValue::Number(text, _) => number(text).ok_or_else(fail),
            SqlValue::SingleQuotedString(text) => Ok(Value::String(text.clone())),
            SqlValue::Boolean(flag) => Ok(Value::Bool(*flag)),
            SqlValue::Null => Ok(Value::Null),
            _ => Err(fail()),
        },
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr: inner,
        } => match literal(inner)? {
            Value::Number(n) => number(&format!("-{n}")).ok_or_else(fail),
            _ => Err(fail()),
        },
        Expr::UnaryOp {
            op: UnaryOperator::Plus,
            expr: inner,
        } => literal(inner),
        Expr::Array(array) => array.elem.iter().map(literal).collect(),
        Expr::Dictionary(fields) => fields
            .iter()
            .map(|field| Ok((field.key.value.clone(), literal(&field.value)?)))
            .collect::<std::result::Result<Map<_, _>, _>>()
            .map(Value::Object),
        Expr::Struct { values, .. } => values
            .iter()
            .map(|value| match value {
                Expr::Named { expr, name } => Ok((name.value.clone(), literal(expr)?)),
                _ => Err(fail()),
            })
            .collect::<std::result::Result<Map<_, _>, _>>()
            .map(Value::Object),
        _ => Err(fail()),
    }
}

fn number(text: &str) -> Option<Value> {
    match text.parse::<i64>() {
        Ok(n) => Some(Value::Number(n.into())),
        Err(_) => Number::from_f64(text.parse().ok()?).map(Value::Number),
    }
}
