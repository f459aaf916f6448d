//! Values that belong to a network and that training renews without a gradient, such as statistics of
//! what the network reads.
//!
//! The passes of a step run at once and read them as they were before it, so that no result depends on
//! which pass is first. Each leaves on its tape what it has seen; [`renew`] adds that up.

use tch::Tensor;

use crate::error::Result;

/// What a pass has seen that concerns a buffer.
pub struct Seen {
    /// The buffer, sharing memory.
    pub buffer: Tensor,
    /// What the pass has seen; those of the passes of a step are added.
    pub sum: Tensor,
    /// The buffer's new values from its old ones and that sum.
    pub rule: fn(&Tensor, &Tensor) -> Result<Tensor>,
}

/// Gives the buffers their new values after a step, from what each of its passes has seen. Passes through
/// replicas of one network have seen the same buffers in the same order.
///
/// # Errors
/// `Torch` when the device has no memory left.
pub fn renew(passes: Vec<Vec<Seen>>) -> Result<()> {
    let _guard = tch::no_grad_guard();
    let mut passes = passes.into_iter();
    let mut total = passes.next().unwrap_or_default();
    for pass in passes {
        for (total, seen) in total.iter_mut().zip(pass) {
            total.sum = total.sum.f_add(&seen.sum)?;
        }
    }
    for Seen {
        mut buffer,
        sum,
        rule,
    } in total
    {
        buffer.f_copy_(&rule(&buffer, &sum)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_are_added_before_the_rule_is_applied() {
        let buffer = Tensor::from_slice(&[8f32, 16.]);
        let pass = |sum: [f32; 2]| {
            vec![Seen {
                buffer: buffer.shallow_clone(),
                sum: Tensor::from_slice(&sum),
                rule: |old, sum| Ok(old * 0.5 + sum * sum),
            }]
        };
        renew(vec![pass([1., 0.]), pass([2., -1.])]).unwrap();
        assert_eq!(Vec::<f32>::try_from(&buffer).unwrap(), [13., 9.]);
        renew(vec![]).unwrap();
    }
}
