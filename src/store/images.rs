//! A stored generator of images, and the classifier that scores images.
//!
//! Shapes: B images, H rows of W pixels, Z values of noise.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, FixedSizeListArray, Float64Array, LargeListArray, ListArray,
    RecordBatch, UInt32Array, new_empty_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::generator::{Draw, Generate, Wanted};
use super::model::{FittedModel, WEIGHTS};
use super::replica::ReplicaPool;
use crate::error::{Error, Result};
use crate::feature::{Classes, FittedSpec, Scale, TaskKind};
use crate::gan::image::{self, Design, Generator, ImageSpec, Statistics};
use crate::image::png;
use crate::layer::{Mode, Params, Workspace};
use crate::model::image_classifier::ImageFeatures;
use crate::random::Words;
use crate::tensor::catch;
use crate::tensor::memory::append;

/// Images that go through the generator at once.
const BATCH: usize = 256;

/// What a generator of images makes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImageMaker {
    /// The pair of networks.
    pub arch: String,
    /// H and W.
    pub size: [i64; 2],
    /// How images are written.
    pub pixels: PixelColumn,
    /// Training rows of each class of the label; none without a label.
    pub counts: Vec<u64>,
    /// Whose features the score was taken in.
    pub classifier: Option<PinnedClassifier>,
    /// What the columns of the training query became.
    pub encoder: FittedSpec,
}

/// The type of a column of images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PixelColumn {
    /// What holds an image.
    pub holds: Container,
    /// Type of a pixel in a list.
    pub item: String,
    /// Name of the list's items.
    pub item_name: String,
    /// Whether they may be NULL.
    pub item_nullable: bool,
}

/// What holds the pixels of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Container {
    FixedSizeList,
    List,
    LargeList,
    Binary,
    LargeBinary,
    BinaryView,
}

/// A classifier as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedClassifier {
    /// Name and version.
    pub model: String,
    /// Checksum of its content.
    pub checksum: String,
}

impl PixelColumn {
    /// That of a column of this type; one of no type of its own for views of lists.
    pub fn of(data_type: &DataType) -> Self {
        let (holds, item) = match data_type {
            DataType::FixedSizeList(item, _) => (Container::FixedSizeList, Some(item)),
            DataType::LargeList(item) | DataType::LargeListView(item) => {
                (Container::LargeList, Some(item))
            }
            DataType::List(item) | DataType::ListView(item) => (Container::List, Some(item)),
            DataType::LargeBinary => (Container::LargeBinary, None),
            DataType::BinaryView => (Container::BinaryView, None),
            _ => (Container::Binary, None),
        };
        let bytes: FieldRef = Arc::new(Field::new_list_field(DataType::UInt8, true));
        let item = item.unwrap_or(&bytes);
        Self {
            holds,
            item: item.data_type().to_string(),
            item_name: item.name().clone(),
            item_nullable: item.is_nullable(),
        }
    }

    fn item(&self) -> Result<FieldRef> {
        let data_type: DataType = self
            .item
            .parse()
            .map_err(|_| Error::execution(format!("unknown type {:?} of a pixel", self.item)))?;
        Ok(Arc::new(Field::new(
            &self.item_name,
            data_type,
            self.item_nullable,
        )))
    }

    fn data_type(&self, pixels: i64) -> Result<DataType> {
        Ok(match self.holds {
            Container::FixedSizeList => DataType::FixedSizeList(self.item()?, pixels as i32),
            Container::List => DataType::List(self.item()?),
            Container::LargeList => DataType::LargeList(self.item()?),
            Container::Binary => DataType::Binary,
            Container::LargeBinary => DataType::LargeBinary,
            Container::BinaryView => DataType::BinaryView,
        })
    }

    /// Images of `size`, whose pixels are from -1 to 1.
    fn array(&self, values: &[f32], [height, width]: [i64; 2], scale: Scale) -> Result<ArrayRef> {
        let len = (height * width) as usize;
        let rows = values.len() / len.max(1);
        let most = 2. * scale.mean;
        let shade = |value: &f32| scale.restore(*value).clamp(0., most);
        if matches!(
            self.holds,
            Container::Binary | Container::LargeBinary | Container::BinaryView
        ) {
            let to_byte = |value: &f32| (shade(value) / most * 255.).round() as u8;
            let bytes: Vec<_> = values.iter().map(to_byte).collect();
            let images = bytes.chunks_exact(len);
            let images: Vec<_> = images
                .map(|image| png::encode(image, width as usize, height as usize))
                .collect::<Result<_>>()?;
            let images = BinaryArray::from_iter_values(images);
            return Ok(cast(&images, &self.data_type(height * width)?)?);
        }
        let item = self.item()?;
        // Whole shades where there are 256; bytes with a sign end at half of them.
        let largest = match item.data_type() {
            DataType::Int8 => most.min(127.),
            _ => most,
        };
        let whole = most > 1. || item.data_type().is_integer();
        let pixels = values.iter().map(|value| {
            let shade = shade(value).min(largest);
            if whole { shade.round() } else { shade }
        });
        let pixels = cast(&Float64Array::from_iter_values(pixels), item.data_type())?;
        Ok(match self.holds {
            Container::FixedSizeList => {
                Arc::new(FixedSizeListArray::try_new(item, len as i32, pixels, None)?)
            }
            Container::LargeList => Arc::new(LargeListArray::try_new(
                item,
                OffsetBuffer::from_repeated_length(len, rows),
                pixels,
                None,
            )?),
            _ => Arc::new(ListArray::try_new(
                item,
                OffsetBuffer::from_repeated_length(len, rows),
                pixels,
                None,
            )?),
        })
    }
}

impl ImageMaker {
    /// The columns of what it makes, as in the training query.
    ///
    /// # Errors
    /// `Execution` when a type is not known.
    pub fn schema(&self) -> Result<SchemaRef> {
        let mut fields = Vec::new();
        for (at, column) in self.encoder.spec.columns.iter().enumerate() {
            let is_label = self.encoder.spec.label_columns.contains(&at);
            let data_type = match self.classes().filter(|_| is_label) {
                Some(classes) => classes.data_type()?,
                None if column.is_input() => self.pixels.data_type(self.size[0] * self.size[1])?,
                None => continue,
            };
            fields.push(Field::new(&column.name, data_type, true));
        }
        Ok(Arc::new(Schema::new(fields)))
    }

    /// The classes of the label, if there is one.
    fn classes(&self) -> Option<&Classes> {
        match &self.encoder.layout().tasks.first()?.kind {
            TaskKind::MultiClass(classes) => Some(classes),
            _ => None,
        }
    }

    /// The class that all images are to have.
    ///
    /// # Errors
    /// `Plan` for any other column than the label, or a label that training has not seen.
    pub fn class(&self, wanted: &Wanted) -> Result<Option<i64>> {
        let task = self.encoder.layout().tasks.first();
        let label = task.map(|task| task.name.as_str());
        let mut found = None;
        for (name, value) in wanted {
            let (Some(label), Some(classes)) = (label, self.classes()) else {
                return Err(Error::plan(format!(
                    "the model was trained without a label: GENERATE can't choose {name:?}; name the label in \
                     input_label_cols when the model is made"
                )));
            };
            if !name.eq_ignore_ascii_case(label) {
                return Err(Error::plan(format!(
                    "GENERATE can't choose {name:?}; of this model it can choose {label:?}"
                )));
            }
            let at = classes
                .values
                .iter()
                .position(|class| is_same(class, value));
            let at = at.ok_or_else(|| {
                let known: Vec<_> = classes.values.iter().map(String::as_str).take(20).collect();
                Error::plan(format!(
                    "no image of {label} {value} was seen in training; it has: {}",
                    known.join(", ")
                ))
            })?;
            found = Some(at as i64);
        }
        Ok(found)
    }

    /// The spec of its networks.
    fn spec(&self) -> ImageSpec {
        ImageSpec {
            size: self.size,
            classes: self.counts.len() as i64,
        }
    }

    /// The generator with its weights, whose matrix products are computed in `products`.
    ///
    /// # Errors
    /// `Execution` when a weight is missing or of another shape.
    pub fn load(
        &self,
        params: Params,
        device: Device,
        products: Kind,
    ) -> Result<Box<dyn Generate>> {
        let (design, spec) = (image::find(&self.arch)?, self.spec());
        let labels = match self.classes() {
            Some(classes) => classes.array()?,
            None => new_empty_array(&DataType::Null),
        };
        let scale = self.encoder.pixel_scale();
        Ok(Box::new(LoadedMaker {
            maker: self.clone(),
            schema: self.schema()?,
            design,
            labels,
            scale: scale.ok_or_else(|| Error::execution("the model has no column of pixels"))?,
            products,
            pool: ReplicaPool::new(params, move |params| {
                (design.generator)(&spec, &params.root())
            })?,
            device,
        }))
    }
}

/// Whether `value` means the class that is written `class`.
fn is_same(class: &str, value: &Value) -> bool {
    match value {
        Value::String(text) => class == text,
        Value::Number(number) => {
            class == number.to_string() || class.parse().ok() == number.as_f64()
        }
        Value::Bool(flag) => class == if *flag { "true" } else { "false" },
        _ => false,
    }
}

/// A generator in memory.
struct LoadedMaker {
    maker: ImageMaker,
    schema: SchemaRef,
    design: &'static Design,
    /// The classes in order.
    labels: ArrayRef,
    scale: Scale,
    products: Kind,
    pool: ReplicaPool<Box<dyn Generator>>,
    device: Device,
}

impl Generate for LoadedMaker {
    fn batch(&self, draw: Draw, rows: usize, wanted: &Wanted) -> Result<RecordBatch> {
        let class = self.maker.class(wanted)?;
        let draws = Words::new(&[draw.seed, draw.batch, draw.attempt]);
        let classes: Vec<i64> = match class {
            Some(class) => vec![class; rows],
            None => self.drawn_classes(&draws, rows),
        };
        let pixels = self.maker.size[0] * self.maker.size[1];
        let mut values = Vec::with_capacity(rows * pixels as usize);
        catch(|| {
            self.pool.with(|generator| {
                let _guard = tch::no_grad_guard();
                // Batches are made side by side: a thread each, none inside libtorch.
                tch::set_num_threads(1);
                let width = self.design.noise;
                for from in (0..rows).step_by(BATCH) {
                    let count = BATCH.min(rows - from);
                    let noise = draws.normals(count * width as usize);
                    let noise = Tensor::f_from_slice(&noise)?
                        .f_view([count as i64, width])?
                        .f_to_device(self.device)?;
                    let labels = (!self.maker.counts.is_empty())
                        .then(|| {
                            let classes = &classes[from..from + count];
                            Tensor::f_from_slice(classes)?.f_to_device(self.device)
                        })
                        .transpose()?;
                    let statistics = Statistics::Stored;
                    let images =
                        generator.images(&noise, labels.as_ref(), statistics, self.products)?;
                    append(&mut values, &images)?;
                }
                Ok(())
            })
        })?;
        let images = self
            .maker
            .pixels
            .array(&values, self.maker.size, self.scale)?;
        let columns = self.schema.fields().iter().map(|field| {
            let tasks = &self.maker.encoder.layout().tasks;
            if tasks.first().is_some_and(|task| task.name == *field.name()) {
                let numbers = classes.iter().map(|class| *class as u32);
                return Ok(take(
                    &self.labels,
                    &UInt32Array::from_iter_values(numbers),
                    None,
                )?);
            }
            Ok(images.clone())
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new(self.schema.clone(), columns)?)
    }
}

impl LoadedMaker {
    /// Classes as often as training had them.
    fn drawn_classes(&self, draws: &Words, rows: usize) -> Vec<i64> {
        let mut ends = Vec::with_capacity(self.maker.counts.len());
        let mut end = 0;
        for count in &self.maker.counts {
            end += count;
            ends.push(end);
        }
        let place = |word: &u64| ((u128::from(*word) * u128::from(end)) >> 64) as u64;
        let class = |word| ends.partition_point(|end| *end <= place(word)) as i64;
        draws.take(rows).iter().map(class).collect()
    }
}

/// A classifier whose dense layer says what images are like.
pub struct ImageJudge {
    features: ImageFeatures,
    device: Device,
}

impl ImageJudge {
    /// Of a stored image_classifier of images of this size.
    ///
    /// # Errors
    /// `Plan` when it is none; `Execution` when its files are damaged.
    pub fn load(model: &FittedModel, size: [i64; 2], device: Device) -> Result<Self> {
        Self::check(model, size)?;
        model.verify()?;
        let weights = Tensor::read_safetensors(model.local(WEIGHTS)?)?;
        let params = Params::loaded(weights, device)?;
        Ok(Self {
            features: ImageFeatures::new(&params.root(), &model.manifest().config)?,
            device,
        })
    }

    /// Whether a model can judge images of this size.
    ///
    /// # Errors
    /// `Plan` when it can't.
    pub fn check(model: &FittedModel, size: [i64; 2]) -> Result<()> {
        let manifest = model.manifest();
        if manifest.model_type != "image_classifier" {
            return Err(Error::plan(format!(
                "option classifier: model {} is of model_type '{}', not 'image_classifier'",
                model.name(),
                manifest.model_type
            )));
        }
        let [height, width] = manifest.config.image_size;
        if [height, width] != size {
            return Err(Error::plan(format!(
                "option classifier: model {} reads images of {height} x {width}, the query has {} x {}",
                model.name(),
                size[0],
                size[1]
            )));
        }
        Ok(())
    }

    /// The features of images, `[B, H * W]`.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn features(&self, images: &Tensor) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        let workspace = Workspace::default();
        let images = images.f_to_device(self.device)?;
        self.features.forward(&images, Mode::Apply(&workspace))
    }
}
