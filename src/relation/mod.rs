//! What FROM can call, and the list [`ALL`]: one file or folder each. A relation parses its call and
//! plans it over the plans of the call's queries; what runs is in `plan`.

mod by_task;
mod calibration;
pub mod call;
mod confusion_matrix;
mod evaluate;
mod evaluate_synthetic;
mod feature_info;
mod generate;
mod labelled;
mod planner;
mod predict;
mod roc_curve;
mod training_info;

pub use planner::Relations;

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;

use crate::environment::Environment;
use crate::error::Result;
use crate::store::FittedModel;
use call::Call;

/// Something that FROM can call.
pub struct Relation {
    /// Its name; ML.NAME and ML_NAME mean the same where it does not begin with ml_.
    pub name: &'static str,
    /// How it is called.
    pub syntax: &'static str,
    /// One sentence on what it returns.
    pub description: &'static str,
    /// A statement that calls it.
    pub example: &'static str,
    /// Plans a call of it.
    pub plan: fn(&Call, &Environment, &mut dyn RelationPlannerContext) -> Result<LogicalPlan>,
}

/// Every relation.
pub static ALL: &[Relation] = &[
    Relation {
        name: "predict",
        syntax: "PREDICT(MODEL m, {TABLE t | (query)} [, tasks => [..]] [, device => '..'] \
                 [, precision => '..'] [, batch_size => n])",
        description: "The rows of the query with the model's predictions: a column p_TASK for each \
                      task, the probability of its label.",
        example: "SELECT user_id, p_click FROM PREDICT(MODEL ranker, TABLE candidates)",
        plan: predict::plan,
    },
    Relation {
        name: "evaluate",
        syntax: "EVALUATE(MODEL m [, {TABLE t | (query)}] [, by => 'column'])",
        description: "Metrics of every task over the query, or over the rows that training held \
                      back, for each value of a column where one is named.",
        example: "SELECT task, channel, auc FROM EVALUATE(MODEL ranker, TABLE logs, by => 'channel')",
        plan: evaluate::plan,
    },
    Relation {
        name: "roc_curve",
        syntax: "ROC_CURVE(MODEL m, {TABLE t | (query)} [, task => '..'] [, points => 100])",
        description: "What every binary task gets right and wrong when rows from a threshold on are \
                      called positive: exact counts and rates at quantiles of the scores.",
        example: "SELECT threshold, recall, false_positive_rate FROM ROC_CURVE(MODEL ranker, \
                  TABLE logs, task => 'click')",
        plan: roc_curve::plan,
    },
    Relation {
        name: "calibration",
        syntax: "CALIBRATION(MODEL m, {TABLE t | (query)} [, task => '..'] [, buckets => 10])",
        description: "Mean probability and share of positives of every binary task, in buckets of \
                      equal width from 0 to 1 that have rows.",
        example: "SELECT bucket, rows, predicted, observed FROM CALIBRATION(MODEL ranker, \
                  TABLE logs, task => 'click')",
        plan: calibration::plan,
    },
    Relation {
        name: "confusion_matrix",
        syntax: "CONFUSION_MATRIX(MODEL m, {TABLE t | (query)} [, task => '..'] \
                 [, threshold => 0.5])",
        description: "How many rows have which label and which prediction, for each pair that \
                      occurs; a binary task predicts yes from the threshold on.",
        example: "SELECT task, expected, predicted, rows FROM CONFUSION_MATRIX(MODEL ranker, \
                  TABLE logs, threshold => 0.3)",
        plan: confusion_matrix::plan,
    },
    Relation {
        name: "evaluate_synthetic",
        syntax: "EVALUATE_SYNTHETIC(MODEL g, {TABLE t | (query)} [, holdout => {TABLE t | (query)}] [, n => rows] \
                 [, seed => n]) or EVALUATE_SYNTHETIC((real query), (synthetic query) [, holdout => ..] \
                 [, labels => [..]] [, tasks => {..}] [, categorical_cols => [..]] [, numeric_cols => [..]] \
                 [, exclude_cols => [..]] [, constraints => [..]] [, seed => n])",
        description: "How close generated rows come to the real ones of the query: shapes of columns, trends \
                      of pairs, the joint table of labels, what a model learns from them, copies, distances \
                      and broken constraints, each beside real rows (floor) and independent columns.",
        example: "SELECT * FROM EVALUATE_SYNTHETIC(MODEL g, TABLE logs) WHERE subject IS NULL",
        plan: evaluate_synthetic::plan,
    },
    Relation {
        name: "generate",
        syntax: "GENERATE(MODEL g, n => rows [, column => value, ...] [, where => {'column': value}] \
                 [, seed => n])",
        description: "New rows with the columns of the query that the generator was trained on; a \
                      column with a value given has that value in every row.",
        example: "SELECT * FROM GENERATE(MODEL g, n => 1000, buy => true, seed => 7)",
        plan: generate::plan,
    },
    Relation {
        name: "training_info",
        syntax: "TRAINING_INFO(MODEL m)",
        description: "Loss, AUC and weight of every task after every epoch of the training.",
        example: "SELECT epoch, task, loss FROM TRAINING_INFO(MODEL ranker) WHERE split = 'eval'",
        plan: training_info::plan,
    },
    Relation {
        name: "feature_info",
        syntax: "FEATURE_INFO(MODEL m)",
        description: "What each column of the query became: role, encoding, distinct values, NULLs, \
                      and why.",
        example: "SELECT \"column\", role, reason FROM FEATURE_INFO(MODEL ranker)",
        plan: feature_info::plan,
    },
];

/// The model that is the one argument of `call`.
///
/// # Errors
/// As [`Environment::model`]; `Plan` for another argument.
pub fn only_model(
    call: &Call,
    environment: &Environment,
    context: &dyn RelationPlannerContext,
) -> Result<FittedModel> {
    call.allow(1, &[])?;
    environment.model(context.context_provider().options(), &call.model()?)
}
