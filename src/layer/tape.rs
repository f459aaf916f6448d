//! What a pass through a network carries along: memory that is used again, the random bits of dropout
//! and, in training, the steps back that libtorch does not know, and what the layers have to say.
//!
//! A layer that computes its output in a loop of its own hands the tape that output as a new leaf of
//! libtorch's graph, with a function that turns the output's gradient into those of its inputs. Going
//! back, the tape lets libtorch walk from leaf to leaf, and walks over the layers itself.

use std::cell::{Cell, RefCell};

use tch::{Kind, Tensor};

use super::Seen;
use crate::error::{Error, Result};
use crate::random::Words;

/// What a forward pass is for.
#[derive(Clone, Copy)]
pub enum Mode<'a> {
    /// Dropout is on, and the way back is recorded here.
    Train(&'a Tape<'a>),
    /// Every unit takes part, and nothing is recorded.
    Apply(&'a Workspace),
}

impl<'a> Mode<'a> {
    /// Where buffers come from.
    pub fn workspace(self) -> &'a Workspace {
        match self {
            Self::Train(tape) => tape.workspace,
            Self::Apply(workspace) => workspace,
        }
    }

    /// The tape, in training.
    pub fn tape(self) -> Option<&'a Tape<'a>> {
        match self {
            Self::Train(tape) => Some(tape),
            Self::Apply(_) => None,
        }
    }
}

/// Buffers of a pass. Passes ask for the same ones in the same order, so that none is allocated but by
/// the largest so far.
#[derive(Debug, Default)]
pub struct Workspace {
    buffers: RefCell<Vec<Tensor>>,
    next: Cell<usize>,
}

impl Workspace {
    /// Begins a pass: all buffers may be used again.
    pub fn start(&self) {
        self.next.set(0);
    }

    /// A buffer on the CPU that nobody else has in this pass; its values are left over from an earlier
    /// one.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn take(&self, shape: &[i64], kind: Kind) -> Result<Tensor> {
        let mut buffers = self.buffers.borrow_mut();
        let at = self.next.replace(self.next.get() + 1);
        let numel: i64 = shape.iter().product();
        let fits = |b: &Tensor| b.kind() == kind && b.numel() as i64 >= numel;
        if !buffers.get(at).is_some_and(fits) {
            let new = Tensor::f_empty([numel], (kind, tch::Device::Cpu))?;
            match buffers.get_mut(at) {
                Some(old) => *old = new,
                None => buffers.push(new),
            }
        }
        Ok(buffers[at].f_narrow(0, 0, numel)?.f_view(shape)?)
    }

    /// Like [`Workspace::take`], all zeros.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn zeros(&self, shape: &[i64], kind: Kind) -> Result<Tensor> {
        Ok(self.take(shape, kind)?.f_zero_()?)
    }
}

/// Turns the gradient of an output into those of the inputs; an undefined one for an input that needs
/// none. It takes its buffers from the workspace, and leaves those of the pass as the next way back needs
/// them.
type Backward = Box<dyn Fn(&Tensor, &Workspace) -> Result<Vec<Tensor>>>;

struct Record {
    inputs: Vec<Tensor>,
    output: Tensor,
    backward: Backward,
}

/// The way back through one pass.
pub struct Tape<'a> {
    draws: Words,
    workspace: &'a Workspace,
    progress: f64,
    records: RefCell<Vec<Record>>,
    seen: RefCell<Vec<Seen>>,
    penalties: RefCell<Vec<Tensor>>,
}

impl<'a> Tape<'a> {
    /// An empty tape; dropout draws from `draws`.
    pub fn new(draws: Words, workspace: &'a Workspace) -> Self {
        Self {
            draws,
            workspace,
            progress: 0.,
            records: RefCell::default(),
            seen: RefCell::default(),
            penalties: RefCell::default(),
        }
    }

    /// The same at a place of the training: 0 where it begins, 1 where it ends.
    pub fn at(self, progress: f64) -> Self {
        Self { progress, ..self }
    }

    /// How much of the training has passed, of 1.
    pub fn progress(&self) -> f64 {
        self.progress
    }

    /// Leaves what this pass has seen of a buffer.
    pub fn see(&self, seen: Seen) {
        self.seen.borrow_mut().push(seen);
    }

    /// Takes what the pass has seen of buffers.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.take()
    }

    /// Adds `penalty` to the loss: a scalar, the sum over the rows.
    pub fn penalize(&self, penalty: Tensor) {
        self.penalties.borrow_mut().push(penalty);
    }

    /// Takes what is to be added to the loss.
    pub fn penalties(&self) -> Vec<Tensor> {
        self.penalties.take()
    }

    /// What dropout draws from.
    pub fn draws(&self) -> &Words {
        &self.draws
    }

    /// Makes `output`, which libtorch does not know to come from `inputs`, a part of the pass.
    pub fn record(
        &self,
        inputs: Vec<Tensor>,
        output: Tensor,
        backward: impl Fn(&Tensor, &Workspace) -> Result<Vec<Tensor>> + 'static,
    ) -> Tensor {
        let output = output.set_requires_grad(true);
        self.records.borrow_mut().push(Record {
            inputs,
            output: output.shallow_clone(),
            backward: Box::new(backward),
        });
        output
    }

    /// The gradients of each of `losses`, scalars, by itself with respect to `leaves`: one pass, and a way back
    /// for each. They are undefined where a loss does not depend on a leaf.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn backward_each(self, losses: &[Tensor], leaves: &[Tensor]) -> Result<Vec<Vec<Tensor>>> {
        let walks = losses.iter().enumerate();
        walks
            .map(|(i, loss)| self.walk(loss, leaves, i + 1 < losses.len()))
            .collect()
    }

    /// The gradients of one loss.
    ///
    /// # Errors
    /// As [`Tape::backward_each`].
    #[cfg(test)]
    pub fn backward(self, loss: &Tensor, leaves: &[Tensor]) -> Result<Vec<Tensor>> {
        self.walk(loss, leaves, false)
    }

    /// `again` says whether there will be another walk.
    fn walk(&self, loss: &Tensor, leaves: &[Tensor], again: bool) -> Result<Vec<Tensor>> {
        let records = self.records.borrow();
        let outputs = records.iter().map(|r| &r.output);
        let mut gradients = Gradients::new(leaves.iter().chain(outputs));
        let mut roots = vec![loss.shallow_clone()];
        for (i, record) in records.iter().enumerate().rev() {
            gradients.flow(&mut roots, true)?;
            let Some(gradient) = gradients.sums[leaves.len() + i].take() else {
                continue;
            };
            let found = {
                let _guard = tch::no_grad_guard();
                (record.backward)(&gradient, self.workspace)?
            };
            for (input, gradient) in record.inputs.iter().zip(found) {
                if !gradient.defined() {
                    continue;
                }
                if !input.requires_grad() {
                    // A copy that was made outside of the graph: what is below it would not learn.
                    return Err(Error::internal("a gradient for an input that needs none"));
                }
                if !gradients.add(input, &gradient)? {
                    // Between leaves libtorch goes on by itself, from a scalar with this gradient.
                    roots.push((input * gradient).f_sum(input.kind())?);
                }
            }
        }
        gradients.flow(&mut roots, again)?;
        gradients.sums.truncate(leaves.len());
        let sums = gradients.sums.into_iter();
        // Those of convolutions may come with the channels of a pixel side by side.
        let ordered = |sum: Option<Tensor>| match sum {
            Some(sum) => Ok(sum.f_contiguous()?),
            None => Ok(Tensor::new()),
        };
        sums.map(ordered).collect()
    }
}

/// The gradients of leaves, as far as they have been added up.
struct Gradients {
    leaves: Vec<Tensor>,
    sums: Vec<Option<Tensor>>,
}

impl Gradients {
    fn new<'t>(leaves: impl Iterator<Item = &'t Tensor>) -> Self {
        let leaves: Vec<_> = leaves.map(Tensor::shallow_clone).collect();
        Self {
            sums: leaves.iter().map(|_| None).collect(),
            leaves,
        }
    }

    /// Lets libtorch walk from `roots`, scalars, to the leaves; `again` says whether it will come by once
    /// more.
    fn flow(&mut self, roots: &mut Vec<Tensor>, again: bool) -> Result<()> {
        roots.retain(Tensor::requires_grad);
        if roots.is_empty() {
            return Ok(());
        }
        let found = Tensor::f_run_backward(roots, &self.leaves, again, false)?;
        roots.clear();
        let _guard = tch::no_grad_guard();
        for (at, gradient) in found.iter().enumerate() {
            if gradient.defined() {
                self.put(at, gradient)?;
            }
        }
        Ok(())
    }

    /// Adds to the gradient of `input` when it is a leaf; false when it is none.
    fn add(&mut self, input: &Tensor, gradient: &Tensor) -> Result<bool> {
        if !input.is_leaf() {
            return Ok(false);
        }
        // Leaves have memory of their own, by which they are told apart.
        let same = |leaf: &Tensor| leaf.data_ptr() == input.data_ptr();
        let at = self.leaves.iter().position(same);
        let at =
            at.ok_or_else(|| Error::internal("a gradient for a leaf that nobody asked for"))?;
        self.put(at, gradient)?;
        Ok(true)
    }

    fn put(&mut self, at: usize, gradient: &Tensor) -> Result<()> {
        let sum = match &self.sums[at] {
            Some(sum) => sum.f_add(gradient)?,
            None => gradient.shallow_clone(),
        };
        self.sums[at] = Some(sum);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    /// y = 3 x by hand, between operators of libtorch on both sides and around it.
    #[test]
    fn gradients_pass_layers_and_operators_in_any_order() {
        let triple = |tape: &Tape, x: &Tensor| {
            let y = tch::no_grad(|| x * 3.);
            tape.record(vec![x.shallow_clone()], y, |dy, _| Ok(vec![dy * 3.]))
        };
        let leaf = || Tensor::from_slice(&[1f32, -2.]).set_requires_grad(true);
        let (a, b) = (leaf(), leaf());
        let workspace = Workspace::default();
        let tape = Tape::new(Words::new(&[1]), &workspace);
        let u = triple(&tape, &a); // 3 a
        let v = triple(&tape, &(&u * &b)); // 9 a b
        let w = triple(&tape, &v); // 27 a b
        let unused = triple(&tape, &b);
        let loss = (&w + &u * &a).sum(Kind::Float); // sum(27 a b + 3 a^2)
        drop(unused);
        let twice = &loss * 2.;
        let gradients = tape.backward_each(&[loss, twice], &[a, b]).unwrap();
        let values = |t: &Tensor| Vec::<f32>::try_from(t).unwrap();
        assert_eq!(values(&gradients[0][0]), [27. + 6., 27. * -2. - 12.]);
        assert_eq!(values(&gradients[0][1]), [27., -54.]);
        // The second way back finds what the first did.
        for (one, two) in gradients[0].iter().zip(&gradients[1]) {
            assert_eq!(values(&(one * 2.)), values(two));
        }
    }

    #[test]
    fn buffers_are_used_again_in_the_next_pass() {
        let workspace = Workspace::default();
        let first = workspace.take(&[4, 2], Kind::Float).unwrap();
        let second = workspace.take(&[3], Kind::Float).unwrap();
        assert_ne!(first.data_ptr(), second.data_ptr());
        workspace.start();
        let again = workspace.zeros(&[2, 2], Kind::Float).unwrap();
        assert_eq!(again.data_ptr(), first.data_ptr());
        assert_eq!((again.size(), again.device()), (vec![2, 2], Device::Cpu));
    }
}
