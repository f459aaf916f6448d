//! What metrics over classes share: how often each class is the label, the prediction, and both.

use std::collections::BTreeMap;

use super::Score;

/// How often a class occurs: the sum of the weights of such rows, which is their number where they have none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClassCount {
    /// As label.
    pub labels: f64,
    /// As prediction.
    pub predicted: f64,
    /// As both in one row.
    pub hits: f64,
}

/// A metric that depends on the rows only through these counts, in any order; `None` where the rows weigh nothing.
pub type OfClasses = fn(&mut dyn Iterator<Item = ClassCount>) -> Option<f64>;

/// The metric of rows whose classes are numbers: label, prediction and weight.
pub fn of_rows<S: Score>(
    value: OfClasses,
    rows: impl Iterator<Item = (f64, S, f64)>,
) -> Option<f64> {
    let mut classes: BTreeMap<u64, ClassCount> = BTreeMap::new();
    for (label, predicted, weight) in rows {
        let predicted = predicted.widen();
        if predicted.is_nan() {
            return Some(f64::NAN);
        }
        let [label, predicted] = [label, predicted].map(|class| class.one_zero().to_bits());
        let class = classes.entry(label).or_default();
        class.labels += weight;
        class.hits += if label == predicted { weight } else { 0.0 };
        classes.entry(predicted).or_default().predicted += weight;
    }
    value(&mut classes.into_values())
}
