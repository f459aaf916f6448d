//! The loss of a task, and what it weighs.
//!
//! Shapes: B rows, K classes.

use tch::{Kind, Reduction, Tensor};

use crate::error::Result;

/// What the logits of a task are held against.
#[derive(Clone, Debug, PartialEq)]
pub enum Loss {
    /// Cross entropy of one logit with labels 0 and 1, each with its weight.
    Binary([f64; 2]),
    /// Cross entropy of K logits with the number of a class, each with its weight.
    MultiClass(Vec<f64>),
    /// Squared difference to a standardised number.
    Squared,
}

impl Loss {
    /// Logits of a row.
    pub fn width(&self) -> usize {
        match self {
            Self::Binary(_) | Self::Squared => 1,
            Self::MultiClass(weights) => weights.len(),
        }
    }

    /// Summed over the task's sample space: a scalar, 0 when no row is in it. `logits` is `[B, width]`,
    /// `labels` `[B]` with NaN outside of the sample space.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn sum(&self, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
        let inside = labels.f_isnan()?.f_logical_not()?.f_to_kind(Kind::Float)?;
        let labels = labels.f_nan_to_num(0., None, None)?;
        let logits = logits.f_to_kind(Kind::Float)?;
        match self {
            Self::Binary(weights) => {
                let logits = logits.f_squeeze_dim(1)?;
                let weight = match weights {
                    [1., 1.] => inside,
                    [no, yes] => labels
                        .f_mul_scalar(yes - no)?
                        .f_add_scalar(*no)?
                        .f_mul(&inside)?,
                };
                Ok(logits.f_binary_cross_entropy_with_logits(
                    &labels,
                    Some(&weight),
                    None::<&Tensor>,
                    Reduction::Sum,
                )?)
            }
            Self::MultiClass(weights) => {
                let class = labels.f_to_kind(Kind::Int64)?; // [B]
                let own = logits
                    .f_log_softmax(1, Kind::Float)?
                    .f_gather(1, &class.f_unsqueeze(1)?, false)?
                    .f_squeeze_dim(1)?;
                let weight = match weights.iter().all(|weight| *weight == 1.) {
                    true => inside,
                    false => {
                        let weights: Vec<_> = weights.iter().map(|&w| w as f32).collect();
                        let weights =
                            Tensor::f_from_slice(&weights)?.f_to_device(class.device())?;
                        weights.f_index_select(0, &class)?.f_mul(&inside)?
                    }
                };
                Ok(own.f_neg()?.f_mul(&weight)?.f_sum(Kind::Float)?)
            }
            Self::Squared => {
                let off = logits.f_squeeze_dim(1)?.f_sub(&labels)?;
                Ok(off.f_square()?.f_mul(&inside)?.f_sum(Kind::Float)?)
            }
        }
    }

    /// The weight of a label.
    pub fn weight(&self, label: f32) -> f64 {
        match self {
            Self::Binary(weights) => weights[usize::from(label == 1.)],
            Self::MultiClass(weights) => weights[label as usize],
            Self::Squared => 1.,
        }
    }

    /// Of one row, without the weight of its label.
    pub fn of_row(&self, logits: &[f32], label: f32) -> f64 {
        match self {
            Self::Binary(_) => {
                let (x, y) = (f64::from(logits[0]), f64::from(label));
                x.max(0.) - x * y + (-x.abs()).exp().ln_1p()
            }
            Self::MultiClass(_) => {
                let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let sum: f64 = logits.iter().map(|x| f64::from(x - largest).exp()).sum();
                sum.ln() + f64::from(largest - logits[label as usize])
            }
            Self::Squared => f64::from(logits[0] - label).powi(2),
        }
    }
}

/// Weights that give all classes the same share of the loss: `n / (K n_k)` for a class of `n_k` of `n`
/// rows.
pub fn balanced(counts: &[u64]) -> Vec<f64> {
    let rows: u64 = counts.iter().sum();
    let weight = |count: &u64| match count {
        0 => 1.,
        count => rows as f64 / (counts.len() as f64 * *count as f64),
    };
    counts.iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Summed over rows, tensors and slices agree.
    fn both(loss: &Loss, logits: &[f32], labels: &[f32]) -> f64 {
        let tensor = Tensor::from_slice(logits).view([-1, loss.width() as i64]);
        let tensor = loss.sum(&tensor, &Tensor::from_slice(labels)).unwrap();
        let rows = logits.chunks(loss.width()).zip(labels);
        let inside = rows.filter(|(_, label)| !label.is_nan());
        let slices: f64 = inside
            .map(|(logits, &label)| loss.weight(label) * loss.of_row(logits, label))
            .sum();
        assert!((tensor.double_value(&[]) - slices).abs() < 1e-5);
        slices
    }

    #[test]
    fn rows_outside_of_the_sample_space_add_nothing() {
        let nan = f32::NAN;
        let plain = Loss::Binary([1., 1.]);
        // -(ln sigmoid(0.3) + ln(1 - sigmoid(-1)))
        let sum = both(&plain, &[0.3, -1., 2.], &[1., 0., nan]);
        assert!((sum - 0.867_616_9).abs() < 1e-5);
        assert_eq!(both(&plain, &[0.3, 2.], &[nan, nan]), 0.);
        let sum = both(&Loss::Squared, &[0.5, 3., 1.], &[1.5, nan, -1.]);
        assert!((sum - 5.).abs() < 1e-6);
    }

    #[test]
    fn classes_are_told_apart_by_softmax_and_weighed() {
        let weights = Loss::MultiClass(vec![1., 3., 0.5]);
        let logits = [2., 1., 0., 0., 0., 0., 9., 9., 9.];
        let sum = both(&weights, &logits, &[1., 2., f32::NAN]);
        // -3 ln(e / (e^2 + e + 1)) + 0.5 ln 3
        assert!(
            (sum - (3. * 1.407_605_9 + 0.5 * 3f64.ln())).abs() < 1e-5,
            "{sum}"
        );
        let sum = both(&Loss::Binary([0.5, 2.]), &[0., 0.], &[1., 0.]);
        assert!((sum - 2.5 * 2f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn balanced_classes_have_equal_shares() {
        let weights = balanced(&[30, 10, 0]);
        assert!((weights[0] * 30. - weights[1] * 10.).abs() < 1e-9);
        assert_eq!(weights[2], 1.);
    }
}
