//! Loading of libtorch's CUDA half while the program runs.

use std::panic::catch_unwind;
use std::path::Path;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

/// Loads libtorch_cuda where an NVIDIA driver is, and counts the GPUs that libtorch can use.
///
/// The error says why libtorch has not been asked.
pub(super) fn start() -> Result<usize, String> {
    if !has_driver() {
        return Err("no NVIDIA driver found".to_string());
    }
    // SAFETY: loading runs the constructors of libtorch_cuda, which belongs to the libtorch that this process uses.
    let library = unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) };
    let library = library.map_err(|error| {
        let error = error.to_string();
        let first_line = error.lines().next().unwrap_or_default();
        format!("an NVIDIA driver is there, but libtorch's CUDA half can't be loaded: {first_line}")
    })?;
    // libtorch keeps pointers into the library: it stays until the process ends.
    std::mem::forget(library);
    let count = catch_unwind(|| {
        if tch::Cuda::is_available() {
            usize::try_from(tch::Cuda::device_count()).unwrap_or(0)
        } else {
            0
        }
    });
    Ok(count.unwrap_or(0))
}

/// The kernel driver shows itself in /proc, except inside WSL, where only its library is there.
fn has_driver() -> bool {
    // SAFETY: libcuda is the driver's own library; its constructors have no requirements.
    Path::new("/proc/driver/nvidia/version").exists()
        || unsafe { Library::open(Some("libcuda.so.1"), RTLD_NOW) }.is_ok()
}

/// Major and minor compute capability of a GPU, once libtorch's CUDA half has been loaded; none where the driver does
/// not tell.
pub(super) fn compute_capability(number: usize) -> Option<(i32, i32)> {
    const MAJOR: i32 = 75;
    const MINOR: i32 = 76;
    let ordinal = i32::try_from(number).ok()?;
    // SAFETY: libcuda is the driver's own library; its constructors have no requirements.
    let driver = unsafe { Library::open(Some("libcuda.so.1"), RTLD_NOW) }.ok()?;
    // SAFETY: the types are those of the driver's stable interface, which returns 0 where a call succeeds and writes
    // to no other place than the given integer; `cuInit` may be called any number of times.
    unsafe {
        let init = driver.get::<unsafe extern "C" fn(u32) -> i32>(c"cuInit".to_bytes_with_nul());
        let device = driver
            .get::<unsafe extern "C" fn(*mut i32, i32) -> i32>(c"cuDeviceGet".to_bytes_with_nul());
        let attribute = driver.get::<unsafe extern "C" fn(*mut i32, i32, i32) -> i32>(
            c"cuDeviceGetAttribute".to_bytes_with_nul(),
        );
        let (init, device, attribute) = (init.ok()?, device.ok()?, attribute.ok()?);
        let mut handle = 0;
        if init(0) != 0 || device(&mut handle, ordinal) != 0 {
            return None;
        }
        let ask = |what| {
            let mut value = 0;
            (attribute(&mut value, what, handle) == 0).then_some(value)
        };
        Some((ask(MAJOR)?, ask(MINOR)?))
    }
}

/// Version of the CUDA runtime that libtorch uses, once it has been loaded.
pub(super) fn version() -> Option<String> {
    let number = catch_unwind(tch::utils::version_cudart).ok()?;
    (number > 0).then(|| format!("{}.{}", number / 1000, number % 1000 / 10))
}
