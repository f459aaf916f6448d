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

use super::parameter::{Call, Parameter};

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

/// Name and type of a column of a partial state.
pub(super) type StateColumn = (&'static str, DataType);

/// Makes an accumulator of one kind.
type Make<A> = fn(Call, &AccumulatorArgs) -> Result<Box<A>>;

/// How a metric accumulates rows, for the types of its arguments.
pub(super) struct Accumulation {
    /// The type of the result.
    pub(super) result: DataType,
    /// The columns of a partial state.
    pub(super) state: fn(Call, &[DataType]) -> Vec<StateColumn>,
    /// State without GROUP BY and in windows.
    pub(super) one: Make<dyn Accumulator>,
    /// State of many groups at once, where the metric has one.
    pub(super) many: Option<Make<dyn GroupsAccumulator>>,
}

/// A metric as SQL function.
pub(super) struct MetricFunction {
    call: Call,
    signature: Signature,
    documentation: Documentation,
    accumulation: Accumulation,
}

impl MetricFunction {
    /// The SQL function with this name and these parameters; `description` is a full sentence or more, `example` a
    /// statement that runs as it stands.
    pub(super) fn udaf(
        name: &'static str,
        parameters: &'static [Parameter],
        accumulation: Accumulation,
        description: &str,
        example: &str,
    ) -> AggregateUDF {
        let call = Call { name, parameters };
        let score_rules = match call.has_scores() {
            true => SCORE_RULES,
            false => "",
        };
        let description = format!("{description} {RULES}{score_rules}.");
        let documentation = Documentation::builder(SECTION, description, "")
            .with_sql_example(example)
            .build();
        let mut signature = Signature::user_defined(Volatility::Immutable);
        signature.parameter_names = Some(parameters.iter().map(|p| p.name().to_string()).collect());
        AggregateUDF::from(Self {
            call,
            signature,
            documentation: call.document(documentation),
            accumulation,
        })
    }

    fn refuse_distinct(&self, is_distinct: bool) -> Result<()> {
        if is_distinct {
            let name = self.call.name;
            return plan_err!("{name} does not take DISTINCT: every row counts");
        }
        Ok(())
    }
}

impl AggregateUDFImpl for MetricFunction {
    fn name(&self) -> &str {
        self.call.name
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
        Ok(self.accumulation.result.clone())
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let types: Vec<_> = args
            .input_fields
            .iter()
            .map(|f| f.data_type().clone())
            .collect();
        let columns = (self.accumulation.state)(self.call, &types).into_iter();
        Ok(columns
            .map(|(name, data_type)| {
                Arc::new(Field::new(
                    format_state_name(args.name, name),
                    data_type,
                    true,
                ))
            })
            .collect())
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.refuse_distinct(args.is_distinct)?;
        (self.accumulation.one)(self.call, &args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.accumulation.many.is_some() && !args.is_distinct
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        self.refuse_distinct(args.is_distinct)?;
        match self.accumulation.many {
            Some(many) => many(self.call, &args),
            None => plan_err!("{} has no accumulator of many groups", self.call.name),
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
            .field(&self.call.name)
            .finish()
    }
}

// A name stands for one function of the list.
impl PartialEq for MetricFunction {
    fn eq(&self, other: &Self) -> bool {
        self.call.name == other.call.name
    }
}

impl Eq for MetricFunction {}

impl Hash for MetricFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.call.name.hash(state);
    }
}
