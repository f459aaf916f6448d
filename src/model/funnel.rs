//! Tasks that follow from one another, as a click, a cart and a purchase do.
//!
//! The network says how likely a task is given the one before; over all rows its probability is the
//! product of those before it, so that none exceeds the one before.
//! X. Ma et al., "Entire Space Multi-Task Model", SIGIR 2018, equation 1, for any depth.

use tch::Tensor;

use crate::error::Result;

/// The tasks whose logits those of `tasks` depend on, rising: in a funnel all that come before.
pub fn needed(funnel: &[usize], tasks: &[usize]) -> Vec<usize> {
    let deepest = funnel.iter().rposition(|task| tasks.contains(task));
    let before = deepest.map_or(&[][..], |depth| &funnel[..=depth]);
    let mut needed: Vec<_> = tasks.iter().chain(before).copied().collect();
    needed.sort_unstable();
    needed.dedup();
    needed
}

/// The logits of `tasks` over all rows, `[B, 1]` each, from those of `given`, which lists tasks with the
/// logits of each given the one before it in the funnel.
///
/// # Errors
/// `Torch` when libtorch fails.
pub fn over_all_rows(
    funnel: &[usize],
    tasks: &[usize],
    given: &[usize],
    logits: &[Tensor],
) -> Result<Vec<Tensor>> {
    let of = |task: usize| given.iter().position(|&t| t == task).map(|at| &logits[at]);
    let mut log_p: Option<Tensor> = None;
    let mut products = Vec::new();
    for &task in funnel {
        let Some(logit) = of(task) else { break };
        let step = logit.f_log_sigmoid()?;
        log_p = Some(match log_p {
            // The first of the funnel is over all rows already.
            None => {
                products.push((task, logit.shallow_clone()));
                step
            }
            Some(before) => {
                // Below 0 by so much that the odds stay finite.
                let log_p = before.f_add(&step)?.f_clamp_max(-1e-6)?;
                let log_not = log_p.f_expm1()?.f_neg()?.f_log()?;
                products.push((task, log_p.f_sub(&log_not)?));
                log_p
            }
        });
    }
    tasks
        .iter()
        .map(|&task| {
            let product = products
                .iter()
                .find(|(t, _)| *t == task)
                .map(|(_, logit)| logit);
            let logit = product.or(of(task)).ok_or_else(|| {
                crate::Error::internal(format!("no logit for task {task} of the funnel"))
            })?;
            Ok(logit.shallow_clone())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_for_the_tasks_before() {
        assert_eq!(needed(&[2, 0], &[0, 1]), [0, 1, 2]);
        assert_eq!(needed(&[2, 0], &[2]), [2]);
        assert_eq!(needed(&[], &[1]), [1]);
    }

    #[test]
    fn probabilities_are_products() {
        let logits = [0.4f32, -1.2, 2.].map(|l| Tensor::from_slice(&[l, 30.]).view([2, 1]));
        let got = over_all_rows(&[2, 0, 1], &[1, 2], &[0, 1, 2], &logits).unwrap();
        let sigmoid = |x: f64| 1. / (1. + (-x).exp());
        let p = |t: &Tensor| sigmoid(t.double_value(&[0, 0]));
        assert!((p(&got[0]) - sigmoid(2.) * sigmoid(0.4) * sigmoid(-1.2)).abs() < 1e-6);
        assert!((p(&got[1]) - sigmoid(2.)).abs() < 1e-6);
        // Certainty stays finite.
        assert!(got[0].double_value(&[1, 0]).is_finite());
        // Without a funnel every task keeps its own, in the order asked for.
        let plain = over_all_rows(&[], &[2, 0], &[0, 2], &logits[..2]).unwrap();
        assert!(plain[0].equal(&logits[1]) && plain[1].equal(&logits[0]));
    }
}
