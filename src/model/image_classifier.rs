//! A small convolutional network over gray images: two convolutions with pooling, one dense layer, a
//! linear output for each task. Y. LeCun et al., "Gradient-Based Learning Applied to Document
//! Recognition", Proceedings of the IEEE 86, 1998; sizes as in PyTorch's MNIST example.
//!
//! Shapes: B images, H rows of W pixels, T tasks.

use tch::Tensor;

use super::{Architecture, Config, FunnelRule, Input, MultiTask, Need, Spec, Towers};
use crate::error::Result;
use crate::layer::{Conv, Mlp, Mode, Path, Reads, Way, max_pool};

/// The entry of the list.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "image_classifier",
    summary: "two convolutions and a dense layer over images",
    paper: "Y. LeCun et al., Gradient-Based Learning Applied to Document Recognition, Proceedings of the IEEE 86, 1998",
    needs: &[Need::Images],
    funnel: FunnelRule::Product,
    task_embeddings: false,
    build,
};

/// Channels of the convolutions.
const CHANNELS: [i64; 2] = [32, 64];

/// Units of the dense layer.
pub const FEATURES: i64 = 128;

/// All but the outputs.
pub struct ImageFeatures {
    convs: [Conv; 2],
    dense: Mlp,
    size: [i64; 2],
}

struct ImageClassifier {
    features: ImageFeatures,
    towers: Towers,
}

fn build(spec: &Spec, path: &Path) -> Result<Box<dyn MultiTask>> {
    let config = Config {
        tower_units: Vec::new(),
        ..spec.config.clone()
    };
    let outputs = Spec {
        config,
        ..spec.clone()
    };
    Ok(Box::new(ImageClassifier {
        features: ImageFeatures::new(path, &spec.config)?,
        towers: Towers::new(&(path / "tower"), &outputs, Reads::One, FEATURES)?,
    }))
}

impl ImageFeatures {
    /// For images of the configuration's size.
    ///
    /// # Errors
    /// As [`Path::matrix`].
    pub fn new(path: &Path, config: &Config) -> Result<Self> {
        let size @ [height, width] = config.image_size;
        let half = |side: i64| (side + 1) / 2;
        let [a, b] = CHANNELS;
        let (h, w) = (half(height), half(width));
        let conv = |i, inputs, outputs, pixels| {
            Conv::new(&(&(path / "conv") / i), Way::Same, inputs, outputs, pixels)
        };
        let left = b * half(h) * half(w);
        Ok(Self {
            convs: [conv(0, 1, a, height * width)?, conv(1, a, b, h * w)?],
            dense: Mlp::new(&(path / "dense"), left, &[FEATURES], config.dropout)?,
            size,
        })
    }

    /// `images` is `[B, H * W]`, pixels from -1 to 1; returns the dense layer, `[B, 128]`.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        let [height, width] = self.size;
        let mut x = images.f_view([-1, 1, height, width])?;
        for conv in &self.convs {
            // The largest first: fewer are left to rectify.
            x = max_pool(&conv.forward(&x)?)?.f_relu()?;
        }
        self.dense.forward(&x.f_flatten(1, -1)?, mode)
    }
}

impl MultiTask for ImageClassifier {
    fn logits(&self, input: &Input, tasks: &[usize], mode: Mode) -> Result<Vec<Tensor>> {
        let h = self.features.forward(&input.flat, mode)?;
        self.towers.forward(&h, tasks, mode)
    }
}
