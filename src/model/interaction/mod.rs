//! What stands between the embeddings and any architecture: one file a way of crossing features, and the
//! list [`ALL`].
//!
//! Shapes: B rows, C id columns, D embedding width, N numbers, F = C * D + N values of a row.

mod dcn_v2;
mod fm;
mod none;

use tch::Tensor;

use super::{Input, Spec};
use crate::error::{Error, Result};
use crate::layer::Path;

/// Crosses the features of a row.
pub trait Interaction: Send {
    /// What the architecture reads, from the embedded batch.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    fn cross(&self, input: &Input) -> Result<Tensor>;
}

/// An entry of the list.
pub struct Crossing {
    /// The value of `interaction`.
    pub name: &'static str,
    /// Values that it adds to a row.
    pub adds: fn(&Spec) -> i64,
    /// Builds it with the weights found or made at the path.
    pub build: fn(&Spec, &Path) -> Result<Box<dyn Interaction>>,
}

/// Every way of crossing features.
pub static ALL: &[Crossing] = &[none::CROSSING, fm::CROSSING, dcn_v2::CROSSING];

/// The one of that name.
///
/// # Errors
/// `Plan` when there is none; the message lists all.
pub fn find(name: &str) -> Result<&'static Crossing> {
    ALL.iter().find(|c| c.name == name).ok_or_else(|| {
        let known: Vec<_> = ALL.iter().map(|c| c.name).collect();
        Error::plan(format!(
            "unknown interaction {name:?}; known: {}",
            known.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tch::{Device, Kind};

    use super::super::tests::{input, spec};
    use super::*;
    use crate::layer::Params;

    fn crossed(name: &str) -> (Tensor, Input, BTreeMap<String, Tensor>) {
        let params = Params::fresh(4, Device::Cpu);
        let spec = spec();
        let crossing = find(name).unwrap();
        let built = (crossing.build)(&spec, &params.root()).unwrap();
        let input = input(3);
        let got = built.cross(&input).unwrap();
        let width = input.flat.size()[1] + (crossing.adds)(&spec);
        assert_eq!(got.size(), [3, width], "{name}");
        (got, input, params.tensors().into_iter().collect())
    }

    #[test]
    fn none_leaves_rows_alone() {
        let (got, input, _) = crossed("none");
        assert!(got.equal(&input.flat));
    }

    /// The sum over all pairs of columns of the products of their embeddings, pair by pair.
    #[test]
    fn fm_adds_the_products_of_all_pairs() {
        let (got, input, _) = crossed("fm");
        let field = |c: usize| input.field(c).unwrap();
        let pairs = field(0) * field(1) + field(0) * field(2) + field(1) * field(2);
        let expected = Tensor::cat(&[&input.flat, &pairs], 1);
        assert!(got.allclose(&expected, 1e-5, 1e-6, false));
    }

    /// Two cross layers by the paper's equation.
    #[test]
    fn dcn_v2_multiplies_with_the_input_again_and_again() {
        let (got, input, weights) = crossed("dcn_v2");
        let x0 = &input.flat;
        let layer = |i: usize, x: &Tensor| {
            let weight = weights[&format!("cross/{i}/weight")].squeeze_dim(0);
            x0 * (x.mm(&weight) + weights[&format!("cross/{i}/bias")].squeeze_dim(0)) + x
        };
        let expected = layer(1, &layer(0, x0));
        assert!(got.allclose(&expected, 1e-5, 1e-6, false));
        assert_eq!(got.kind(), Kind::Float);
    }
}
