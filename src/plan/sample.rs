//! `FROM t TABLESAMPLE [BERNOULLI | SYSTEM] (10 [PERCENT] | 100 ROWS) [REPEATABLE (7)]` over a table, a file, a
//! call or a subquery, which DataFusion reads and ignores. A percentage draws for each row by itself, by
//! either method; a number of rows is exact. REPEATABLE decides by a hash of the row's content with the
//! seed: the same rows give the same sample, whatever their order, and rows that are alike share their fate.

use std::hash::Hash;
use std::sync::Arc;

use arrow::array::Float64Array;
use arrow::datatypes::DataType;
use datafusion::common::hash_utils::{QualityRandomState, create_hashes};
use datafusion::error::{DataFusionError, Result};
use datafusion::functions::math::expr_fn::random;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility, lit,
};
use datafusion::sql::sqlparser::ast::{
    TableFactor, TableSample, TableSampleKind, TableSampleUnit, Value,
};

use crate::random::mix;

/// Plans relations with TABLESAMPLE.
#[derive(Debug)]
pub struct SamplePlanner;

impl RelationPlanner for SamplePlanner {
    fn plan_relation(
        &self,
        mut relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let sample = match &mut relation {
            TableFactor::Table { sample, .. } | TableFactor::Derived { sample, .. } => {
                sample.take()
            }
            _ => None,
        };
        let Some(
            TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample),
        ) = sample
        else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let share = Share::read(&sample)?;
        let seed = seed(&sample)?;
        let plan = sampled(context.plan(relation)?, share, seed)?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
            plan, None,
        ))))
    }
}

/// How much is taken.
#[derive(Clone, Copy)]
enum Share {
    /// Of all rows, from 0 to 1.
    Part(f64),
    Rows(usize),
}

impl Share {
    fn read(sample: &TableSample) -> Result<Self> {
        if sample.bucket.is_some() || sample.offset.is_some() {
            return Err(refused("BUCKET and OFFSET are not known here"));
        }
        let quantity = sample.quantity.as_ref();
        let quantity = quantity.ok_or_else(|| refused("got no number"))?;
        let text = quantity.value.to_string();
        match quantity.unit {
            Some(TableSampleUnit::Rows) => text
                .parse()
                .map(Self::Rows)
                .map_err(|_| refused(&format!("got {text} ROWS"))),
            Some(TableSampleUnit::Percent) | None => match text.parse::<f64>() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Self::Part(percent / 100.0)),
                _ => Err(refused(&format!("got {text} percent"))),
            },
        }
    }
}

fn seed(sample: &TableSample) -> Result<Option<u64>> {
    let Some(seed) = &sample.seed else {
        return Ok(None);
    };
    match &seed.value.value {
        Value::Number(text, _) => text
            .parse()
            .map(Some)
            .map_err(|_| refused(&format!("REPEATABLE takes a whole number, got {text}"))),
        other => Err(refused(&format!(
            "REPEATABLE takes a whole number, got {other}"
        ))),
    }
}

fn refused(what: &str) -> DataFusionError {
    DataFusionError::Plan(format!(
        "TABLESAMPLE takes (n) or (n PERCENT) with n from 0 to 100, or (n ROWS): {what}"
    ))
}

fn sampled(plan: LogicalPlan, share: Share, seed: Option<u64>) -> Result<LogicalPlan> {
    let draw = match seed {
        None => random(),
        Some(seed) => {
            let columns = plan.schema().columns().into_iter().map(Expr::Column);
            ScalarUDF::from(ContentDraw::new(seed)).call(columns.collect())
        }
    };
    let plan = LogicalPlanBuilder::from(plan);
    match share {
        Share::Part(part) => plan.filter(draw.lt(lit(part)))?.build(),
        Share::Rows(rows) => plan
            .sort([draw.sort(true, false)])?
            .limit(0, Some(rows))?
            .build(),
    }
}

/// A number from 0 to 1 for each row, from its content.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ContentDraw {
    seed: u64,
    signature: Signature,
}

impl ContentDraw {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            signature: Signature::variadic_any(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for ContentDraw {
    fn name(&self) -> &str {
        "content_draw"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = args
            .args
            .iter()
            .map(|arg| arg.to_array(args.number_rows))
            .collect::<Result<Vec<_>>>()?;
        let mut hashes = vec![0; args.number_rows];
        create_hashes(&columns, &QualityRandomState::with_seed(0), &mut hashes)?;
        let seed = mix(self.seed.wrapping_add(1));
        // The upper 53 bits fill a double's mantissa.
        let draw = |hash: &u64| (mix(hash ^ seed) >> 11) as f64 / (1_u64 << 53) as f64;
        let draws = hashes.iter().map(draw);
        Ok(ColumnarValue::Array(Arc::new(
            Float64Array::from_iter_values(draws),
        )))
    }
}
