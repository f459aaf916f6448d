//! The arguments of a call of a metric: the types they take, what is the same for all rows, and the rows that they make.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, BooleanArray, Float64Array, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Float32Type, Float64Type, Schema};
use datafusion::common::cast::{as_boolean_array, as_float64_array, as_primitive_array};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{ColumnarValue, Documentation};
use datafusion::physical_plan::PhysicalExpr;

use crate::metric::{Constants, Gain, Metric, Parameter, Score};

/// The type of a score column: scores of 16 and 32 bits are kept as 32, all others as 64.
pub(super) trait ScoreType: ArrowPrimitiveType<Native: Score> + Debug + Send + Sync {}

impl ScoreType for Float32Type {}
impl ScoreType for Float64Type {}

/// The types that an argument takes, for errors.
fn expected(parameter: Parameter) -> &'static str {
    match parameter {
        Parameter::K => "an integer",
        Parameter::BinaryLabel => "BOOLEAN or a number that is 0 or 1",
        Parameter::Grade => "BOOLEAN or a number",
        Parameter::NumberLabel
        | Parameter::Score
        | Parameter::Prediction
        | Parameter::Probability
        | Parameter::Weight => "a number",
        Parameter::Group | Parameter::Class | Parameter::PredictedClass => "of a scalar type",
        Parameter::Gain => "a string",
    }
}

/// The type to which an argument is cast; `None` when it can't be taken.
fn cast(parameter: Parameter, given: &DataType) -> Option<DataType> {
    match (parameter, given) {
        (_, DataType::Dictionary(_, values)) => cast(parameter, values),
        // The default.
        (_, DataType::Null) if parameter.is_optional() => Some(DataType::Null),
        (Parameter::Gain, _) => given.is_string().then_some(DataType::Utf8),
        (Parameter::K, _) => given.is_integer().then_some(DataType::Int64),
        (Parameter::BinaryLabel | Parameter::Grade, DataType::Boolean | DataType::Null) => {
            Some(DataType::Boolean)
        }
        (Parameter::NumberLabel, DataType::Boolean) => Some(DataType::Float64),
        (
            Parameter::Score | Parameter::Prediction | Parameter::Probability,
            DataType::Float16 | DataType::Float32,
        ) => Some(DataType::Float32),
        (Parameter::Group, DataType::Null) => Some(DataType::Boolean),
        (Parameter::Group | Parameter::Class | Parameter::PredictedClass, _) => {
            (!given.is_nested()).then(|| given.clone())
        }
        (_, DataType::Null) => Some(DataType::Float64),
        _ => given.is_numeric().then_some(DataType::Float64),
    }
}

/// A call of a metric.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call(pub(super) &'static Metric);

impl Call {
    /// The types to which the arguments are cast. A type that can't be taken stays as it is, for [`Call::check`].
    pub(super) fn casts(self, given: &[DataType]) -> Vec<DataType> {
        let mut types = given.to_vec();
        for (parameter, given) in self.0.parameters.iter().zip(&mut types) {
            if let Some(cast) = cast(*parameter, given) {
                *given = cast;
            }
        }
        if let ([Parameter::Class, Parameter::PredictedClass, ..], [label, predicted, ..]) =
            (self.0.parameters, types.as_mut_slice())
            && let Some(common) = common_type(label, predicted)
        {
            *label = common.clone();
            *predicted = common;
        }
        types
    }

    /// Refuses a wrong number of arguments and types that can't be taken.
    ///
    /// # Errors
    /// Plan, for both.
    pub(super) fn check(self, given: &[DataType]) -> Result<()> {
        let Metric {
            name, parameters, ..
        } = self.0;
        let required = self.0.num_required();
        if !(required..=parameters.len()).contains(&given.len()) {
            let names: Vec<_> = parameters.iter().map(|p| p.name()).collect();
            let (required, optional) = names.split_at(required);
            return plan_err!(
                "{name} takes {} arguments ({}) and may take {}, got {}",
                required.len(),
                required.join(", "),
                optional.join(", "),
                given.len()
            );
        }
        for (parameter, given) in parameters.iter().zip(given) {
            if cast(*parameter, given).is_none() {
                let (argument, expected) = (parameter.name(), expected(*parameter));
                return plan_err!("{name}: {argument} must be {expected}, got {given}");
            }
        }
        if let [Parameter::Class, Parameter::PredictedClass, ..] = parameters
            && let [label, predicted, ..] = self.casts(given).as_slice()
            && label != predicted
        {
            return plan_err!(
                "{name}: label and predicted must be of one type, got {label} and {predicted}"
            );
        }
        Ok(())
    }

    /// The arguments' names, `label, score [, weight]`.
    fn signature(self) -> String {
        let (required, optional) = self.0.parameters.split_at(self.0.num_required());
        let required: Vec<_> = required.iter().map(|p| p.name()).collect();
        let optional = optional.iter().map(|p| format!(" [, {}]", p.name()));
        required.join(", ") + &optional.collect::<String>()
    }

    /// Place of the label among the arguments; what was predicted stands behind it, and then the group.
    pub(super) fn label_at(self) -> usize {
        let mut parameters = self.0.parameters.iter();
        parameters.position(|p| p.is_label()).unwrap_or(0)
    }

    /// The type of the scores, after the casts.
    pub(super) fn score_type(self, types: &[DataType]) -> &DataType {
        &types[self.label_at() + 1]
    }

    /// Whether the call gives weights.
    pub(super) fn has_weights(self, types: &[DataType]) -> bool {
        let given = self.0.place(Parameter::Weight).and_then(|at| types.get(at));
        given.is_some_and(|given| *given != DataType::Null)
    }

    /// What is the same for all rows.
    ///
    /// # Errors
    /// Plan: k is no constant or not positive; gain is no constant or there is none of that name.
    pub(super) fn constants(self, args: &AccumulatorArgs) -> Result<Constants> {
        let name = self.0.name;
        let mut constants = Constants::default();
        for (parameter, expr) in self.0.parameters.iter().zip(args.exprs) {
            match parameter {
                Parameter::K => {
                    constants.k = match self.constant(*parameter, expr)? {
                        ScalarValue::Int64(Some(k)) if k > 0 => {
                            usize::try_from(k).unwrap_or(usize::MAX)
                        }
                        k => return plan_err!("{name}: k must be at least 1, got {k}"),
                    };
                }
                Parameter::Gain => {
                    let given = self.constant(*parameter, expr)?;
                    if !given.is_null() {
                        constants.gain = self.gain(&given)?;
                    }
                }
                _ => {}
            }
        }
        Ok(constants)
    }

    fn constant(self, parameter: Parameter, expr: &Arc<dyn PhysicalExpr>) -> Result<ScalarValue> {
        let no_columns = RecordBatch::new_empty(Arc::new(Schema::empty()));
        match expr.evaluate(&no_columns) {
            Ok(ColumnarValue::Scalar(value)) => Ok(value),
            _ => plan_err!(
                "{}: {} must be a constant, got {expr}",
                self.0.name,
                parameter.name()
            ),
        }
    }

    fn gain(self, given: &ScalarValue) -> Result<Gain> {
        let given = given.try_as_str().flatten().unwrap_or_default();
        let mut known = Gain::ALL.into_iter();
        match known.find(|gain| gain.name() == given) {
            Some(gain) => Ok(gain),
            None => {
                let known = Gain::ALL.map(|gain| format!("'{}'", gain.name()));
                plan_err!(
                    "{}: gain must be {}, got '{given}'",
                    self.0.name,
                    known.join(" or ")
                )
            }
        }
    }

    /// The documentation of the function with all its arguments.
    pub(super) fn document(self, documentation: Documentation) -> Documentation {
        let mut documentation = documentation;
        documentation.syntax_example = format!("{}({})", self.0.name, self.signature());
        let parameters = self.0.parameters.iter();
        let arguments = parameters.map(|p| (p.name().to_string(), p.description().to_string()));
        documentation.arguments = Some(arguments.collect());
        documentation
    }

    /// Calls `visit` with the number, label, score and weight of every row whose arguments are all there and that passes
    /// the filter. A binary label comes as 0 or 1, and the weight as 1 where the call gives none.
    ///
    /// # Errors
    /// Execution: a label other than 0 and 1 or with no gain, a probability outside 0 to 1, which NaN is not, a weight
    /// that is none.
    pub(super) fn for_each_row<S: ScoreType>(
        self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
        gain: Gain,
        mut visit: impl FnMut(usize, f64, S::Native, f64),
    ) -> Result<()> {
        let at = self.label_at();
        let valid = self.valid_rows(values, filter);
        let weights = self.weights(values)?;
        let scores = as_primitive_array::<S>(&values[at + 1])?.values();
        let is_probability = self.0.parameters[at + 1] == Parameter::Probability;
        let mut visit = |row: usize, label: f64| {
            let score = scores[row];
            if is_probability && !in_unit_interval(score.widen()) {
                return self.reject_probability(score.widen());
            }
            visit(row, label, score, weights.of(row)?);
            Ok(())
        };

        if values[at].data_type() == &DataType::Boolean {
            let labels = as_boolean_array(&values[at])?.values();
            each_valid(scores.len(), valid, |row| {
                visit(row, f64::from(labels.value(row)))
            })
        } else {
            let labels = as_float64_array(&values[at])?.values();
            let is_binary = self.0.parameters[at] == Parameter::BinaryLabel;
            let is_graded = self.0.is_graded();
            each_valid(scores.len(), valid, |row| {
                let label = labels[row];
                if is_binary && label != 0.0 && label != 1.0 {
                    return exec_err!("{}: label must be 0 or 1, got {label}", self.0.name);
                }
                if is_graded && !(label >= 0.0 && gain.of(label).is_finite()) {
                    return self.reject_grade(label, gain);
                }
                visit(row, label)
            })
        }
    }

    /// The rows where every argument but those that may be left out is there and the filter is true; `None` for all.
    pub(super) fn valid_rows(
        self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Option<NullBuffer> {
        let mut valid = filter.map(|filter| match filter.nulls() {
            Some(nulls) => NullBuffer::new(filter.values() & nulls.inner()),
            None => NullBuffer::new(filter.values().clone()),
        });
        for column in &values[..self.0.num_required()] {
            valid = NullBuffer::union(valid.as_ref(), column.logical_nulls().as_ref());
        }
        valid.filter(|valid| valid.null_count() > 0)
    }

    /// What the rows weigh.
    pub(super) fn weights(self, values: &[ArrayRef]) -> Result<Weights<'_>> {
        let given = self
            .0
            .place(Parameter::Weight)
            .and_then(|at| values.get(at));
        let given = given.filter(|given| given.data_type() != &DataType::Null);
        Ok(Weights {
            name: self.0.name,
            values: given.map(|given| as_float64_array(given)).transpose()?,
        })
    }

    #[cold]
    fn reject_probability(self, score: f64) -> Result<()> {
        let name = self.0.name;
        exec_err!("{name}: score must be a probability between 0 and 1, got {score}")
    }

    #[cold]
    fn reject_grade(self, label: f64, gain: Gain) -> Result<()> {
        let (name, gain) = (self.0.name, gain.name());
        exec_err!("{name}: label must be a number >= 0 whose {gain} gain is finite, got {label}")
    }
}

/// The weights of rows.
pub(super) struct Weights<'a> {
    name: &'static str,
    values: Option<&'a Float64Array>,
}

impl Weights<'_> {
    /// The weight of a row.
    ///
    /// # Errors
    /// Execution for NULL, NaN, infinity and what is below 0.
    pub(super) fn of(&self, row: usize) -> Result<f64> {
        let Some(values) = self.values else {
            return Ok(1.0);
        };
        let weight = values.value(row);
        if values.is_valid(row) && weight >= 0.0 && weight.is_finite() {
            return Ok(weight);
        }
        self.reject(values.is_valid(row).then_some(weight))
    }

    #[cold]
    fn reject(&self, weight: Option<f64>) -> Result<f64> {
        let weight = weight.map_or("NULL".to_string(), |weight| weight.to_string());
        exec_err!(
            "{}: weight must be a finite number >= 0, got {weight}",
            self.name
        )
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
