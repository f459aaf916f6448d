//! Weights by name.
//!
//! An architecture asks for its weights by path and shape. Fresh parameters answer with new
//! initialised tensors; loaded ones with those of a file, and with an error where name or shape
//! differ. So the same `build` function makes a new network, loads a stored one, and makes replicas
//! that share memory.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Div;
use std::sync::{Mutex, PoisonError};

use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::random::seed_of;
use crate::tensor::memory::prefer_large_pages;

/// How a new weight begins.
#[derive(Clone, Copy, Debug)]
pub enum Init<'a> {
    /// Zeros.
    Zeros,
    /// One value everywhere.
    Constant(f64),
    /// These values; zeros when there are none.
    Values(&'a [f64]),
    /// Normal with standard deviation `sqrt(2 / fan_in)`, for weights in front of a ReLU.
    /// K. He et al., "Delving Deep into Rectifiers", ICCV 2015.
    He { fan_in: i64 },
    /// Normal with standard deviation `sqrt(1 / fan_in)`, for weights in front of a linear output.
    /// Y. LeCun et al., "Efficient BackProp", 1998.
    Lecun { fan_in: i64 },
    /// Normal with the given standard deviation.
    Normal { std: f64 },
}

impl Init<'_> {
    fn fan_in(self) -> i64 {
        match self {
            Self::He { fan_in } | Self::Lecun { fan_in } => fan_in.max(1),
            _ => 1,
        }
    }
}

/// All weights of one network, by path.
pub struct Params {
    tensors: RefCell<BTreeMap<String, Tensor>>,
    /// Names of the weights of matrix products.
    matrices: RefCell<BTreeSet<String>>,
    /// Names of the values that no gradient trains.
    buffers: RefCell<BTreeSet<String>>,
    /// Values that the products give for a row.
    outputs: Cell<usize>,
    /// The kind of those weights.
    products: Kind,
    source: Source,
    device: Device,
}

enum Source {
    /// Weights have a shape and no values.
    Shapes,
    /// Weights are made on demand from this seed and their own path.
    Fresh { seed: u64 },
    /// Every weight must exist.
    Loaded,
}

impl Params {
    fn new(source: Source, device: Device) -> Self {
        Self {
            tensors: RefCell::default(),
            matrices: RefCell::default(),
            buffers: RefCell::default(),
            outputs: Cell::default(),
            products: Kind::Float,
            source,
            device,
        }
    }

    /// Parameters that are made on demand. The same seed and path give the same values, whatever
    /// else is asked for and in which order.
    pub fn fresh(seed: u64, device: Device) -> Self {
        Self::new(Source::Fresh { seed }, device)
    }

    /// Parameters that only keep their shapes, to learn what a network consists of.
    pub fn shapes() -> Self {
        Self::new(Source::Shapes, Device::Cpu)
    }

    /// Parameters that exist already, moved to `device`.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn loaded(tensors: Vec<(String, Tensor)>, device: Device) -> Result<Self> {
        let tensors = tensors
            .into_iter()
            .map(|(name, tensor)| {
                prefer_large_pages(&tensor);
                Ok((name, tensor.f_to_device(device)?))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            tensors: RefCell::new(tensors),
            ..Self::new(Source::Loaded, device)
        })
    }

    /// The same weights once more, each as `change` makes it.
    fn each(&self, change: impl Fn(&str, Tensor) -> Result<Tensor>) -> Result<Self> {
        let tensors = self.tensors().into_iter().map(|(name, tensor)| {
            let tensor = change(&name, tensor)?;
            Ok((name, tensor))
        });
        Ok(Self {
            tensors: RefCell::new(tensors.collect::<Result<_>>()?),
            matrices: self.matrices.clone(),
            buffers: self.buffers.clone(),
            outputs: self.outputs.clone(),
            products: self.products,
            source: Source::Loaded,
            device: self.device,
        })
    }

    /// The same weights once more, sharing their memory.
    ///
    /// # Errors
    /// None in practice.
    pub fn share(&self) -> Result<Self> {
        self.each(|_, tensor| Ok(tensor))
    }

    /// The same weights once more, sharing their memory, each with a gradient of its own but for
    /// those that `without` names, and buffers.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn leaves(&self, without: &str) -> Result<Self> {
        self.each(|name, tensor| {
            let dense = self.is_dense(name, without);
            Ok(tensor.f_detach()?.f_set_requires_grad(dense)?)
        })
    }

    fn is_dense(&self, name: &str, without: &str) -> bool {
        name != without && !self.buffers.borrow().contains(name)
    }

    /// The weights that a network works with once it has been built over these: the matrices as
    /// copies of this kind, all others sharing their memory.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn working(&self, kind: Kind) -> Result<Self> {
        let matrices = self.matrices.borrow();
        let copy = self.each(|name, tensor| match matrices.contains(name) {
            true => Ok(tensor.f_detach()?.f_to_kind(kind)?),
            false => Ok(tensor),
        })?;
        Ok(Self {
            products: kind,
            ..copy
        })
    }

    /// Moves the weights of [`Params::dense`] into one tensor, in their order, and returns it. Networks
    /// built before keep the old ones.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn flatten(&self, without: &str) -> Result<Tensor> {
        let mut tensors = self.tensors.borrow_mut();
        let dense = tensors.iter();
        let parts = dense
            .filter(|(name, _)| self.is_dense(name, without))
            .map(|(_, tensor)| tensor.f_reshape([-1]))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        let flat = match parts.is_empty() {
            true => Tensor::f_zeros([0], (Kind::Float, self.device))?,
            false => Tensor::f_cat(&parts, 0)?,
        };
        let mut at = 0;
        let dense = tensors.iter_mut();
        for (_, tensor) in dense.filter(|(name, _)| self.is_dense(name, without)) {
            let len = tensor.numel() as i64;
            *tensor = flat.f_narrow(0, at, len)?.f_view(&tensor.size()[..])?;
            at += len;
        }
        Ok(flat)
    }

    /// The values that the matrix products of a network built over these give for a row.
    pub fn outputs(&self) -> usize {
        self.outputs.get()
    }

    /// Where all paths begin.
    pub fn root(&self) -> Path<'_> {
        Path {
            params: self,
            prefix: String::new(),
            counted: true,
        }
    }

    /// The weights that gradients train, but for the one that `without` names, as [`Params::tensors`].
    pub fn dense(&self, without: &str) -> Vec<(String, Tensor)> {
        let all = self.tensors().into_iter();
        all.filter(|(name, _)| self.is_dense(name, without))
            .collect()
    }

    /// Every weight and buffer with its path, in the order of the paths, sharing memory.
    pub fn tensors(&self) -> Vec<(String, Tensor)> {
        self.tensors
            .borrow()
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor.shallow_clone()))
            .collect()
    }

    fn get(&self, path: &str, shape: &[i64], init: Init) -> Result<Tensor> {
        let mut tensors = self.tensors.borrow_mut();
        match (&self.source, tensors.get(path)) {
            (Source::Fresh { .. } | Source::Shapes, Some(_)) => Err(Error::internal(format!(
                "two weights of one network are called {path:?}"
            ))),
            (Source::Shapes, None) => {
                // One element, seen in every place of the shape.
                let element = Tensor::f_zeros(1, (Kind::Float, Device::Cpu))?;
                let tensor = element.f_expand(shape, false)?;
                tensors.insert(path.to_string(), tensor.shallow_clone());
                Ok(tensor)
            }
            (Source::Fresh { seed }, None) => {
                let tensor = new(path, shape, init, *seed)?.f_to_device(self.device)?;
                tensors.insert(path.to_string(), tensor.shallow_clone());
                Ok(tensor)
            }
            (Source::Loaded, Some(tensor)) if tensor.size() == shape => Ok(tensor.shallow_clone()),
            (Source::Loaded, Some(tensor)) => Err(Error::execution(format!(
                "weight {path:?} has shape {:?} where the model needs {shape:?}",
                tensor.size()
            ))),
            (Source::Loaded, None) => Err(Error::execution(format!("weight {path:?} is missing"))),
        }
    }
}

/// A place in the tree of weights; `path / "name"` goes one step down.
#[derive(Clone)]
pub struct Path<'a> {
    params: &'a Params,
    prefix: String,
    /// Whether the products here are counted.
    counted: bool,
}

impl Path<'_> {
    /// The weight `name` at this place, in f32 whatever products are computed in.
    ///
    /// # Errors
    /// `Execution` when loaded parameters lack it or have another shape.
    pub fn weight(&self, name: &str, shape: &[i64], init: Init) -> Result<Tensor> {
        self.params
            .get(&format!("{}{name}", self.prefix), shape, init)
    }

    /// The weight `name` of a matrix product, in the kind that products are computed in. `init` tells
    /// the inputs of an output.
    ///
    /// # Errors
    /// As [`Path::weight`].
    pub fn matrix(&self, name: &str, shape: &[i64], init: Init) -> Result<Tensor> {
        let outputs = shape.iter().product::<i64>() / init.fan_in();
        self.kernel(name, shape, init, outputs)
    }

    /// As [`Path::matrix`], of a product that gives `outputs` values for a row.
    ///
    /// # Errors
    /// As [`Path::weight`].
    pub fn kernel(&self, name: &str, shape: &[i64], init: Init, outputs: i64) -> Result<Tensor> {
        let path = format!("{}{name}", self.prefix);
        let params = self.params;
        if params.matrices.borrow_mut().insert(path.clone()) {
            self.computes(outputs);
        }
        params.get(&path, shape, init)
    }

    /// The values `name`, which belong to the network as weights do, but are no gradient's business: a
    /// pass reads them, and what it leaves on its tape renews them. In f32.
    ///
    /// # Errors
    /// As [`Path::weight`].
    pub fn buffer(&self, name: &str, shape: &[i64], init: Init) -> Result<Tensor> {
        let path = format!("{}{name}", self.prefix);
        self.params.buffers.borrow_mut().insert(path.clone());
        self.params.get(&path, shape, init)
    }

    /// Counts `values` values of a row among those that products give: they come from no
    /// [`Path::matrix`].
    pub fn computes(&self, values: i64) {
        if self.counted {
            let outputs = &self.params.outputs;
            outputs.set(outputs.get() + values as usize);
        }
    }

    /// The same place, for one of many parts of which a row goes through one: only the `first` is counted.
    pub fn one_of_many(self, first: bool) -> Self {
        Self {
            counted: self.counted && first,
            ..self
        }
    }

    /// The kind that matrix products are computed in.
    pub fn products(&self) -> Kind {
        self.params.products
    }
}

impl<'a> Div<&str> for &Path<'a> {
    type Output = Path<'a>;

    fn div(self, name: &str) -> Path<'a> {
        Path {
            params: self.params,
            prefix: format!("{}{name}/", self.prefix),
            counted: self.counted,
        }
    }
}

impl<'a> Div<usize> for &Path<'a> {
    type Output = Path<'a>;

    fn div(self, index: usize) -> Path<'a> {
        self / index.to_string().as_str()
    }
}

/// Held between seeding libtorch's global generator and drawing from it.
static GENERATOR: Mutex<()> = Mutex::new(());

/// A new weight; its values depend on nothing but the seed, the path and the shape.
fn new(path: &str, shape: &[i64], init: Init, seed: u64) -> Result<Tensor> {
    let options = (Kind::Float, Device::Cpu);
    let std = match init {
        Init::Zeros => return Ok(Tensor::f_zeros(shape, options)?),
        Init::Constant(value) => return Ok(Tensor::f_full(shape, value, options)?),
        Init::Values([]) => return Ok(Tensor::f_zeros(shape, options)?),
        Init::Values(values) => {
            let values: Vec<_> = values.iter().map(|&v| v as f32).collect();
            return Ok(Tensor::f_from_slice(&values)?.f_view(shape)?);
        }
        Init::He { fan_in } => (2. / fan_in.max(1) as f64).sqrt(),
        Init::Lecun { fan_in } => (1. / fan_in.max(1) as f64).sqrt(),
        Init::Normal { std } => std,
    };
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    tch::manual_seed(seed_of(seed, path) as i64);
    let mut tensor = Tensor::f_empty(shape, options)?;
    prefer_large_pages(&tensor);
    Ok(tensor.f_normal_(0., std)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn working_weights_follow_a_flat_buffer() {
        let params = Params::fresh(1, Device::Cpu);
        let root = params.root();
        let _ = root.matrix("m", &[2, 3], Init::He { fan_in: 2 }).unwrap();
        let _ = root.weight("b", &[3], Init::Values(&[0.5; 3])).unwrap();
        let _ = root.weight("table", &[4, 1], Init::Zeros).unwrap();
        let other = (&root / "other").one_of_many(false);
        let _ = other.matrix("m", &[2, 3], Init::He { fan_in: 2 }).unwrap();
        assert_eq!(params.outputs(), 3);
        let mut flat = params.flatten("table").unwrap();
        assert_eq!(flat.size(), [15]);
        let working = params.working(Kind::BFloat16).unwrap();
        let _ = flat.fill_(2.);
        for (name, tensor) in params.tensors() {
            let expected = if name == "table" { 0. } else { 2. };
            assert_eq!(tensor.max().double_value(&[]), expected, "{name}");
        }
        for (name, tensor) in working.tensors() {
            // Copies are of their own; all else is the same memory.
            assert_eq!(tensor.kind() == Kind::BFloat16, name.ends_with('m'));
            assert_eq!(tensor.max().double_value(&[]) == 2., name == "b");
        }
        let root = working.root();
        assert_eq!(root.products(), Kind::BFloat16);
        assert!(root.matrix("m", &[2, 3], Init::Zeros).is_ok());
    }

    #[test]
    fn buffers_are_no_business_of_gradients() {
        let params = Params::fresh(1, Device::Cpu);
        let root = params.root();
        let _ = root.weight("a", &[2], Init::Zeros).unwrap();
        let buffer = root.buffer("b", &[3], Init::Constant(1.)).unwrap();
        let _ = root.weight("c", &[4], Init::Zeros).unwrap();
        let names =
            |all: Vec<(String, Tensor)>| all.into_iter().map(|(n, _)| n).collect::<Vec<_>>();
        assert_eq!(names(params.tensors()), ["a", "b", "c"]);
        assert_eq!(params.flatten("c").unwrap().size(), [2]);
        // Replicas share it, as the weights that networks compute with do.
        let leaves = params.working(Kind::BFloat16).unwrap().leaves("c").unwrap();
        assert_eq!(names(leaves.dense("c")), ["a"]);
        let shared = leaves.root().buffer("b", &[3], Init::Zeros).unwrap();
        assert!(!shared.requires_grad());
        let _ = buffer.shallow_clone().fill_(5.);
        assert_eq!(shared.double_value(&[2]), 5.);
    }

    #[test]
    fn refuses_one_name_twice() {
        let params = Params::fresh(1, Device::Cpu);
        let at = &params.root() / "tower";
        let _ = at.weight("w", &[2, 2], Init::Zeros).unwrap();
        assert!(at.weight("w", &[2, 2], Init::Zeros).is_err());
    }

    #[test]
    fn values_do_not_depend_on_the_order_of_asking() {
        let value = |names: &[&str]| {
            let params = Params::fresh(5, Device::Cpu);
            for name in names {
                let _ = params
                    .root()
                    .weight(name, &[3], Init::Normal { std: 1. })
                    .unwrap();
            }
            let tensors: BTreeMap<_, _> = params.tensors().into_iter().collect();
            Vec::<f32>::try_from(&tensors["b"]).unwrap()
        };
        assert_eq!(value(&["a", "b"]), value(&["b", "a"]));
    }

    #[test]
    fn loaded_weights_must_exist_in_the_asked_shape() {
        let tensor = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu));
        let params = Params::loaded(vec![("w".into(), tensor)], Device::Cpu).unwrap();
        assert!(params.root().weight("w", &[2, 3], Init::Zeros).is_ok());
        let wrong = params
            .root()
            .weight("w", &[3, 2], Init::Zeros)
            .unwrap_err()
            .to_string();
        assert!(wrong.contains("[2, 3]") && wrong.contains("[3, 2]"));
        assert!(params.root().weight("v", &[1], Init::Zeros).is_err());
    }
}
