//! `torch_info()`: which libtorch runs, and on what hardware.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};

use crate::device::{Choice, torch_info};

const SECTION: DocSection = DocSection {
    include: true,
    label: "Engine",
    description: Some("What the engine consists of."),
};

/// The session setting that names the device.
const DEVICE_SETTING: &str = "sqltorch.device";

pub(super) fn function() -> ScalarUDF {
    let documentation = Documentation::builder(
        SECTION,
        "The libtorch of this process as a STRUCT: version; device, where the session's models run; cuda, the version \
         of CUDA and the number of GPUs, or NULL; threads of one operation; cpu_capability, the instructions of the \
         CPU; note, why there is no GPU where one was looked for.",
        "torch_info()",
    )
    .with_sql_example("SELECT torch_info()['version'] AS libtorch, torch_info()['device'] AS device");
    ScalarUDF::from(TorchInfoFunction {
        // It follows SET and the state of the process, and EXPLAIN must not start a GPU.
        signature: Signature::nullary(Volatility::Volatile),
        documentation: documentation.build(),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TorchInfoFunction {
    signature: Signature,
    documentation: Documentation,
}

impl ScalarUDFImpl for TorchInfoFunction {
    fn name(&self) -> &str {
        "torch_info"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(fields()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let info = torch_info(device(&args.config_options)?);
        let text = |text: Option<String>| Arc::new(StringArray::from(vec![text])) as ArrayRef;
        let columns = vec![
            text(Some(info.version)),
            text(Some(info.device)),
            text(info.cuda),
            Arc::new(Int64Array::from(vec![info.threads as i64])),
            text(Some(info.cpu_capability)),
            text(info.note),
        ];
        let row = StructArray::try_new(fields(), columns, None)?;
        Ok(ColumnarValue::Scalar(ScalarValue::Struct(Arc::new(row))))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

fn fields() -> Fields {
    Fields::from(vec![
        Field::new("version", DataType::Utf8, false),
        Field::new("device", DataType::Utf8, false),
        Field::new("cuda", DataType::Utf8, true),
        Field::new("threads", DataType::Int64, false),
        Field::new("cpu_capability", DataType::Utf8, false),
        Field::new("note", DataType::Utf8, true),
    ])
}

/// The device of the session; `auto` where the session does not know the setting.
fn device(options: &ConfigOptions) -> Result<Choice> {
    let entries = options.entries().into_iter();
    let setting = entries
        .filter(|entry| entry.key == DEVICE_SETTING)
        .find_map(|entry| entry.value);
    match setting {
        Some(name) => Ok(name.parse()?),
        None => Ok(Choice::Auto),
    }
}
