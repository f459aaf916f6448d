//! The border at which a panic of libtorch becomes an error.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, Result};

/// Runs `work`; a panic inside (a plain tch method panics where libtorch throws) becomes an error
/// with the first line of its message.
///
/// # Errors
/// Those of `work`; `Resources` when libtorch ran out of memory; `Torch` for any other panic.
pub fn catch<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    // What `work` touched is dropped by its caller when this returns an error.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("libtorch failed without a message");
        let line = text.lines().next().unwrap_or_default();
        if line.contains("not enough memory") || line.contains("out of memory") {
            return Err(Error::resources(line));
        }
        Err(Error::Torch(line.to_string()))
    })
}

#[cfg(test)]
mod tests {
    use tch::Tensor;

    use super::*;

    #[test]
    fn a_shape_error_becomes_an_error() {
        let result = catch(|| {
            let a = Tensor::from_slice(&[1f32, 2.]);
            let b = Tensor::from_slice(&[1f32, 2., 3.]);
            Ok(&a + &b)
        });
        let text = result.unwrap_err().to_string();
        assert!(text.contains("size"), "{text}");
        assert!(!text.contains('\n'));
    }
}
