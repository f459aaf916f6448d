//! Cross layers of the improved deep and cross network, in front of what follows.
//! R. Wang et al., "DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale Learning to
//! Rank Systems", WWW 2021, equation 1: `x_(l+1) = x_0 * (W_l x_l + b_l) + x_l`.

use tch::Tensor;

use super::{Crossing, Interaction};
use crate::error::Result;
use crate::layer::Linear;
use crate::model::Input;

/// The entry of the list.
pub const CROSSING: Crossing = Crossing {
    name: "dcn_v2",
    adds: |_| 0,
    build: |spec, path| {
        let width = spec.id_columns * spec.embedding_dim + spec.numbers;
        let layer = |l| Linear::new(&(&(path / "cross") / l), 1, width, width);
        Ok(Box::new(DcnV2 {
            layers: (0..LAYERS).map(layer).collect::<Result<_>>()?,
        }))
    },
};

/// The paper finds that more than two gain little.
const LAYERS: usize = 2;

struct DcnV2 {
    layers: Vec<Linear>,
}

impl Interaction for DcnV2 {
    fn cross(&self, input: &Input) -> Result<Tensor> {
        let x0 = &input.flat;
        self.layers.iter().try_fold(x0.shallow_clone(), |x, layer| {
            Ok(layer.one(&x)?.f_mul(x0)?.f_add(&x)?)
        })
    }
}
