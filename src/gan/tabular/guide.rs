//! Guidance by a multi-task model that was trained on rows like these: for their labels, drawn rows are to
//! be as easy to tell as real ones, neither harder nor easier.
//!
//! CTAB-GAN+ (Z. Zhao et al., Frontiers in Big Data 6, 2023) lets a classifier's loss on drawn rows fall as
//! far as it goes. Labels of behaviour logs are mostly chance, and the generator then draws rows that give
//! them away. Here the distance from the loss on the real rows of the step is what falls.
//!
//! What the predictor reads of a row is taken for an affine map of slots and places, found by letting it read
//! every slot: `x = base + ones V + (ones * places) S`. A slot that stands for several values is read as one
//! of them, and numbers within a span as if they were normal.
//!
//! Shapes: B rows, W' slots but for those of the tuple, P units with places, F values that the predictor
//! reads, T tuples of labels.

use tch::{Device, Kind, Tensor};

use super::Layout;
use super::tuples::Conditioned;
use crate::error::{Error, Result};
use crate::feature::Encoder;
use crate::feature::table::{Bridge, Coded, Decoder, SharedTask};
use crate::layer::{Mode, Params, Tape, Workspace};
use crate::model::{Architecture, Input, Network, Spec, TABLE};
use crate::random::Words;
use crate::tensor::batch::Batch;

/// A trained multi-task model.
pub struct Predictor {
    /// How it reads rows.
    pub encoder: Encoder,
    /// What it is.
    pub architecture: &'static Architecture,
    /// Its sizes.
    pub spec: Spec,
    /// Its weights.
    pub params: Params,
}

/// What a predictor has to say of drawn rows.
pub struct Guide {
    network: Network,
    leaves: Vec<Tensor>,
    workspace: Workspace,
    width: i64,
    base: Tensor,       // [1, F]
    slots: Tensor,      // [W', F]
    moves: Tensor,      // [W', F]
    place: Tensor,      // [W'] i64: the slot's unit among those with places, P for others
    first: Tensor,      // [W' + P, K]
    tasks: Vec<Target>, // of the predictor, those that are labels here
    /// The scenario column's slots: where they begin, and the scenario that each is.
    scenario: Option<(i64, Tensor)>,
}

/// A task that is a label of the rows.
struct Target {
    /// Its position among the predictor's.
    task: usize,
    /// Of every tuple the label, or class; NaN where it is not known.
    labels: Tensor, // [T]
    is_binary: bool,
}

impl Target {
    fn new(shared: SharedTask) -> Result<Self> {
        Ok(Self {
            task: shared.task,
            labels: Tensor::f_from_slice(&shared.labels)?,
            is_binary: shared.is_binary,
        })
    }
}

impl Guide {
    /// The guidance of `predictor` for rows that `decoder` decodes.
    ///
    /// # Errors
    /// `Plan` when the predictor needs a column that is not drawn, or shares no label with the rows.
    pub fn new(layout: &Layout, decoder: &Decoder, predictor: Predictor) -> Result<Self> {
        let Predictor {
            encoder,
            architecture,
            mut spec,
            params,
        } = predictor;
        spec.config.dropout = 0.;
        let rows = encoder.layout().table_rows as i64;
        Network::new(architecture, &spec, rows, &params)?;
        let own = params.leaves(TABLE)?;
        let mut guide = Self {
            network: Network::new(architecture, &spec, rows, &own)?,
            leaves: own.dense(TABLE).into_iter().map(|(_, t)| t).collect(),
            workspace: Workspace::default(),
            width: spec.embedding_dim,
            base: Tensor::new(),
            slots: Tensor::new(),
            moves: Tensor::new(),
            place: Tensor::new(),
            first: Tensor::new(),
            tasks: Vec::new(),
            scenario: None,
        };
        let _guard = tch::no_grad_guard();
        let bridge = Bridge::new(decoder, &encoder);
        guide.read_slots(layout, &bridge)?;
        let tasks = bridge.tasks()?.into_iter().map(Target::new);
        guide.tasks = tasks.collect::<Result<_>>()?;
        guide.first = guide.first_layers(layout, &own, &spec)?;
        Ok(guide)
    }

    /// Lets the predictor read every slot of every unit once.
    fn read_slots(&mut self, layout: &Layout, bridge: &Bridge) -> Result<()> {
        let spanned = layout.spanned();
        // Rows of the first slots, but for every slot of one unit, at a place.
        let read = |unit: usize, rows: i64, place: f32| {
            let rows = rows as usize;
            let mut coded = Coded {
                rows,
                slots: vec![vec![0; rows]; layout.units()],
                places: vec![vec![0.; rows]; layout.units()],
            };
            coded.slots[unit] = (0..rows as u32).collect();
            coded.places[unit] = vec![place; rows];
            let encoded = bridge.encode(&coded)?;
            let batch = Batch::rows(&encoded, 0..rows, Device::Cpu)?;
            let workspace = Workspace::default();
            let mode = Mode::Apply(&workspace);
            let input = self.network.embed(&batch, mode)?;
            Ok::<_, Error>((input.flat.f_to_kind(Kind::Float)?.copy(), input.scenario))
        };
        let (base, _) = read(0, 1, 0.)?;
        let (mut slots, mut moves, mut place) = (Vec::new(), Vec::new(), Vec::new());
        let (mut scenario, scenario_unit) = (None, bridge.scenario_unit());
        for unit in layout.drawn() {
            let count = layout.slots(unit);
            let (still, scenarios) = read(unit, count, 0.)?;
            let position = spanned.iter().position(|spanned| *spanned == unit);
            place.extend((0..count).map(|_| position.unwrap_or(spanned.len()) as i64));
            moves.push(match position {
                None => still.f_zeros_like()?,
                Some(_) => {
                    let (up, down) = (read(unit, count, 1.)?.0, read(unit, count, -1.)?.0);
                    up.f_sub(&down)?.f_div_scalar(2.)?
                }
            });
            slots.push(still.f_sub(&base)?);
            if scenario_unit == Some(unit) {
                let from = layout.offset(unit) - layout.tuples();
                scenario = scenarios.map(|scenarios| (from, scenarios));
            }
        }
        self.slots = Tensor::f_cat(&slots, 0)?;
        self.moves = Tensor::f_cat(&moves, 0)?;
        self.place = Tensor::f_from_slice(&place)?;
        self.base = base;
        self.scenario = scenario;
        Ok(())
    }

    /// What the layers of the predictor that read its input make of the slots and places of a row, without
    /// their biases: `[W' + P, K]`. A place moves a row as it does in the unit's average slot.
    fn first_layers(&self, layout: &Layout, params: &Params, spec: &Spec) -> Result<Tensor> {
        let read = self.slots.size()[1];
        let layers = params.dense(TABLE).into_iter().filter_map(|(_, weight)| {
            // Layers that read the same input: inputs, layers, outputs. Where an id has several embeddings
            // each layer reads one of them, and none the whole input.
            let size = weight.size();
            let reads = size.len() == 3 && size[0] == spec.inputs() && read <= size[0];
            let part = reads.then(|| weight.f_narrow(0, 0, read));
            part.map(|part| part?.f_reshape([read, -1]))
        });
        let layers = layers.collect::<std::result::Result<Vec<_>, _>>()?;
        let mut moves = Vec::new();
        for unit in layout.spanned() {
            let (from, count) = (layout.offset(unit) - layout.tuples(), layout.slots(unit));
            let counts: Vec<_> = layout.counts(unit).iter().map(|n| *n as f32).collect();
            let shares = Tensor::f_from_slice(&counts)?;
            let shares = shares.f_div(&shares.f_sum(Kind::Float)?.f_clamp_min(1.)?)?;
            let moved = self.moves.f_narrow(0, from, count)?;
            moves.push(shares.f_unsqueeze(0)?.f_mm(&moved)?);
        }
        let mut rows = vec![self.slots.shallow_clone()];
        rows.extend(moves);
        let rows = Tensor::f_cat(&rows, 0)?;
        Ok(match layers.is_empty() {
            true => rows,
            false => rows.f_mm(&Tensor::f_cat(&layers, 1)?)?,
        })
    }

    /// What a trunk over slots and places may begin with, `[W' + P, K]`.
    pub fn first(&self) -> &Tensor {
        &self.first
    }

    /// What the predictor reads of rows as the discriminator sees them, `[B, W' + P]`; with a way back.
    fn read(&self, rows: &Tensor) -> Result<Tensor> {
        let wide = self.slots.size()[0];
        let ones = rows.f_narrow(1, 0, wide)?;
        let places = rows.f_narrow(1, wide, rows.size()[1] - wide)?;
        let nowhere = Tensor::f_zeros([rows.size()[0], 1], (Kind::Float, rows.device()))?;
        let places = Tensor::f_cat(&[places, nowhere], 1)?.f_index_select(1, &self.place)?;
        let x = ones.f_mm(&self.slots)?.f_add(&self.base)?;
        Ok(x.f_add(&ones.f_mul(&places)?.f_mm(&self.moves)?)?)
    }

    fn input(&self, flat: &Tensor, rows: &Tensor) -> Result<Input> {
        let scenario = self.scenario.as_ref().map(|(from, scenarios)| {
            let ones = rows.f_narrow(1, *from, scenarios.size()[0])?;
            scenarios.f_index_select(0, &ones.f_argmax(1, false)?)
        });
        Ok(Input {
            flat: flat.shallow_clone(),
            own: Vec::new(),
            lists: Vec::new(),
            embedded: flat.shallow_clone(),
            width: self.width,
            scenario: scenario.transpose()?,
        })
    }

    /// The mean loss of each task over rows whose tuples are given; a task that no row knows has none.
    fn losses(&self, input: &Input, given: &Conditioned, mode: Mode) -> Result<Vec<Tensor>> {
        let tasks: Vec<_> = self.tasks.iter().map(|target| target.task).collect();
        let logits = self.network.logits(input, &tasks, mode)?;
        let tuple = given.ids.f_select(1, 0)?;
        let losses = self.tasks.iter().zip(logits).map(|(target, logits)| {
            let labels = target.labels.f_index_select(0, &tuple)?;
            let known = labels.f_isnan()?.f_logical_not()?.f_to_kind(Kind::Float)?;
            let labels = labels.f_nan_to_num(0., 0., 0.)?;
            let each = match target.is_binary {
                true => {
                    let logits = logits.f_flatten(0, -1)?;
                    logits.f_softplus()?.f_sub(&labels.f_mul(&logits)?)?
                }
                false => {
                    let chances = logits.f_log_softmax(1, Kind::Float)?;
                    let class = labels.f_to_kind(Kind::Int64)?.f_unsqueeze(1)?;
                    chances
                        .f_gather(1, &class, false)?
                        .f_squeeze_dim(1)?
                        .f_neg()?
                }
            };
            let sum = each.f_mul(&known)?.f_sum(Kind::Float)?;
            Ok(sum.f_div(&known.f_sum(Kind::Float)?.f_clamp_min(1.)?)?)
        });
        losses.collect()
    }

    /// How far drawn rows are from real ones of the same tuples, `[B, W' + P]` each: the sum over the tasks
    /// of the difference of their mean losses, and a scalar whose gradient is that of this sum.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn distance(
        &self,
        real: &Tensor,
        drawn: &Tensor,
        given: &Conditioned,
    ) -> Result<(Tensor, Tensor)> {
        let real = {
            let _guard = tch::no_grad_guard();
            self.workspace.start();
            let input = self.input(&self.read(real)?, real)?;
            let losses = self.losses(&input, given, Mode::Apply(&self.workspace))?;
            // The next pass takes the same buffers.
            losses.iter().map(Tensor::copy).collect::<Vec<_>>()
        };
        let read = self.read(drawn)?;
        self.workspace.start();
        let tape = Tape::new(Words::new(&[0]), &self.workspace);
        let flat = read.f_detach()?.f_set_requires_grad(true)?;
        let losses = self.losses(&self.input(&flat, drawn)?, given, Mode::Train(&tape))?;
        let off = losses
            .iter()
            .zip(&real)
            .map(|(drawn, real)| Ok(drawn.f_sub(real)?.f_abs()?));
        let off = off.collect::<Result<Vec<_>>>()?;
        let sum = Tensor::f_stack(&off, 0)?.f_sum(Kind::Float)?;
        let mut leaves = vec![flat];
        leaves.extend(self.leaves.iter().map(Tensor::shallow_clone));
        let walks = tape.backward_each(&[sum.shallow_clone()], &leaves)?;
        let gradient = walks.into_iter().flatten().next();
        let gradient = gradient.filter(Tensor::defined);
        let gradient = gradient.ok_or_else(|| Error::internal("a predictor reads nothing"))?;
        let surrogate = read.f_mul(&gradient)?.f_sum(Kind::Float)?;
        Ok((sum.detach(), surrogate))
    }
}

#[cfg(test)]
#[path = "guide_tests.rs"]
mod tests;
