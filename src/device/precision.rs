//! What matrix products are computed in. Weights, sums and all else stay f32.

use std::str::FromStr;

use tch::{Device, Kind};

use super::cpu::{Cpu, cpu};
use super::cuda::compute_capability;
use crate::error::Error;

/// The precision that a user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Nothing: what suits the hardware in training, what a model was trained in where it is applied.
    #[default]
    Auto,
    /// f32.
    Float32,
    /// bfloat16, with sums in f32.
    Bfloat16,
}

impl Precision {
    const ALL: [(&'static str, Self); 3] = [
        ("auto", Self::Auto),
        ("float32", Self::Float32),
        ("bfloat16", Self::Bfloat16),
    ];
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, precision)| *precision).ok_or_else(|| {
            let known = Self::ALL.map(|(name, _)| name).join(", ");
            Error::plan(format!("unknown precision {text:?}; known: {known}"))
        })
    }
}

/// The kind of numbers that products on `device` are computed in. [`Precision::Auto`] is a rule over what the
/// processor has, so that the same statement gives the same model on the same kind of machine. Shapes don't enter
/// it: one precision is that of all products of a model, and those that are too small to gain lose nothing that could
/// be seen beside the large ones.
pub fn products(choice: Precision, device: Device) -> Kind {
    let half = match (choice, device) {
        (Precision::Float32, _) => false,
        (Precision::Bfloat16, _) => true,
        (Precision::Auto, Device::Cuda(number)) => suits_gpu(compute_capability(number)),
        (Precision::Auto, _) => suits_cpu(cpu()),
    };
    match half {
        true => Kind::BFloat16,
        false => Kind::Float,
    }
}

/// The name of that kind.
pub fn name(products: Kind) -> &'static str {
    match products {
        Kind::BFloat16 => "bfloat16",
        _ => "float32",
    }
}

/// CPUs without instructions for bfloat16 multiply it too, by way of f32, and slower than f32 itself.
fn suits_cpu(cpu: Cpu) -> bool {
    cpu.avx512_bf16 || cpu.amx_bf16
}

/// Tensor cores take bfloat16 from Ampere on, compute capability 8. A GPU whose driver does not tell what it has
/// computes in f32, which all of them can.
fn suits_gpu(compute_capability: Option<(i32, i32)>) -> bool {
    compute_capability.is_some_and(|(major, _)| major >= 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_others_are_refused() {
        for (name, precision) in Precision::ALL {
            assert_eq!(name.parse::<Precision>().unwrap(), precision);
        }
        let error = "float16".parse::<Precision>().unwrap_err().to_string();
        assert!(error.contains("auto, float32, bfloat16"), "{error}");
    }

    #[test]
    fn what_is_asked_for_is_given() {
        let of = |choice| name(products(choice, Device::Cpu));
        assert_eq!(of(Precision::Float32), "float32");
        assert_eq!(of(Precision::Bfloat16), "bfloat16");
    }

    #[test]
    fn auto_is_bfloat16_where_there_are_instructions_for_it() {
        let avx512 = Cpu {
            avx2: true,
            avx512: true,
            ..Cpu::default()
        };
        let avx512_bf16 = Cpu {
            avx512_bf16: true,
            ..avx512
        };
        let amx_bf16 = Cpu {
            amx_bf16: true,
            ..avx512
        };
        assert_eq!(
            [avx512, avx512_bf16, amx_bf16].map(suits_cpu),
            [false, true, true]
        );
        let gpus = [None, Some((7, 5)), Some((8, 0)), Some((12, 0))];
        assert_eq!(gpus.map(suits_gpu), [false, false, true, true]);
        let expected = match suits_cpu(cpu()) {
            true => "bfloat16",
            false => "float32",
        };
        assert_eq!(name(products(Precision::Auto, Device::Cpu)), expected);
    }
}
