//! A model's predictions beside what happened: labels and users as it was trained on them. What EVALUATE,
//! ROC_CURVE, CALIBRATION and CONFUSION_MATRIX share.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, UInt32Array};
use arrow::compute::kernels::cmp::eq;
use arrow::compute::take;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, LogicalPlan, ScalarUDF, Volatility, cast, create_udf,
    ident, lit, when,
};

use super::call::Call;
use crate::environment::Environment;
use crate::environment::settings::Settings;
use crate::error::{Error, Result};
use crate::feature::{self, Role, TaskKind};
use crate::plan::predict::{self, How};
use crate::plan::transform::{self, Planner, Statement};
use crate::store::FittedModel;

/// The rows of a query with a model's predictions.
pub struct Labelled {
    /// The model.
    pub model: FittedModel,
    /// PREDICT over the query.
    pub rows: LogicalPlan,
    /// Who asks, for errors.
    relation: String,
}

/// One task over such rows: expressions over them.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The task's name.
    pub task: String,
    /// What kind of label it has.
    pub kind: TaskKind,
    /// What happened; NULL outside of the task's sample space.
    pub label: Expr,
    /// The type of the label.
    pub label_type: DataType,
    /// The columns that PREDICT adds for the task.
    columns: Vec<Expr>,
    column_types: Vec<DataType>,
}

impl Outcome {
    /// The label of a binary task as BOOLEAN. Another value than 0 and 1 is an error when it is met.
    pub fn happened(&self) -> Expr {
        match self.label_type {
            DataType::Boolean => self.label.clone(),
            _ => {
                let label = cast(self.label.clone(), DataType::Float64);
                ZERO_OR_ONE.call(vec![lit(&self.task), label])
            }
        }
    }

    /// What the task predicts: the probability of a binary one, the class or number of another.
    pub fn predicted(&self) -> Expr {
        self.columns[0].clone()
    }

    /// Of a multi-class task: minus the logarithm of the probability of the label.
    pub fn cross_entropy(&self) -> Expr {
        let function = create_udf(
            "cross_entropy",
            vec![self.label_type.clone(), self.column_types[1].clone()],
            DataType::Float64,
            Volatility::Immutable,
            Arc::new(cross_entropy),
        );
        function.call(vec![self.label.clone(), self.columns[1].clone()])
    }
}

impl Labelled {
    /// PREDICT over `input`, as the session computes it; `relation` asks for it. Labels are planned with
    /// it, so the version of the model is the one of now also in a view.
    ///
    /// # Errors
    /// As [`predict::over`].
    pub fn over(
        input: LogicalPlan,
        model: FittedModel,
        relation: &str,
        settings: &Settings,
        planner: &mut dyn Planner,
    ) -> Result<Self> {
        let tasks: Vec<_> = (0..model.manifest().tasks.len()).collect();
        let how = How::of(settings);
        Ok(Self {
            rows: predict::over(input, &model, &tasks, how, true, planner)?,
            relation: relation.to_uppercase(),
            model,
        })
    }

    /// The model and query of a call that asks for tasks of which `fits` is true, called `kind` tasks: for
    /// the one it names, or all of them. It may have `options` besides.
    ///
    /// # Errors
    /// As PREDICT; `Plan` for an option or task that is unknown, without a query, and when no task fits.
    pub fn of_call(
        call: &Call,
        options: &[&str],
        kind: &str,
        fits: fn(&TaskKind) -> bool,
        environment: &Environment,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<(Self, Vec<Outcome>)> {
        let allowed: Vec<_> = ["task"].iter().chain(options).copied().collect();
        call.allow(2, &allowed)?;
        let config = context.context_provider().options().clone();
        let model = environment.model(&config, &call.model()?)?;
        let tasks = chosen(call, &model, kind, fits)?;
        let Some(query) = call.query(1)? else {
            let name = call.name.to_uppercase();
            return Err(Error::plan(format!(
                "{name} needs a table or query, {name}(MODEL m, {{TABLE t | (query)}}): of the rows that \
                 training held back only sums are kept with the model"
            )));
        };
        let input = Call::plan_query(query, context)?;
        let mut planner = Statement(context);
        let settings = Settings::of(&config);
        let labelled = Self::over(input, model, &call.name, &settings, &mut planner)?;
        let outcomes = tasks
            .into_iter()
            .map(|task| labelled.outcome(task, &mut planner))
            .collect::<Result<_>>()?;
        Ok((labelled, outcomes))
    }

    /// The task in that position.
    ///
    /// # Errors
    /// `Plan` when its label is missing, ambiguous or of a type that can't be one.
    pub fn outcome(&self, task: usize, planner: &mut dyn Planner) -> Result<Outcome> {
        let manifest = self.model.manifest();
        let schema = self.rows.schema();
        let name = &manifest.tasks[task];
        let mut label = self.trained_on("label", name, planner)?;
        let kind = &manifest.encoder.layout().tasks[task].kind;
        feature::task_kind(name, &label.get_type(schema)?, Some(kind.name()))?;
        if let TaskKind::MultiClass(classes) = kind {
            // Numbers of another width, texts of another layout.
            label = cast(label, classes.data_type()?);
        }
        let funnel = &manifest.config.funnel;
        let depth = funnel.iter().position(|&t| t == task).unwrap_or(0);
        for &earlier in &funnel[..depth] {
            // As in training: NULL behind an end of the funnel is 0.
            let earlier = self.trained_on("label", &manifest.tasks[earlier], planner)?;
            let ended = cast(earlier, DataType::Int64).eq(lit(0i64));
            let zero = cast(lit(0i64), label.get_type(schema)?);
            label = when(ended.and(label.clone().is_null()), zero).otherwise(label)?;
        }
        let outputs = self.model.outputs()?.into_iter();
        let outputs: Vec<_> = outputs.filter(|output| output.task == task).collect();
        Ok(Outcome {
            column_types: outputs.iter().map(|o| o.data_type.clone()).collect(),
            task: name.clone(),
            kind: kind.clone(),
            label_type: match label.get_type(schema)? {
                DataType::Dictionary(_, values) => *values,
                other => other,
            },
            label,
            columns: outputs
                .into_iter()
                .map(|output| ident(output.name))
                .collect(),
        })
    }

    /// What tells users apart, where the model knows that.
    ///
    /// # Errors
    /// `Plan` when it is missing or ambiguous.
    pub fn user(&self, planner: &mut dyn Planner) -> Result<Option<Expr>> {
        // The option may have the name in other letters than the column.
        let spec = &self.model.manifest().encoder.spec;
        let user = spec.role_column(Role::User);
        user.map(|user| self.trained_on("user", &user.name, planner))
            .transpose()
    }

    /// What the model was trained on under that name: an expression of its TRANSFORM, or else a column.
    fn trained_on(&self, what: &str, name: &str, planner: &mut dyn Planner) -> Result<Expr> {
        let schema = self.rows.schema();
        if let Some(expr) = transform::column(what, name, &self.model, schema, planner)? {
            return Ok(expr);
        }
        match column(schema, name)? {
            Some(found) => Ok(Expr::Column(found)),
            None => Err(Error::plan(format!(
                "{} needs the {what} column {name:?}; the query has: {}",
                self.relation,
                schema.field_names().join(", ")
            ))),
        }
    }
}

/// The positions of the tasks that a call is about.
fn chosen(
    call: &Call,
    model: &FittedModel,
    kind: &str,
    fits: fn(&TaskKind) -> bool,
) -> Result<Vec<usize>> {
    let tasks = &model.manifest().encoder.layout().tasks;
    let name = call.name.to_uppercase();
    if let Some(task) = call.text("task")? {
        let at = model.task(&task)?;
        return match fits(&tasks[at].kind) {
            true => Ok(vec![at]),
            false => Err(Error::plan(format!(
                "{name} is for {kind} tasks, and {task:?} is none"
            ))),
        };
    }
    let fitting: Vec<_> = (0..tasks.len()).filter(|&t| fits(&tasks[t].kind)).collect();
    match fitting.is_empty() {
        false => Ok(fitting),
        true => Err(Error::plan(format!(
            "{name} is for {kind} tasks, and model {} has none",
            model.name()
        ))),
    }
}

/// The column of that name, or the only one whose name differs in case alone; none when there is none.
///
/// # Errors
/// `Plan` when there are several of that name.
pub fn column(schema: &DFSchema, name: &str) -> Result<Option<Column>> {
    let names: Vec<_> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    if names.iter().filter(|n| **n == name).count() > 1 {
        return Err(Error::plan(format!(
            "column {name:?} is ambiguous: the query has several of that name"
        )));
    }
    let found = feature::find_name(names, name);
    Ok(found.map(|at| Column::from(schema.qualified_field(at))))
}

/// `(task, label)`: the label of a task as BOOLEAN.
static ZERO_OR_ONE: LazyLock<ScalarUDF> = LazyLock::new(|| {
    create_udf(
        "zero_or_one",
        vec![DataType::Utf8, DataType::Float64],
        DataType::Boolean,
        Volatility::Immutable,
        Arc::new(zero_or_one),
    )
});

/// `(label, probs)`: minus the logarithm of the label's probability. That of a label which is none of the
/// classes is the smallest that there is.
fn cross_entropy(arguments: &[ColumnarValue]) -> Result<ColumnarValue, DataFusionError> {
    let arrays = ColumnarValue::values_to_arrays(arguments)?;
    let lists = arrays[1].as_list::<i32>();
    let places = lists.offsets().windows(2).enumerate();
    let rows: UInt32Array = places
        .clone()
        .flat_map(|(row, ends)| (ends[0]..ends[1]).map(move |_| row as u32))
        .collect();
    let labels = take(&arrays[0], &rows, None)?;
    let (first, last) = (lists.offsets()[0], lists.offsets()[lists.len()]);
    let pairs = lists
        .values()
        .slice(first as usize, (last - first) as usize);
    let own = eq(&labels, pairs.as_struct().column(0))?;
    let probs = pairs.as_struct().column(1).as_primitive::<Float32Type>();
    let losses: Float64Array = places
        .map(|(row, ends)| {
            let mut classes = (ends[0] - first) as usize..(ends[1] - first) as usize;
            let found = classes.find(|&at| own.is_valid(at) && own.value(at));
            let prob = found
                .map_or(0., |at| probs.value(at))
                .max(f32::MIN_POSITIVE);
            arrays[0].is_valid(row).then(|| -f64::from(prob).ln())
        })
        .collect();
    Ok(ColumnarValue::Array(Arc::new(losses) as ArrayRef))
}

fn zero_or_one(arguments: &[ColumnarValue]) -> Result<ColumnarValue, DataFusionError> {
    let (labels, is_constant) = match &arguments[1] {
        ColumnarValue::Array(labels) => (labels.clone(), false),
        ColumnarValue::Scalar(label) => (label.to_array()?, true),
    };
    let labels = labels.as_primitive::<Float64Type>();
    if let Some(wrong) = labels.iter().flatten().find(|y| *y != 0.0 && *y != 1.0) {
        let task = arguments[0].to_array(1)?;
        let task = task.as_string::<i32>().value(0);
        return Err(DataFusionError::Execution(format!(
            "label {task:?} holds {wrong}: expected 0, 1 or NULL"
        )));
    }
    let labels: BooleanArray = labels.iter().map(|y| y.map(|y| y == 1.0)).collect();
    Ok(match is_constant {
        true => ColumnarValue::Scalar(ScalarValue::try_from_array(&labels, 0)?),
        false => ColumnarValue::Array(Arc::new(labels)),
    })
}
