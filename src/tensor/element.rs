//! The numbers that tensors hold, as Rust sees them.

use half::bf16;
use tch::Kind;

/// A number whose memory a tensor and a slice can share.
///
/// # Safety
/// libtorch's numbers of this kind have the size and alignment of the type, and it takes any bits.
pub unsafe trait Plain: Copy + Send + Sync + 'static {
    /// libtorch's name of the type.
    const KIND: Kind;
}

/// A number that kernels compute with, in f32.
pub trait Element: Plain {
    /// The same value.
    fn widen(self) -> f32;
    /// The nearest value, ties to even.
    fn narrow(value: f32) -> Self;
}

// SAFETY: libtorch's Int is int32_t.
unsafe impl Plain for i32 {
    const KIND: Kind = Kind::Int;
}

// SAFETY: libtorch's Float is float.
unsafe impl Plain for f32 {
    const KIND: Kind = Kind::Float;
}

// SAFETY: libtorch's BFloat16 and this type are 16 bits, wrapped.
unsafe impl Plain for bf16 {
    const KIND: Kind = Kind::BFloat16;
}

impl Element for f32 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }

    #[inline(always)]
    fn narrow(value: f32) -> Self {
        value
    }
}

// Spelled out without branches, so that loops become vector instructions.
impl Element for bf16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }

    #[inline(always)]
    fn narrow(value: f32) -> Self {
        let bits = value.to_bits();
        // A NaN of libtorch or of Rust's own arithmetic has bits that survive this.
        let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1));
        Self::from_bits((rounded >> 16) as u16)
    }
}

/// The sum of products, in parts that become vector lanes.
#[inline(always)]
pub fn dot<T: Element>(a: &[T], b: &[T]) -> f32 {
    // A vector register of the widest kind.
    const LANES: usize = 16;
    let mut lanes = [0f32; LANES];
    let (a_lanes, b_lanes) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let mut rest = 0.;
    for (x, y) in a_lanes.remainder().iter().zip(b_lanes.remainder()) {
        rest += x.widen() * y.widen();
    }
    for (a, b) in a_lanes.zip(b_lanes) {
        for i in 0..LANES {
            lanes[i] += a[i].widen() * b[i].widen();
        }
    }
    lanes.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Draws;

    #[test]
    fn bfloat16_rounds_as_its_library_does() {
        let mut draws = Draws::seeded(1);
        for _ in 0..100_000 {
            let value = f32::from_bits(draws.word() as u32);
            if !value.is_nan() {
                let got = <bf16 as Element>::narrow(value);
                assert_eq!(got.to_bits(), bf16::from_f32(value).to_bits());
                assert_eq!(got.widen(), got.to_f32());
            }
        }
        assert!(<bf16 as Element>::narrow(f32::NAN).widen().is_nan());
    }

    /// Lengths below, at and above the number of lanes. Products of bfloat16 numbers are exact in f32, their sum is
    /// not.
    #[test]
    fn a_dot_product_is_the_sum_of_products() {
        let mut draws = Draws::seeded(2);
        for len in [0, 1, 15, 16, 17, 100] {
            let mut side = || -> Vec<bf16> {
                let normals = draws.normals(len).into_iter();
                normals.map(bf16::from_f32).collect()
            };
            let (a, b) = (side(), side());
            let products = a.iter().zip(&b).map(|(a, b)| a.to_f64() * b.to_f64());
            let wanted: f64 = products.sum();
            let got = f64::from(dot(&a, &b));
            assert!((got - wanted).abs() < 1e-5, "{len}: {got} {wanted}");
        }
    }
}
