//! What FROM can call, and the list [`ALL`]. Statements are calls too: the dialect rewrites
//! `CREATE MODEL ...` into `SELECT * FROM ml_train(...)`, so that sessions with DataFusion's own parser
//! have everything.

mod about;
mod alter_model;
mod budget;
mod by_task;
mod calibration;
mod call;
mod confusion_matrix;
mod create_generator;
mod create_images;
mod create_model;
mod creation;
mod evaluate;
mod evaluate_synthetic;
mod functions;
mod generate;
mod labelled;
mod options;
mod planner;
mod predict;
mod roc_curve;
mod rows;
mod statement;
mod transform;
mod watch;

pub use planner::{Relations, WithExtensions};
pub use predict::{LiftPredict, PruneTasks, RefreshModels};

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;

pub(crate) use crate::environment::{self, Environment, settings};
use crate::error::Result;
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
    plan: fn(&Call, &Environment, &mut dyn RelationPlannerContext) -> Result<LogicalPlan>,
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
        plan: about::training_info,
    },
    Relation {
        name: "feature_info",
        syntax: "FEATURE_INFO(MODEL m)",
        description: "What each column of the query became: role, encoding, distinct values, NULLs, \
                      and why.",
        example: "SELECT \"column\", role, reason FROM FEATURE_INFO(MODEL ranker)",
        plan: about::feature_info,
    },
    Relation {
        name: "ml_train",
        syntax: "ml_train('m', (query), model_type => '..', input_label_cols => [..], ...)",
        description: "Trains a model on the query and publishes it: CREATE MODEL as a call.",
        example: "SELECT * FROM ml_train('ranker', (SELECT * FROM logs), model_type => 'mmoe', \
                  input_label_cols => ['click', 'buy'])",
        plan: create_model::plan,
    },
    Relation {
        name: "ml_drop",
        syntax: "ml_drop('m' [, if_exists => true])",
        description: "Removes a model or, for 'm.3', a version of it: DROP MODEL as a call.",
        example: "SELECT * FROM ml_drop('ranker', if_exists => true)",
        plan: alter_model::plan_drop,
    },
    Relation {
        name: "ml_alter",
        syntax: "ml_alter('m', {rename_to => 'name' | default_version => n})",
        description: "Renames a model or chooses its default version: ALTER MODEL as a call.",
        example: "SELECT * FROM ml_alter('ranker', default_version => 2)",
        plan: alter_model::plan_alter,
    },
    Relation {
        name: "ml_export",
        syntax: "ml_export('m', location => 'folder')",
        description: "Copies a version's files into a new folder: EXPORT MODEL as a call.",
        example: "SELECT * FROM ml_export('ranker', location => 'exported/ranker')",
        plan: alter_model::plan_export,
    },
    Relation {
        name: "ml_models",
        syntax: "ml_models([like => 'pattern'])",
        description: "Every version of every model: SHOW MODELS as a call.",
        example: "SELECT name, version FROM ml_models() WHERE is_default",
        plan: about::models,
    },
    Relation {
        name: "ml_model_types",
        syntax: "ml_model_types()",
        description: "The architectures that model_type knows: SHOW MODEL TYPES as a call.",
        example: "SELECT * FROM ml_model_types()",
        plan: about::model_types,
    },
    Relation {
        name: "ml_options",
        syntax: "ml_options()",
        description: "What CREATE MODEL can be told in OPTIONS, with the defaults.",
        example: "SELECT * FROM ml_options()",
        plan: about::options,
    },
    Relation {
        name: "ml_describe",
        syntax: "ml_describe('m')",
        description: "Options, features, layers and sizes of a model: DESCRIBE MODEL as a call.",
        example: "SELECT * FROM ml_describe('ranker')",
        plan: about::describe,
    },
    Relation {
        name: "ml_show_create",
        syntax: "ml_show_create('m')",
        description: "The statement that makes the model again: SHOW CREATE MODEL as a call.",
        example: "SELECT statement FROM ml_show_create('ranker')",
        plan: about::show_create,
    },
    Relation {
        name: "ml_functions",
        syntax: "ml_functions([like => 'pattern'])",
        description: "Every function, aggregate and relation with its documentation: SHOW FUNCTIONS \
                      as a call.",
        example: "SELECT name, description FROM ml_functions(like => '%auc%')",
        plan: functions::plan,
    },
];

/// The relation that a call's lower-case name means: X, ml.X or ml_X.
pub fn find(name: &str) -> Option<&'static Relation> {
    let exact = ALL.iter().find(|r| r.name == name);
    exact.or_else(|| {
        let short = name
            .strip_prefix("ml.")
            .or_else(|| name.strip_prefix("ml_"))?;
        ALL.iter()
            .find(|r| r.name == short || r.name.strip_prefix("ml_") == Some(short))
            .filter(|r| r.name == short || name.starts_with("ml."))
    })
}
