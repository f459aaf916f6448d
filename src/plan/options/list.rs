//! Every option of CREATE MODEL: parsing, error texts and documentation walk this list.

use serde_json::Value;

use super::read::*;
use super::{ModelOptions, is_empty};

/// One option of CREATE MODEL.
pub struct OptionSpec {
    /// Its name.
    pub name: &'static str,
    /// What it takes and does, in one line.
    pub summary: &'static str,
    pub(super) set: fn(&mut ModelOptions, &Value) -> Result<(), String>,
    pub(super) get: fn(&ModelOptions) -> Value,
}

impl OptionSpec {
    /// What it is where nothing is said; none where that is nothing, or depends on the rows.
    pub fn default(&self) -> Option<Value> {
        Some((self.get)(&ModelOptions::default())).filter(|value| !is_empty(value))
    }
}

macro_rules! option {
    ($name:literal, $summary:literal, $field:ident $(. $rest:ident)*, $read:expr) => {
        OptionSpec {
            name: $name,
            summary: $summary,
            set: |options, value| {
                options.$field$(.$rest)* = $read(value)?;
                Ok(())
            },
            get: |options| serde_json::json!(options.$field$(.$rest)*),
        }
    };
}

/// Every option, in the order in which SHOW CREATE MODEL writes them.
pub static ALL: &[OptionSpec] = &[
    option!(
        "model_type",
        "the architecture; SHOW MODEL TYPES lists all",
        model_type,
        model_type
    ),
    option!(
        "input_label_cols",
        "the columns to predict, a task each",
        columns.labels,
        names
    ),
    option!(
        "tasks",
        "type of a label where it can't be inferred, binary, multiclass, regression or log_regression: \
         {'stars': 'multiclass'}",
        columns.label_types,
        text_map
    ),
    option!(
        "funnel",
        "labels that follow from one another, in order of depth: ['click', 'cart', 'buy']",
        funnel,
        names
    ),
    option!(
        "scenario_col",
        "the column that says where a row was shown",
        columns.scenario_col,
        optional_text
    ),
    option!(
        "user_col",
        "the column that says who; gauc groups by it",
        columns.user_col,
        optional_text
    ),
    option!(
        "item_col",
        "the column that says what was shown",
        columns.item_col,
        optional_text
    ),
    option!(
        "categorical_cols",
        "features to take as categories whatever their type",
        columns.categorical_cols,
        names
    ),
    option!(
        "numeric_cols",
        "features to take as numbers",
        columns.numeric_cols,
        names
    ),
    option!(
        "numeric_encoding",
        "how numbers are encoded: auto, standardize, log, quantile or piecewise; or by column: {'price': 'log'}",
        columns.numeric_encoding,
        numeric_encoding
    ),
    option!(
        "exclude_cols",
        "columns to leave out",
        columns.exclude_cols,
        names
    ),
    option!(
        "image_size",
        "[height, width] of the images, where the column of pixels is no square list of fixed size",
        columns.image_size,
        image_size
    ),
    option!(
        "max_vocabulary",
        "most frequent values kept of a column",
        columns.max_vocabulary,
        optional_count
    ),
    option!(
        "min_count",
        "rows that a value must have to get an embedding of its own",
        columns.min_count,
        count
    ),
    option!(
        "hash_buckets",
        "ids that a column with more values than that is hashed into",
        columns.hash_buckets,
        optional_count
    ),
    option!(
        "embedding_dim",
        "width of an embedding, to 4096",
        embedding_dim,
        |v| up_to(v, 4096)
    ),
    option!(
        "interaction",
        "how features are crossed in front of the architecture: none, fm or dcn_v2",
        config.interaction,
        interaction
    ),
    option!(
        "hidden_units",
        "widths of the layers of a shared trunk",
        config.hidden_units,
        widths
    ),
    option!(
        "num_experts",
        "experts of a layer, to 1024; of each task in ple, cgc, stem and hinet, of each scenario in hinet and sar_net",
        config.num_experts,
        |v| up_to(v, 1024)
    ),
    option!(
        "num_shared_experts",
        "experts shared by all tasks in ple, cgc, stem and hinet, by all scenarios in sar_net, to 1024",
        config.num_shared_experts,
        |v| up_to(v, 1024)
    ),
    option!(
        "num_levels",
        "layers of experts in ple, of the meta tower in m2m, to 16",
        config.num_levels,
        |v| up_to(v, 16)
    ),
    option!(
        "expert_units",
        "widths of the layers of an expert",
        config.expert_units,
        widths
    ),
    option!(
        "tower_units",
        "widths of the layers of a task's tower",
        config.tower_units,
        widths
    ),
    option!(
        "dropout",
        "share of units left out at a step of training, 0 to below 1",
        config.dropout,
        share
    ),
    option!(
        "epochs",
        "passes over the data at the most",
        train.epochs,
        count
    ),
    option!(
        "batch_size",
        "rows of a step, to 1048576",
        train.batch_size,
        |v| up_to(v, 1 << 20)
    ),
    option!(
        "optimizer",
        "auto (Adam, and Adagrad for the embedding table), adam or adagrad",
        train.optimizer,
        optimizer
    ),
    option!(
        "learn_rate",
        "size of a step of the dense weights",
        train.learn_rate,
        positive
    ),
    option!(
        "embedding_learn_rate",
        "size of a step of the embedding table",
        train.embedding_learn_rate,
        optional_positive
    ),
    option!(
        "l2_reg",
        "weight of half of the squared weights in the loss",
        train.l2_reg,
        not_negative
    ),
    option!(
        "early_stop",
        "stop when the loss on the rows held back no longer falls, keep the best epoch",
        train.early_stop,
        boolean
    ),
    option!(
        "min_rel_progress",
        "relative fall of that loss below which training stops",
        train.min_rel_progress,
        not_negative
    ),
    option!(
        "loss_weighting",
        "how the tasks' losses become one: fixed, uncertainty, dwa, rlw, gradnorm, metabalance, pcgrad, mgda, \
         cagrad or famo",
        train.loss_weighting,
        loss_weighting
    ),
    option!(
        "loss_weights",
        "a factor for each task's weight: {'click': 1.0, 'buy': 2.0}",
        train.loss_weights,
        loss_weights
    ),
    option!(
        "class_weights",
        "weights of a task's classes in its loss: {'click': {'1': 5.0}}",
        train.class_weights,
        class_weights
    ),
    option!(
        "auto_class_weights",
        "weigh the classes of a task so that all have the same share of its loss",
        train.auto_class_weights,
        boolean
    ),
    option!(
        "data_split_method",
        "auto_split, random, seq, custom or no_split",
        split_method,
        split_method
    ),
    option!(
        "data_split_col",
        "the column that seq orders by, or custom reads",
        columns.split_col,
        optional_text
    ),
    option!(
        "data_split_eval_fraction",
        "share of the rows held back, above 0 and below 1",
        split_fraction,
        fraction
    ),
    option!(
        "arch",
        "the pair of networks of image_gan: dense or conv",
        arch,
        arch
    ),
    option!(
        "classifier",
        "the image_classifier in whose features images are scored at every epoch; the best is kept",
        classifier,
        optional_text
    ),
    option!(
        "predictor",
        "a model of the same labels, in whose eyes generated rows of tabular_gan are to look like real ones",
        predictor,
        optional_text
    ),
    OptionSpec {
        name: "resume",
        summary: "whether to go on from where the same statement was interrupted; for generators trained by epochs",
        set: |options, value| {
            options.resume = boolean(value)?;
            Ok(())
        },
        // It says how to run the statement, and nothing about the model.
        get: |_| Value::Null,
    },
    option!("device", "auto, cpu, cuda or cuda:N", device, device),
    option!(
        "precision",
        "of matrix products: auto, float32 or bfloat16",
        precision,
        precision
    ),
    option!(
        "constraints",
        "what holds for every generated row: ['price >= 0', 'paid >= clicked']",
        constraints,
        texts
    ),
    option!("seed", "seed of everything random", train.seed, seed),
];

/// Options that only generators have.
pub(super) const OF_GENERATORS: &[&str] =
    &["arch", "classifier", "predictor", "resume", "constraints"];

/// Options that every generator has.
pub(super) const OF_ALL_GENERATORS: &[&str] = &["model_type", "constraints", "seed"];

/// Other names of options.
pub(super) const ALIASES: &[(&str, &str)] = &[("max_iterations", "epochs")];
