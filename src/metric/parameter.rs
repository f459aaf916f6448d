//! The arguments of metrics.

/// What an argument of a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// A number of rows: a positive integer, the same for all rows. It stands first.
    K,
    /// BOOLEAN, or a number that is 0 or 1.
    BinaryLabel,
    /// BOOLEAN, or a number from 0: how good a row is.
    Grade,
    /// Any number.
    NumberLabel,
    /// Any number, of which only the order counts.
    Score,
    /// Any number, of which the distance from the label counts.
    Prediction,
    /// A number between 0 and 1.
    Probability,
    /// What the rows are grouped by: any scalar.
    Group,
    /// A class: any scalar.
    Class,
    /// A class of the same type as [`Parameter::Class`], which stands before it.
    PredictedClass,
    /// What a grade gains: the name of a [`Gain`](super::Gain), the same for all rows.
    Gain,
    /// What a row weighs: a number from 0.
    Weight,
}

impl Parameter {
    /// The name of the argument, for named calls and documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::K => "k",
            Self::BinaryLabel | Self::Grade | Self::NumberLabel | Self::Class => "label",
            Self::Score | Self::Prediction | Self::Probability => "score",
            Self::Group => "group",
            Self::PredictedClass => "predicted",
            Self::Gain => "gain",
            Self::Weight => "weight",
        }
    }

    /// What SHOW FUNCTIONS says of the argument.
    pub fn description(self) -> &'static str {
        match self {
            Self::K => {
                "How many rows of a group count, from the highest score on: a constant integer from 1."
            }
            Self::BinaryLabel => "What happened: BOOLEAN, or a number that is 0 or 1.",
            Self::Grade => "What happened: BOOLEAN, or a number from 0, the higher the better.",
            Self::NumberLabel => "What happened: any number.",
            Self::Score | Self::Prediction => "What was predicted: any number.",
            Self::Probability => "What was predicted: a probability between 0 and 1.",
            Self::Group => "What the rows are grouped by, a user say: any scalar type.",
            Self::Class => "What happened: a class, of any scalar type.",
            Self::PredictedClass => "What was predicted: a class, of the same type.",
            Self::Gain => {
                "What a label gains, a constant: 'linear', the label itself, which is the default, or 'exponential', \
                 2 to the power of the label, minus 1."
            }
            Self::Weight => "What a row weighs: a number from 0, or NULL for 1 each.",
        }
    }

    /// Whether a call may leave the argument out, or give NULL instead of it.
    pub const fn is_optional(self) -> bool {
        matches!(self, Self::Gain | Self::Weight)
    }

    /// Whether the argument is what happened.
    pub const fn is_label(self) -> bool {
        matches!(
            self,
            Self::BinaryLabel | Self::Grade | Self::NumberLabel | Self::Class
        )
    }

    /// Whether the argument is a number that was predicted.
    pub const fn is_score(self) -> bool {
        matches!(self, Self::Score | Self::Prediction | Self::Probability)
    }
}
