//! What metrics over classes share: how often each class is the label, the prediction, and both.

use std::collections::BTreeMap;
use std::fmt::Debug;

use super::Score;

/// How often a class occurs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassCount {
    /// As label.
    pub labels: u64,
    /// As prediction.
    pub predicted: u64,
    /// As both in one row.
    pub hits: u64,
}

/// A metric that depends on the rows only through these counts.
pub trait ClassMetric: Debug + Send + Sync + 'static {
    /// The metric of rows with these classes, whose order does not change a digit; `None` without rows.
    fn value(classes: impl Iterator<Item = ClassCount>) -> Option<f64>;
}

/// The metric of rows whose classes are numbers.
pub fn of_rows<M: ClassMetric>(labels: &[f32], predicted: &[f32]) -> Option<f64> {
    let mut classes: BTreeMap<u32, ClassCount> = BTreeMap::new();
    for (label, predicted) in labels.iter().zip(predicted) {
        if label.is_nan() {
            continue;
        }
        if predicted.is_nan() {
            return Some(f64::NAN);
        }
        let [label, predicted] = [label, predicted].map(|class| class.one_zero().to_bits());
        classes.entry(label).or_default().labels += 1;
        classes.entry(label).or_default().hits += u64::from(label == predicted);
        classes.entry(predicted).or_default().predicted += 1;
    }
    M::value(classes.into_values())
}
