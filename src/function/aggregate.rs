//! One implementation of `AggregateUDFImpl` for all metrics: what differs between them is data.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, DocSection, Documentation, GroupsAccumulator,
    Signature, Volatility,
};

use super::accumulator::{Many, One, States};
use super::call::Call;
use super::{classes, groups, ranking, sums};
use crate::metric::{Join, Kind, Metric};

/// The section of SHOW FUNCTIONS in which metrics stand.
const SECTION: DocSection = DocSection {
    include: true,
    label: "Metrics",
    description: Some("How good predictions are, from labels and scores."),
};

/// What every metric says at the end of its description.
const RULES: &str = "Rows with a NULL argument are left out";

/// What it goes on with where scores are numbers.
const SCORE_RULES: &str = "; a NaN score makes the result NaN";

/// What metrics over groups say of weights.
const GROUP_RULES: &str = " With weights a group weighs the sum of those of its rows.";

/// Name and type of a column of a partial state.
pub(super) type StateColumn = (&'static str, DataType);

/// The metric as SQL function.
pub fn aggregate(metric: &'static Metric) -> AggregateUDF {
    let has_scores = metric.parameters.iter().any(|p| p.is_score());
    let description = format!(
        "{} {RULES}{}.{}",
        metric.description,
        if has_scores { SCORE_RULES } else { "" },
        match metric.kind {
            Kind::Groups(groups) if groups.join != Join::Count => GROUP_RULES,
            _ => "",
        }
    );
    let documentation = Documentation::builder(SECTION, description, "")
        .with_sql_example(metric.example)
        .build();
    let mut signature = Signature::user_defined(Volatility::Immutable);
    let names = metric.parameters.iter().map(|p| p.name().to_string());
    signature.parameter_names = Some(names.collect());
    let call = Call(metric);
    AggregateUDF::from(MetricFunction {
        call,
        signature,
        documentation: call.document(documentation),
    })
}

/// A metric as SQL function.
struct MetricFunction {
    call: Call,
    signature: Signature,
    documentation: Documentation,
}

impl MetricFunction {
    fn refuse_distinct(&self, is_distinct: bool) -> Result<()> {
        if is_distinct {
            let name = self.call.0.name;
            return plan_err!("{name} does not take DISTINCT: every row counts");
        }
        Ok(())
    }

    /// State of any number of groups of GROUP BY, for arguments of these types; metrics over groups have none.
    fn states(&self, types: &[DataType]) -> Result<Option<Box<dyn States>>> {
        Ok(match self.call.0.kind {
            Kind::Sums(metric) => Some(sums::states(self.call, metric, types)),
            Kind::Ranking(value) => Some(ranking::states(self.call, value, types)),
            Kind::Classes(value) => Some(classes::states(self.call, value, types)?),
            Kind::Groups(_) => None,
        })
    }
}

/// The types of the arguments.
fn types(fields: &[FieldRef]) -> Vec<DataType> {
    fields.iter().map(|f| f.data_type().clone()).collect()
}

impl AggregateUDFImpl for MetricFunction {
    fn name(&self) -> &str {
        self.call.0.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(self.call.casts(arg_types))
    }

    /// Checks the types as well: an error of `coerce_types` would reach users wrapped in two others.
    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.call.check(arg_types)?;
        Ok(match self.call.0.kind {
            Kind::Groups(groups) => groups::result(&groups),
            _ => DataType::Float64,
        })
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let types = types(args.input_fields);
        let columns = match self.states(&types)? {
            Some(states) => states.columns(),
            None => groups::columns(self.call, &types),
        };
        let field = |(name, data_type)| {
            let name = format_state_name(args.name, name);
            Arc::new(Field::new(name, data_type, true))
        };
        Ok(columns.into_iter().map(field).collect())
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.refuse_distinct(args.is_distinct)?;
        let types = types(args.expr_fields);
        match self.states(&types)? {
            Some(states) => Ok(Box::new(One::new(states))),
            None => groups::accumulator(self.call, &types, self.call.constants(&args)?),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !matches!(self.call.0.kind, Kind::Groups(_)) && !args.is_distinct
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        self.refuse_distinct(args.is_distinct)?;
        match self.states(&types(args.expr_fields))? {
            Some(states) => Ok(Box::new(Many::new(states))),
            None => plan_err!("{} has no accumulator of many groups", self.call.0.name),
        }
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

impl fmt::Debug for MetricFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MetricFunction")
            .field(&self.call.0.name)
            .finish()
    }
}

// A name stands for one metric of the list.
impl PartialEq for MetricFunction {
    fn eq(&self, other: &Self) -> bool {
        self.call.0.name == other.call.0.name
    }
}

impl Eq for MetricFunction {}

impl Hash for MetricFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.call.0.name.hash(state);
    }
}
