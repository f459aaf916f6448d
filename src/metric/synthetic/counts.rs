//! How often each of several values occurs.

use std::cmp::Ordering;

/// Counts in the order of the values.
#[derive(Clone, Debug, PartialEq)]
pub struct Counts<K> {
    counts: Vec<(K, u64)>,
    total: u64,
}

impl<K: Ord> Counts<K> {
    /// Counts `values`.
    pub fn of(values: impl IntoIterator<Item = K>) -> Self {
        let mut values: Vec<K> = values.into_iter().collect();
        values.sort_unstable();
        let total = values.len() as u64;
        let mut counts: Vec<(K, u64)> = Vec::new();
        for value in values {
            match counts.last_mut() {
                Some((last, count)) if *last == value => *count += 1,
                _ => counts.push((value, 1)),
            }
        }
        Self { counts, total }
    }

    /// Values and their shares, in order.
    pub fn shares(&self) -> impl Iterator<Item = (&K, f64)> {
        let total = self.total as f64;
        self.counts.iter().map(move |(k, n)| (k, *n as f64 / total))
    }

    /// All that was counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Half of the summed differences between the shares; `None` when one side has no rows.
    pub fn total_variation(&self, other: &Self) -> Option<f64> {
        if self.total == 0 || other.total == 0 {
            return None;
        }
        let (mut mine, mut others) = (self.shares().peekable(), other.shares().peekable());
        let mut sum = 0.;
        loop {
            let order = match (mine.peek(), others.peek()) {
                (None, None) => return Some(sum / 2.),
                (Some((a, _)), Some((b, _))) => a.cmp(b),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
            };
            let a = mine.next_if(|_| order.is_le()).map_or(0., |(_, p)| p);
            let b = others.next_if(|_| order.is_ge()).map_or(0., |(_, p)| p);
            sum += (a - b).abs();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn total_variation_is_half_the_difference() {
        let counts = |values: &[u32]| Counts::of(values.iter().copied());
        // Shares 1/2, 1/4, 1/4, 0 against 1/2, 0, 0, 1/2.
        let tv = counts(&[3, 1, 1, 2]).total_variation(&counts(&[1, 9]));
        assert_eq!(tv, Some(0.5));
        assert_eq!(
            counts(&[1, 2]).total_variation(&counts(&[2, 2, 1, 1])),
            Some(0.)
        );
        assert_eq!(counts(&[1]).total_variation(&counts(&[2])), Some(1.));
        assert_eq!(counts(&[]).total_variation(&counts(&[1])), None);
    }
}
