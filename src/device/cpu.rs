//! Instructions of the CPU that decide how fast tensors are.

use std::fmt;
use std::sync::OnceLock;

/// Sets of vector and matrix instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// 256-bit vectors.
    pub avx2: bool,
    /// 512-bit vectors.
    pub avx512: bool,
    /// Products of bfloat16 numbers in 512-bit vectors.
    pub avx512_bf16: bool,
    /// Products of bfloat16 matrices.
    pub amx_bf16: bool,
}

impl fmt::Display for Cpu {
    /// The names of what is there, or `baseline`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sets = [
            ("avx2", self.avx2),
            ("avx512", self.avx512),
            ("avx512_bf16", self.avx512_bf16),
            ("amx_bf16", self.amx_bf16),
        ];
        let there: Vec<_> = sets.iter().filter(|set| set.1).map(|set| set.0).collect();
        if there.is_empty() {
            return f.write_str("baseline");
        }
        f.write_str(&there.join(" "))
    }
}

/// What the CPU of this machine has; asked once.
pub fn cpu() -> Cpu {
    static CPU: OnceLock<Cpu> = OnceLock::new();
    *CPU.get_or_init(detect)
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Cpu {
    // The standard library can't tell AMX, and it needs the kernel's consent as well: the kernel lists it.
    let kernel = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = kernel.lines().find(|line| line.starts_with("flags"));
    let amx = flags.is_some_and(|flags| flags.split_whitespace().any(|flag| flag == "amx_bf16"));
    Cpu {
        avx2: is_x86_feature_detected!("avx2"),
        avx512: is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw"),
        avx512_bf16: is_x86_feature_detected!("avx512bf16"),
        amx_bf16: amx,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Cpu {
    Cpu::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_what_is_there() {
        let mut cpu = Cpu::default();
        assert_eq!(cpu.to_string(), "baseline");
        cpu.avx2 = true;
        cpu.amx_bf16 = true;
        assert_eq!(cpu.to_string(), "avx2 amx_bf16");
    }
}
