//! Where tensors live and what the hardware can do: the only place that asks about either.
//!
//! libtorch's CUDA half is a library of its own that nothing is linked to. It is loaded here, before the first call that
//! asks about accelerators, since libtorch remembers the answer for good. A process that has once started on the CPU
//! therefore stays there.

mod cpu;
mod cuda;
mod info;
mod precision;

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use tch::Device;

use crate::error::{Error, Result};

pub use info::{name, torch_info, version};
pub use precision::{Precision, name as precision_name, products};

/// The device that a user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Choice {
    /// The first GPU where there is one that works, the CPU otherwise.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU with this number, from 0; it is an error if it can't be used.
    Cuda(usize),
}

impl FromStr for Choice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let lower = text.trim().to_ascii_lowercase();
        let number = lower.strip_prefix("cuda:").map(str::parse);
        match (lower.as_str(), number) {
            ("auto", _) => Ok(Self::Auto),
            ("cpu", _) => Ok(Self::Cpu),
            ("cuda", _) => Ok(Self::Cuda(0)),
            (_, Some(Ok(number))) => Ok(Self::Cuda(number)),
            _ => Err(Error::plan(format!(
                "unknown device \"{text}\"; known: auto, cpu, cuda, cuda:N (N from 0)"
            ))),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

/// The device for tensors; the first call of a process starts libtorch's CUDA half or leaves it out for good.
///
/// # Errors
/// Plan: a GPU number that does not exist, or a GPU after a start on the CPU. Resources: no GPU that works.
pub fn select(choice: Choice) -> Result<Device> {
    state().select(choice, cuda::start)
}

/// Rows that are worth a trip to this device; none where any number is.
///
/// # Errors
/// As [`select`].
pub fn batch_rows(choice: Choice) -> Result<Option<usize>> {
    Ok(match select(choice)? {
        Device::Cpu => None,
        _ => Some(GPU_BATCH_ROWS),
    })
}

/// Rows that keep a GPU busy.
const GPU_BATCH_ROWS: usize = 1 << 16;

fn state() -> std::sync::MutexGuard<'static, Selector> {
    static STATE: Mutex<Selector> = Mutex::new(Selector {
        start: None,
        note: None,
    });
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How libtorch started in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Cpu,
    Cuda { num_devices: usize },
}

/// What has been decided so far, and why there is no GPU.
#[derive(Debug, Default)]
struct Selector {
    start: Option<Start>,
    note: Option<String>,
}

impl Selector {
    /// `start_cuda` returns the number of GPUs, or why libtorch was not asked for them.
    fn select(
        &mut self,
        choice: Choice,
        start_cuda: impl FnOnce() -> Result<usize, String>,
    ) -> Result<Device> {
        if choice == Choice::Cpu {
            self.start.get_or_insert(Start::Cpu);
            return Ok(Device::Cpu);
        }
        if self.start.is_none() {
            self.start_with(choice, start_cuda);
        }
        match (self.start, choice) {
            (Some(Start::Cuda { num_devices }), Choice::Cuda(number)) if number >= num_devices => {
                Err(Error::plan(format!(
                    "no device {choice}; this machine has cuda:0 to cuda:{}",
                    num_devices - 1
                )))
            }
            (Some(Start::Cuda { .. }), Choice::Cuda(number)) => Ok(Device::Cuda(number)),
            (Some(Start::Cuda { .. }), _) => Ok(Device::Cuda(0)),
            (_, Choice::Cuda(_)) => Err(self.no_cuda(choice)),
            _ => Ok(Device::Cpu),
        }
    }

    fn start_with(&mut self, choice: Choice, start_cuda: impl FnOnce() -> Result<usize, String>) {
        match start_cuda() {
            Ok(0) => {
                self.start = Some(Start::Cpu);
                self.note = Some("libtorch finds no GPU that it can use".to_string());
            }
            Ok(num_devices) => {
                self.start = Some(Start::Cuda { num_devices });
                self.note = None;
            }
            Err(reason) => {
                // A GPU that was asked for by name may be asked for again: nothing has started yet.
                self.start = (choice == Choice::Auto).then_some(Start::Cpu);
                self.note = Some(reason);
            }
        }
    }

    /// Why there is no GPU: none works, or the process has started without.
    fn no_cuda(&self, choice: Choice) -> Error {
        match &self.note {
            Some(reason) => Error::resources(format!("device {choice} can't be used: {reason}")),
            None => Error::plan(format!(
                "device {choice} can't be used any more: libtorch has started on the CPU in this process and looks for \
                 GPUs only once; start again with device {choice}"
            )),
        }
    }
}

#[cfg(test)]
mod tests;
