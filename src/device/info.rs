//! What `torch_info()` tells.

use libloading::os::unix::Library;
use tch::Device;

use super::cpu::cpu;
use super::{Choice, Start, cuda, select, state};

/// The libtorch of this process and the hardware that it uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TorchInfo {
    /// Version of libtorch.
    pub version: String,
    /// Where tensors of the asked choice live: `cpu` or `cuda:N`.
    pub device: String,
    /// Version of the CUDA runtime and number of GPUs; `None` on the CPU.
    pub cuda: Option<String>,
    /// Threads that one operation may use.
    pub threads: usize,
    /// Instructions of the CPU, as [`Cpu`](super::cpu::Cpu) shows them.
    pub cpu_capability: String,
    /// Why there is no GPU, where one was looked for.
    pub note: Option<String>,
}

/// What libtorch uses for this choice; like [`select`] it starts libtorch's CUDA half when nothing has started yet.
pub fn torch_info(choice: Choice) -> TorchInfo {
    let selected = select(choice);
    let (start, note) = {
        let state = state();
        (state.start, state.note.clone())
    };
    let (device, note) = match selected {
        Ok(device) => (device, note.filter(|_| choice != Choice::Cpu)),
        Err(error) => (Device::Cpu, Some(error.to_string())),
    };
    TorchInfo {
        version: version(),
        device: name(device),
        cuda: match start {
            Some(Start::Cuda { num_devices }) => Some(describe_cuda(num_devices)),
            _ => None,
        },
        threads: usize::try_from(tch::get_num_threads()).unwrap_or(1),
        cpu_capability: cpu().to_string(),
        note,
    }
}

/// How a device is called.
pub fn name(device: Device) -> String {
    match device {
        Device::Cuda(number) => format!("cuda:{number}"),
        _ => "cpu".to_string(),
    }
}

fn describe_cuda(num_devices: usize) -> String {
    let version = cuda::version().unwrap_or_else(|| "unknown version".to_string());
    let plural = if num_devices == 1 { "" } else { "s" };
    format!("{version}, {num_devices} GPU{plural}")
}

/// The version that the loaded libtorch tells of itself, which need not be the one that this program was built for.
pub fn version() -> String {
    let name = c"aoti_torch_abi_version".to_bytes_with_nul();
    // SAFETY: the symbol is part of libtorch's stable C interface: no arguments, a 64-bit result, no side effects.
    let packed = unsafe {
        Library::this()
            .get::<unsafe extern "C" fn() -> u64>(name)
            .map(|version| version())
    };
    match packed {
        Ok(packed) => {
            let [major, minor, patch, ..] = packed.to_be_bytes();
            format!("{major}.{minor}.{patch}")
        }
        Err(_) => "unknown".to_string(),
    }
}
