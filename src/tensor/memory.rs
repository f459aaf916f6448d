//! A tensor's own memory as a Rust slice, for kernels that libtorch has no operator for.
//!
//! A tensor is a handle: clones and views share its memory, and libtorch lets any of them write. What the borrow
//! checker can't see the callers promise, by a rule that holds for all of training and inference: weights are written
//! by the optimizers alone, which step while no pass runs; a pass has its workspace's buffers, and the gradients that
//! it leaves there, to itself until the next one begins.

use tch::{Device, Kind, Tensor};

use super::element::Plain;
use crate::error::{Error, Result};

/// The elements of a contiguous tensor of this kind on the CPU.
///
/// # Errors
/// `Internal` for any other tensor.
///
/// # Safety
/// While the slice lives, nobody writes to this memory: not through this tensor, nor through any that shares it, on
/// whatever thread.
pub unsafe fn as_slice<E: Plain>(tensor: &Tensor) -> Result<&[E]> {
    check::<E>(tensor)?;
    if tensor.numel() == 0 {
        return Ok(&[]);
    }
    // SAFETY: `check` holds that the memory is contiguous, of this kind and on the CPU; it lives as
    // long as the tensor, which the returned slice borrows; that nobody writes is the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<E>(), tensor.numel()) })
}

/// The elements of a contiguous tensor of this kind on the CPU, to be written.
///
/// # Errors
/// `Internal` for any other tensor.
///
/// # Safety
/// While the slice lives, nobody else reads or writes this memory: not through this tensor, nor through any that
/// shares it, on whatever thread.
pub unsafe fn as_mut_slice<E: Plain>(tensor: &mut Tensor) -> Result<&mut [E]> {
    check::<E>(tensor)?;
    if tensor.numel() == 0 {
        return Ok(&mut []);
    }
    // SAFETY: as in `as_slice`; that nobody else uses the memory is the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast::<E>(), tensor.numel()) })
}

/// Asks for element `at` of `slice`, if there is one, to be brought into the cache for a later access.
#[inline(always)]
pub fn prefetch<T>(slice: &[T], at: usize) {
    if let Some(element) = slice.get(at) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch reads nothing that the program can see; the address is that of an element.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(element).cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = element;
    }
}

/// Memory that is worth large pages: rows picked here and there cost a walk through the page tables each
/// otherwise.
const LARGE_BYTES: usize = 8 << 20;

/// Asks the system to back a large tensor on the CPU by large pages: best before its first value is
/// written. What can't be had changes nothing.
pub fn prefer_large_pages(tensor: &Tensor) {
    let bytes = tensor.numel() * tensor.kind().elt_size_in_bytes();
    if tensor.device() == Device::Cpu && tensor.is_contiguous() {
        advise(tensor.data_ptr() as usize, bytes);
    }
}

/// The same for memory of our own.
pub fn prefer_large_pages_for<T>(slice: &mut [T]) {
    advise(slice.as_mut_ptr() as usize, std::mem::size_of_val(slice));
}

/// `from` is the address of `bytes` bytes that belong to the caller.
fn advise(from: usize, bytes: usize) {
    if bytes < LARGE_BYTES {
        return;
    }
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4096;
        let to = (from + bytes) / PAGE * PAGE;
        let from = from.next_multiple_of(PAGE);
        // SAFETY: the pages lie wholly within the caller's memory; both calls change how they are
        // backed, never what they hold.
        unsafe {
            let pages = from as *mut libc::c_void;
            if libc::madvise(pages, to - from, libc::MADV_HUGEPAGE) == 0 {
                // Pages that have been written already; unknown to older kernels.
                libc::madvise(pages, to - from, MADV_COLLAPSE);
            }
        }
    }
}

/// Linux 6.1 and newer; not in every libc.
#[cfg(target_os = "linux")]
const MADV_COLLAPSE: libc::c_int = 25;

/// Appends the values of a tensor on any device, as f32.
///
/// # Errors
/// `Torch` when the values can't be brought to the CPU.
pub fn append(to: &mut Vec<f32>, values: &Tensor) -> Result<()> {
    let values = values
        .f_to_device(Device::Cpu)?
        .f_to_kind(Kind::Float)?
        .f_contiguous()?;
    let at = to.len();
    to.resize(at + values.numel(), 0.);
    Ok(values.f_copy_data(&mut to[at..], values.numel())?)
}

fn check<E: Plain>(tensor: &Tensor) -> Result<()> {
    if tensor.kind() == E::KIND && tensor.device() == Device::Cpu && tensor.is_contiguous() {
        return Ok(());
    }
    Err(Error::internal(format!(
        "expected a contiguous {:?} tensor on the CPU, got {:?} on {:?}",
        E::KIND,
        tensor.kind(),
        tensor.device()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_through_to_the_tensor() {
        let mut t = Tensor::from_slice(&[1f32, 2., 3.]);
        // SAFETY: `t` is this test's own, and each slice is gone before the next.
        unsafe {
            as_mut_slice::<f32>(&mut t).unwrap()[1] = 7.;
            assert_eq!(as_slice::<f32>(&t).unwrap(), [1., 7., 3.]);
        }
        assert_eq!(f64::try_from(t.sum(Kind::Float)).unwrap(), 11.);
    }

    #[test]
    fn refuses_other_kinds_and_strides() {
        let other = Tensor::from_slice(&[1i64, 2]);
        let turned = Tensor::from_slice(&[1f32, 2., 3., 4.]).view([2, 2]).tr();
        for t in [other, turned] {
            // SAFETY: `t` is this test's own.
            assert!(unsafe { as_slice::<f32>(&t) }.is_err());
        }
    }

    #[test]
    fn values_of_any_kind_and_order_are_appended() {
        let mut values = vec![9f32];
        let t = Tensor::from_slice(&[1i64, 2, 3, 4]).view([2, 2]).tr();
        append(&mut values, &t).unwrap();
        append(&mut values, &Tensor::from_slice::<f32>(&[])).unwrap();
        assert_eq!(values, [9., 1., 3., 2., 4.]);
    }
}
