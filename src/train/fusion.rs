//! The gradients of single tasks: what they have in common, and their sum once every task has its weight.
//!
//! A dense weight's element is shared in a step when two tasks or more have a gradient there that is not 0;
//! where only one has, that one goes into the sum without the task's weight. The embeddings are shared by
//! all. What tasks want of them is compared where the network reads them, row by row: the upper bound of
//! O. Sener, V. Koltun, "Multi-Task Learning as Multi-Objective Optimization", NeurIPS 2018, section 3.3,
//! which saves summing up the table's rows for every task.
//!
//! Shapes: T tasks, S gradients of a share (the tasks', then that of what belongs to none and has weight 1),
//! n elements of all dense weights, B rows of a share's leaf, F values of a row, the first E of them embedded.

use half::bf16;
use multiversion::multiversion;
use tch::{Device, Kind, Tensor};

use super::optimizer::Gradient;
use super::shard::Gradients;
use super::threads::Workers;
use crate::error::{Error, Result};
use crate::tensor::element::{Element, Plain, dot};
use crate::tensor::memory::{as_mut_slice, as_slice};

/// The gradients of a step as the optimizers take them: of the dense weights, and of the leaves of each share.
pub type Sum = (Vec<Vec<Tensor>>, Vec<Vec<Tensor>>);

/// Compares and sums gradients; keeps its buffers from step to step.
pub struct Fusion {
    tasks: usize,
    device: Device,
    /// Shapes of the dense weights.
    shapes: Vec<Vec<i64>>,
    /// n.
    elements: usize,
    /// E of each leaf.
    embedded: Vec<usize>,
    /// The S gradients of the dense weights, each summed over the shares: `[S, n]`.
    apart: Tensor,
    /// `[n]`.
    sum: Tensor,
}

/// Elements that are worked on at once, so that they stay in the cache.
const BLOCK: usize = 512;

/// What a gradient counts where tasks share an element, and where it is alone.
type Weight = [f32; 2];

impl Fusion {
    /// For so many tasks over the weights in `dense`; E of each leaf is in `embedded`.
    pub fn new(tasks: usize, dense: &[Tensor], embedded: Vec<usize>) -> Self {
        let empty = || Tensor::zeros([0], (Kind::Float, Device::Cpu));
        Self {
            tasks,
            device: dense.first().map_or(Device::Cpu, Tensor::device),
            shapes: dense.iter().map(Tensor::size).collect(),
            elements: dense.iter().map(Tensor::numel).sum(),
            embedded,
            apart: empty(),
            sum: empty(),
        }
    }

    /// The dot products of the tasks' gradients over what they share, `[T, T]`. `gradients` has the S of
    /// each share.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn gram(
        &mut self,
        gradients: &[Vec<Gradients>],
        workers: &Workers,
    ) -> Result<Vec<Vec<f64>>> {
        let _guard = tch::no_grad_guard();
        let products = match self.device {
            Device::Cpu => self.gram_in_place(gradients, workers)?,
            _ => self.gram_by_operators(gradients)?,
        };
        let tasks = self.tasks;
        let product = |t: usize, u: usize| products[t.min(u) * tasks + t.max(u)];
        let row = |t| (0..tasks).map(|u| product(t, u)).collect();
        Ok((0..tasks).map(row).collect())
    }

    /// The sum of what [`Fusion::gram`] was given last: by `weights` where tasks share, by `factors` where
    /// they don't.
    ///
    /// # Errors
    /// As [`Fusion::gram`].
    pub fn sum(
        &mut self,
        gradients: Vec<Vec<Gradients>>,
        weights: &[f64],
        factors: &[f64],
        workers: &Workers,
    ) -> Result<Sum> {
        let _guard = tch::no_grad_guard();
        let count = gradients.first().map_or(0, Vec::len);
        let weight = |s| match s < self.tasks {
            true => [weights[s] as f32, factors[s] as f32],
            false => [1., 1.],
        };
        let weights: Vec<Weight> = (0..count).map(weight).collect();
        let defined = |i: usize| gradients.iter().flatten().any(|g| g.dense[i].defined());
        let defined: Vec<_> = (0..self.shapes.len()).map(defined).collect();
        let fields = match self.device {
            Device::Cpu => self.sum_in_place(gradients, &weights, workers)?,
            _ => self.sum_by_operators(&gradients, &weights)?,
        };
        let mut at = 0;
        let mut dense = Vec::with_capacity(defined.len());
        for (shape, defined) in self.shapes.iter().zip(defined) {
            let len = shape.iter().product();
            dense.push(match defined {
                true => self.sum.f_narrow(0, at, len)?.f_view(&shape[..])?,
                false => Tensor::new(),
            });
            at += len;
        }
        Ok((vec![dense], fields))
    }

    /// `[T, T]`, the upper half.
    fn gram_in_place(
        &mut self,
        gradients: &[Vec<Gradients>],
        workers: &Workers,
    ) -> Result<Vec<f64>> {
        let (tasks, elements) = (self.tasks, self.elements);
        let count = gradients.first().map_or(0, Vec::len);
        let shape = [count as i64, elements as i64];
        if self.apart.size() != shape {
            self.apart = Tensor::f_zeros(shape, (Kind::Float, Device::Cpu))?;
            self.sum = Tensor::f_zeros([elements as i64], (Kind::Float, Device::Cpu))?;
        }
        let weights = self.found(gradients)?;
        let part = elements.div_ceil(workers.count()).max(1);
        let mut parts: Vec<Vec<&mut [f32]>> = Vec::new();
        parts.resize_with(elements.div_ceil(part), Vec::new);
        // SAFETY: what is summed up here is nobody else's.
        let apart = unsafe { as_mut_slice(&mut self.apart)? };
        for row in apart.chunks_exact_mut(elements.max(1)) {
            for (parts, elements) in parts.iter_mut().zip(row.chunks_mut(part)) {
                parts.push(elements);
            }
        }
        let parts = parts.into_iter().enumerate().collect();
        let of_dense = workers.run(parts, |(i, mut rows)| {
            let mut products = vec![0.; tasks * tasks];
            add_up(i * part, &mut rows, &weights, &mut products);
            Ok(products)
        })?;
        let mut leaves = Vec::new();
        for share in gradients {
            for (leaf, &embedded) in self.embedded.iter().enumerate() {
                leaves.push((inputs(&share[..tasks], leaf)?, embedded));
            }
        }
        let of_leaves = workers.run(leaves, |(rows, embedded): (Inputs, usize)| {
            let mut products = vec![0.; tasks * tasks];
            match rows {
                Inputs::Full(rows) => compare_rows(&rows, embedded, &mut products),
                Inputs::Half(rows) => compare_rows(&rows, embedded, &mut products),
            }
            Ok(products)
        })?;
        let mut sum = vec![0.; tasks * tasks];
        for products in of_dense.iter().chain(&of_leaves) {
            for (sum, product) in sum.iter_mut().zip(products) {
                *sum += product;
            }
        }
        Ok(sum)
    }

    /// Each dense weight with what the shares have found.
    fn found<'a>(&self, gradients: &'a [Vec<Gradients>]) -> Result<Vec<Found<'a>>> {
        let count = gradients.first().map_or(0, Vec::len);
        let mut first = 0;
        let mut all = Vec::with_capacity(self.shapes.len());
        for (i, shape) in self.shapes.iter().enumerate() {
            let mut found = vec![Vec::new(); count];
            for share in gradients {
                for (found, gradients) in found.iter_mut().zip(share) {
                    if gradients.dense[i].defined() {
                        // SAFETY: no pass runs while its gradients are compared, and nobody else writes to them.
                        found.push(unsafe { Gradient::new(&gradients.dense[i])? });
                    }
                }
            }
            let len = shape.iter().product::<i64>() as usize;
            all.push(Found {
                first,
                end: first + len,
                gradients: found,
            });
            first += len;
        }
        Ok(all)
    }

    /// Returns the sums of the shares' rows.
    fn sum_in_place(
        &mut self,
        gradients: Vec<Vec<Gradients>>,
        weights: &[Weight],
        workers: &Workers,
    ) -> Result<Vec<Vec<Tensor>>> {
        let (tasks, elements) = (self.tasks, self.elements);
        // SAFETY: the gradients and their sum have memory of their own; the optimizers, which borrowed the last sum,
        // are done with it.
        let (rows, sums) = unsafe {
            let rows = as_slice::<f32>(&self.apart)?;
            (rows, as_mut_slice::<f32>(&mut self.sum)?)
        };
        let rows: Vec<_> = rows.chunks_exact(elements.max(1)).collect();
        let part = elements.div_ceil(workers.count()).max(1);
        let sums = sums.chunks_mut(part);
        workers.run(sums.enumerate().collect(), |(i, sums)| {
            let from = i * part;
            let rows: Vec<_> = rows.iter().map(|r| &r[from..from + sums.len()]).collect();
            blend(sums, &rows, tasks, weights);
            Ok(())
        })?;
        let (shares, of_share) = (gradients.len(), self.embedded.len());
        let mut leaves = Vec::with_capacity(shares * of_share);
        for mut share in gradients {
            for leaf in 0..of_share {
                let take =
                    |g: &mut Gradients| std::mem::replace(&mut g.leaves[leaf], Tensor::new());
                leaves.push(share.iter_mut().map(take).collect());
            }
        }
        let sums = workers.run(leaves, |gradients: Vec<Tensor>| {
            let mut gradients = gradients.into_iter();
            let Some(mut first) = gradients.next() else {
                return Err(Error::internal("a leaf without gradients"));
            };
            let others: Vec<_> = gradients.collect();
            match first.kind() {
                Kind::BFloat16 => sum_rows::<bf16>(&mut first, &others, weights)?,
                _ => sum_rows::<f32>(&mut first, &others, weights)?,
            }
            Ok(first)
        })?;
        let mut sums = sums.into_iter();
        let share = |_| sums.by_ref().take(of_share).collect();
        Ok((0..shares).map(share).collect())
    }

    fn gram_by_operators(&mut self, gradients: &[Vec<Gradients>]) -> Result<Vec<f64>> {
        let options = (Kind::Float, self.device);
        let count = gradients.first().map_or(0, Vec::len);
        let mut rows = Vec::with_capacity(count);
        for s in 0..count {
            let mut parts = Vec::with_capacity(self.shapes.len());
            for (i, shape) in self.shapes.iter().enumerate() {
                let mut part = Tensor::f_zeros(&shape[..], options)?;
                for share in gradients {
                    if share[s].dense[i].defined() {
                        part = part.f_add(&share[s].dense[i])?;
                    }
                }
                parts.push(part.f_reshape([-1])?);
            }
            rows.push(Tensor::f_cat(&parts, 0)?);
        }
        self.apart = Tensor::f_stack(&rows, 0)?;
        let shared = self.apart.f_narrow(0, 0, self.tasks as i64)? * self.shared()?;
        let mut products = shared.f_mm(&shared.f_tr()?)?;
        for share in gradients {
            for (leaf, embedded) in self.embedded.iter().enumerate() {
                let rows = share[..self.tasks].iter().map(|g| {
                    let embedded = g.leaves[leaf].f_narrow(1, 0, *embedded as i64)?;
                    embedded.f_reshape([-1])?.f_to_kind(Kind::Float)
                });
                let rows = rows.collect::<std::result::Result<Vec<_>, _>>()?;
                let rows = Tensor::f_stack(&rows, 0)?;
                products = products.f_add(&rows.f_mm(&rows.f_tr()?)?)?;
            }
        }
        let products = products.f_reshape([-1])?.f_to_device(Device::Cpu)?;
        Ok(Vec::<f64>::try_from(products.f_to_kind(Kind::Double)?)?)
    }

    /// `[n]`, whether two tasks or more have a gradient.
    fn shared(&self) -> Result<Tensor> {
        let tasks = self.apart.f_narrow(0, 0, self.tasks as i64)?;
        let owners = tasks.f_ne(0.)?.f_sum_dim_intlist(0, false, Kind::Int64)?;
        Ok(owners.f_gt(1)?)
    }

    fn sum_by_operators(
        &mut self,
        gradients: &[Vec<Gradients>],
        weights: &[Weight],
    ) -> Result<Vec<Vec<Tensor>>> {
        let sum = |side: usize| {
            let weights: Vec<_> = weights.iter().map(|weight| weight[side]).collect();
            let weights = Tensor::f_from_slice(&weights)?.f_to_device(self.device)?;
            Ok::<_, crate::Error>(
                weights
                    .f_unsqueeze(0)?
                    .f_mm(&self.apart)?
                    .f_squeeze_dim(0)?,
            )
        };
        self.sum = sum(0)?.f_where_self(&self.shared()?, &sum(1)?)?;
        let mut all = Vec::with_capacity(gradients.len());
        for share in gradients {
            let sum = |leaf: usize| {
                let mut sum: Option<Tensor> = None;
                for (gradients, [weight, _]) in share.iter().zip(weights) {
                    let part = gradients.leaves[leaf].f_mul_scalar(f64::from(*weight))?;
                    sum = Some(match sum {
                        Some(sum) => sum.f_add(&part)?,
                        None => part,
                    });
                }
                sum.ok_or_else(|| Error::internal("a leaf without gradients"))
            };
            let sums = (0..self.embedded.len()).map(sum);
            all.push(sums.collect::<Result<_>>()?);
        }
        Ok(all)
    }
}

/// What the shares have found of one dense weight.
struct Found<'a> {
    /// Its place among all elements.
    first: usize,
    end: usize,
    /// For each of the S gradients, those of the shares.
    gradients: Vec<Vec<Gradient<'a>>>,
}

/// A share's gradients of what the network reads, in rows.
enum Inputs<'a> {
    Full(Vec<std::slice::ChunksExact<'a, f32>>),
    Half(Vec<std::slice::ChunksExact<'a, bf16>>),
}

/// Those of one leaf.
fn inputs(gradients: &[Gradients], leaf: usize) -> Result<Inputs<'_>> {
    fn rows<E: Plain>(leaf: &Tensor) -> Result<std::slice::ChunksExact<'_, E>> {
        // SAFETY: no pass runs while its gradients are compared, and nobody else writes to them.
        let values = unsafe { as_slice::<E>(leaf)? };
        Ok(values.chunks_exact(leaf.size()[1] as usize))
    }
    let leaves = gradients.iter().map(|g| &g.leaves[leaf]);
    Ok(match gradients.first().map(|g| g.leaves[leaf].kind()) {
        Some(Kind::BFloat16) => Inputs::Half(leaves.map(rows).collect::<Result<_>>()?),
        _ => Inputs::Full(leaves.map(rows).collect::<Result<_>>()?),
    })
}

/// Writes the sums over the shares to `rows`, which are the elements from `from` of each of the S gradients,
/// and adds the tasks' products to `products`.
fn add_up(from: usize, rows: &mut [&mut [f32]], weights: &[Found], products: &mut [f64]) {
    let to = from + rows.first().map_or(0, |row| row.len());
    for weight in weights {
        let (mut at, end) = (weight.first.max(from), weight.end.min(to));
        while at < end {
            let next = (at + BLOCK).min(end);
            for (row, shares) in rows.iter_mut().zip(&weight.gradients) {
                let sums = &mut row[at - from..next - from];
                sums.fill(0.);
                for gradient in shares {
                    let places = at - weight.first..next - weight.first;
                    gradient.part(places).add_to(sums);
                }
            }
            compare(rows, at - from..next - from, products);
            at = next;
        }
    }
}

/// Adds the products of the tasks' elements at `places`, a block at the most, that are shared.
#[multiversion(targets = "simd")]
fn compare(rows: &[&mut [f32]], places: std::ops::Range<usize>, products: &mut [f64]) {
    let tasks = products.len().isqrt();
    let row = |t: usize| &rows[t][places.clone()];
    let mut owners = [0u32; BLOCK];
    for t in 0..tasks {
        count(row(t), &mut owners);
    }
    let mut kept = [0f32; BLOCK];
    let kept = &mut kept[..places.len()];
    for t in 0..tasks {
        // Of two tasks an element is shared where the product is not 0.
        for ((kept, g), owners) in kept.iter_mut().zip(row(t)).zip(&owners) {
            *kept = if *owners > 1 { *g } else { 0. };
        }
        products[t * tasks + t] += f64::from(dot(kept, kept));
        for u in t + 1..tasks {
            products[t * tasks + u] += f64::from(dot(row(t), row(u)));
        }
    }
}

#[inline(always)]
fn count(gradient: &[f32], owners: &mut [u32]) {
    for (owners, g) in owners.iter_mut().zip(gradient) {
        *owners += u32::from(*g != 0.);
    }
}

/// Adds the products of the first `embedded` values of each row.
#[multiversion(targets = "simd")]
fn compare_rows<E: Element>(
    rows: &[std::slice::ChunksExact<E>],
    embedded: usize,
    products: &mut [f64],
) {
    let tasks = rows.len();
    for (t, one) in rows.iter().enumerate() {
        for (u, other) in rows.iter().enumerate().skip(t) {
            let rows = one.clone().zip(other.clone());
            let products_of = rows.map(|(a, b)| f64::from(dot(&a[..embedded], &b[..embedded])));
            products[t * tasks + u] += products_of.sum::<f64>();
        }
    }
}

/// Sums `rows`, of which the first belong to the `tasks`, by their weights.
#[multiversion(targets = "simd")]
fn blend(sums: &mut [f32], rows: &[&[f32]], tasks: usize, weights: &[Weight]) {
    for from in (0..sums.len()).step_by(BLOCK) {
        let places = from..(from + BLOCK).min(sums.len());
        let mut owners = [0u32; BLOCK];
        for row in &rows[..tasks] {
            count(&row[places.clone()], &mut owners);
        }
        let sums = &mut sums[places.clone()];
        sums.fill(0.);
        for (row, [shared, alone]) in rows.iter().zip(weights) {
            let elements = sums.iter_mut().zip(&row[places.clone()]);
            for ((sum, g), owners) in elements.zip(&owners) {
                *sum += if *owners > 1 { *shared } else { *alone } * g;
            }
        }
    }
}

/// Sums `first` and `others` by their weights, to `first`.
fn sum_rows<E: Element>(first: &mut Tensor, others: &[Tensor], weights: &[Weight]) -> Result<()> {
    // SAFETY: every task's gradient has memory of its own, and no pass runs while they are summed.
    unsafe {
        let others = others.iter().map(|other| as_slice::<E>(other));
        let others = others.collect::<Result<Vec<_>>>()?;
        blend_rows(as_mut_slice::<E>(first)?, &others, weights);
    }
    Ok(())
}

#[multiversion(targets = "simd")]
fn blend_rows<E: Element>(first: &mut [E], others: &[&[E]], weights: &[Weight]) {
    let mut sums = [0f32; BLOCK];
    for from in (0..first.len()).step_by(BLOCK) {
        let places = from..(from + BLOCK).min(first.len());
        let first = &mut first[places.clone()];
        for (sum, g) in sums.iter_mut().zip(first.iter()) {
            *sum = weights[0][0] * g.widen();
        }
        for (other, [weight, _]) in others.iter().zip(&weights[1..]) {
            for (sum, g) in sums.iter_mut().zip(&other[places.clone()]) {
                *sum += weight * g.widen();
            }
        }
        for (g, sum) in first.iter_mut().zip(&sums) {
            *g = E::narrow(*sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of two tasks and what belongs to none, in two shares: a weight that all have a gradient of, in four
    /// elements, and one of the second task alone, of more than a block. Rows of three values, two embedded.
    fn gradients() -> Vec<Vec<Gradients>> {
        let row = |dense: [f32; 4], own: Option<f32>, fields: [f32; 3]| Gradients {
            dense: vec![
                Tensor::from_slice(&dense).view([2, 2]),
                own.map_or_else(Tensor::new, |own| Tensor::from_slice(&[own; 700])),
            ],
            leaves: vec![Tensor::from_slice(&fields).view([1, 3])],
        };
        vec![
            vec![
                row([1., 2., 0., 0.], None, [1., 0., 9.]),
                row([0., 1., 3., 0.], Some(1.), [2., 1., 9.]),
                row([0., 0., 0., 0.5], None, [0., 0.25, 9.]),
            ],
            vec![
                row([1., 0., 0., 0.], None, [0., 3., 9.]),
                row([0.5, 1., 0., 0.], Some(2.), [1., 1., 9.]),
                row([0.; 4], None, [0., 0., 9.]),
            ],
        ]
    }

    /// The loops and the operators that a GPU uses are one rule.
    #[test]
    fn weighs_what_is_shared_and_leaves_the_rest_as_it_is() {
        let workers = Workers::start(2).unwrap();
        let given = gradients();
        let dense: Vec<_> = given[0][1].dense.iter().map(Tensor::zeros_like).collect();
        let weights = [[10., 1.], [100., 2.], [1., 1.]];
        for in_place in [true, false] {
            let mut fusion = Fusion::new(2, &dense, vec![2]);
            let gram = match in_place {
                true => fusion.gram_in_place(&given, &workers).unwrap(),
                false => fusion.gram_by_operators(&given).unwrap(),
            };
            // The sums are (2, 2, 0, 0) and (0.5, 2, 3, 0), of which the first two elements are shared:
            // |g_1|^2 = 8 + 1 + 9, g_1 g_2 = 5 + 2 + 3, |g_2|^2 = 4.25 + 5 + 2.
            assert_eq!([gram[0], gram[1], gram[3]], [18., 10., 11.25]);
            let fields = match in_place {
                true => fusion
                    .sum_in_place(gradients(), &weights, &workers)
                    .unwrap(),
                false => fusion.sum_by_operators(&given, &weights).unwrap(),
            };
            let sums = Vec::<f32>::try_from(&fusion.sum).unwrap();
            // 10 * 2 + 100 * 0.5, 10 * 2 + 100 * 2, 2 * 3 of the second task alone, 0.5 of none.
            assert_eq!(sums[..4], [70., 220., 6., 0.5]);
            assert!(sums[4..].iter().all(|sum| *sum == 6.) && sums.len() == 704);
            let fields = fields.iter().flatten().map(|fields| {
                let fields = Vec::<f32>::try_from(fields.flatten(0, -1)).unwrap();
                [fields[0], fields[1]]
            });
            assert_eq!(fields.collect::<Vec<_>>(), [[210., 100.25], [100., 130.]]);
        }
    }
}
