//! `tabular_gan`: rows with all their labels at once, one generator for several tasks.
//!
//! The core is L. Xu et al., "Modeling Tabular Data using Conditional GAN", NeurIPS 2019: numbers as modes
//! of a mixture, a conditional vector with training by sampling, packs of rows (Z. Lin et al., "PacGAN",
//! NeurIPS 2018) and a Wasserstein critic with gradient penalty (I. Gulrajani et al., NeurIPS 2017). The
//! whole tuple of labels is a part of the condition and drawn from the training rows' own distribution. A
//! trunk is shared by the critic and one head a label, which tells real from generated rows class by class
//! (L. Hou et al., "Conditional GANs with Auxiliary Discriminative Classifier", ICML 2022). The generator
//! also brings the trunk's means and deviations to those of real rows, the information loss of Z. Zhao et
//! al., "CTAB-GAN+", Frontiers in Big Data 6, 2023.
//!
//! CTGAN draws all columns at once and asks only the conditioned one to agree with the real row. Here
//! columns are drawn one after the other, and every one is asked to agree given those before it: that
//! cross entropy is CTGAN's for the condition, over all columns. On logs of mostly categories it brings
//! joint distributions that the critic alone does not find in ten times the steps.
//!
//! Shapes: B rows, U units, S slots of the widest, W slots of all, T tuples of labels, H hidden, Z noise.

mod discriminator;
mod generator;
mod guide;
mod layout;
mod tuples;

pub use discriminator::{Discriminator, PACK};
pub use generator::{Generator, Noise, Sample};
pub use guide::{Guide, Predictor};
pub use layout::Layout;
pub use tuples::{Conditioned, Tuples};

use tch::{Device, Kind, Tensor};

use super::{COLUMN_OPTIONS, Defaults, Design, Makes, RowDesign, TableGenerator};
use crate::error::Result;
use crate::feature::table::{Allowed, Codec, Coded};
use crate::layer::Path;
use crate::model::Config;
use crate::random::Draws;

/// The list's entry.
pub const DESIGN: Design = Design {
    name: "tabular_gan",
    summary: "rows with all labels at once: a conditional generator against a discriminator with a head a label",
    paper: "L. Xu et al., \"Modeling Tabular Data using Conditional GAN\", NeurIPS 2019; \
            L. Hou et al., \"Conditional GANs with Auxiliary Discriminative Classifier\", ICML 2022; \
            Z. Zhao et al., \"CTAB-GAN+\", Frontiers in Big Data 6, 2023",
    makes: Makes::Rows(RowDesign {
        ordered: false,
        fit: None,
        build,
    }),
    options: OPTIONS,
    defaults: Defaults {
        epochs: 15,
        batch_size: 500,
        learn_rate: 0.001,
        hidden_units: &[256, 128],
    },
};

const OPTIONS: &[&str] = &{
    let mut all = [""; COLUMN_OPTIONS.len() + 7];
    let mut at = 0;
    while at < COLUMN_OPTIONS.len() {
        all[at] = COLUMN_OPTIONS[at];
        at += 1;
    }
    all[at] = "hidden_units";
    all[at + 1] = "epochs";
    all[at + 2] = "batch_size";
    all[at + 3] = "learn_rate";
    all[at + 4] = "early_stop";
    all[at + 5] = "predictor";
    all[at + 6] = "resume";
    all
};

/// Rows times slots that are drawn at once at the most: each takes a few numbers.
const CELLS: usize = 1 << 22;

/// A trained generator with the tuples of labels.
pub struct Sampler {
    /// The network.
    pub generator: Generator,
    /// How often labels and values were seen together.
    pub tuples: Tuples,
}

fn build(codec: &Codec, config: &Config, path: &Path) -> Result<Box<dyn TableGenerator>> {
    let layout = Layout::new(codec);
    let sampler = Sampler {
        tuples: Tuples::load(&layout, &(path / "tuples"))?,
        generator: Generator::new(layout, config, &(path / "generator"))?,
    };
    Ok(Box::new(sampler))
}

impl TableGenerator for Sampler {
    fn draw(&self, rows: usize, allowed: &Allowed, draws: &mut Draws) -> Result<Coded> {
        let layout = self.generator.layout();
        let units = layout.units();
        let mut coded = Coded {
            rows,
            slots: vec![Vec::new(); units],
            places: vec![Vec::new(); units],
        };
        let most = (CELLS / layout.width().max(1) as usize).max(1);
        for from in (0..rows).step_by(most) {
            self.draw_some(most.min(rows - from), allowed, draws, &mut coded)?;
        }
        Ok(coded)
    }
}

impl Sampler {
    /// Appends `rows` rows.
    fn draw_some(
        &self,
        rows: usize,
        allowed: &Allowed,
        draws: &mut Draws,
        coded: &mut Coded,
    ) -> Result<()> {
        let layout = self.generator.layout();
        let given = self.tuples.conditions(layout, rows, allowed, draws)?;
        let noise = self.generator.noise(rows, draws)?;
        let drawn = self.generator.draw(&noise, &given, Sample::Hard)?;
        for unit in 0..layout.units() {
            let ids = drawn.ids[unit].f_sub_scalar(layout.offset(unit))?;
            let ids = ids.f_to_kind(Kind::Int64)?.f_to_device(Device::Cpu)?;
            let ids = Vec::<i64>::try_from(&ids)?;
            coded.slots[unit].extend(ids.into_iter().map(|id| id as u32));
            if let Some(place) = &drawn.places[unit] {
                let places = Vec::<f32>::try_from(&place.f_to_kind(Kind::Float)?)?;
                coded.places[unit].extend(places);
            }
        }
        Ok(())
    }
}

/// A tensor of f32 from values.
pub(super) fn tensor(values: &[f32], shape: &[i64]) -> Result<Tensor> {
    Ok(Tensor::f_from_slice(values)?.f_view(shape)?)
}
