//! Replicas of a network for concurrent scoring. A tensor may be used by one thread at a time; the
//! replicas' tensors share their memory, so a replica costs next to nothing.

use std::sync::{Mutex, PoisonError};

use crate::error::Result;
use crate::feature::EncodedBatch;
use crate::layer::{Params, Workspace};
use crate::model::Network;

/// Replicas that wait for work; as many are made as there is work at once.
pub struct ReplicaPool {
    idle: Mutex<Vec<Replica>>,
    params: Mutex<Params>,
    build: Box<Build>,
}

/// A network with buffers of its own.
pub struct Replica {
    /// The network.
    pub network: Network,
    /// Its buffers.
    pub workspace: Workspace,
    /// Rows on their way into it.
    pub encoded: EncodedBatch,
}

impl Replica {
    fn new(network: Network) -> Self {
        Self {
            network,
            workspace: Workspace::default(),
            encoded: EncodedBatch::default(),
        }
    }
}

/// Makes a network over parameters.
type Build = dyn Fn(&Params) -> Result<Network> + Send + Sync;

impl ReplicaPool {
    /// A pool of networks that `build` makes over `params`.
    ///
    /// # Errors
    /// Those of `build`, tried once.
    pub fn new(
        params: Params,
        build: impl Fn(&Params) -> Result<Network> + Send + Sync + 'static,
    ) -> Result<Self> {
        let first = build(&params)?;
        Ok(Self {
            idle: Mutex::new(vec![Replica::new(first)]),
            params: Mutex::new(params),
            build: Box::new(build),
        })
    }

    /// Runs `work` with a replica of its own. One that was in use when `work` panicked is not used
    /// again.
    ///
    /// # Errors
    /// Those of `work`, and of building a replica.
    pub fn with<T>(&self, work: impl FnOnce(&mut Replica) -> Result<T>) -> Result<T> {
        let idle = lock(&self.idle).pop();
        let mut replica = match idle {
            Some(replica) => replica,
            None => Replica::new((self.build)(&lock(&self.params).share()?)?),
        };
        let result = work(&mut replica);
        lock(&self.idle).push(replica);
        result
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
