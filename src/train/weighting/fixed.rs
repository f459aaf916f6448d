//! Constant weights: `L = sum_t w_t L_t`, with those of loss_weights, or 1 for each task.

use tch::Tensor;

use super::{LossWeighting, Strategy};

/// The entry of the list.
pub const STRATEGY: Strategy = Strategy {
    name: "fixed",
    build: |weights| {
        Box::new(Fixed {
            weights: weights.to_vec(),
        })
    },
};

struct Fixed {
    weights: Vec<f64>,
}

impl LossWeighting for Fixed {
    fn combine(&mut self, losses: &[Tensor]) -> Tensor {
        losses
            .iter()
            .zip(&self.weights)
            .map(|(loss, &weight)| loss * weight)
            .reduce(|sum, loss| sum + loss)
            .unwrap_or_else(|| Tensor::from(0f32))
    }

    fn weights(&self) -> Vec<f64> {
        self.weights.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_by_weight() {
        let mut fixed = (STRATEGY.build)(&[2., 0.5]);
        let losses = [Tensor::from(3f32), Tensor::from(4f32)];
        assert_eq!(fixed.combine(&losses).double_value(&[]), 8.);
        assert_eq!(fixed.weights(), [2., 0.5]);
    }
}
