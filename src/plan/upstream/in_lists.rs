//! `x NOT IN (1) OR x NOT IN (2)` is NULL where x is, and `x IN (1) AND x IN (2)` too. DataFusion merges such
//! lists by intersection and difference, and makes TRUE or FALSE of a list that becomes empty, whatever
//! x is; so does a list of which a NULL is taken away. Unions of lists are right, all others are kept apart.

use std::collections::HashMap;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, binary_expr};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::as_is::as_is;

/// Hides lists that would be merged wrongly.
#[derive(Debug)]
pub struct KeepListsApart;

impl OptimizerRule for KeepListsApart {
    fn name(&self) -> &str {
        "keep_lists_apart"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let mut any = false;
        plan.apply_expressions(|expr| {
            any = any || has_lists_to_keep(expr)?;
            Ok(match any {
                true => TreeNodeRecursion::Stop,
                false => TreeNodeRecursion::Continue,
            })
        })?;
        if !any {
            return Ok(Transformed::no(plan));
        }
        let names = NamePreserver::new(&plan);
        plan.map_expressions(|expr| {
            let name = names.save(&expr);
            let kept = keep_apart(expr)?;
            Ok(kept.update_data(|expr| name.restore(expr)))
        })
    }
}

/// The operator of a chain of AND or of OR.
fn chained(expr: &Expr) -> Option<Operator> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { op, .. }) => {
            matches!(op, Operator::And | Operator::Or).then_some(*op)
        }
        _ => None,
    }
}

/// Whether [`keep_apart`] has something to do. Chains can be long: nothing here recurses along one.
fn has_lists_to_keep(expr: &Expr) -> Result<bool> {
    let mut waiting = vec![expr];
    while let Some(expr) = waiting.pop() {
        let Some(op) = chained(expr) else {
            expr.apply_children(|child| {
                waiting.push(child);
                Ok(TreeNodeRecursion::Continue)
            })?;
            continue;
        };
        let mut operands = Vec::new();
        let mut chain = vec![expr];
        while let Some(expr) = chain.pop() {
            match expr {
                Expr::BinaryExpr(binary) if binary.op == op => {
                    chain.push(&binary.right);
                    chain.push(&binary.left);
                }
                operand => operands.push(operand),
            }
        }
        if hidden(operands.iter().copied(), op).contains(&true) {
            return Ok(true);
        }
        waiting.extend(operands);
    }
    Ok(false)
}

fn keep_apart(expr: Expr) -> Result<Transformed<Expr>> {
    let Some(op) = chained(&expr) else {
        return expr.map_children(keep_apart);
    };
    let mut operands = Vec::new();
    let mut chain = vec![expr];
    while let Some(expr) = chain.pop() {
        match expr {
            Expr::BinaryExpr(binary) if binary.op == op => {
                chain.push(*binary.right);
                chain.push(*binary.left);
            }
            operand => operands.push(operand),
        }
    }
    let hidden = hidden(operands.iter(), op);
    let mut kept: Option<Expr> = None;
    for (operand, hide) in operands.into_iter().zip(hidden) {
        let operand = keep_apart(operand)?.data;
        let operand = if hide { as_is(operand) } else { operand };
        kept = Some(match kept {
            Some(before) => binary_expr(before, op, operand),
            None => operand,
        });
    }
    // A chain has operands.
    Ok(Transformed::yes(kept.unwrap_or_default()))
}

/// Which operands must not be merged with the others: of the lists of one value, where their merging is
/// no union, all but the first.
fn hidden<'a>(operands: impl Iterator<Item = &'a Expr>, op: Operator) -> Vec<bool> {
    // Lists that are merged by union, whatever is NULL: NOT IN beside AND, IN beside OR.
    let by_union = op == Operator::And;
    let mut seen: HashMap<&Expr, bool> = HashMap::new();
    operands
        .map(|operand| {
            let Some((list, negated)) = list(operand) else {
                return false;
            };
            let unites = negated == by_union;
            match seen.get(list.expr.as_ref()) {
                Some(all_unite) => !(*all_unite && unites),
                None => {
                    seen.insert(list.expr.as_ref(), unites);
                    false
                }
            }
        })
        .collect()
}

/// A list, and whether it is negated; NOT is moved into lists before they are merged.
fn list(expr: &Expr) -> Option<(&InList, bool)> {
    match expr {
        Expr::InList(list) => Some((list, list.negated)),
        Expr::Not(inner) => list(inner).map(|(list, negated)| (list, !negated)),
        _ => None,
    }
}
