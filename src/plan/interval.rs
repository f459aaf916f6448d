//! `3 * INTERVAL '7 days'`, `n * INTERVAL '1 hour'` and `INTERVAL '1 day' / 2`, as PostgreSQL and DuckDB have
//! them: months stay months, days stay days; what a fraction leaves of a month goes to days (30 each), and
//! what it leaves of a day to nanoseconds. DataFusion's operators know no such product: planning makes it a call.

use std::sync::Arc;

use arrow::array::{Array, ArrowPrimitiveType, AsArray, IntervalMonthDayNanoArray, PrimitiveArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Float64Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility, lit,
};
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// Plans products of intervals and numbers.
#[derive(Debug)]
pub struct IntervalPlanner;

impl ExprPlanner for IntervalPlanner {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let divides = match expr.op {
            BinaryOperator::Multiply => false,
            BinaryOperator::Divide => true,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let (Ok(left), Ok(right)) = (expr.left.get_type(schema), expr.right.get_type(schema))
        else {
            return Ok(PlannerResult::Original(expr));
        };
        let interval = |t: &DataType| matches!(t, DataType::Interval(_));
        let number = |t: &DataType| t.is_numeric();
        let (value, times) = if interval(&left) && number(&right) {
            (expr.left, expr.right)
        } else if interval(&right) && number(&left) && !divides {
            (expr.right, expr.left)
        } else {
            return Ok(PlannerResult::Original(expr));
        };
        let times = match divides {
            true => lit(1.0) / times.cast_to(&DataType::Float64, schema)?,
            false => times,
        };
        let product = ScalarUDF::from(Product::default());
        Ok(PlannerResult::Planned(product.call(vec![value, times])))
    }
}

/// The call: an interval and a number.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Product {
    signature: Signature,
}

impl Default for Product {
    fn default() -> Self {
        Self {
            signature: Signature::any(2, Volatility::Immutable),
        }
    }
}

const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);
const DAYS_OF_MONTH: f64 = 30.0;
const NANOSECONDS_OF_DAY: f64 = 86_400e9;

impl ScalarUDFImpl for Product {
    fn name(&self) -> &str {
        "interval_times"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(INTERVAL)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_scalar = |arg: &ColumnarValue| matches!(arg, ColumnarValue::Scalar(_));
        let scalar = args.args.iter().all(is_scalar);
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [intervals, numbers] = arrays.as_slice() else {
            return Err(DataFusionError::Internal(format!(
                "a product of {} values",
                arrays.len()
            )));
        };
        let strict = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        let intervals = cast_with_options(intervals, &INTERVAL, &strict)?;
        let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>();
        let products = if numbers.data_type().is_integer() {
            let numbers = cast_with_options(numbers, &DataType::Int64, &strict)?;
            products(intervals, numbers.as_primitive::<Int64Type>(), by_integer)?
        } else {
            let numbers = cast_with_options(numbers, &DataType::Float64, &strict)?;
            products(intervals, numbers.as_primitive::<Float64Type>(), by_float)?
        };
        Ok(match scalar {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&products, 0)?),
            false => ColumnarValue::Array(Arc::new(products)),
        })
    }
}

fn products<T: ArrowPrimitiveType>(
    intervals: &IntervalMonthDayNanoArray,
    numbers: &PrimitiveArray<T>,
    product: fn(IntervalMonthDayNano, T::Native) -> Option<IntervalMonthDayNano>,
) -> Result<IntervalMonthDayNanoArray> {
    let pairs = intervals.iter().zip(numbers.iter());
    pairs
        .map(|pair| {
            let (Some(interval), Some(number)) = pair else {
                return Ok(None);
            };
            let product = product(interval, number);
            product.map(Some).ok_or_else(|| {
                let text = format!(
                    "{number:?} times an interval of {} months, {} days and {} ns is out of range",
                    interval.months, interval.days, interval.nanoseconds
                );
                DataFusionError::Execution(text)
            })
        })
        .collect()
}

fn by_integer(interval: IntervalMonthDayNano, times: i64) -> Option<IntervalMonthDayNano> {
    let times32 = i32::try_from(times);
    // A part of nothing stays nothing, however often it is taken.
    let part = |value: i32| match value {
        0 => Some(0),
        value => value.checked_mul(times32.ok()?),
    };
    Some(IntervalMonthDayNano::new(
        part(interval.months)?,
        part(interval.days)?,
        interval.nanoseconds.checked_mul(times)?,
    ))
}

fn by_float(interval: IntervalMonthDayNano, times: f64) -> Option<IntervalMonthDayNano> {
    let months = f64::from(interval.months) * times;
    let days = f64::from(interval.days) * times + months.fract() * DAYS_OF_MONTH;
    let nanoseconds = interval.nanoseconds as f64 * times + days.fract() * NANOSECONDS_OF_DAY;
    let fits = |value: f64, bound: f64| value.abs() < bound; // never for NaN
    let fits = fits(months, f64::from(i32::MAX))
        && fits(days, f64::from(i32::MAX))
        && fits(nanoseconds, i64::MAX as f64);
    fits.then(|| IntervalMonthDayNano::new(months as i32, days as i32, nanoseconds.round() as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    #[test]
    fn whole_numbers_multiply_every_part() {
        let interval = IntervalMonthDayNano::new(1, -2, HOUR);
        let product = by_integer(interval, 3);
        assert_eq!(product, Some(IntervalMonthDayNano::new(3, -6, 3 * HOUR)));
    }

    #[test]
    fn fractions_go_to_smaller_units() {
        let half_month = by_float(IntervalMonthDayNano::new(1, 0, 0), 0.5);
        assert_eq!(half_month, Some(IntervalMonthDayNano::new(0, 15, 0)));
        let days = by_float(IntervalMonthDayNano::new(0, 3, 0), 1.5);
        assert_eq!(days, Some(IntervalMonthDayNano::new(0, 4, 12 * HOUR)));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let month = IntervalMonthDayNano::new(1, 0, 0);
        assert_eq!(by_integer(month, i64::from(i32::MAX) + 1), None);
        assert_eq!(by_float(month, f64::NAN), None);
        assert_eq!(by_float(month, 1e12), None);
        let hours = IntervalMonthDayNano::new(0, 0, HOUR);
        assert!(by_integer(hours, 24 * 365 * 200).is_some());
    }
}
