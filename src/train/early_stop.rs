//! When to stop, and which epoch to keep.

use tch::Tensor;

use crate::error::Result;

/// Watches the mean eval loss of all tasks, keeps the weights of the best epoch.
pub struct EarlyStop {
    enabled: bool,
    min_progress: f64,
    best: Option<Best>,
}

struct Best {
    epoch: usize,
    loss: f64,
    weights: Vec<Tensor>,
}

impl EarlyStop {
    /// `min_progress` is the relative fall of the loss below which training stops.
    pub fn new(enabled: bool, min_progress: f64) -> Self {
        Self {
            enabled,
            min_progress,
            best: None,
        }
    }

    /// Takes the loss of an epoch; true when training should stop.
    ///
    /// # Errors
    /// `Torch` when there is no memory for a copy of the weights.
    pub fn observe(&mut self, epoch: usize, loss: f64, weights: &[Tensor]) -> Result<bool> {
        if !self.enabled {
            return Ok(false);
        }
        let Some(best) = &mut self.best else {
            let weights = weights.iter().map(Tensor::copy).collect();
            self.best = Some(Best {
                epoch,
                loss,
                weights,
            });
            return Ok(false);
        };
        let progress = (best.loss - loss) / best.loss.abs().max(f64::MIN_POSITIVE);
        if progress > 0. {
            for (kept, now) in best.weights.iter_mut().zip(weights) {
                kept.f_copy_(now)?;
            }
            (best.epoch, best.loss) = (epoch, loss);
        }
        Ok(progress <= self.min_progress)
    }

    /// Puts the best epoch's weights back; returns that epoch.
    ///
    /// # Errors
    /// `Torch`, which a user can't cause.
    pub fn restore(self, weights: &[Tensor]) -> Result<Option<usize>> {
        let Some(best) = self.best else {
            return Ok(None);
        };
        for (now, kept) in weights.iter().zip(&best.weights) {
            now.shallow_clone().f_copy_(kept)?;
        }
        Ok(Some(best.epoch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restores_the_best_epoch() {
        let weights = [Tensor::from_slice(&[1f32])];
        let set = |v: f64| drop(weights[0].shallow_clone().fill_(v));
        let mut stop = EarlyStop::new(true, 0.01);
        assert!(!stop.observe(1, 1.0, &weights).unwrap());
        set(2.);
        assert!(!stop.observe(2, 0.9, &weights).unwrap());
        set(3.);
        assert!(stop.observe(3, 0.95, &weights).unwrap());
        assert_eq!(stop.restore(&weights).unwrap(), Some(2));
        assert_eq!(weights[0].double_value(&[0]), 2.);
    }

    #[test]
    fn stops_when_progress_is_too_small() {
        let weights = [Tensor::from_slice(&[1f32])];
        let mut stop = EarlyStop::new(true, 0.01);
        assert!(!stop.observe(1, 1.0, &weights).unwrap());
        assert!(stop.observe(2, 0.995, &weights).unwrap());
        assert_eq!(stop.restore(&weights).unwrap(), Some(2));
    }
}
