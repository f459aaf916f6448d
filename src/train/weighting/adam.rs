//! Steps of the numbers that strategies learn.

/// Adam's moments of one number.
/// D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015.
#[derive(Clone, Copy, Default)]
pub struct Adam {
    first: f64,
    second: f64,
    steps: i32,
}

impl Adam {
    /// How far to go down `gradient`.
    pub fn step(&mut self, gradient: f64, learn_rate: f64) -> f64 {
        self.steps += 1;
        self.first = 0.9 * self.first + 0.1 * gradient;
        self.second = 0.999 * self.second + 0.001 * gradient * gradient;
        let first = self.first / (1. - 0.9f64.powi(self.steps));
        let second = self.second / (1. - 0.999f64.powi(self.steps));
        learn_rate * first / (second.sqrt() + 1e-8)
    }
}
