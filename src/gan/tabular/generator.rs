//! The generator: units are drawn one after the other, each from what was drawn before.
//! H. Larochelle, I. Murray, "The Neural Autoregressive Distribution Estimator", AISTATS 2011, is where the
//! running sum comes from; noise and condition begin it.

use tch::{Kind, Tensor};

use super::layout::Layout;
use super::tensor;
use super::tuples::Conditioned;
use crate::error::Result;
use crate::layer::{Init, Path};
use crate::model::Config;
use crate::random::Draws;

/// Z.
const NOISE: i64 = 32;

/// Temperature of the Gumbel softmax.
const TEMPERATURE: f64 = 0.5;

/// Standard deviation of what a drawn slot adds to the sum in the beginning.
const EMBEDDING_STD: f64 = 0.05;

/// Bounds of the logarithm of a place's deviation.
const LOG_STD: (f64, f64) = (-4., 1.);

/// How slots are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// One each, without a way back.
    Hard,
    /// One each, with the gradient of the softmax (E. Jang et al., "Categorical Reparameterization with
    /// Gumbel-Softmax", ICLR 2017).
    StraightThrough,
}

/// The network.
pub struct Generator {
    layout: Layout,
    spanned: Vec<usize>,
    begin: [Tensor; 4],  // [Z + W + U, H], [H], [H, H], [H]
    added: Tensor,       // [W, H]
    added_place: Tensor, // [U, H]
    first: [Tensor; 2],  // [U, H, K], [U, 1, K]
    logits: [Tensor; 2], // [U, K, S], [U, 1, S]
    places: [Tensor; 2], // [P, K, 2 S], [P, 1, 2 S] for the P units with spans
}

/// All random numbers of a draw.
pub struct Noise {
    z: Tensor,      // [B, Z]
    gumbel: Tensor, // [B, W]
    places: Tensor, // [B, P]
}

/// Drawn rows.
pub struct Drawn {
    /// Of each unit the position among all slots, `[B]` i64.
    pub ids: Vec<Tensor>,
    /// Of each unit ones and zeros with a way back, `[B, slots]`; none for [`Sample::Hard`].
    pub ones: Vec<Option<Tensor>>,
    /// Of each unit with spans the place, `[B]`, 0 where the slot is none.
    pub places: Vec<Option<Tensor>>,
}

impl Generator {
    /// A network for rows of this layout.
    ///
    /// # Errors
    /// As [`Path::weight`].
    pub fn new(layout: Layout, config: &Config, path: &Path) -> Result<Self> {
        let width = |at: usize, other: i64| config.hidden_units.get(at).copied().unwrap_or(other);
        let hidden = width(0, 256);
        let head = width(1, hidden);
        let (units, slots) = (layout.units() as i64, layout.most_slots());
        let inputs = NOISE + layout.width() + units;
        let spanned = layout.spanned();
        let begin = path / "begin";
        let (first, logits, places) = (path / "first", path / "logits", path / "places");
        let he = |fan_in| Init::He { fan_in };
        let normal = Init::Normal { std: EMBEDDING_STD };
        let spans = spanned.len() as i64;
        let small = Init::Normal { std: 0.01 };
        Ok(Self {
            begin: [
                begin.weight("0/weight", &[inputs, hidden], he(inputs))?,
                begin.weight("0/bias", &[hidden], Init::Zeros)?,
                begin.weight(
                    "1/weight",
                    &[hidden, hidden],
                    Init::Lecun { fan_in: hidden },
                )?,
                begin.weight("1/bias", &[hidden], Init::Zeros)?,
            ],
            added: path.weight("added", &[layout.width(), hidden], normal)?,
            added_place: path.weight("added_place", &[units, hidden], normal)?,
            first: [
                first.weight("weight", &[units, hidden, head], he(hidden))?,
                first.weight("bias", &[units, 1, head], Init::Zeros)?,
            ],
            logits: [
                logits.weight("weight", &[units, head, slots], small)?,
                logits.weight("bias", &[units, 1, slots], Init::Values(&priors(&layout)))?,
            ],
            places: [
                places.weight("weight", &[spans, head, 2 * slots], small)?,
                places.weight("bias", &[spans, 1, 2 * slots], Init::Zeros)?,
            ],
            spanned,
            layout,
        })
    }

    /// Where slots stand.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The random numbers of `rows` rows.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn noise(&self, rows: usize, draws: &mut Draws) -> Result<Noise> {
        let shape = |columns: i64| [rows as i64, columns];
        let (width, spans) = (self.layout.width(), self.spanned.len());
        let z = draws.normals(rows * NOISE as usize);
        let places = draws.normals(rows * spans);
        let uniform = tensor(&draws.open_units(rows * width as usize), &shape(width))?;
        Ok(Noise {
            z: tensor(&z, &shape(NOISE))?,
            gumbel: uniform.f_log()?.f_neg()?.f_log()?.f_neg()?,
            places: tensor(&places, &shape(spans as i64))?,
        })
    }

    /// The running sum that noise and condition begin, `[B, H]`.
    fn begin(&self, z: &Tensor, given: &Conditioned) -> Result<Tensor> {
        let condition = self.layout.one_hot(&given.ids, Some(&given.given))?;
        let x = Tensor::f_cat(&[z, &condition, &given.given], 1)?;
        let [w0, b0, w1, b1] = &self.begin;
        Ok(x.f_mm(w0)?.f_add(b0)?.f_relu()?.f_mm(w1)?.f_add(b1)?)
    }

    /// Draws rows; units that are given have their slots.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn draw(&self, noise: &Noise, given: &Conditioned, sample: Sample) -> Result<Drawn> {
        let layout = &self.layout;
        let mut sum = self.begin(&noise.z, given)?;
        let mut drawn = Drawn {
            ids: Vec::new(),
            ones: Vec::new(),
            places: Vec::new(),
        };
        for unit in 0..layout.units() {
            let at = unit as i64;
            let (offset, slots) = (layout.offset(unit), layout.slots(unit));
            let (own_id, own) = (given.ids.f_select(1, at)?, given.given.f_select(1, at)?);
            let added = self.added.f_narrow(0, offset, slots)?;
            if !layout.drawn().contains(&unit) {
                sum = sum.f_add(&self.added.f_index_select(0, &own_id)?)?;
                drawn.ids.push(own_id);
                drawn.ones.push(None);
                drawn.places.push(None);
                continue;
            }
            let head = self.head(&sum, at)?;
            let [weight, bias] = &self.logits;
            let logits = head
                .f_mm(&weight.f_select(0, at)?.f_narrow(1, 0, slots)?)?
                .f_add(&bias.f_select(0, at)?.f_narrow(1, 0, slots)?)?;
            let noisy = logits.f_add(&noise.gumbel.f_narrow(1, offset, slots)?)?;
            let free = noisy.f_argmax(1, false)?.f_add_scalar(offset)?;
            let id = own_id.f_where_self(&own.f_gt(0.5)?, &free)?;
            let local = id.f_sub_scalar(offset)?;
            let ones = match sample {
                Sample::Hard => None,
                Sample::StraightThrough => {
                    let soft = noisy.f_div_scalar(TEMPERATURE)?.f_softmax(1, Kind::Float)?;
                    let free = own.f_neg()?.f_add_scalar(1.)?.f_unsqueeze(1)?;
                    let way = soft.f_sub(&soft.f_detach()?)?.f_mul(&free)?;
                    let hard = local.f_one_hot(slots)?.f_to_kind(Kind::Float)?;
                    Some(hard.f_add(&way)?)
                }
            };
            sum = sum.f_add(&match &ones {
                None => self.added.f_index_select(0, &id)?,
                Some(ones) => ones.f_mm(&added)?,
            })?;
            let place = match self.spanned.iter().position(|spanned| *spanned == unit) {
                None => None,
                Some(span) => {
                    let (mean, log_std) = self.place(&head, span as i64, &local)?;
                    let random = noise.places.f_select(1, span as i64)?;
                    let inside = self.is_span(unit)?.f_index_select(0, &local)?;
                    let place = mean
                        .f_add(&log_std.f_exp()?.f_mul(&random)?)?
                        .f_mul(&inside)?;
                    let moved = place
                        .f_unsqueeze(1)?
                        .f_mul(&self.added_place.f_select(0, at)?)?;
                    sum = sum.f_add(&moved)?;
                    Some(place)
                }
            };
            drawn.ids.push(id);
            drawn.ones.push(ones);
            drawn.places.push(place);
        }
        Ok(drawn)
    }

    /// What a unit makes of the running sum, `[B, K]`.
    fn head(&self, sum: &Tensor, unit: i64) -> Result<Tensor> {
        let [weight, bias] = &self.first;
        let x = sum.f_relu()?.f_mm(&weight.f_select(0, unit)?)?;
        Ok(x.f_add(&bias.f_select(0, unit)?)?.f_relu()?)
    }

    /// Mean and logarithm of the deviation of a place in the slots `local`, `[B]` each.
    fn place(&self, head: &Tensor, span: i64, local: &Tensor) -> Result<(Tensor, Tensor)> {
        let [weight, bias] = &self.places;
        let both = head
            .f_mm(&weight.f_select(0, span)?)?
            .f_add(&bias.f_select(0, span)?)?;
        let local = local.f_unsqueeze(1)?;
        let slots = self.layout.most_slots();
        let mean = both
            .f_narrow(1, 0, slots)?
            .f_gather(1, &local, false)?
            .f_squeeze_dim(1)?;
        let log_std = both
            .f_narrow(1, slots, slots)?
            .f_gather(1, &local, false)?
            .f_squeeze_dim(1)?;
        Ok((mean, log_std.f_clamp(LOG_STD.0, LOG_STD.1)?))
    }

    /// 1 for the slots of a unit that are spans.
    fn is_span(&self, unit: usize) -> Result<Tensor> {
        let spans = self.layout.spans(unit).iter();
        let spans: Vec<_> = spans.map(|span| f32::from(u8::from(*span))).collect();
        Ok(Tensor::f_from_slice(&spans)?)
    }

    /// Mean over the rows of what it costs the generator to say real rows, given their conditions: minus
    /// the log likelihood of all units that are not given. `ids` is `[B, U]` i64, `places` `[B, U]`.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn cost(
        &self,
        z: &Noise,
        ids: &Tensor,
        places: &Tensor,
        given: &Conditioned,
    ) -> Result<Tensor> {
        let layout = &self.layout;
        let rows = ids.size()[0];
        let begin = self.begin(&z.z, given)?; // [B, H]
        let hidden = begin.size()[1];
        let added = self.added.f_index_select(0, &ids.f_flatten(0, -1)?)?;
        let added = added.f_view([rows, -1, hidden])?;
        let moved = places.f_unsqueeze(2)?.f_mul(&self.added_place)?;
        let added = added.f_add(&moved)?; // [B, U, H]
        let before = added.f_cumsum(1, Kind::Float)?.f_sub(&added)?;
        let sums = before.f_add(&begin.f_unsqueeze(1)?)?.f_transpose(0, 1)?; // [U, B, H]
        let [weight, bias] = &self.first;
        let heads = sums.f_relu()?.f_bmm(weight)?.f_add(bias)?.f_relu()?; // [U, B, K]
        let [weight, bias] = &self.logits;
        let logits = heads.f_bmm(weight)?.f_add(bias)?.f_add(&self.padding()?)?; // [U, B, S]
        let chances = logits.f_log_softmax(2, Kind::Float)?;
        let offsets: Vec<_> = (0..layout.units())
            .map(|unit| layout.offset(unit))
            .collect();
        let local = ids.f_sub(&Tensor::f_from_slice(&offsets)?)?; // [B, U]
        let index = local.f_transpose(0, 1)?.f_unsqueeze(2)?;
        let said = chances.f_gather(2, &index, false)?.f_squeeze_dim(2)?; // [U, B]
        let free = given.given.f_neg()?.f_add_scalar(1.)?; // [B, U]
        let mut cost = said
            .f_neg()?
            .f_mul(&free.f_transpose(0, 1)?)?
            .f_sum(Kind::Float)?;
        for (span, &unit) in self.spanned.iter().enumerate() {
            let at = unit as i64;
            let local = local.f_select(1, at)?;
            let (mean, log_std) = self.place(&heads.f_select(0, at)?, span as i64, &local)?;
            let off = places
                .f_select(1, at)?
                .f_sub(&mean)?
                .f_div(&log_std.f_exp()?)?;
            let each = off.f_square()?.f_mul_scalar(0.5)?.f_add(&log_std)?;
            let inside = self.is_span(unit)?.f_index_select(0, &local)?;
            let counted = each.f_mul(&inside)?.f_mul(&free.f_select(1, at)?)?;
            cost = cost.f_add(&counted.f_sum(Kind::Float)?)?;
        }
        Ok(cost.f_div_scalar(rows as f64)?)
    }

    /// What keeps slots that a unit does not have from being drawn, `[U, 1, S]`.
    fn padding(&self) -> Result<Tensor> {
        let most = self.layout.most_slots();
        let each = |unit: usize| {
            let slots = self.layout.slots(unit);
            (0..most).map(move |slot| if slot < slots { 0f32 } else { -1e9 })
        };
        let values: Vec<_> = (0..self.layout.units()).flat_map(each).collect();
        tensor(&values, &[self.layout.units() as i64, 1, most])
    }
}

/// The logarithms of the slots' shares, `[U, 1, S]`: where the generator begins.
fn priors(layout: &Layout) -> Vec<f64> {
    let most = layout.most_slots() as usize;
    let each = |unit: usize| {
        let counts = layout.counts(unit);
        let total = counts.iter().sum::<u64>() as f64;
        let share = move |slot: usize| {
            let count = counts.get(slot).copied().unwrap_or_default() as f64;
            ((count + 0.5) / (total + 0.5)).ln()
        };
        (0..most).map(share).collect::<Vec<_>>()
    };
    (0..layout.units()).flat_map(each).collect()
}
