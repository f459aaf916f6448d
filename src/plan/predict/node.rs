//! Prediction as a logical node: what its child has, plus the model's columns.

use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema};
use datafusion::common::{Column, DFSchema, DFSchemaRef, TableReference};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};

use super::How;
use crate::error::Error;
use crate::store::{FittedModel, ModelRef, OutputColumn};

/// The logical node. Filters on the child's columns, columns that nobody reads and LIMIT pass below
/// it; the model runs once for each row that is left.
#[derive(Clone, Debug)]
pub struct PredictNode {
    input: LogicalPlan,
    model: ModelRef,
    /// One expression over the input for each of the encoder's inputs.
    features: Vec<Expr>,
    /// The columns to add.
    outputs: Vec<OutputColumn>,
    how: How,
    /// Whether the statement named the version; else a later version takes its place.
    pinned: bool,
    schema: DFSchemaRef,
}

impl PredictNode {
    /// A node that adds `outputs` to `input`.
    ///
    /// # Errors
    /// `Plan` when `input` has a column of such a name already.
    pub fn new(
        input: LogicalPlan,
        model: ModelRef,
        features: Vec<Expr>,
        outputs: Vec<OutputColumn>,
        how: How,
    ) -> Result<Self> {
        let schema = Arc::new(schema(&input, &model, &outputs)?);
        Ok(Self {
            input,
            model,
            features,
            outputs,
            how,
            pinned: false,
            schema,
        })
    }

    /// The same prediction, of this very version or of the model's default version.
    pub fn pinned(self, pinned: bool) -> Self {
        Self { pinned, ..self }
    }

    /// Whether the prediction is of this very version.
    pub fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// The same prediction with only those outputs whose names `keep` holds.
    ///
    /// # Errors
    /// As [`PredictNode::new`].
    pub fn with_outputs(
        &self,
        input: LogicalPlan,
        keep: impl Fn(&OutputColumn) -> bool,
    ) -> Result<Self> {
        let outputs = self.outputs.iter().filter(|o| keep(o)).cloned().collect();
        Self::new(
            input,
            self.model.clone(),
            self.features.clone(),
            outputs,
            self.how.clone(),
        )
        .map(|node| node.pinned(self.pinned))
    }

    /// The node below.
    pub fn input(&self) -> &LogicalPlan {
        &self.input
    }

    /// The model.
    pub fn model(&self) -> &ModelRef {
        &self.model
    }

    /// What the encoder reads, over the input.
    pub fn features(&self) -> &[Expr] {
        &self.features
    }

    /// The columns that are added.
    pub fn outputs(&self) -> &[OutputColumn] {
        &self.outputs
    }

    /// How it is computed.
    pub fn how(&self) -> &How {
        &self.how
    }

    fn identity(&self) -> (&str, &[OutputColumn], &How, bool) {
        (&self.model.digest, &self.outputs, &self.how, self.pinned)
    }
}

/// The input's columns with their qualifiers, then the added ones.
fn schema(input: &LogicalPlan, model: &ModelRef, outputs: &[OutputColumn]) -> Result<DFSchema> {
    let input = input.schema();
    let mut fields: Vec<(Option<TableReference>, FieldRef)> = input
        .iter()
        .map(|(qualifier, field)| (qualifier.cloned(), field.clone()))
        .collect();
    for output in outputs {
        if input.has_column_with_unqualified_name(&output.name) {
            return Err(DataFusionError::Plan(format!(
                "the query has a column {:?} already, which is what model {} predicts: rename it",
                output.name, model.name
            )));
        }
        let field = Field::new(&output.name, output.data_type.clone(), false);
        fields.push((None, Arc::new(field)));
    }
    DFSchema::new_with_metadata(fields, input.metadata().clone())
}

/// Finds an expression for each of the encoder's inputs: one of `derived`, or else a column of
/// `schema`.
///
/// # Errors
/// `Plan` when one is missing, ambiguous or of a type that the model was not trained on.
pub fn bind_features(
    model: &FittedModel,
    schema: &DFSchema,
    derived: Vec<(String, Expr, Field)>,
) -> crate::Result<Vec<Expr>> {
    let mut fields: Vec<Field> = Vec::new();
    let mut exprs = Vec::new();
    for (name, expr, field) in derived {
        fields.push(field.with_name(name));
        exprs.push(expr);
    }
    let num_derived = fields.len();
    for (qualifier, field) in schema.iter() {
        if !fields[..num_derived]
            .iter()
            .any(|f| f.name() == field.name())
        {
            fields.push(field.as_ref().clone());
            exprs.push(Expr::Column(Column::new(
                qualifier.cloned(),
                field.name().clone(),
            )));
        }
    }
    let encoder = &model.manifest().encoder;
    for input in encoder.inputs() {
        let name = &input.name;
        if fields.iter().filter(|f| f.name() == name).count() > 1 {
            return Err(Error::plan(format!(
                "column {name:?}, which model {} needs, is ambiguous: the query has several of that \
                 name",
                model.name().name
            )));
        }
    }
    let binding = encoder.bind(&Schema::new(fields)).map_err(|e| match e {
        Error::Plan(text) => {
            let name = &model.name().name;
            Error::plan(match text.strip_prefix("model ") {
                Some(rest) => format!("model {name} {rest}"),
                None => format!("model {name}: {text}"),
            })
        }
        other => other,
    })?;
    Ok(binding
        .positions()
        .iter()
        .map(|&at| exprs[at].clone())
        .collect())
}

impl PartialEq for PredictNode {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
            && self.features == other.features
            && self.input == other.input
    }
}

impl Eq for PredictNode {}

impl Hash for PredictNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
        self.features.hash(state);
        self.input.hash(state);
    }
}

impl PartialOrd for PredictNode {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        (self.identity(), &self.features).partial_cmp(&(other.identity(), &other.features))
    }
}

impl UserDefinedLogicalNodeCore for PredictNode {
    fn name(&self) -> &str {
        "Predict"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.features.clone()
    }

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        self.outputs.iter().map(|o| o.name.clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let names: Vec<_> = self.outputs.iter().map(|o| o.name.as_str()).collect();
        write!(
            f,
            "Predict: model={}, outputs=[{}]",
            self.model,
            names.join(", ")
        )
    }

    fn with_exprs_and_inputs(
        &self,
        features: Vec<Expr>,
        mut inputs: Vec<LogicalPlan>,
    ) -> Result<Self> {
        let input = inputs.pop().ok_or_else(|| {
            DataFusionError::Internal("a prediction lost the query that it reads".into())
        })?;
        let (model, outputs) = (self.model.clone(), self.outputs.clone());
        let node = Self::new(input, model, features, outputs, self.how.clone())?;
        Ok(node.pinned(self.pinned))
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let schema = self.input.schema();
        let passed = output_columns.iter().copied();
        let mut needed: Vec<usize> = passed.filter(|&i| i < schema.fields().len()).collect();
        for feature in &self.features {
            for column in feature.column_refs() {
                needed.extend(schema.maybe_index_of_column(column));
            }
        }
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }
}
