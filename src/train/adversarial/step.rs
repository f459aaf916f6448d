//! The two halves of a step, which run side by side: what real rows cost the generator, and the
//! discriminator's step with what it then makes of generated rows.

use tch::{Kind, Tensor};

use super::sampling::Batch;
use crate::error::Result;
use crate::gan::tabular::{Discriminator, Generator, Guide, Layout, Noise, PACK, Sample};
use crate::layer::Params;
use crate::model::Config;
use crate::train::duel::{Side, gradient};

/// Weight of the gradient penalty.
const PENALTY: f64 = 10.;

/// Weights of the generator's losses beside the likelihood: the critic's score, the heads of the labels,
/// means and deviations of the trunk, and a predictor's guidance.
const CRITIC: f64 = 0.1;
const HEADS: f64 = 0.1;
const INFORMATION: f64 = 0.1;
const GUIDANCE: f64 = 1.;

/// A generator over weights that others share, with gradients of its own.
pub struct Replica {
    /// The network.
    pub generator: Generator,
    leaves: Vec<Tensor>,
}

impl Replica {
    /// A replica over the weights in `params`.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn new(layout: &Layout, config: &Config, params: &Params) -> Result<Self> {
        let own = params.leaves("")?;
        let at = &own.root() / "generator";
        Ok(Self {
            generator: Generator::new(layout.clone(), config, &at)?,
            leaves: own.tensors().into_iter().map(|(_, t)| t).collect(),
        })
    }
}

/// One half of a step, ready to run.
pub enum Half<'a> {
    /// What real rows cost.
    Likelihood(&'a mut Replica, Batch, Noise),
    /// The discriminator.
    Rival(&'a mut Rival, Batch, Box<Chance>),
}

/// All that is random in a step of the discriminator and what follows.
pub struct Chance {
    /// Of the rows that the discriminator learns from.
    pub before: Noise,
    /// Of the rows that the generator learns from.
    pub after: Noise,
    /// How far along the gradient is looked at, `[B / PACK]`.
    pub between: Tensor,
    /// The discriminator's.
    pub learn_rate: f64,
}

/// What a half has found.
pub struct Found {
    /// Of all weights of the generator, in one row.
    pub gradient: Tensor,
    /// By name, as the history shows them.
    pub losses: Vec<(&'static str, Tensor)>,
}

impl Half<'_> {
    /// Runs.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn run(self) -> Result<Found> {
        match self {
            Self::Likelihood(own, batch, noise) => {
                let cost = own
                    .generator
                    .cost(&noise, &batch.ids, &batch.places, &batch.given)?;
                Ok(Found {
                    gradient: gradient(&cost, &own.leaves)?,
                    losses: vec![("likelihood", cost.detach())],
                })
            }
            Self::Rival(rival, batch, chance) => rival.step(&batch, &chance),
        }
    }
}

/// The discriminator, and a replica of the generator that it is up against.
pub struct Rival {
    discriminator: Discriminator,
    side: Side,
    own: Replica,
    guide: Option<Guide>,
}

impl Rival {
    /// A discriminator of new weights, made in `params`; its trunk begins with what a guide reads.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn new(
        layout: &Layout,
        config: &Config,
        params: &Params,
        own: Replica,
        guide: Option<Guide>,
        betas: (f64, f64),
    ) -> Result<Self> {
        let fresh = Discriminator::new(layout.clone(), config, &params.root())?;
        if let Some(guide) = &guide {
            fresh.begin_with(guide.first())?;
        }
        let (side, leaves) = Side::new(params, betas)?;
        Ok(Self {
            discriminator: Discriminator::new(layout.clone(), config, &leaves.root())?,
            side,
            own,
            guide,
        })
    }

    /// The discriminator's weights.
    pub fn side(&self) -> &Side {
        &self.side
    }

    /// The same, to be changed.
    pub fn side_mut(&mut self) -> &mut Side {
        &mut self.side
    }

    fn step(&mut self, batch: &Batch, chance: &Chance) -> Result<Found> {
        let (given, generator) = (&batch.given, &self.own.generator);
        let real = self.discriminator.real(&batch.ids, &batch.places)?;
        let (distance, penalty) = {
            let drawn = {
                let _guard = tch::no_grad_guard();
                let drawn = generator.draw(&chance.before, given, Sample::StraightThrough)?;
                self.discriminator.drawn(&drawn)?
            };
            let of_real = self.discriminator.see(&real, given)?;
            let of_drawn = self.discriminator.see(&drawn, given)?;
            let mean = |scores: &Tensor| scores.f_mean(Kind::Float);
            let distance = mean(&of_drawn.scores)?.f_sub(&mean(&of_real.scores)?)?;
            let penalty = self
                .discriminator
                .penalty(&real, &drawn, given, &chance.between)?;
            let mut loss = distance.f_add(&penalty.f_mul_scalar(PENALTY)?)?;
            for (seen, is_real) in [(&of_real, true), (&of_drawn, false)] {
                if let Some(cost) = self.discriminator.class_cost(seen, given, is_real)? {
                    loss = loss.f_add(&cost)?;
                }
            }
            self.side.step(&loss, chance.learn_rate)?;
            (distance.detach(), penalty.detach())
        };
        let drawn = generator.draw(&chance.after, given, Sample::StraightThrough)?;
        let drawn = self.discriminator.drawn(&drawn)?;
        let seen = self.discriminator.see(&drawn, given)?;
        let score = seen.scores.f_mean(Kind::Float)?.f_neg()?;
        let mut loss = score.f_mul_scalar(CRITIC)?;
        let heads = |real| self.discriminator.class_cost(&seen, given, real);
        if let (Some(as_real), Some(as_drawn)) = (heads(true)?, heads(false)?) {
            loss = loss.f_add(&as_real.f_sub(&as_drawn)?.f_mul_scalar(HEADS)?)?;
        }
        let of_real = {
            let _guard = tch::no_grad_guard();
            self.discriminator.see(&real, given)?
        };
        let information = information(&of_real.trunk, &seen.trunk)?;
        loss = loss.f_add(&information.f_mul_scalar(INFORMATION)?)?;
        let mut losses = vec![
            ("generator", score.detach()),
            ("discriminator", distance),
            ("gradient_penalty", penalty),
        ];
        if let Some(guide) = &self.guide {
            let (distance, with_gradient) = guide.distance(&real, &drawn, given)?;
            loss = loss.f_add(&with_gradient.f_mul_scalar(GUIDANCE)?)?;
            losses.push(("guidance", distance));
        }
        Ok(Found {
            gradient: gradient(&loss, &self.own.leaves)?,
            losses,
        })
    }
}

/// Rows of a step: whole packs.
pub fn batch_rows(asked: usize) -> usize {
    asked.div_ceil(PACK as usize) * PACK as usize
}

/// The distance of means and deviations of what the trunk makes of real and of drawn rows.
fn information(real: &Tensor, drawn: &Tensor) -> Result<Tensor> {
    let rows = [0i64];
    let mean = |x: &Tensor| x.f_mean_dim(rows.as_slice(), false, Kind::Float);
    let deviation = |x: &Tensor| {
        let off = x.f_sub(&mean(x)?)?;
        mean(&off.f_square()?)?.f_add_scalar(1e-6)?.f_sqrt()
    };
    let length = |x: Tensor| {
        x.f_square()?
            .f_sum(Kind::Float)?
            .f_add_scalar(1e-12)?
            .f_sqrt()
    };
    let means = length(mean(real)?.f_sub(&mean(drawn)?)?)?;
    let deviations = length(deviation(real)?.f_sub(&deviation(drawn)?)?)?;
    Ok(means.f_add(&deviations)?)
}
