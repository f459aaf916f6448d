//! The Fréchet distance between two sets of features, each taken for a normal distribution.
//! D. Dowson, B. Landau, "The Fréchet Distance between Multivariate Normal Distributions", Journal of
//! Multivariate Analysis 12, 1982; as a score of generated images by M. Heusel et al., "GANs Trained by a
//! Two Time-Scale Update Rule", NIPS 2017. It depends on whose features they are: numbers from other
//! networks can't be compared with it.
//!
//! Shapes: B rows, D features.

use tch::{Kind, Tensor};

use crate::error::Result;

/// Sums over features, from which mean and covariance come.
pub struct FeatureSums {
    rows: i64,
    sum: Tensor,      // [D], f64
    products: Tensor, // [D, D], f64
}

/// Mean and covariance of features.
pub struct Normal {
    mean: Tensor,       // [D], f64
    covariance: Tensor, // [D, D], f64
}

impl FeatureSums {
    /// Of no rows, of `features` features.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn new(features: i64) -> Result<Self> {
        let options = (Kind::Double, tch::Device::Cpu);
        Ok(Self {
            rows: 0,
            sum: Tensor::f_zeros([features], options)?,
            products: Tensor::f_zeros([features, features], options)?,
        })
    }

    /// Takes in rows, `[B, D]`.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn add(&mut self, features: &Tensor) -> Result<()> {
        let x = features
            .f_to_device(tch::Device::Cpu)?
            .f_to_kind(Kind::Double)?;
        self.rows += x.size()[0];
        let _ = self
            .sum
            .f_add_(&x.f_sum_dim_intlist(&[0i64][..], false, Kind::Double)?)?;
        let _ = self.products.f_add_(&x.f_tr()?.f_mm(&x)?)?;
        Ok(())
    }

    /// Their mean and covariance.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn normal(&self) -> Result<Normal> {
        let rows = self.rows.max(2) as f64;
        let mean = self.sum.f_div_scalar(rows)?;
        let square = mean.f_outer(&mean)?.f_mul_scalar(rows)?;
        Ok(Normal {
            covariance: self.products.f_sub(&square)?.f_div_scalar(rows - 1.)?,
            mean,
        })
    }
}

impl Normal {
    /// `|m - n|^2 + tr(C + D - 2 (C^1/2 D C^1/2)^1/2)`.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn distance(&self, other: &Normal) -> Result<f64> {
        let root = square_root(&self.covariance)?;
        let both = root.f_mm(&other.covariance)?.f_mm(&root)?;
        let values = both.f_linalg_eigvalsh("L")?.f_clamp_min(0.)?;
        let shared = values.f_sqrt()?.f_sum(Kind::Double)?;
        let means = self
            .mean
            .f_sub(&other.mean)?
            .f_square()?
            .f_sum(Kind::Double)?;
        let traces = self
            .covariance
            .f_trace()?
            .f_add(&other.covariance.f_trace()?)?;
        let number = |tensor: &Tensor| tensor.f_double_value(&[]);
        let distance = number(&means)? + number(&traces)? - 2. * number(&shared)?;
        // What rounding has left of a distance of 0.
        Ok(distance.max(0.))
    }
}

/// The root of a symmetric matrix without negative eigenvalues, but for rounding.
fn square_root(matrix: &Tensor) -> Result<Tensor> {
    let (values, vectors) = matrix.f_linalg_eigh("L")?;
    let roots = values.f_clamp_min(0.)?.f_sqrt()?;
    Ok(vectors.f_mul(&roots)?.f_mm(&vectors.f_tr()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(mean: &[f64], covariance: &[f64]) -> Normal {
        let d = mean.len() as i64;
        Normal {
            mean: Tensor::from_slice(mean),
            covariance: Tensor::from_slice(covariance).view([d, d]),
        }
    }

    #[test]
    fn matches_closed_forms() {
        // Independent features: the sum over (m - n)^2 + (s - t)^2 = 9 + 1 and 1 + 4.
        let a = normal(&[0., 1.], &[4., 0., 0., 1.]);
        let b = normal(&[3., 2.], &[9., 0., 0., 9.]);
        assert!((a.distance(&b).unwrap() - 15.).abs() < 1e-9);
        assert!((b.distance(&a).unwrap() - 15.).abs() < 1e-9);
        assert!(a.distance(&a).unwrap() < 1e-9);
        // scipy: tr(C + D - 2 sqrtm(C @ D)) with C = [[2, 1], [1, 2]], D = [[1, 0], [0, 3]]:
        // the eigenvalues of C D are 4 +- sqrt(7), so sqrtm has the trace sqrt(8 + 2 * 3) = sqrt(14).
        let c = normal(&[0., 0.], &[2., 1., 1., 2.]);
        let d = normal(&[0., 0.], &[1., 0., 0., 3.]);
        let expected = 8. - 2. * 14f64.sqrt();
        assert!((c.distance(&d).unwrap() - expected).abs() < 1e-9);
        // Features that never vary.
        let e = normal(&[0., 0.], &[0.; 4]);
        assert!((c.distance(&e).unwrap() - 4.).abs() < 1e-9);
    }

    #[test]
    fn sums_give_mean_and_covariance() {
        let mut sums = FeatureSums::new(2).unwrap();
        sums.add(&Tensor::from_slice(&[1f32, 2., 3., 6.]).view([2, 2]))
            .unwrap();
        sums.add(&Tensor::from_slice(&[5f32, 1.]).view([1, 2]))
            .unwrap();
        let normal = sums.normal().unwrap();
        assert_eq!(Vec::<f64>::try_from(&normal.mean).unwrap(), [3., 3.]);
        // Python: numpy.cov([[1, 3, 5], [2, 6, 1]])
        let covariance = Vec::<f64>::try_from(normal.covariance.flatten(0, -1)).unwrap();
        for (got, expected) in covariance.iter().zip([4., -1., -1., 7.]) {
            assert!((got - expected).abs() < 1e-12, "{got}");
        }
    }
}
