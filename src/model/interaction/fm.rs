//! Factorization machine: the products of all pairs of embeddings.
//! S. Rendle, "Factorization Machines", ICDM 2010; pooled to one vector as in X. He, T. Chua, "Neural
//! Factorization Machines for Sparse Predictive Analytics", SIGIR 2017, equation 3:
//! `sum_(i < j) e_i * e_j = ((sum_i e_i)^2 - sum_i e_i^2) / 2`, which is put beside the row.

use tch::{Kind, Tensor};

use super::{Crossing, Interaction};
use crate::error::Result;
use crate::model::Input;

/// The entry of the list.
pub const CROSSING: Crossing = Crossing {
    name: "fm",
    adds: |spec| spec.embedding_dim,
    build: |spec, _| {
        Ok(Box::new(Fm {
            columns: spec.id_columns,
        }))
    },
};

struct Fm {
    columns: i64,
}

impl Interaction for Fm {
    fn cross(&self, input: &Input) -> Result<Tensor> {
        let fields = input.flat.f_narrow(1, 0, self.columns * input.width)?;
        // The difference of two large sums: in f32.
        let fields = fields.f_to_kind(Kind::Float)?;
        let fields = fields.f_unflatten(1, [self.columns, input.width])?; // [B, C, D]
        let sum = fields.f_sum_dim_intlist(1, false, Kind::Float)?;
        let squares = fields
            .f_square()?
            .f_sum_dim_intlist(1, false, Kind::Float)?;
        let pairs = sum.f_square()?.f_sub(&squares)?.f_mul_scalar(0.5)?; // [B, D]
        Ok(Tensor::f_cat(
            &[&input.flat, &pairs.f_to_kind(input.flat.kind())?],
            1,
        )?)
    }
}
