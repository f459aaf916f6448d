//! How numbers are brought to mean 0 and deviation 1, and how floats survive being saved.

use serde::{Deserialize, Serialize};

/// Standardised numbers beyond this count as this.
const CLAMP: f64 = 1e6;
/// `(x - mean) * factor`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// What becomes 0.
    #[serde(with = "exact")]
    pub mean: f64,
    /// One over the standard deviation; negative for an age, which is counted backwards.
    #[serde(with = "exact")]
    pub factor: f64,
}

impl Scale {
    /// Leaves values as they are.
    pub const NONE: Self = Self {
        mean: 0.,
        factor: 1.,
    };

    /// The number that `value` stands for.
    pub fn restore(self, value: f32) -> f64 {
        match self.factor {
            0. => self.mean,
            factor => f64::from(value) / factor + self.mean,
        }
    }

    /// A value as the model sees it; NaN becomes 0, the mean.
    #[inline(always)]
    pub(crate) fn apply(self, value: f64) -> f32 {
        if value.is_nan() {
            return 0.0;
        }
        ((value - self.mean) * self.factor).clamp(-CLAMP, CLAMP) as f32
    }
}

/// Floats as text: JSON readers may change the last bit of a number.
pub(crate) mod exact {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// Lists of floats as text.
pub(crate) mod exact_list {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(values: &[f64], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(values.iter().map(f64::to_string))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        let numbers = texts.iter().map(|t| t.parse().map_err(D::Error::custom));
        numbers.collect()
    }
}

/// `sign(x) * ln(1 + |x|)`: as far apart as the orders of magnitude, on both sides of 0.
#[inline(always)]
pub(crate) fn signed_log(value: f64) -> f64 {
    value.abs().ln_1p().copysign(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_survive_json() {
        let scale = Scale {
            mean: 0.1 + 0.2,
            factor: 1.0 / 3.0,
        };
        let text = serde_json::to_string(&scale).unwrap();
        assert_eq!(serde_json::from_str::<Scale>(&text).unwrap(), scale);
    }
}
