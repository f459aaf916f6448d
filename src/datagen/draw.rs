//! Weighted choice and effects of a given spread.

use crate::random::Draws;

/// One normal effect per level of an attribute, brought to mean 0 and the given spread over
/// the levels, so that an attribute with few levels matters equally under every seed.
pub(super) fn effects(draw: &mut Draws, levels: usize, spread: f64) -> Vec<f64> {
    let raw: Vec<f64> = (0..levels).map(|_| draw.box_muller()).collect();
    let mean = raw.iter().sum::<f64>() / levels as f64;
    let variance = raw.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / levels as f64;
    let scale = spread / variance.sqrt().max(f64::MIN_POSITIVE);
    raw.iter().map(|x| (x - mean) * scale).collect()
}

/// Draws items in proportion to fixed weights in constant time.
/// A. J. Walker, "An Efficient Method for Generating Discrete Random Variables with General
/// Distributions", ACM TOMS 3, 1977; tables built as M. D. Vose, IEEE TSE 17, 1991.
pub(super) struct Alias {
    items: Vec<u32>,
    keep: Vec<f64>,
    other: Vec<u32>,
}

impl Alias {
    /// `weights[i]` is the positive weight of `items[i]`; there is at least one item.
    pub(super) fn new(items: Vec<u32>, weights: &[f64]) -> Self {
        let scale = items.len() as f64 / weights.iter().sum::<f64>();
        let mut keep: Vec<f64> = weights.iter().map(|w| w * scale).collect();
        let mut other: Vec<u32> = (0..items.len() as u32).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..items.len()).partition(|i| keep[*i] < 1.0);
        while let (Some(low), Some(high)) = (small.pop(), large.pop()) {
            other[low] = high as u32;
            keep[high] -= 1.0 - keep[low];
            if keep[high] < 1.0 {
                small.push(high);
            } else {
                large.push(high);
            }
        }
        for rest in small.into_iter().chain(large) {
            keep[rest] = 1.0;
        }
        Self { items, keep, other }
    }

    /// One item.
    pub(super) fn draw(&self, draw: &mut Draws) -> usize {
        let slot = draw.below(self.items.len());
        let slot = if draw.unit() < self.keep[slot] {
            slot
        } else {
            self.other[slot] as usize
        };
        self.items[slot] as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alias_draws_in_proportion_to_weights() {
        let alias = Alias::new(vec![4, 5, 6], &[1.0, 2.0, 5.0]);
        let mut draw = Draws::stream(1, 0);
        let mut counts = [0f64; 7];
        for _ in 0..80_000 {
            counts[alias.draw(&mut draw)] += 1.0 / 80_000.0;
        }
        assert!((counts[4] - 0.125).abs() < 0.01, "{counts:?}");
        assert!((counts[5] - 0.25).abs() < 0.01, "{counts:?}");
        assert!((counts[6] - 0.625).abs() < 0.01, "{counts:?}");
    }

    #[test]
    fn effects_have_the_asked_spread() {
        let effects = effects(&mut Draws::stream(3, 0), 5, 0.7);
        let variance = effects.iter().map(|x| x * x).sum::<f64>() / 5.0;
        assert!(effects.iter().sum::<f64>().abs() < 1e-12);
        assert!((variance.sqrt() - 0.7).abs() < 1e-12);
    }
}
