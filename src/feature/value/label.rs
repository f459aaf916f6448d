//! Labels: what is to be predicted becomes a float a row, NaN for NULL.
//!
//! Classes are numbered as they come, partition by partition; [`join_classes`] brings them into the
//! order of their values.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::{cast, sort_to_indices};
use arrow::datatypes::DataType;

use super::class::{Class, value_type};
use super::number;
use crate::error::{Error, Result};
use crate::feature::rows::layout::{Classes, Target, Task, TaskKind};
use crate::feature::value::scale::Scale;
use crate::feature::vocabulary::hash::{NULL_HASH, combine, text_hash};

/// Classes of a label at the most.
const MAX_CLASSES: usize = 1000;

/// The kinds of tasks that the option tasks knows.
const KINDS: &str = "binary, multiclass, regression, log_regression";

/// What kind of task a label of this type is; `asked` is what the option tasks says of it.
///
/// # Errors
/// `Plan` for a type that nothing can be learnt from, or not what is asked for.
pub fn task_kind(name: &str, data_type: &DataType, asked: Option<&str>) -> Result<TaskKind> {
    let value = value_type(data_type);
    let class = Class::of(data_type);
    let refuse = |what: &str| {
        Err(Error::plan(format!(
            "label \"{name}\" is of type {data_type}: {what}"
        )))
    };
    if *value == DataType::Null {
        return Err(Error::plan(format!(
            "label \"{name}\" is NULL in every row"
        )));
    }
    let classes = || {
        TaskKind::MultiClass(Classes {
            data_type: value.to_string(),
            values: Vec::new(),
        })
    };
    let regression = |log| {
        TaskKind::Regression(Target {
            log,
            scale: Scale::NONE,
        })
    };
    let asked = asked.map(str::to_lowercase);
    match asked.as_deref() {
        None if value.is_integer() || *value == DataType::Boolean => Ok(TaskKind::Binary),
        None if class == Class::Text => Ok(classes()),
        None if class == Class::Number => Ok(regression(false)),
        None if class.is_scalar() => refuse(&format!(
            "say in tasks what to learn, as in tasks = {{'{name}': 'multiclass'}}"
        )),
        Some("binary") if class == Class::Number => Ok(TaskKind::Binary),
        Some("binary") => refuse("a binary label is BOOLEAN or a number, 0 or 1"),
        Some("multiclass") if class.is_scalar() => Ok(classes()),
        Some(kind @ ("regression" | "log_regression")) => match class {
            Class::Number | Class::Duration if *value != DataType::Boolean => {
                Ok(regression(kind == "log_regression"))
            }
            _ => refuse("only a number can be the target of a regression"),
        },
        None | Some("multiclass") => refuse("it can't be predicted"),
        Some(other) => Err(Error::plan(format!(
            "unknown task type \"{other}\" of label \"{name}\"; known: {KINDS}"
        ))),
    }
}

/// Reads the labels of one task in one partition.
pub(crate) struct Reader {
    name: String,
    kind: TaskKind,
    /// Numbers of the classes so far.
    classes: HashMap<String, u32>,
}

impl Reader {
    pub(crate) fn new(task: &Task) -> Self {
        Self {
            name: task.name.clone(),
            kind: task.kind.clone(),
            classes: HashMap::new(),
        }
    }

    /// Replaces `out` by the values of a label column and adds them to the hashes of their rows: 1 and
    /// 0, the number of a class in this partition, or what is to be standardised; NaN for NULL.
    ///
    /// # Errors
    /// `Execution` for a value that the task can't learn.
    pub(crate) fn read(
        &mut self,
        array: &ArrayRef,
        out: &mut Vec<f64>,
        hashes: &mut [u64],
    ) -> Result<()> {
        match &self.kind {
            TaskKind::MultiClass(_) => return self.read_classes(array, out, hashes),
            TaskKind::Binary => {
                number::read(array, out)?;
                check_binary(&self.name, out)?;
            }
            TaskKind::Regression(target) => {
                number::read(array, out)?;
                if target.log {
                    if let Some(value) = out.iter().find(|v| **v <= -1.0) {
                        return Err(Error::execution(format!(
                            "label \"{}\" holds {value}: log_regression needs values above -1",
                            self.name
                        )));
                    }
                    out.iter_mut().for_each(|v| *v = v.ln_1p());
                }
            }
        }
        number::hash(out, hashes);
        Ok(())
    }

    fn read_classes(
        &mut self,
        array: &ArrayRef,
        out: &mut Vec<f64>,
        hashes: &mut [u64],
    ) -> Result<()> {
        let texts = cast(array, &DataType::Utf8)?;
        out.clear();
        for (text, hash) in texts.as_string::<i32>().iter().zip(hashes) {
            let Some(text) = text else {
                *hash = combine(*hash, NULL_HASH);
                out.push(f64::NAN);
                continue;
            };
            *hash = combine(*hash, text_hash(text.as_bytes()));
            let number = match self.classes.get(text) {
                Some(number) => *number,
                None => {
                    let number = self.classes.len() as u32;
                    self.classes.insert(text.to_string(), number);
                    number
                }
            };
            out.push(number.into());
        }
        match self.classes.len() > MAX_CLASSES {
            true => Err(self.too_many()),
            false => Ok(()),
        }
    }

    fn too_many(&self) -> Error {
        Error::execution(format!(
            "label \"{}\" has more than {MAX_CLASSES} distinct values, too many classes to tell apart",
            self.name
        ))
    }
}

/// The final numbers of classes: per partition and task, by number in that partition; none for a task
/// without classes.
pub(crate) type ClassMaps = Vec<Vec<Option<Vec<u32>>>>;

/// Joins the classes that the readers of all partitions, one for each task, have met: the tasks with
/// them, and where each partition's have gone.
///
/// # Errors
/// `Execution` when a label has too many classes.
pub(crate) fn join_classes(
    tasks: &[Task],
    partitions: &[&[Reader]],
) -> Result<(Vec<Task>, ClassMaps)> {
    let mut tasks = tasks.to_vec();
    let mut maps: ClassMaps = partitions.iter().map(|_| Vec::new()).collect();
    for (at, task) in tasks.iter_mut().enumerate() {
        let readers = || partitions.iter().map(|p| &p[at]);
        let TaskKind::MultiClass(classes) = &mut task.kind else {
            maps.iter_mut().for_each(|of_tasks| of_tasks.push(None));
            continue;
        };
        let distinct: BTreeSet<&String> = readers().flat_map(|r| r.classes.keys()).collect();
        if let (true, Some(reader)) = (distinct.len() > MAX_CLASSES, readers().next()) {
            return Err(reader.too_many());
        }
        classes.values = distinct.into_iter().cloned().collect();
        let order = sort_to_indices(&classes.array()?, None, None)?;
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(&classes.values));
        let sorted = arrow::compute::take(&texts, &order, None)?;
        classes.values = (0..sorted.len())
            .map(|i| sorted.as_string::<i32>().value(i).to_string())
            .collect();
        let places: HashMap<&String, u32> = classes.values.iter().zip(0..).collect();
        for (reader, maps) in readers().zip(&mut maps) {
            let mut map = vec![0; reader.classes.len()];
            for (text, number) in &reader.classes {
                map[*number as usize] = places[text];
            }
            maps.push(Some(map));
        }
    }
    Ok((tasks, maps))
}

/// Brings the labels of a row of a partition to their final numbers.
#[inline]
pub(crate) fn place_classes(maps: &[Option<Vec<u32>>], labels: &mut [u32]) {
    for (label, map) in labels.iter_mut().zip(maps) {
        let number = f32::from_bits(*label);
        if let Some(map) = map
            && !number.is_nan()
        {
            *label = (map[number as usize] as f32).to_bits();
        }
    }
}

/// Makes NULL labels 0 behind one that is 0.
pub(crate) fn fill_funnel(funnel: &[usize], labels: &mut [f32]) {
    let mut ended = false;
    for &task in funnel {
        let label = &mut labels[task];
        if ended && label.is_nan() {
            *label = 0.;
        }
        ended |= *label == 0.;
    }
}

/// What the labels of a task are like.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelCount {
    /// Rows whose label is not NULL.
    pub labelled: u64,
    /// Rows of each class; of a binary task those with 0 and those with 1; none of a regression.
    pub classes: Vec<u64>,
    /// Smallest and largest label.
    range: Option<(f32, f32)>,
}

impl LabelCount {
    /// Nothing yet.
    pub(crate) fn new(kind: &TaskKind) -> Self {
        let classes = match kind {
            TaskKind::Binary => 2,
            TaskKind::MultiClass(classes) => classes.values.len(),
            TaskKind::Regression(_) => 0,
        };
        Self {
            classes: vec![0; classes],
            ..Self::default()
        }
    }

    pub(crate) fn add(&mut self, label: f32) {
        if label.is_nan() {
            return;
        }
        self.labelled += 1;
        let (low, high) = self.range.unwrap_or((label, label));
        self.range = Some((low.min(label), high.max(label)));
        if let Some(count) = self.classes.get_mut(label as usize) {
            *count += 1;
        }
    }

    pub(crate) fn merge(&mut self, other: &LabelCount) {
        self.labelled += other.labelled;
        for (count, other) in self.classes.iter_mut().zip(&other.classes) {
            *count += other;
        }
        self.range = match (self.range, other.range) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (one, other) => one.or(other),
        };
    }

    /// Rows whose label is 1.
    pub fn positives(&self) -> u64 {
        self.classes.get(1).copied().unwrap_or(0)
    }
}

/// Checks that something can be learned from a label.
///
/// `part` says which rows were counted, for example ` in the training part`.
///
/// # Errors
/// `Execution` when it is NULL in every row, or always the same.
pub(crate) fn check(task: &Task, count: &LabelCount, part: &str) -> Result<()> {
    let name = &task.name;
    let Some((low, high)) = count.range else {
        return Err(Error::execution(format!(
            "label \"{name}\" is NULL in every row{part}"
        )));
    };
    if low < high {
        return Ok(());
    }
    let value = match &task.kind {
        TaskKind::Binary => low.to_string(),
        TaskKind::MultiClass(classes) => format!("{:?}", classes.values[low as usize]),
        TaskKind::Regression(target) => target.restore(low).to_string(),
    };
    Err(Error::execution(format!(
        "label \"{name}\" is constant{part}: every row has {value}"
    )))
}

/// A binary label is 0, 1 or NULL.
pub fn check_binary(name: &str, values: &[f64]) -> Result<()> {
    let wrong = |v: &&f64| !v.is_nan() && **v != 0.0 && **v != 1.0;
    match values.iter().find(wrong) {
        None => Ok(()),
        Some(value) => Err(Error::execution(format!(
            "label \"{name}\" holds {value}: other than 0, 1 and NULL needs tasks = {{'{name}': 'multiclass'}} or \
             tasks = {{'{name}': 'regression'}}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{BooleanArray, Date32Array, Float32Array, Int64Array};

    use super::*;

    fn reader(kind: &str, array: &ArrayRef) -> Result<Reader> {
        let asked = Some(kind).filter(|kind| !kind.is_empty());
        let kind = task_kind("x", array.data_type(), asked)?;
        Ok(Reader::new(&Task {
            name: "x".into(),
            kind,
        }))
    }

    fn read(kind: &str, array: ArrayRef) -> Result<Vec<f64>> {
        let (mut out, mut hashes) = (Vec::new(), vec![0; array.len()]);
        reader(kind, &array)?.read(&array, &mut out, &mut hashes)?;
        Ok(out)
    }

    #[test]
    fn reads_every_kind_of_label() {
        let yes_no = BooleanArray::from(vec![Some(true), None, Some(false)]);
        let labels = read("", Arc::new(yes_no)).unwrap();
        assert_eq!((labels[0], labels[1].is_nan(), labels[2]), (1.0, true, 0.0));
        let texts = StringArray::from(vec![Some("b"), None, Some("a"), Some("b")]);
        let labels = read("", Arc::new(texts)).unwrap();
        assert_eq!((labels[0], labels[2], labels[3]), (0.0, 1.0, 0.0));
        assert!(labels[1].is_nan());
        let dates = Arc::new(Date32Array::from(vec![3, 5, 3]));
        assert_eq!(read("multiclass", dates).unwrap(), [0.0, 1.0, 0.0]);
        let numbers = || Arc::new(Float32Array::from(vec![0.0, 1.5]));
        assert_eq!(read("", numbers()).unwrap(), [0.0, 1.5]);
        let logs = read("log_regression", numbers()).unwrap();
        assert!((logs[1] - 2.5f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn names_the_label_and_what_is_wrong() {
        let message = |kind, array: ArrayRef| read(kind, array).unwrap_err().to_string();
        assert_eq!(
            message("", Arc::new(Int64Array::from(vec![0, 7]))),
            "label \"x\" holds 7: other than 0, 1 and NULL needs tasks = {'x': 'multiclass'} or \
             tasks = {'x': 'regression'}"
        );
        let negative = Arc::new(Float32Array::from(vec![-1.0]));
        assert!(message("log_regression", negative).contains("holds -1: log_regression needs"));
        let dates = || Arc::new(Date32Array::from(vec![3]));
        assert!(message("", dates()).contains("say in tasks what to learn"));
        assert!(message("regression", dates()).contains("only a number"));
        let texts = || Arc::new(StringArray::from(vec!["a"]));
        assert!(message("binary", texts()).contains("a binary label is BOOLEAN or a number"));
        assert_eq!(
            message("softmax", texts()),
            "unknown task type \"softmax\" of label \"x\"; known: binary, multiclass, regression, \
             log_regression"
        );
        let many = StringArray::from_iter_values((0..1001).map(|i| i.to_string()));
        assert!(message("", Arc::new(many)).contains("more than 1000 distinct values"));
    }

    #[test]
    fn labels_behind_an_end_of_the_funnel_are_0() {
        let null = f32::NAN;
        let mut labels = [null, 0., 1., null];
        fill_funnel(&[2, 1, 0], &mut labels);
        assert_eq!(labels[..3], [0., 0., 1.]);
        assert!(labels[3].is_nan());
        let mut labels = [null, 1., 1., 5.];
        fill_funnel(&[2, 1, 0], &mut labels);
        assert!(labels[0].is_nan());
    }
}
