//! The options of CREATE MODEL.

mod list;
pub mod read;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub use list::ALL;
use list::{ALIASES, OF_ALL_GENERATORS, OF_GENERATORS};
use read::model_type;

use crate::error::{Error, Result};
use crate::feature::{ColumnOptions, EncoderSpec, LabelCount, SplitMethod, Task, TaskKind};
use crate::gan::{self, Makes};
use crate::model::{self, Config, Need};
use crate::train::{Loss, TrainOptions, balanced};

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

/// The error for an option that nobody knows; it names the nearest that is known.
pub fn unknown_option(of: &str, name: &str, known: &[&str]) -> Error {
    let distance = |k: &&&str| strsim::damerau_levenshtein(k, name);
    match known.iter().min_by_key(distance) {
        None => Error::plan(format!("{of} has no options, got {name}")),
        Some(nearest) => Error::plan(format!(
            "unknown option {name:?} of {of}; did you mean {nearest:?}? known: {}",
            known.join(", ")
        )),
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

#[cfg(test)]
mod tests;
