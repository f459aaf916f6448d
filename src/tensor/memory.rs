//! A tensor's own memory as a Rust slice, for kernels that libtorch has no operator for.

use tch::{Device, Kind, Tensor};

use super::element::Plain;
use crate::error::{Error, Result};

/// The elements of a contiguous tensor of this kind on the CPU.
///
/// # Errors
/// `Internal` for any other tensor.
pub fn as_slice<E: Plain>(tensor: &Tensor) -> Result<&[E]> {
    check::<E>(tensor)?;
    if tensor.numel() == 0 {
        return Ok(&[]);
    }
    // SAFETY: `check` holds that the memory is contiguous, of this kind and on the CPU; it lives as
    // long as the tensor, which the returned slice borrows.
    Ok(unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<E>(), tensor.numel()) })
}

/// The elements of a contiguous tensor of this kind on the CPU, to be written.
///
/// Shallow clones share this memory: the caller owns all of them and uses none while it writes.
///
/// # Errors
/// `Internal` for any other tensor.
pub fn as_mut_slice<E: Plain>(tensor: &mut Tensor) -> Result<&mut [E]> {
    check::<E>(tensor)?;
    if tensor.numel() == 0 {
        return Ok(&mut []);
    }
    // SAFETY: as in `as_slice`; the exclusive borrow stands for all clones of the tensor, which the
    // caller owns and does not use meanwhile.
    Ok(unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast::<E>(), tensor.numel()) })
}

/// Appends the values of a tensor on any device, as f32.
///
/// # Errors
/// `Torch` when the values can't be brought to the CPU.
pub fn append(to: &mut Vec<f32>, values: &Tensor) -> Result<()> {
    let values = values
        .f_to_device(Device::Cpu)?
        .f_to_kind(Kind::Float)?
        .f_contiguous()?;
    to.extend_from_slice(as_slice(&values)?);
    Ok(())
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
        as_mut_slice::<f32>(&mut t).unwrap()[1] = 7.;
        assert_eq!(as_slice::<f32>(&t).unwrap(), [1., 7., 3.]);
        assert_eq!(f64::try_from(t.sum(Kind::Float)).unwrap(), 11.);
    }

    #[test]
    fn refuses_other_kinds_and_strides() {
        let t = Tensor::from_slice(&[1i64, 2]);
        assert!(as_slice::<f32>(&t).is_err());
        let t = Tensor::from_slice(&[1f32, 2., 3., 4.]).view([2, 2]).tr();
        assert!(as_slice::<f32>(&t).is_err());
    }
}
