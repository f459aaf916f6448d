//! Area under the ROC curve: the probability that a positive scores higher than a negative, a tie counting one half.
//! T. Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27, 2006.

use super::{Score, is_positive};

/// Exact area under the ROC curve, ties by average rank; `None` unless both classes are there.
pub fn auc<S: Score>(labels: &[f32], scores: &[S]) -> Option<f64> {
    let (mut positives, mut negatives) = (Vec::new(), Vec::new());
    for (&label, &score) in labels.iter().zip(scores) {
        if label.is_nan() {
            continue;
        }
        let class = if is_positive(f64::from(label)) {
            &mut positives
        } else {
            &mut negatives
        };
        class.push(score.one_zero());
    }
    auc_of_classes(&mut positives, &mut negatives)
}

/// The area from the scores of each class, which it sorts; zeros must have passed [`Score::one_zero`].
///
/// It counts pairs in integers, so the order of the rows can not change a digit.
pub fn auc_of_classes<S: Score>(positives: &mut [S], negatives: &mut [S]) -> Option<f64> {
    positives.sort_unstable_by(S::order);
    negatives.sort_unstable_by(S::order);
    // A NaN stands at one of the ends.
    for class in [&*positives, &*negatives] {
        if class.first()?.widen().is_nan() || class.last()?.widen().is_nan() {
            return Some(f64::NAN);
        }
    }

    let (mut below, mut not_above) = (0, 0);
    let mut wins_twice = 0_u128;
    for positive in positives.iter() {
        while below < negatives.len() && negatives[below].order(positive).is_lt() {
            below += 1;
        }
        not_above = not_above.max(below);
        while not_above < negatives.len() && negatives[not_above].order(positive).is_le() {
            not_above += 1;
        }
        wins_twice += below as u128 + not_above as u128;
    }
    let pairs = positives.len() as u128 * negatives.len() as u128;
    Some(wins_twice as f64 / (2 * pairs) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_ordered_pairs_and_half_of_the_ties() {
        // Pairs (0.8, 0.5), (0.8, 0.2), (0.5, 0.2) are won and (0.5, 0.5) ties: 3.5 of 4.
        assert_eq!(
            auc(&[1.0, 1.0, 0.0, 0.0], &[0.8, 0.5, 0.5, 0.2]),
            Some(0.875)
        );
    }

    #[test]
    fn agrees_with_scikit_learn() {
        // sklearn.metrics.roc_auc_score([0,1,1,0,1,0,0,1], [.1,.4,.35,.8,.8,.35,.2,.9]) = 0.8125
        let labels = [0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0];
        let scores = [0.1_f32, 0.4, 0.35, 0.8, 0.8, 0.35, 0.2, 0.9];
        assert_eq!(auc(&labels, &scores), Some(0.8125));
    }

    #[test]
    fn leaves_out_rows_without_a_label() {
        assert_eq!(
            auc(&[1.0, f32::NAN, 0.0], &[0.9_f64, f64::NAN, 0.1]),
            Some(1.0)
        );
    }

    #[test]
    fn is_undefined_without_both_classes() {
        assert_eq!(auc::<f32>(&[], &[]), None);
        assert_eq!(auc(&[1.0, 1.0], &[0.1_f32, 0.2]), None);
        assert_eq!(auc(&[0.0], &[f32::NAN]), None);
    }

    #[test]
    fn zeros_of_both_signs_tie_and_infinities_have_an_order() {
        assert_eq!(auc(&[1.0, 0.0], &[-0.0_f32, 0.0]), Some(0.5));
        assert_eq!(
            auc(&[1.0, 0.0], &[f32::INFINITY, f32::NEG_INFINITY]),
            Some(1.0)
        );
    }

    #[test]
    fn a_nan_score_of_either_sign_shows() {
        for nan in [f64::NAN, -f64::NAN] {
            let value = auc(&[1.0, 0.0, 0.0], &[0.5, nan, 0.1]);
            assert!(value.is_some_and(f64::is_nan), "{value:?}");
        }
    }
}
