//! The adversarial loop over coded rows: discriminator and generator step in turn, every epoch's
//! generator is compared with rows held back, and the best is kept.

use std::time::Instant;

use tch::{Device, Kind, Tensor};

use super::duel::{Losses, Side, worth};
use super::options::TrainOptions;
use super::report::{Epoch, TrainingEvent};
use crate::error::{Error, Result};
use crate::feature::Budget;
use crate::feature::table::{Allowed, Codec, Coded, Draws, distance};
use crate::gan::TableGenerator;
use crate::gan::tabular::{
    Conditioned, Discriminator, Generator, Layout, PACK, Sample, Sampler, Tuples,
};
use crate::layer::Params;
use crate::model::Config;

/// What TRAINING_INFO shows of an epoch.
const LOSSES: &[&str] = &[
    "generator",
    "discriminator",
    "gradient_penalty",
    "likelihood",
];

/// Decay of Adam's moments, as CTGAN has them.
const BETAS: (f64, f64) = (0.5, 0.9);

/// Weight of the gradient penalty.
const PENALTY: f64 = 10.;

/// Share of rows that are drawn uniformly and without a value given.
const FREE: f64 = 0.5;

/// Share of rows held back to compare with, and how many at the most.
const HELD_BACK: (f64, usize) = (0.1, 10_000);

/// Weights of the generator's losses beside the likelihood.
#[derive(Clone, Copy, Debug)]
pub struct Weights {
    /// The critic's score.
    pub critic: f64,
    /// The heads of the labels.
    pub heads: f64,
    /// Means and deviations of the trunk.
    pub information: f64,
    /// The likelihood.
    pub likelihood: f64,
}

/// All that one training needs.
pub struct Adversarial<'a> {
    /// How rows are coded.
    pub codec: &'a Codec,
    /// The rows, in random order.
    pub coded: &'a Coded,
    /// Sizes of layers.
    pub config: &'a Config,
    /// How to train.
    pub options: &'a TrainOptions,
    /// Threads of libtorch.
    pub threads: usize,
    /// Who is asked for the memory of weights and batches.
    pub budget: &'a dyn Budget,
}

/// A trained generator.
pub struct Generated {
    /// What is stored.
    pub params: Params,
    /// A row per epoch and loss.
    pub history: Vec<Epoch>,
    /// The epoch whose weights these are.
    pub best_epoch: usize,
}

/// Trains. `report` hears of every step; it returns false to cancel.
///
/// # Errors
/// `Cancelled`; `Resources` when weights don't fit in the budget; `Execution` when a loss becomes
/// infinite or NaN.
pub fn fit(
    fit: &Adversarial,
    report: &dyn Fn(&TrainingEvent) -> bool,
    epoch_done: &mut dyn FnMut(&[Epoch]),
) -> Result<Generated> {
    tch::set_num_threads(fit.threads.max(1) as i32);
    let mut trainer = Trainer::new(fit)?;
    let mut history = Vec::new();
    let mut best: Option<(f64, usize, Tensor)> = None;
    for epoch in 1..=fit.options.epochs {
        let mut rows = trainer.train_epoch(epoch, report)?;
        let start = Instant::now();
        if !report(&TrainingEvent::Evaluating) {
            return Err(Error::cancelled());
        }
        let score = trainer.score()?;
        rows.push(worth(epoch, "distance", score, trainer.held.rows, start));
        epoch_done(&rows);
        history.extend(rows);
        let better = best.as_ref().is_none_or(|(least, ..)| score < *least);
        if better || !fit.options.early_stop {
            best = Some((score, epoch, trainer.generator_side.copy()?));
        }
    }
    let (_, best_epoch, weights) = best.ok_or_else(|| Error::internal("no epoch was trained"))?;
    trainer.generator_side.restore(&weights)?;
    Ok(Generated {
        params: trainer.params()?,
        history,
        best_epoch,
    })
}

/// The rows of a step.
struct Batch {
    ids: Tensor,    // [B, U]
    places: Tensor, // [B, U]
    given: Conditioned,
}

struct Trainer<'a> {
    fit: &'a Adversarial<'a>,
    weights: Weights,
    layout: Layout,
    sampler: Sampler,
    discriminator: Discriminator,
    generator_side: Side,
    discriminator_side: Side,
    generator_params: Params,
    ids: Tensor,    // [N, U]
    places: Tensor, // [N, U]
    /// Of each unit whose slots can be asked for, and each slot, the rows that have it.
    rows_of: Vec<(usize, Vec<Vec<u32>>)>,
    /// Rising sums of the logarithms of their counts.
    chances: Vec<Vec<f64>>,
    held: Coded,
    train_rows: usize,
}

impl<'a> Trainer<'a> {
    fn new(fit: &'a Adversarial<'a>) -> Result<Self> {
        let layout = Layout::new(fit.codec);
        let n = fit.coded.rows;
        // Too few rows to spare any: they are compared with themselves.
        let spare = ((n as f64 * HELD_BACK.0) as usize).min(HELD_BACK.1);
        let held = if spare >= 200 { spare } else { 0 };
        let train_rows = n - held;
        let part = |from: usize, to: usize| Coded {
            rows: to - from,
            slots: fit
                .coded
                .slots
                .iter()
                .map(|s| s[from..to].to_vec())
                .collect(),
            places: Vec::new(),
        };
        let seed = fit.options.seed;
        let generator_params = Params::fresh(seed, Device::Cpu);
        let discriminator_params = Params::fresh(seed, Device::Cpu);
        let at = &generator_params.root() / "generator";
        Generator::new(layout.clone(), fit.config, &at)?;
        Discriminator::new(layout.clone(), fit.config, &discriminator_params.root())?;
        let (generator_side, leaves) = Side::new(&generator_params, BETAS)?;
        let (discriminator_side, own) = Side::new(&discriminator_params, BETAS)?;
        let at = &leaves.root() / "generator";
        let (ids, places) = matrices(&layout, fit.coded)?;
        let askable = layout
            .drawn()
            .filter(|unit| !layout.spans(*unit).contains(&true));
        let rows_of: Vec<_> = askable
            .map(|unit| {
                let mut rows = vec![Vec::new(); layout.slots(unit) as usize];
                for (row, slot) in fit.coded.slots[unit][..train_rows].iter().enumerate() {
                    rows[*slot as usize].push(row as u32);
                }
                (unit, rows)
            })
            .collect();
        let chances = rows_of.iter().map(|(_, rows)| {
            let mut sum = 0.;
            let add = |rows: &Vec<u32>| {
                sum += (1. + rows.len() as f64).ln();
                sum
            };
            rows.iter().map(add).collect()
        });
        Ok(Self {
            weights: weights(),
            sampler: Sampler {
                generator: Generator::new(layout.clone(), fit.config, &at)?,
                tuples: Tuples::count(&layout, fit.coded),
            },
            discriminator: Discriminator::new(layout.clone(), fit.config, &own.root())?,
            generator_side,
            discriminator_side,
            generator_params,
            ids,
            places,
            chances: chances.collect(),
            rows_of,
            held: match held {
                0 => part(0, n.min(HELD_BACK.1)),
                _ => part(train_rows, n),
            },
            train_rows,
            layout,
            fit,
        })
    }

    /// As many steps as it takes to see as many rows as there are.
    fn train_epoch(
        &mut self,
        epoch: usize,
        report: &dyn Fn(&TrainingEvent) -> bool,
    ) -> Result<Vec<Epoch>> {
        let options = self.fit.options;
        let size = batch_rows(options.batch_size);
        let batches = (self.train_rows as u64).div_ceil(size as u64);
        let mut losses = Losses::new(LOSSES);
        for batch in 1..=batches {
            let mut draws = Draws::new(&[options.seed, epoch as u64, batch]);
            let done = (epoch as u64 - 1) * batches + batch - 1;
            let share = done as f64 / (options.epochs as u64 * batches) as f64;
            // Down to a tenth, so that the last epochs settle.
            let learn_rate = options.learn_rate * (1. - 0.9 * share);
            let values = self.step(size, learn_rate, &mut draws)?;
            let values: Vec<_> = values.iter().collect();
            losses.add(epoch, &values, size as i64)?;
            let rows_per_second = losses.rows_per_second();
            let left = batches * options.epochs as u64 - done - 1;
            let event = TrainingEvent::Batch {
                epoch,
                epochs: options.epochs,
                batch,
                batches,
                rows_per_second,
                loss: losses.mean(),
                seconds_left: (left * size as u64) as f64 / rows_per_second,
            };
            if !report(&event) {
                return Err(Error::cancelled());
            }
        }
        Ok(losses.rows(epoch))
    }

    /// A step of either side; returns the losses in the order of [`LOSSES`].
    fn step(&mut self, size: usize, learn_rate: f64, draws: &mut Draws) -> Result<[Tensor; 4]> {
        let batch = self.batch(size, draws)?;
        let real = self.discriminator.real(&batch.ids, &batch.places)?;
        let (wasserstein, penalty) = self.step_discriminator(&batch, &real, learn_rate, draws)?;

        let generator = &self.sampler.generator;
        let noise = generator.noise(size, draws)?;
        let likelihood = generator.cost(&noise, &batch.ids, &batch.places, &batch.given)?;
        let drawn = generator.draw(&noise, &batch.given, Sample::StraightThrough)?;
        let drawn = self.discriminator.drawn(&drawn)?;
        let seen = self.discriminator.see(&drawn, &batch.given)?;
        let score = seen.scores.f_mean(Kind::Float)?.f_neg()?;
        let mut loss = score.f_mul_scalar(self.weights.critic)?;
        loss = loss.f_add(&likelihood.f_mul_scalar(self.weights.likelihood)?)?;
        let heads = |real| self.discriminator.class_cost(&seen, &batch.given, real);
        if let (Some(as_real), Some(as_drawn)) = (heads(true)?, heads(false)?) {
            let both = as_real.f_sub(&as_drawn)?.f_mul_scalar(self.weights.heads)?;
            loss = loss.f_add(&both)?;
        }
        let of_real = tch::no_grad(|| self.discriminator.see(&real, &batch.given))?;
        let information = information(&of_real.trunk, &seen.trunk)?;
        loss = loss.f_add(&information.f_mul_scalar(self.weights.information)?)?;
        self.generator_side.step(&loss, learn_rate)?;
        Ok([score.detach(), wasserstein, penalty, likelihood.detach()])
    }

    fn step_discriminator(
        &mut self,
        batch: &Batch,
        real: &Tensor,
        learn_rate: f64,
        draws: &mut Draws,
    ) -> Result<(Tensor, Tensor)> {
        let size = batch.ids.size()[0];
        let drawn = {
            let _guard = tch::no_grad_guard();
            let noise = self.sampler.generator.noise(size as usize, draws)?;
            let drawn =
                self.sampler
                    .generator
                    .draw(&noise, &batch.given, Sample::StraightThrough)?;
            self.discriminator.drawn(&drawn)?
        };
        let of_real = self.discriminator.see(real, &batch.given)?;
        let of_drawn = self.discriminator.see(&drawn, &batch.given)?;
        let wasserstein = of_drawn
            .scores
            .f_mean(Kind::Float)?
            .f_sub(&of_real.scores.f_mean(Kind::Float)?)?;
        let weights = Tensor::f_from_slice(&draws.units((size / PACK) as usize))?;
        let penalty = self
            .discriminator
            .penalty(real, &drawn, &batch.given, &weights)?;
        let mut loss = wasserstein.f_add(&penalty.f_mul_scalar(PENALTY)?)?;
        for (seen, is_real) in [(&of_real, true), (&of_drawn, false)] {
            if let Some(cost) = self.discriminator.class_cost(seen, &batch.given, is_real)? {
                loss = loss.f_add(&cost)?;
            }
        }
        self.discriminator_side.step(&loss, learn_rate)?;
        Ok((wasserstein.detach(), penalty.detach()))
    }

    /// Rows by sampling: half of them uniformly and with nothing given but the tuple, the others each with
    /// a value given that was chosen by the logarithm of its count, and at times more of the row's.
    fn batch(&self, size: usize, draws: &mut Draws) -> Result<Batch> {
        let units = self.layout.units();
        let mut rows = Vec::with_capacity(size);
        let mut given = vec![0f32; size * units];
        let below = |draws: &mut Draws, n: usize| ((draws.unit() * n as f64) as usize).min(n - 1);
        for given in given.chunks_mut(units) {
            given[..self.layout.drawn().start].fill(1.);
            if draws.unit() < FREE || self.rows_of.is_empty() {
                rows.push(below(draws, self.train_rows) as i64);
                continue;
            }
            let at = below(draws, self.rows_of.len());
            let (unit, by_slot) = &self.rows_of[at];
            let slot = draws.by_sums(&self.chances[at]);
            given[*unit] = 1.;
            rows.push(match by_slot[slot].len() {
                0 => below(draws, self.train_rows) as i64,
                n => i64::from(by_slot[slot][below(draws, n)]),
            });
            if draws.unit() < 0.5 {
                let share = draws.unit();
                for (unit, _) in &self.rows_of {
                    if draws.unit() < share {
                        given[*unit] = 1.;
                    }
                }
            }
        }
        let rows = Tensor::f_from_slice(&rows)?;
        let ids = self.ids.f_index_select(0, &rows)?;
        Ok(Batch {
            places: self.places.f_index_select(0, &rows)?,
            given: Conditioned {
                ids: ids.shallow_clone(),
                given: Tensor::f_from_slice(&given)?.f_view([size as i64, units as i64])?,
            },
            ids,
        })
    }

    /// How far as many drawn rows as are held back are from these.
    fn score(&self) -> Result<f64> {
        let _guard = tch::no_grad_guard();
        // The same random numbers after every epoch.
        let mut draws = Draws::new(&[self.fit.options.seed, u64::MAX]);
        let drawn = self
            .sampler
            .draw(self.held.rows, &Allowed::default(), &mut draws)?;
        let units = 0..self.layout.units();
        let widths: Vec<_> = units.map(|unit| self.layout.slots(unit) as usize).collect();
        Ok(distance(&widths, &self.held, &drawn))
    }

    /// What is stored.
    fn params(self) -> Result<Params> {
        let mut tensors = self.generator_params.tensors();
        tensors.push(self.sampler.tuples.store(&self.layout)?);
        Params::loaded(tensors, Device::Cpu)
    }
}

/// Rows of a step: whole packs.
fn batch_rows(asked: usize) -> usize {
    asked.div_ceil(PACK as usize) * PACK as usize
}

/// Coded rows as `[N, U]`: positions among all slots, and places.
fn matrices(layout: &Layout, coded: &Coded) -> Result<(Tensor, Tensor)> {
    let shape = [layout.units() as i64, coded.rows as i64];
    let (mut ids, mut places) = (Vec::new(), Vec::new());
    for unit in 0..layout.units() {
        let offset = layout.offset(unit);
        ids.extend(
            coded.slots[unit]
                .iter()
                .map(|slot| offset + i64::from(*slot)),
        );
        match coded.places[unit].is_empty() {
            true => places.extend(std::iter::repeat_n(0f32, coded.rows)),
            false => places.extend(&coded.places[unit]),
        }
    }
    let rows = |t: Tensor| t.f_view(shape)?.f_transpose(0, 1)?.f_contiguous();
    Ok((
        rows(Tensor::f_from_slice(&ids)?)?,
        rows(Tensor::f_from_slice(&places)?)?,
    ))
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

fn weights() -> Weights {
    let of = |name: &str, other: f64| {
        std::env::var(name)
            .ok()
            .and_then(|v| v.parse().ok())
            .unwrap_or(other)
    };
    Weights {
        critic: of("TAB_CRITIC", 0.1),
        heads: of("TAB_HEADS", 0.1),
        information: of("TAB_INFO", 0.1),
        likelihood: of("TAB_LIKE", 1.),
    }
}
