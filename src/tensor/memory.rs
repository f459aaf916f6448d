//! A tensor's own memory as a Rust slice, for kernels that libtorch has no operator for.

use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};

/// The elements of a contiguous f32 tensor on the CPU.
///
/// # Errors
/// `Internal` for any other tensor.
pub fn as_slice(tensor: &Tensor) -> Result<&[f32]> {
    check(tensor)?;
    // SAFETY: `check` holds that the memory is contiguous f32 on the CPU; it lives as long as the
    // tensor, which the returned slice borrows.
    Ok(unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<f32>(), tensor.numel()) })
}

/// The elements of a contiguous f32 tensor on the CPU, to be written.
///
/// Shallow clones share this memory: the caller owns all of them and uses none while it writes.
///
/// # Errors
/// `Internal` for any other tensor.
pub fn as_mut_slice(tensor: &mut Tensor) -> Result<&mut [f32]> {
    check(tensor)?;
    // SAFETY: as in `as_slice`; the exclusive borrow stands for all clones of the tensor, which the
    // training loop owns and does not use meanwhile.
    Ok(unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast::<f32>(), tensor.numel()) })
}

fn check(tensor: &Tensor) -> Result<()> {
    if tensor.kind() == Kind::Float && tensor.device() == Device::Cpu && tensor.is_contiguous() {
        return Ok(());
    }
    Err(Error::internal(format!(
        "expected a contiguous f32 tensor on the CPU, got {:?} on {:?}",
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
        as_mut_slice(&mut t).unwrap()[1] = 7.;
        assert_eq!(as_slice(&t).unwrap(), [1., 7., 3.]);
        assert_eq!(f64::try_from(t.sum(Kind::Float)).unwrap(), 11.);
    }

    #[test]
    fn refuses_other_kinds_and_strides() {
        let t = Tensor::from_slice(&[1i64, 2]);
        assert!(as_slice(&t).is_err());
        let t = Tensor::from_slice(&[1f32, 2., 3., 4.]).view([2, 2]).tr();
        assert!(as_slice(&t).is_err());
    }
}
