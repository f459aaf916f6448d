//! `sqltorch images`: a grid of what a generator of images draws.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::{cast, concat_batches};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type};
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::common::utils::quote_identifier;
use sqltorch::Engine;
use sqltorch::image::{grid, png};

use super::args::{EngineArgs, ImagesArgs};
use super::failure::{Failure, Outcome};
use super::interrupt::Workers;
use super::new_file::NewFile;
use super::output::print_lines;
use super::session;

/// Rows in which labels are looked for.
const LABEL_ROWS: usize = 2000;

/// Draws the grid and prints what its rows show.
pub fn run(workers: &Workers, args: ImagesArgs, options: &EngineArgs) -> Outcome {
    let output = NewFile::at(&args.output, args.overwrite)?;
    let engine = session::engine(options, None)?;
    let (picture, legend) = workers.run(async move { draw(&engine, &args).await })?;
    output.write(&picture)?;
    print_lines(legend)
}

/// The picture, and a line for each of its rows.
async fn draw(engine: &Engine, args: &ImagesArgs) -> Outcome<(Vec<u8>, Vec<String>)> {
    let drawing = Drawing::of(engine, args).await?;
    let (rows, legend) = match &drawing.label {
        Some(label) => drawing.by_label(label).await?,
        None => {
            let images = drawing.images("", args.n).await?;
            let columns = (args.n as f64).sqrt().ceil().max(1.) as usize;
            let row = |images: &[Vec<u8>]| grid::Row {
                label: String::new(),
                images: images.to_vec(),
            };
            let rows: Vec<_> = images.chunks(columns).map(row).collect();
            let legend = vec![format!("{} images in {} rows", images.len(), rows.len())];
            (rows, legend)
        }
    };
    let picture = grid::draw(&rows, drawing.width, drawing.height)?;
    Ok((picture, legend))
}

/// What is known of the generator.
struct Drawing<'a> {
    engine: &'a Engine,
    args: &'a ImagesArgs,
    model: String,
    pixels: String,
    label: Option<String>,
    width: usize,
    height: usize,
}

impl<'a> Drawing<'a> {
    async fn of(engine: &'a Engine, args: &'a ImagesArgs) -> Outcome<Self> {
        let model = format!("'{}'", args.model.replace('\'', "''"));
        let columns = query(
            engine,
            &format!("SELECT \"column\", encoding, role FROM FEATURE_INFO({model})"),
        )
        .await?;
        let column = |at: usize, wanted: &str| {
            let found = (0..columns.num_rows()).find(|&row| text(&columns, at, row) == wanted);
            found.map(|row| text(&columns, 0, row))
        };
        let size = query(
            engine,
            &format!("SELECT value FROM ml_describe({model}) WHERE property = 'option image_size'"),
        )
        .await?;
        let none = || {
            Failure::Error(format!(
                "model {} draws no images; model_type = 'image_gan' makes one that does",
                args.model
            ))
        };
        let size = (size.num_rows() > 0).then(|| text(&size, 0, 0));
        let sides: Vec<usize> = size
            .iter()
            .flat_map(|size| size.trim_matches(['[', ']']).split(", "))
            .filter_map(|side| side.parse().ok())
            .collect();
        let &[height, width] = &sides[..] else {
            return Err(none());
        };
        Ok(Self {
            engine,
            args,
            model,
            pixels: column(1, "pixels").ok_or_else(none)?,
            label: column(2, "label"),
            width,
            height,
        })
    }

    /// A row of images for each label.
    async fn by_label(&self, label: &str) -> Outcome<(Vec<grid::Row>, Vec<String>)> {
        let column = quote(label);
        let labels = query(
            self.engine,
            &format!(
                "SELECT DISTINCT {column} FROM GENERATE({}, n => {LABEL_ROWS}) ORDER BY 1",
                self.model
            ),
        )
        .await?;
        let each = self.args.n.div_ceil(labels.num_rows().max(1));
        let (mut rows, mut legend) = (Vec::new(), Vec::new());
        for row in 0..labels.num_rows() {
            let value = text(&labels, 0, row);
            let chosen = match labels.column(0).data_type() {
                t if t.is_numeric() || *t == DataType::Boolean => value.clone(),
                _ => format!("'{}'", value.replace('\'', "''")),
            };
            let name = label.replace('\'', "''");
            let chosen = format!(", where => {{'{name}': {chosen}}}");
            legend.push(format!("row {}: {label} {value}", row + 1));
            rows.push(grid::Row {
                images: self.images(&chosen, each).await?,
                label: value,
            });
        }
        Ok((rows, legend))
    }

    /// The bytes of `n` images; `more` are further arguments of GENERATE.
    async fn images(&self, more: &str, n: usize) -> Outcome<Vec<Vec<u8>>> {
        let seed = self.args.seed.map(|seed| format!(", seed => {seed}"));
        let made = query(
            self.engine,
            &format!(
                "SELECT {} FROM GENERATE({}, n => {n}{more}{})",
                quote(&self.pixels),
                self.model,
                seed.unwrap_or_default()
            ),
        )
        .await?;
        let column = made.column(0);
        match column.data_type() {
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                self.read_png(column)
            }
            _ => from_lists(column),
        }
    }

    fn read_png(&self, column: &ArrayRef) -> Outcome<Vec<Vec<u8>>> {
        let column = cast(column, &DataType::LargeBinary).map_err(refused)?;
        let images = column.as_binary::<i64>().iter().flatten().map(|bytes| {
            let mut pixels = Vec::new();
            png::decode(bytes, self.width, self.height, &mut pixels)?;
            Ok(pixels)
        });
        images.collect()
    }
}

/// Pixels from 0 to 255, or from 0 to 1 where none is larger.
fn from_lists(column: &ArrayRef) -> Outcome<Vec<Vec<u8>>> {
    let item = Field::new_list_field(DataType::Float64, true).into();
    let column = cast(column, &DataType::LargeList(item)).map_err(refused)?;
    let lists = column.as_list::<i64>();
    let values = lists.values().as_primitive::<Float64Type>().values();
    let most = values.iter().fold(0f64, |most, value| most.max(*value));
    let scale = if most <= 1. { 255. } else { 1. };
    let byte = |value: &f64| (value * scale).round().clamp(0., 255.) as u8;
    let images = (0..lists.len()).map(|row| {
        let image = lists.value(row);
        let pixels = image.as_primitive::<Float64Type>();
        pixels.values().iter().map(byte).collect()
    });
    Ok(images.collect())
}

async fn query(engine: &Engine, sql: &str) -> Outcome<RecordBatch> {
    let frame = engine.sql(sql).await?;
    let schema = frame.schema().inner().clone();
    let batches = frame.collect().await?;
    concat_batches(&schema, &batches).map_err(refused)
}

fn text(batch: &RecordBatch, column: usize, row: usize) -> String {
    array_value_to_string(batch.column(column), row).unwrap_or_default()
}

/// A column's name, always in quotes.
fn quote(name: &str) -> String {
    match quote_identifier(name) {
        plain if plain.starts_with('"') => plain.into_owned(),
        plain => format!("\"{plain}\""),
    }
}

fn refused(error: datafusion::arrow::error::ArrowError) -> Failure {
    datafusion::error::DataFusionError::from(error).into()
}
