//! The options of CREATE MODEL: a list that parsing, error texts and documentation walk.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::call::unknown_option;
use crate::device::{Choice, Precision};
use crate::error::{Error, Result};
use crate::feature::{
    ColumnOptions, EncoderSpec, LabelCount, NumericEncoding, NumericEncodings, SplitMethod, Task,
    TaskKind,
};
use crate::gan::{self, Makes};
use crate::image::png;
use crate::model::{self, Config, Need, interaction};
use crate::train::optimizer::Optimizer;
use crate::train::{Loss, TrainOptions, balanced, weighting};

/// What a statement asks for, checked.
#[derive(Clone, Debug)]
pub struct ModelOptions {
    /// The architecture's name.
    pub model_type: String,
    /// Labels that follow from one another, in order of depth.
    pub funnel: Vec<String>,
    /// What the columns are.
    pub columns: ColumnOptions,
    /// Width of an embedding.
    pub embedding_dim: i64,
    /// Sizes and rates.
    pub config: Config,
    /// How to train.
    pub train: TrainOptions,
    /// `data_split_method`.
    pub split_method: String,
    /// `data_split_eval_fraction`.
    pub split_fraction: f64,
    /// Where to train; the session's device when not given.
    pub device: Option<String>,
    /// What products are computed in; the session's precision when not given.
    pub precision: Option<String>,
    /// What holds for every generated row, as SQL.
    pub constraints: Vec<String>,
    /// The pair of networks of a generator of images.
    pub arch: String,
    /// The classifier in whose features images are scored.
    pub classifier: Option<String>,
    /// The multi-task model that guides a generator of rows.
    pub predictor: Option<String>,
    /// Whether to go on from where a training was interrupted.
    pub resume: bool,
}

impl Default for ModelOptions {
    fn default() -> Self {
        Self {
            model_type: "mmoe".into(),
            funnel: Vec::new(),
            columns: ColumnOptions::default(),
            embedding_dim: 16,
            config: Config::default(),
            train: TrainOptions::default(),
            split_method: "auto_split".into(),
            split_fraction: 0.2,
            device: None,
            precision: None,
            constraints: Vec::new(),
            arch: gan::image::ALL[0].name.into(),
            classifier: None,
            predictor: None,
            resume: false,
        }
    }
}

/// One option of CREATE MODEL.
pub struct OptionSpec {
    /// Its name.
    pub name: &'static str,
    /// What it takes and does, in one line.
    pub summary: &'static str,
    set: fn(&mut ModelOptions, &Value) -> Result<(), String>,
    get: fn(&ModelOptions) -> Value,
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
const OF_GENERATORS: &[&str] = &["arch", "classifier", "predictor", "resume", "constraints"];

/// Options that every generator has.
const OF_ALL_GENERATORS: &[&str] = &["model_type", "constraints", "seed"];

/// Other names of options.
const ALIASES: &[(&str, &str)] = &[("max_iterations", "epochs")];

impl ModelOptions {
    /// Reads the options of a statement.
    ///
    /// # Errors
    /// `Plan` for an unknown option, a value that an option can't take, options that don't fit
    /// together.
    pub fn parse(values: &Map<String, Value>) -> Result<Self> {
        let model_type = values.get("model_type").map(model_type);
        let mut options = Self::of_type(&model_type.and_then(Result::ok).unwrap_or_default());
        let mut seen = BTreeMap::new();
        for (given, value) in values {
            let alias = ALIASES.iter().find(|(alias, _)| alias == given);
            let name = alias.map_or(given.as_str(), |(_, name)| name);
            let spec = ALL.iter().find(|o| o.name == name).ok_or_else(|| {
                let known: Vec<_> = ALL.iter().map(|o| o.name).collect();
                unknown_option("CREATE MODEL", given, &known)
            })?;
            if let Some(other) = seen.insert(name, given) {
                return Err(Error::plan(format!(
                    "options {other} and {given} are the same one"
                )));
            }
            (spec.set)(&mut options, value)
                .map_err(|e| Error::plan(format!("option {given}: {e}, got {value}")))?;
        }
        options.check_given(seen.keys().copied())?;
        options.order_loss_weights(values)?;
        options.place_funnel()?;
        options.complete_images(&seen.keys().copied().collect::<Vec<_>>())?;
        options.check()?;
        Ok(options)
    }

    /// What models of images have besides.
    fn complete_images(&mut self, given: &[&str]) -> Result<()> {
        match gan::find(&self.model_type) {
            Some(design) if matches!(design.makes, Makes::Images) => {
                if !given.contains(&"learn_rate") {
                    self.train.learn_rate = gan::image::find(&self.arch)?.learn_rate;
                }
                if !given.contains(&"data_split_method") {
                    self.split_method = "no_split".into();
                }
                // A label is a choice among its values, whatever its type.
                for label in &self.columns.labels {
                    let kinds = &mut self.columns.label_types;
                    kinds.entry(label.clone()).or_insert("multiclass".into());
                }
                self.columns.reads_images = true;
                self.check_split()
            }
            Some(_) => Ok(()),
            None => {
                let needs = model::find(&self.model_type)?.needs;
                self.columns.reads_images = needs.contains(&Need::Images);
                Ok(())
            }
        }
    }

    /// The defaults of a type of model.
    fn of_type(model_type: &str) -> Self {
        let mut options = Self::default();
        if let Some(design) = gan::find(model_type) {
            options.train.epochs = design.defaults.epochs;
            options.train.batch_size = design.defaults.batch_size;
            options.train.learn_rate = design.defaults.learn_rate;
            options.config.hidden_units = design.defaults.hidden_units.to_vec();
        }
        options
    }

    /// Whether the type of model reads the option `name`.
    fn reads(&self, name: &str) -> bool {
        match gan::find(&self.model_type) {
            Some(design) => design.options.contains(&name) || OF_ALL_GENERATORS.contains(&name),
            None => !OF_GENERATORS.contains(&name),
        }
    }

    /// An option that nobody reads is a mistake.
    fn check_given<'a>(&self, mut given: impl Iterator<Item = &'a str>) -> Result<()> {
        let Some(unread) = given.find(|name| !self.reads(name)) else {
            return Ok(());
        };
        let read = ALL.iter().map(|option| option.name);
        let read: Vec<_> = read.filter(|name| self.reads(name)).collect();
        Err(Error::plan(format!(
            "option {unread} is none of model_type = '{}'; it has: {}",
            self.model_type,
            read.join(", ")
        )))
    }

    fn check(&self) -> Result<()> {
        if gan::find(&self.model_type).is_some() {
            return Ok(());
        }
        if self.columns.labels.is_empty() {
            return Err(Error::plan(
                "option input_label_cols is missing: name the columns to predict, as in \
                 input_label_cols = ['click', 'buy']",
            ));
        }
        if !self.columns.image_size.is_empty() && !self.columns.reads_images {
            return Err(Error::plan(format!(
                "option image_size needs a model of images, model_type = 'image_classifier' for example; got '{}'",
                self.model_type
            )));
        }
        self.check_split()?;
        self.check_needs()
    }

    fn check_split(&self) -> Result<()> {
        let needs_column = matches!(self.split_method.as_str(), "seq" | "custom");
        if needs_column && self.columns.split_col.is_none() {
            return Err(Error::plan(format!(
                "data_split_method = '{}' needs option data_split_col",
                self.split_method
            )));
        }
        if !needs_column && self.columns.split_col.is_some() {
            return Err(Error::plan(format!(
                "option data_split_col needs data_split_method = 'seq' or 'custom', got '{}'",
                self.split_method
            )));
        }
        Ok(())
    }

    /// Brings loss_weights, given by name, into the order of the labels.
    fn order_loss_weights(&mut self, values: &Map<String, Value>) -> Result<()> {
        let Some(value) = values.get("loss_weights") else {
            return Ok(());
        };
        let labels = &self.columns.labels;
        if let Value::Object(by_name) = value {
            let unknown = by_name.keys().find(|name| !labels.contains(name));
            if let Some(unknown) = unknown {
                return Err(Error::plan(format!(
                    "unknown task {unknown:?} in loss_weights; input_label_cols has: {}",
                    labels.join(", ")
                )));
            }
            let weight = |label| by_name.get(label).and_then(Value::as_f64).unwrap_or(1.);
            self.train.loss_weights = labels.iter().map(weight).collect();
        } else if self.train.loss_weights.len() != labels.len() {
            return Err(Error::plan(format!(
                "option loss_weights: expected a number for each of the {} tasks, got {value}",
                labels.len()
            )));
        }
        Ok(())
    }

    /// Finds the funnel's labels among the tasks.
    fn place_funnel(&mut self) -> Result<()> {
        let labels = &self.columns.labels;
        let mut places = Vec::with_capacity(self.funnel.len());
        for name in &self.funnel {
            let place = labels
                .iter()
                .position(|label| label == name)
                .ok_or_else(|| {
                    Error::plan(format!(
                        "unknown task {name:?} in funnel; input_label_cols has: {}",
                        labels.join(", ")
                    ))
                })?;
            if places.contains(&place) {
                return Err(Error::plan(format!("option funnel names {name:?} twice")));
            }
            places.push(place);
        }
        if places.len() == 1 {
            return Err(Error::plan(
                "option funnel: expected two labels or more, in order of depth, got one",
            ));
        }
        self.config.funnel = places;
        Ok(())
    }

    /// What the architecture can't do without must be there.
    fn check_needs(&self) -> Result<()> {
        let architecture = model::find(&self.model_type)?;
        let columns = &self.columns;
        for need in architecture.needs {
            let (there, what) = match need {
                Need::Scenario => (columns.scenario_col.is_some(), "option scenario_col"),
                Need::Funnel => (
                    !self.funnel.is_empty(),
                    "option funnel, as in funnel = ['click', 'buy']",
                ),
                Need::UserOrItem => (
                    columns.user_col.is_some() || columns.item_col.is_some(),
                    "option user_col or item_col",
                ),
                Need::SecondTask => (columns.labels.len() > 1, "two labels or more"),
                Need::Images => (columns.reads_images, "a column of pixels"),
            };
            if !there {
                return Err(Error::plan(format!(
                    "model_type = '{}' needs {what}",
                    self.model_type
                )));
            }
        }
        Ok(())
    }

    /// Checks what can only be known with the types of the labels.
    ///
    /// # Errors
    /// `Plan` when a funnel has a task that is not binary, or a task can't have class weights.
    pub fn check_tasks(&self, encoder: &EncoderSpec) -> Result<()> {
        for &at in &self.config.funnel {
            let task = &encoder.tasks[at];
            if task.kind != TaskKind::Binary {
                return Err(Error::plan(format!(
                    "option funnel: {:?} is a {} task; only binary ones follow from one another",
                    task.name,
                    task.kind.name()
                )));
            }
        }
        let weights = &self.train.class_weights;
        if self.train.auto_class_weights && !weights.is_empty() {
            return Err(Error::plan(
                "options class_weights and auto_class_weights exclude each other: give one of them",
            ));
        }
        for name in weights.keys() {
            let task = encoder.tasks.iter().find(|task| task.name == *name);
            let Some(task) = task else {
                let known: Vec<_> = encoder.tasks.iter().map(|t| t.name.as_str()).collect();
                return Err(Error::plan(format!(
                    "unknown task {name:?} in class_weights; input_label_cols has: {}",
                    known.join(", ")
                )));
            };
            if matches!(task.kind, TaskKind::Regression(_)) {
                return Err(Error::plan(format!(
                    "option class_weights: {name:?} is a {} task, which has no classes",
                    task.kind.name()
                )));
            }
        }
        Ok(())
    }

    /// The loss of a task whose labels are counted in `labels`.
    ///
    /// # Errors
    /// `Plan` when class_weights names a class that no row has.
    pub fn loss(&self, task: &Task, labels: &LabelCount) -> Result<Loss> {
        let weights = match self.train.auto_class_weights {
            true => balanced(&labels.classes),
            false => self.class_weights(task)?,
        };
        Ok(match &task.kind {
            TaskKind::Binary => Loss::Binary([weights[0], weights[1]]),
            TaskKind::MultiClass(_) => Loss::MultiClass(weights),
            TaskKind::Regression(_) => Loss::Squared,
        })
    }

    /// The weights of a task's classes, in order.
    fn class_weights(&self, task: &Task) -> Result<Vec<f64>> {
        // Several names for 0 and 1 of a binary task.
        let classes: Vec<Vec<&str>> = match &task.kind {
            TaskKind::Binary => vec![vec!["0", "false"], vec!["1", "true"]],
            TaskKind::MultiClass(classes) => classes.values.iter().map(|v| vec![&v[..]]).collect(),
            TaskKind::Regression(_) => Vec::new(),
        };
        let mut weights = vec![1.; classes.len()];
        for (name, weight) in self
            .train
            .class_weights
            .get(&task.name)
            .into_iter()
            .flatten()
        {
            let at = classes.iter().position(|names| names.contains(&&name[..]));
            let at = at.ok_or_else(|| {
                let known: Vec<_> = classes.iter().map(|names| names[0]).take(20).collect();
                Error::plan(format!(
                    "unknown class {name:?} of {:?} in class_weights; its classes begin: {}",
                    task.name,
                    known.join(", ")
                ))
            })?;
            weights[at] = *weight;
        }
        Ok(weights)
    }

    /// How rows are held back.
    pub fn split(&self) -> SplitMethod {
        let fraction = self.split_fraction;
        match self.split_method.as_str() {
            "random" => SplitMethod::Random { fraction },
            "seq" => SplitMethod::Seq { fraction },
            "custom" => SplitMethod::Custom,
            "no_split" => SplitMethod::None,
            _ => SplitMethod::Auto,
        }
    }

    /// Every option that is set, by name: an empty list where the default is another one.
    pub fn to_map(&self) -> Map<String, Value> {
        let defaults = Self::of_type(&self.model_type);
        ALL.iter()
            .filter(|option| self.reads(option.name))
            .map(|option| (option, (option.get)(self)))
            .filter(|(option, value)| !is_empty(value) || *value != (option.get)(&defaults))
            .map(|(option, value)| (option.name.to_string(), value))
            .collect()
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// `value` as SQL writes it.
pub fn to_sql(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(to_sql).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| {
                    format!(
                        "{}: {}",
                        to_sql(&Value::String(name.clone())),
                        to_sql(value)
                    )
                })
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

pub(super) type Read<T> = Result<T, String>;

fn text(value: &Value) -> Read<String> {
    value
        .as_str()
        .map(str::to_string)
        .ok_or_else(|| "expected a string".into())
}

fn optional_text(value: &Value) -> Read<Option<String>> {
    text(value).map(Some)
}

/// An array of names, or one name.
pub(super) fn names(value: &Value) -> Read<Vec<String>> {
    let wrong = || "expected an array of column names".to_string();
    match value {
        Value::String(name) => Ok(vec![name.clone()]),
        Value::Array(values) => values
            .iter()
            .map(|v| v.as_str().map(str::to_string).ok_or_else(wrong))
            .collect(),
        _ => Err(wrong()),
    }
}

/// An array of texts, or one text.
pub(super) fn texts(value: &Value) -> Read<Vec<String>> {
    names(value).map_err(|_| "expected an array of strings".into())
}

pub(super) fn text_map(value: &Value) -> Read<BTreeMap<String, String>> {
    serde_json::from_value(value.clone())
        .map_err(|_| "expected a struct of strings, as in {'buy': 'binary'}".into())
}

/// The name of an encoding, or a struct of such names by column.
fn numeric_encoding(value: &Value) -> Read<NumericEncodings> {
    let wrong = || {
        "expected the name of an encoding, or a struct of them, as in {'price': 'log'}".to_string()
    };
    let encoding = |value: &Value| {
        let name = value.as_str().ok_or_else(wrong)?;
        NumericEncoding::parse(name).map_err(|e| e.to_string())
    };
    let Value::Object(columns) = value else {
        return encoding(value).map(NumericEncodings::All);
    };
    let columns = columns
        .iter()
        .map(|(name, value)| Ok((name.clone(), encoding(value)?)));
    columns.collect::<Read<_>>().map(NumericEncodings::ByColumn)
}

pub(super) fn count<T: TryFrom<i64>>(value: &Value) -> Read<T> {
    value
        .as_i64()
        .filter(|&n| n >= 1)
        .and_then(|n| T::try_from(n).ok())
        .ok_or_else(|| "expected a whole number from 1".into())
}

fn up_to<T: TryFrom<i64>>(value: &Value, most: i64) -> Read<T> {
    let fits = value.as_i64().is_none_or(|n| n <= most);
    match count(value) {
        Ok(n) if fits => Ok(n),
        _ => Err(format!("expected a whole number from 1 to {most}")),
    }
}

fn optional_count<T: TryFrom<i64>>(value: &Value) -> Read<Option<T>> {
    count(value).map(Some)
}

pub(super) fn seed(value: &Value) -> Read<u64> {
    value
        .as_u64()
        .ok_or_else(|| format!("expected a whole number from 0 to {}", i64::MAX))
}

/// An array of widths, or one width; an empty array means no layers.
fn widths(value: &Value) -> Read<Vec<i64>> {
    let wrong = "expected an array of whole numbers from 1 to 65536";
    let values = match value {
        Value::Array(values) => values.clone(),
        other => vec![other.clone()],
    };
    values
        .iter()
        .map(|v| {
            count(v)
                .ok()
                .filter(|n| *n <= 65_536)
                .ok_or_else(|| wrong.into())
        })
        .collect()
}

fn float(value: &Value, what: &str, ok: impl Fn(f64) -> bool) -> Read<f64> {
    let number = value.as_f64().filter(|n| n.is_finite() && ok(*n));
    number.ok_or_else(|| format!("expected {what}"))
}

fn positive(value: &Value) -> Read<f64> {
    float(value, "a number above 0", |n| n > 0.)
}

fn optional_positive(value: &Value) -> Read<Option<f64>> {
    positive(value).map(Some)
}

fn not_negative(value: &Value) -> Read<f64> {
    float(value, "a number from 0", |n| n >= 0.)
}

fn share(value: &Value) -> Read<f64> {
    float(value, "a number from 0 to below 1", |n| {
        (0. ..1.).contains(&n)
    })
}

fn fraction(value: &Value) -> Read<f64> {
    float(value, "a number above 0 and below 1", |n| n > 0. && n < 1.)
}

fn image_size(value: &Value) -> Read<Vec<usize>> {
    let sides = widths(value).ok().filter(|sides| {
        let longest = png::MAX_SIDE as i64;
        sides.len() == 2 && sides.iter().all(|&side| side <= longest)
    });
    let sides = sides.ok_or("expected [height, width] in pixels, as in [28, 28]")?;
    Ok(sides.into_iter().map(|side| side as usize).collect())
}

fn boolean(value: &Value) -> Read<bool> {
    value
        .as_bool()
        .ok_or_else(|| "expected true or false".into())
}

fn model_type(value: &Value) -> Read<String> {
    let name = text(value)?.to_lowercase();
    gan::check_model_type(&name).map_err(|e| e.to_string())?;
    Ok(name)
}

fn optimizer(value: &Value) -> Read<Optimizer> {
    Optimizer::parse(&text(value)?.to_lowercase()).map_err(|e| e.to_string())
}

fn arch(value: &Value) -> Read<String> {
    let name = text(value)?.to_lowercase();
    gan::image::find(&name).map_err(|e| e.to_string())?;
    Ok(name)
}

fn interaction(value: &Value) -> Read<String> {
    let name = text(value)?;
    interaction::find(&name).map_err(|e| e.to_string())?;
    Ok(name)
}

fn loss_weighting(value: &Value) -> Read<String> {
    let name = text(value)?.to_lowercase();
    weighting::find(&name).map_err(|e| e.to_string())?;
    Ok(name)
}

/// A weight for each class of some tasks.
fn class_weights(value: &Value) -> Read<BTreeMap<String, BTreeMap<String, f64>>> {
    let weights: BTreeMap<String, BTreeMap<String, f64>> = serde_json::from_value(value.clone())
        .map_err(|_| "expected a struct of structs, as in {'click': {'1': 5.0}}")?;
    let all = || weights.values().flat_map(BTreeMap::values);
    match all().all(|weight| *weight >= 0.) {
        true => Ok(weights),
        false => Err("expected weights from 0".into()),
    }
}

/// Weights in task order; those given by name are put in order when the labels are known.
fn loss_weights(value: &Value) -> Read<Vec<f64>> {
    let wrong = "expected a number from 0 for each task, as in {'click': 1.0}";
    let values: Vec<&Value> = match value {
        Value::Array(values) => values.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => return Err(wrong.into()),
    };
    values
        .into_iter()
        .map(|v| not_negative(v).map_err(|_| wrong.to_string()))
        .collect()
}

fn split_method(value: &Value) -> Read<String> {
    const METHODS: [&str; 5] = ["auto_split", "random", "seq", "custom", "no_split"];
    let name = text(value)?.to_lowercase();
    if METHODS.contains(&name.as_str()) {
        return Ok(name);
    }
    Err(format!("expected one of {}", METHODS.join(", ")))
}

fn precision(value: &Value) -> Read<Option<String>> {
    let text = text(value)?;
    text.parse::<Precision>().map_err(|e| e.to_string())?;
    Ok(Some(text))
}

fn device(value: &Value) -> Read<Option<String>> {
    let name = text(value)?;
    name.parse::<Choice>().map_err(|e| e.to_string())?;
    Ok(Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<ModelOptions> {
        ModelOptions::parse(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn written_options_read_back_the_same() {
        let options = parse(
            r#"{"input_label_cols": ["a", "b"], "loss_weights": {"b": 2}, "epochs": 3,
                "optimizer": "adagrad", "data_split_method": "seq", "data_split_col": "t",
                "funnel": ["b", "a"], "tower_units": []}"#,
        )
        .unwrap();
        assert_eq!(options.train.loss_weights, [1., 2.]);
        assert_eq!(options.config.funnel, [1, 0]);
        let again = ModelOptions::parse(&options.to_map()).unwrap();
        assert_eq!(options.to_map(), again.to_map());
        assert_eq!(again.config.tower_units, [0i64; 0]);
    }

    #[test]
    fn errors_name_the_option_and_what_it_takes() {
        let error = |json| parse(json).unwrap_err().to_string();
        let text = error(r#"{"input_label_cols": ["a"], "epoch": 3}"#);
        assert!(text.contains(r#"unknown option "epoch""#) && text.contains(r#""epochs""#));
        let text = error(r#"{"input_label_cols": ["a"], "epochs": "x"}"#);
        assert!(
            text.contains("option epochs: expected a whole number from 1, got \"x\""),
            "{text}"
        );
        assert!(error("{}").contains("input_label_cols"));
        let text = error(r#"{"input_label_cols": ["a"], "model_type": "bert"}"#);
        assert!(text.contains("known: shared_bottom, omoe, mmoe"), "{text}");
        let text = error(r#"{"input_label_cols": ["a", "b"], "model_type": "esmm"}"#);
        assert!(text.contains("'esmm' needs option funnel"), "{text}");
        let text = error(r#"{"input_label_cols": ["a"], "model_type": "aitm"}"#);
        assert!(text.contains("'aitm' needs two labels"), "{text}");
        let text = error(r#"{"input_label_cols": ["a"], "model_type": "pepnet"}"#);
        assert!(
            text.contains("'pepnet' needs option scenario_col"),
            "{text}"
        );
        let text = error(r#"{"input_label_cols": ["a", "b"], "funnel": ["b", "c"]}"#);
        assert!(text.contains("unknown task \"c\" in funnel"), "{text}");
        let text = error(r#"{"input_label_cols": ["a", "b"], "funnel": ["b", "b"]}"#);
        assert!(text.contains("twice"), "{text}");
        let text = error(r#"{"input_label_cols": ["a", "b"], "funnel": ["b"]}"#);
        assert!(text.contains("two labels or more"), "{text}");
        let text = error(r#"{"input_label_cols": ["a"], "data_split_method": "seq"}"#);
        assert!(text.contains("data_split_col"), "{text}");
        let text = error(r#"{"input_label_cols": ["a"], "epochs": 1, "max_iterations": 2}"#);
        assert!(text.contains("the same"), "{text}");
    }
}
