//! Dropout with random numbers of its own, so that several threads can draw at once and one seed still
//! gives one result.

use tch::{Device, Tensor};

use super::Mode;
use super::kernel::activation::{keep_scale, threshold};
use crate::random::Words;

/// Inverted dropout: in training, zeroes each element with probability `rate` and scales the rest by
/// `1 / (1 - rate)`. N. Srivastava et al., "Dropout", JMLR 15, 2014.
pub fn dropout(x: Tensor, rate: f64, mode: Mode) -> Tensor {
    match mode {
        Mode::Train(tape) if rate > 0. => match x.device() {
            Device::Cpu => {
                let mask = Tensor::from_slice(&mask(tape.draws(), x.numel(), rate)).view_as(&x);
                &x * mask.to_kind(x.kind())
            }
            _ => x.dropout(rate, true),
        },
        _ => x,
    }
}

/// `n` values, 0 with probability `rate` (to 1 / 65,536) and `1 / (1 - rate)` otherwise.
fn mask(draws: &Words, n: usize, rate: f64) -> Vec<f32> {
    let (threshold, keep) = (threshold(rate), keep_scale(rate));
    let words = draws.take(n.div_ceil(4));
    let bits: &[u16] = bytemuck::cast_slice(&words);
    let value = |bits: &u16| if *bits < threshold { 0. } else { keep };
    bits[..n].iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;
    use crate::layer::{Tape, Workspace};

    #[test]
    fn drops_the_share_and_keeps_the_mean() {
        let x = Tensor::ones([400, 500], (Kind::Float, Device::Cpu));
        let drop = |seed: u64| {
            let workspace = Workspace::default();
            let tape = Tape::new(Words::new(&[1, seed]), &workspace);
            dropout(x.shallow_clone(), 0.3, Mode::Train(&tape))
        };
        let y = drop(2);
        let dropped = y
            .eq(0.)
            .to_kind(Kind::Float)
            .mean(Kind::Float)
            .double_value(&[]);
        assert!((dropped - 0.3).abs() < 0.005, "{dropped}");
        assert!((y.mean(Kind::Float).double_value(&[]) - 1.).abs() < 0.01);
        assert!(drop(2).equal(&y));
        assert!(!drop(3).equal(&y));
        let workspace = Workspace::default();
        assert!(dropout(x.shallow_clone(), 0.3, Mode::Apply(&workspace)).equal(&x));
    }
}
