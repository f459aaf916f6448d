//! The discriminator: a trunk over rows, a Wasserstein critic over packs of rows, and a head a label.

use tch::{Kind, Tensor};

use super::generator::Drawn;
use super::layout::Layout;
use super::tuples::Conditioned;
use crate::error::Result;
use crate::layer::{Init, Path, leaky_relu};
use crate::model::Config;

/// Rows that the critic sees at once, as CTGAN has it.
pub const PACK: i64 = 10;

/// The network.
pub struct Discriminator {
    layout: Layout,
    trunk: Vec<[Tensor; 2]>,
    critic: [[Tensor; 2]; 2],
    heads: Vec<[Tensor; 2]>,
}

/// What the trunk makes of rows.
pub struct Seen {
    /// `[B, H]`.
    pub trunk: Tensor,
    /// Critic scores of the packs, `[B / PACK]`.
    pub scores: Tensor,
}

impl Discriminator {
    /// A network for rows of this layout.
    ///
    /// # Errors
    /// As [`Path::weight`].
    pub fn new(layout: Layout, config: &Config, path: &Path) -> Result<Self> {
        let linear = |path: Path, inputs: i64, outputs: i64| -> Result<[Tensor; 2]> {
            let init = Init::He { fan_in: inputs };
            Ok([
                path.weight("weight", &[inputs, outputs], init)?,
                path.weight("bias", &[outputs], Init::Zeros)?,
            ])
        };
        let hidden = config.hidden_units.first().copied().unwrap_or(256);
        let labels = layout.tuples();
        let inputs = layout.width() - labels + layout.spanned().len() as i64;
        let packed = PACK * (hidden + layout.width());
        let heads = layout
            .labels()
            .iter()
            .enumerate()
            .map(|(label, (_, classes))| linear(&(path / "heads") / label, hidden, 2 * classes));
        let (trunk, critic) = (path / "trunk", path / "critic");
        Ok(Self {
            trunk: vec![
                linear(&trunk / 0, inputs, hidden)?,
                linear(&trunk / 1, hidden, hidden)?,
            ],
            critic: [
                linear(&critic / 0, packed, hidden)?,
                linear(&critic / 1, hidden, 1)?,
            ],
            heads: heads.collect::<Result<_>>()?,
            layout,
        })
    }

    /// Lets the trunk begin with what a predictor's first layers make of a row, `[F, K]`, as far as there is
    /// room, at the scale of the weights that it had.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn begin_with(&self, first: &Tensor) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let weight = &self.trunk[0][0];
        let units = first.size()[1].min(weight.size()[1]);
        let mut part = weight.f_narrow(1, 0, units)?;
        let first = first.f_narrow(1, 0, units)?;
        let length = |x: &Tensor| x.f_square()?.f_mean(Kind::Float)?.f_sqrt();
        let scale = length(&part)?.f_div(&length(&first)?.f_clamp_min(1e-12)?)?;
        part.f_copy_(&first.f_mul(&scale)?)?;
        Ok(())
    }

    /// What the trunk reads of real rows, `[B, F]`: all slots but those of the tuple, and the places.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn real(&self, ids: &Tensor, places: &Tensor) -> Result<Tensor> {
        let labels = self.layout.tuples();
        let ones = self.layout.one_hot(ids, None)?;
        let ones = ones.f_narrow(1, labels, self.layout.width() - labels)?;
        let spanned = self.layout.spanned();
        let spanned: Vec<_> = spanned.into_iter().map(|unit| unit as i64).collect();
        let places = places.f_index_select(1, &Tensor::f_from_slice(&spanned)?)?;
        Ok(Tensor::f_cat(&[ones, places], 1)?)
    }

    /// The same of drawn rows.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn drawn(&self, drawn: &Drawn) -> Result<Tensor> {
        let ones = drawn.ones.iter().flatten().map(Tensor::shallow_clone);
        let places = drawn
            .places
            .iter()
            .flatten()
            .map(|place| place.f_unsqueeze(1));
        let places = places.collect::<std::result::Result<Vec<_>, _>>()?;
        Ok(Tensor::f_cat(&ones.chain(places).collect::<Vec<_>>(), 1)?)
    }

    /// `rows` is `[B, F]`, B a multiple of [`PACK`].
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn see(&self, rows: &Tensor, given: &Conditioned) -> Result<Seen> {
        let mut x = rows.shallow_clone();
        for [weight, bias] in &self.trunk {
            x = leaky_relu(&x.f_mm(weight)?.f_add(bias)?)?;
        }
        let condition = self.layout.one_hot(&given.ids, Some(&given.given))?;
        let both = Tensor::f_cat(&[&x, &condition], 1)?;
        let packs = both.f_view([-1, PACK * both.size()[1]])?;
        let [[w0, b0], [w1, b1]] = &self.critic;
        let hidden = leaky_relu(&packs.f_mm(w0)?.f_add(b0)?)?;
        Ok(Seen {
            scores: hidden.f_mm(w1)?.f_add(b1)?.f_squeeze_dim(1)?,
            trunk: x,
        })
    }

    /// The cost of taking rows for real, or for generated, in their own classes: a mean over rows and a
    /// sum over labels; none without labels.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn class_cost(
        &self,
        seen: &Seen,
        given: &Conditioned,
        real: bool,
    ) -> Result<Option<Tensor>> {
        let tuple = given.ids.f_select(1, 0)?;
        let mut total: Option<Tensor> = None;
        for ([weight, bias], (classes, most)) in self.heads.iter().zip(self.layout.labels()) {
            let class = Tensor::f_from_slice(classes)?.f_index_select(0, &tuple)?;
            let class = if real {
                class
            } else {
                class.f_add_scalar(*most)?
            };
            let logits = seen.trunk.f_mm(weight)?.f_add(bias)?;
            let chances = logits.f_log_softmax(1, Kind::Float)?;
            let said = chances.f_gather(1, &class.f_unsqueeze(1)?, false)?;
            let cost = said.f_mean(Kind::Float)?.f_neg()?;
            total = Some(match total {
                None => cost,
                Some(total) => total.f_add(&cost)?,
            });
        }
        Ok(total)
    }

    /// How far the critic's gradient between real and drawn rows is from length 1, `weights` (`[B / PACK]`)
    /// of the way from one to the other.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn penalty(
        &self,
        real: &Tensor,
        drawn: &Tensor,
        given: &Conditioned,
        weights: &Tensor,
    ) -> Result<Tensor> {
        let each = weights
            .f_repeat_interleave_self_int(PACK, None, None)?
            .f_unsqueeze(1)?;
        let between = drawn.f_sub(real)?.f_mul(&each)?.f_add(real)?.f_detach()?;
        let between = between.f_set_requires_grad(true)?;
        let score = self.see(&between, given)?.scores.f_sum(Kind::Float)?;
        let gradient = Tensor::f_run_backward(&[score], &[&between], true, true)?;
        let packs = gradient[0].f_view([weights.size()[0], -1])?;
        let squares = packs
            .f_square()?
            .f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float)?;
        let lengths = squares.f_add_scalar(1e-12)?.f_sqrt()?;
        Ok(lengths.f_sub_scalar(1.)?.f_square()?.f_mean(Kind::Float)?)
    }
}
