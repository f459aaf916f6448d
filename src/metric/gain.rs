//! What the grade of a row gains.

/// How a grade, a number from 0, becomes a gain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gain {
    /// The grade itself.
    #[default]
    Linear,
    /// 2 to the power of the grade, minus 1.
    Exponential,
}

impl Gain {
    /// Every gain.
    pub const ALL: [Self; 2] = [Self::Linear, Self::Exponential];

    /// Its name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Exponential => "exponential",
        }
    }

    /// The gain of a grade; 0 and 1 gain themselves whatever the gain.
    pub fn of(self, grade: f64) -> f64 {
        match self {
            Self::Linear => grade,
            Self::Exponential => grade.exp2() - 1.0,
        }
    }
}
