//! `predict('m', named_struct('column', value, ...))`: a model's predictions for one row, as a STRUCT.
//!
//! The function only knows its name and type. A rule lifts every call into a prediction node of the
//! plan, so that a value used twice is computed once.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::scalar_doc_sections::DOC_SECTION_OTHER;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};

use crate::environment::Environment;
use crate::plan::predict::SCALAR as NAME;

/// The function, finding models in `environment`.
pub fn function(environment: &Arc<Environment>) -> ScalarUDF {
    ScalarUDF::from(Predict {
        environment: environment.clone(),
        // The name can come to mean a newer version.
        signature: Signature::variadic_any(Volatility::Stable),
    })
}

#[derive(Debug)]
struct Predict {
    environment: Arc<Environment>,
    signature: Signature,
}

impl PartialEq for Predict {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.environment, &other.environment)
    }
}

impl Eq for Predict {}

impl Hash for Predict {
    fn hash<H: Hasher>(&self, state: &mut H) {
        NAME.hash(state);
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DOC_SECTION_OTHER,
        "A model's predictions for one row: a STRUCT with a field p_TASK for each task.",
        "predict('model', named_struct('column', value, ...))",
    )
    .with_sql_example(
        "SELECT predict('ranker', named_struct('user_id', user_id, 'price', price))['p_click'] FROM logs",
    )
    .with_argument("model", "The model's name, optionally with a version: 'ranker.3'.")
    .with_argument("row", "A struct with every feature of the model, by name.")
    .build()
});

impl ScalarUDFImpl for Predict {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Err(DataFusionError::Internal(
            "the type of predict depends on its model".into(),
        ))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let Some(Some(ScalarValue::Utf8(Some(name)))) = args.scalar_arguments.first() else {
            return Err(DataFusionError::Plan(
                "predict needs a model's name, a string, as its first argument".into(),
            ));
        };
        if args.arg_fields.len() != 2 {
            return Err(DataFusionError::Plan(format!(
                "predict takes a model's name and a struct of features, got {} arguments",
                args.arg_fields.len()
            )));
        }
        let session = self.environment.session()?;
        let model = self.environment.predictor(session.config_options(), name)?;
        let outputs = model.outputs()?.into_iter();
        let fields: Fields = outputs
            .map(|output| Field::new(output.name, output.data_type, true))
            .collect();
        Ok(Arc::new(Field::new(NAME, DataType::Struct(fields), true)))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(DataFusionError::Plan(
            "predict(...) can't stand here: compute it in a subquery first".into(),
        ))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}
