//! What matrix products are computed in. Weights, sums and all else stay f32.

use std::str::FromStr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};

use super::cpu::cpu;
use crate::error::Error;

/// The precision that a user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// bfloat16 where the hardware multiplies it faster, f32 otherwise.
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

/// The kind of numbers that products on `device` are computed in.
pub fn products(choice: Precision, device: Device) -> Kind {
    let half = match choice {
        Precision::Auto => half_is_faster(device),
        Precision::Float32 => false,
        Precision::Bfloat16 => true,
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

/// Whether products of bfloat16 are clearly faster: tried once, where there are instructions for them.
fn half_is_faster(device: Device) -> bool {
    static CPU: OnceLock<bool> = OnceLock::new();
    static CUDA: OnceLock<bool> = OnceLock::new();
    match device {
        Device::Cpu => *CPU.get_or_init(|| {
            let cpu = cpu();
            (cpu.avx512_bf16 || cpu.amx_bf16) && measure(device)
        }),
        _ => *CUDA.get_or_init(|| measure(device)),
    }
}

/// How much faster bfloat16 must be, so that noise does not decide.
const MARGIN: f64 = 1.3;

fn measure(device: Device) -> bool {
    let time = |kind| {
        let _guard = tch::no_grad_guard();
        let options = (kind, device);
        // On a GPU large enough not to measure the way there.
        let size = if device == Device::Cpu { 512 } else { 4096 };
        let a = Tensor::f_ones([size / 2, size], options)?;
        let b = Tensor::f_ones([size, size], options)?;
        let mut best = Duration::MAX;
        for _ in 0..6 {
            let start = Instant::now();
            // Reading a value waits for the device.
            let _ = a.f_mm(&b)?.f_get(0)?.f_get(0)?.f_double_value(&[])?;
            best = best.min(start.elapsed());
        }
        Ok::<_, tch::TchError>(best.as_secs_f64())
    };
    match (time(Kind::Float), time(Kind::BFloat16)) {
        (Ok(full), Ok(half)) => full > MARGIN * half,
        _ => false,
    }
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
        assert_eq!(of(Precision::Auto), of(Precision::Auto));
    }
}
