//! How far drawn rows are from real ones, in a number that costs little.

use super::codec::Coded;

/// The mean total variation of the units' slots, and of those of pairs of units: 0 for the same
/// distribution, 1 for rows that have nothing in common. Two samples of one distribution are apart too,
/// the more so the fewer rows.
pub fn distance(widths: &[usize], a: &Coded, b: &Coded) -> f64 {
    let mut alone = 0.;
    let (mut pairs, mut count) = (0., 0.);
    for (i, wide) in widths.iter().enumerate() {
        alone += variation(*wide, &|coded, row| coded.slots[i][row] as usize, a, b);
        for (j, narrow) in widths.iter().enumerate().take(i) {
            let both = |coded: &Coded, row: usize| {
                coded.slots[i][row] as usize * narrow + coded.slots[j][row] as usize
            };
            pairs += variation(wide * narrow, &both, a, b);
            count += 1.;
        }
    }
    let alone = alone / widths.len().max(1) as f64;
    match count > 0. {
        true => (alone + pairs / count) / 2.,
        false => alone,
    }
}

fn variation(slots: usize, of: &dyn Fn(&Coded, usize) -> usize, a: &Coded, b: &Coded) -> f64 {
    let mut shares = vec![0f32; slots];
    for (coded, sign) in [(a, 1.), (b, -1.)] {
        let share = sign / coded.rows.max(1) as f32;
        (0..coded.rows).for_each(|row| shares[of(coded, row)] += share);
    }
    shares
        .iter()
        .map(|share| f64::from(share.abs()))
        .sum::<f64>()
        / 2.
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_zero_for_equal_and_one_for_disjoint_rows() {
        let coded = |slots: [u32; 4]| Coded {
            rows: 4,
            slots: vec![slots.to_vec(), vec![0; 4]],
            places: vec![Vec::new(); 2],
        };
        let (a, b) = (coded([0, 0, 1, 1]), coded([2, 2, 3, 3]));
        assert!(distance(&[4, 1], &a, &a) < 1e-6);
        // The first unit is 1 apart, the second 0; the pair is 1 apart.
        assert!((distance(&[4, 1], &a, &b) - 0.75).abs() < 1e-6);
    }
}
