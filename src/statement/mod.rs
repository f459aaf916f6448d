//! What statements about models do, and the list [`ALL`]: the dialect rewrites `CREATE MODEL ...` into
//! `SELECT * FROM ml_train(...)`, so that sessions with DataFusion's own parser have everything. Each plans
//! a call like a relation; one that changes something does so when its plan is run.

mod alter_model;
mod change;
mod create_generator;
mod create_images;
mod create_model;
mod creation;
mod describe_model;
mod drop_model;
mod export_model;
mod show_create_model;
mod show_functions;
mod show_model_types;
mod show_models;
mod show_options;

use crate::relation::{self, Relation};

/// Every statement, as a call.
pub static ALL: &[Relation] = &[
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
        plan: drop_model::plan,
    },
    Relation {
        name: "ml_alter",
        syntax: "ml_alter('m', {rename_to => 'name' | default_version => n})",
        description: "Renames a model or chooses its default version: ALTER MODEL as a call.",
        example: "SELECT * FROM ml_alter('ranker', default_version => 2)",
        plan: alter_model::plan,
    },
    Relation {
        name: "ml_export",
        syntax: "ml_export('m', location => 'folder')",
        description: "Copies a version's files into a new folder: EXPORT MODEL as a call.",
        example: "SELECT * FROM ml_export('ranker', location => 'exported/ranker')",
        plan: export_model::plan,
    },
    Relation {
        name: "ml_models",
        syntax: "ml_models([like => 'pattern'])",
        description: "Every version of every model: SHOW MODELS as a call.",
        example: "SELECT name, version FROM ml_models() WHERE is_default",
        plan: show_models::plan,
    },
    Relation {
        name: "ml_model_types",
        syntax: "ml_model_types()",
        description: "The architectures that model_type knows: SHOW MODEL TYPES as a call.",
        example: "SELECT * FROM ml_model_types()",
        plan: show_model_types::plan,
    },
    Relation {
        name: "ml_options",
        syntax: "ml_options()",
        description: "What CREATE MODEL can be told in OPTIONS, with the defaults.",
        example: "SELECT * FROM ml_options()",
        plan: show_options::plan,
    },
    Relation {
        name: "ml_describe",
        syntax: "ml_describe('m')",
        description: "Options, features, layers and sizes of a model: DESCRIBE MODEL as a call.",
        example: "SELECT * FROM ml_describe('ranker')",
        plan: describe_model::plan,
    },
    Relation {
        name: "ml_show_create",
        syntax: "ml_show_create('m')",
        description: "The statement that makes the model again: SHOW CREATE MODEL as a call.",
        example: "SELECT statement FROM ml_show_create('ranker')",
        plan: show_create_model::plan,
    },
    Relation {
        name: "ml_functions",
        syntax: "ml_functions([like => 'pattern'])",
        description: "Every function, aggregate and relation with its documentation: SHOW FUNCTIONS \
                      as a call.",
        example: "SELECT name, description FROM ml_functions(like => '%auc%')",
        plan: show_functions::plan,
    },
];

/// Everything that FROM can call: relations, then statements.
pub fn calls() -> impl Iterator<Item = &'static Relation> {
    relation::ALL.iter().chain(ALL)
}

/// The relation or statement that a call's lower-case name means: X, ml.X or ml_X.
pub fn find(name: &str) -> Option<&'static Relation> {
    let exact = calls().find(|r| r.name == name);
    exact.or_else(|| {
        let short = name
            .strip_prefix("ml.")
            .or_else(|| name.strip_prefix("ml_"))?;
        calls()
            .find(|r| r.name == short || r.name.strip_prefix("ml_") == Some(short))
            .filter(|r| r.name == short || name.starts_with("ml."))
    })
}
