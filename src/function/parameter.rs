//! The arguments of metric functions: their names, the types they take, and the rows that they make.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, BooleanArray, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Float32Type, Float64Type, Schema};
use datafusion::common::cast::{as_boolean_array, as_float64_array, as_primitive_array};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{ColumnarValue, Documentation};

use crate::metric::Score;

/// The type of a score column: scores of 16 and 32 bits are kept as 32, all others as 64.
pub(super) trait ScoreType: ArrowPrimitiveType<Native: Score> + Debug + Send + Sync {}

impl ScoreType for Float32Type {}
impl ScoreType for Float64Type {}

/// What an argument of a metric function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parameter {
    /// A number of rows: a positive integer, the same for all rows. It stands first.
    K,
    /// BOOLEAN, or a number that is 0 or 1.
    BinaryLabel,
    /// Any number.
    NumberLabel,
    /// Any number, of which only the order or the distance counts.
    Score,
    /// A number between 0 and 1.
    Probability,
    /// What the rows are grouped by: any scalar.
    Group,
    /// A class: any scalar.
    Class,
    /// A class of the same type as [`Parameter::Class`], which stands before it.
    PredictedClass,
}

impl Parameter {
    /// The name of the argument, for named calls and documentation.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::K => "k",
            Self::BinaryLabel | Self::NumberLabel | Self::Class => "label",
            Self::Score | Self::Probability => "score",
            Self::Group => "group",
            Self::PredictedClass => "predicted",
        }
    }

    /// What SHOW FUNCTIONS says of the argument.
    fn description(self) -> &'static str {
        match self {
            Self::K => {
                "How many rows of a group count, from the highest score on: a constant integer from 1."
            }
            Self::BinaryLabel => "What happened: BOOLEAN, or a number that is 0 or 1.",
            Self::NumberLabel => "What happened: any number.",
            Self::Score => "What was predicted: any number.",
            Self::Probability => "What was predicted: a probability between 0 and 1.",
            Self::Group => "What the rows are grouped by, a user say: any scalar type.",
            Self::Class => "What happened: a class, of any scalar type.",
            Self::PredictedClass => "What was predicted: a class, of the same type.",
        }
    }

    /// The types that the argument takes, for errors.
    fn expected(self) -> &'static str {
        match self {
            Self::K => "an integer",
            Self::BinaryLabel => "BOOLEAN or a number that is 0 or 1",
            Self::NumberLabel | Self::Score | Self::Probability => "a number",
            Self::Group | Self::Class | Self::PredictedClass => "of a scalar type",
        }
    }

    /// The type to which the argument is cast; `None` when it can't be taken.
    fn cast(self, given: &DataType) -> Option<DataType> {
        match (self, given) {
            (_, DataType::Dictionary(_, values)) => self.cast(values),
            (Self::K, _) => given.is_integer().then_some(DataType::Int64),
            (Self::BinaryLabel, DataType::Boolean | DataType::Null) => Some(DataType::Boolean),
            (Self::NumberLabel, DataType::Boolean) => Some(DataType::Float64),
            (Self::Score | Self::Probability, DataType::Float16 | DataType::Float32) => {
                Some(DataType::Float32)
            }
            (Self::Group, DataType::Null) => Some(DataType::Boolean),
            (Self::Group | Self::Class | Self::PredictedClass, _) => {
                (!given.is_nested()).then(|| given.clone())
            }
            (_, DataType::Null) => Some(DataType::Float64),
            _ => given.is_numeric().then_some(DataType::Float64),
        }
    }
}

/// Name and arguments of a metric function.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) parameters: &'static [Parameter],
}

impl Call {
    /// The types to which the arguments are cast. A type that can't be taken stays as it is, for [`Call::check`].
    pub(super) fn casts(&self, given: &[DataType]) -> Vec<DataType> {
        let mut types = given.to_vec();
        for (parameter, given) in self.parameters.iter().zip(&mut types) {
            if let Some(cast) = parameter.cast(given) {
                *given = cast;
            }
        }
        if let ([Parameter::Class, Parameter::PredictedClass], [label, predicted]) =
            (self.parameters, types.as_mut_slice())
            && let Some(common) = common_type(label, predicted)
        {
            *label = common.clone();
            *predicted = common;
        }
        types
    }

    /// Whether an argument is a score.
    pub(super) fn has_scores(&self) -> bool {
        let is_score = |p: &Parameter| matches!(p, Parameter::Score | Parameter::Probability);
        self.parameters.iter().any(is_score)
    }

    /// Refuses a wrong number of arguments and types that can't be taken.
    pub(super) fn check(&self, given: &[DataType]) -> Result<()> {
        let name = self.name;
        if given.len() != self.parameters.len() {
            let names: Vec<_> = self.parameters.iter().map(|p| p.name()).collect();
            return plan_err!(
                "{name} takes {} arguments ({}), got {}",
                names.len(),
                names.join(", "),
                given.len()
            );
        }
        for (parameter, given) in self.parameters.iter().zip(given) {
            if parameter.cast(given).is_none() {
                let (argument, expected) = (parameter.name(), parameter.expected());
                return plan_err!("{name}: {argument} must be {expected}, got {given}");
            }
        }
        if self.parameters.contains(&Parameter::PredictedClass)
            && let [label, predicted] = self.casts(given).as_slice()
            && label != predicted
        {
            return plan_err!(
                "{name}: label and predicted must be of one type, got {label} and {predicted}"
            );
        }
        Ok(())
    }

    /// Place of the label among the arguments; the score stands behind it.
    pub(super) fn label_at(&self) -> usize {
        let is_label = |p: &Parameter| matches!(p, Parameter::BinaryLabel | Parameter::NumberLabel);
        self.parameters.iter().position(is_label).unwrap_or(0)
    }

    /// The constant k of a call; 0 for functions without one.
    ///
    /// # Errors
    /// Plan: k is no constant, or not positive.
    pub(super) fn k(&self, args: &AccumulatorArgs) -> Result<usize> {
        if self.parameters.first() != Some(&Parameter::K) {
            return Ok(0);
        }
        let name = self.name;
        let no_columns = RecordBatch::new_empty(Arc::new(Schema::empty()));
        match args.exprs[0].evaluate(&no_columns) {
            Ok(ColumnarValue::Scalar(ScalarValue::Int64(Some(k)))) if k > 0 => {
                Ok(usize::try_from(k).unwrap_or(usize::MAX))
            }
            Ok(ColumnarValue::Scalar(k)) => plan_err!("{name}: k must be at least 1, got {k}"),
            _ => plan_err!("{name}: k must be a constant, got {}", args.exprs[0]),
        }
    }

    /// The documentation of the function with all its arguments.
    pub(super) fn document(&self, documentation: Documentation) -> Documentation {
        let mut documentation = documentation;
        let names: Vec<_> = self.parameters.iter().map(|p| p.name()).collect();
        documentation.syntax_example = format!("{}({})", self.name, names.join(", "));
        let arguments = self
            .parameters
            .iter()
            .map(|p| (p.name().to_string(), p.description().to_string()));
        documentation.arguments = Some(arguments.collect());
        documentation
    }

    /// Calls `visit` with the number, label and score of every row whose arguments are all there and that passes the
    /// filter. A binary label comes as 0 or 1.
    ///
    /// # Errors
    /// Execution: a binary label other than 0 and 1, a probability outside 0 to 1; NaN is not outside.
    pub(super) fn for_each_row<S: ScoreType>(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
        mut visit: impl FnMut(usize, f64, S::Native),
    ) -> Result<()> {
        let at = self.label_at();
        let valid = valid_rows(values, filter);
        let scores = as_primitive_array::<S>(&values[at + 1])?.values();
        let is_probability = self.parameters[at + 1] == Parameter::Probability;
        let mut visit = |row: usize, label: f64| {
            let score = scores[row];
            if is_probability && !in_unit_interval(score.widen()) {
                return self.reject_probability(score.widen());
            }
            visit(row, label, score);
            Ok(())
        };

        if values[at].data_type() == &DataType::Boolean {
            let labels = as_boolean_array(&values[at])?.values();
            each_valid(scores.len(), valid, |row| {
                visit(row, f64::from(labels.value(row)))
            })
        } else {
            let labels = as_float64_array(&values[at])?.values();
            let is_binary = self.parameters[at] == Parameter::BinaryLabel;
            each_valid(scores.len(), valid, |row| {
                let label = labels[row];
                if is_binary && label != 0.0 && label != 1.0 {
                    return exec_err!("{}: label must be 0 or 1, got {label}", self.name);
                }
                visit(row, label)
            })
        }
    }

    #[cold]
    fn reject_probability(&self, score: f64) -> Result<()> {
        let name = self.name;
        exec_err!("{name}: score must be a probability between 0 and 1, got {score}")
    }
}

/// The type in which two classes are compared, as `=` has it; false and true are also 0 and 1.
fn common_type(label: &DataType, predicted: &DataType) -> Option<DataType> {
    match (label, predicted) {
        (DataType::Null, DataType::Null) => Some(DataType::Boolean),
        (DataType::Null, other) | (other, DataType::Null) => Some(other.clone()),
        (DataType::Boolean, number) | (number, DataType::Boolean) if number.is_numeric() => {
            Some(number.clone())
        }
        _ => comparison_coercion(label, predicted),
    }
}

/// True for NaN as well: it is not a wrong argument but a broken model, and the metric shows it.
fn in_unit_interval(score: f64) -> bool {
    score.is_nan() || (0.0..=1.0).contains(&score)
}

/// The rows where every argument is there and the filter is true; `None` for all.
pub(super) fn valid_rows(values: &[ArrayRef], filter: Option<&BooleanArray>) -> Option<NullBuffer> {
    let mut valid = filter.map(|filter| match filter.nulls() {
        Some(nulls) => NullBuffer::new(filter.values() & nulls.inner()),
        None => NullBuffer::new(filter.values().clone()),
    });
    for column in values {
        valid = NullBuffer::union(valid.as_ref(), column.logical_nulls().as_ref());
    }
    valid.filter(|valid| valid.null_count() > 0)
}

/// Calls `visit` for the valid ones of so many rows.
pub(super) fn each_valid(
    num_rows: usize,
    valid: Option<NullBuffer>,
    visit: impl FnMut(usize) -> Result<()>,
) -> Result<()> {
    match valid {
        Some(valid) => valid.valid_indices().try_for_each(visit),
        None => (0..num_rows).try_for_each(visit),
    }
}
