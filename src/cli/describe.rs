//! What `\d` prints: the tables and models there are, or the columns of one.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::common::TableReference;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::TableType;
use sqltorch::Engine;

/// Every table, view and model with its kind.
pub async fn relations(engine: &Engine) -> Result<RecordBatch> {
    let mut names = Vec::new();
    let mut kinds = Vec::new();
    for table in tables(engine) {
        let kind = match engine.context().table_provider(table.clone()).await {
            Ok(provider) => match provider.table_type() {
                TableType::Base => "table",
                TableType::View => "view",
                TableType::Temporary => "temporary table",
            },
            // Dropped in the meantime.
            Err(_) => continue,
        };
        names.push(short_name(engine, &table));
        kinds.push(kind);
    }
    for model in engine.model_names() {
        names.push(model);
        kinds.push("model");
    }
    batch([
        ("name", names),
        ("kind", kinds.into_iter().map(String::from).collect()),
    ])
}

/// What is known about `name`: the columns of a table or of a file in single quotes.
pub async fn columns(engine: &Engine, name: &str) -> Result<RecordBatch> {
    let provider = engine.context().table_provider(reference(name)).await?;
    let schema = provider.schema();
    let text = |value: &dyn Fn(usize) -> String| (0..schema.fields().len()).map(value).collect();
    batch([
        ("column", text(&|i| schema.field(i).name().clone())),
        ("type", text(&|i| schema.field(i).data_type().to_string())),
        ("nulls", text(&|i| yes_or_no(schema.field(i).is_nullable()))),
    ])
}

/// A table as a user writes it after `\d` or FROM; `'a file'` is one name whatever is in it.
pub fn reference(name: &str) -> TableReference {
    match name.strip_prefix('\'').and_then(|n| n.strip_suffix('\'')) {
        Some(file) => TableReference::bare(file.replace("''", "'")),
        None => TableReference::parse_str(name),
    }
}

/// Every table but those that describe the others.
pub fn tables(engine: &Engine) -> Vec<TableReference> {
    let context = engine.context();
    let mut tables = Vec::new();
    for catalog_name in context.catalog_names() {
        let Some(catalog) = context.catalog(&catalog_name) else {
            continue;
        };
        for schema_name in catalog.schema_names() {
            if schema_name == "information_schema" {
                continue;
            }
            let Some(schema) = catalog.schema(&schema_name) else {
                continue;
            };
            for table in schema.table_names() {
                tables.push(TableReference::full(
                    catalog_name.clone(),
                    schema_name.clone(),
                    table,
                ));
            }
        }
    }
    tables.sort();
    tables
}

/// The name without the parts that the session assumes by itself, quoted where SQL asks for it.
pub fn short_name(engine: &Engine, table: &TableReference) -> String {
    let state = engine.context().state();
    let defaults = &state.config_options().catalog;
    let is_default_catalog = table.catalog() == Some(defaults.default_catalog.as_str());
    let is_default_schema = table.schema() == Some(defaults.default_schema.as_str());
    let short = match (table.schema(), is_default_catalog, is_default_schema) {
        (_, true, true) => TableReference::bare(table.table()),
        (Some(schema), true, false) => TableReference::partial(schema, table.table()),
        _ => table.clone(),
    };
    short.to_quoted_string()
}

fn yes_or_no(value: bool) -> String {
    if value { "yes" } else { "no" }.to_string()
}

fn batch<const N: usize>(columns: [(&str, Vec<String>); N]) -> Result<RecordBatch> {
    let columns = columns.map(|(name, values)| {
        let values: ArrayRef = Arc::new(StringArray::from(values));
        (name, values)
    });
    RecordBatch::try_from_iter(columns).map_err(DataFusionError::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_file_is_one_name() {
        let file = reference("'a.b/it''s.parquet'");
        assert_eq!(file, TableReference::bare("a.b/it's.parquet"));
        assert_eq!(reference("a.B"), TableReference::partial("a", "b"));
    }
}
