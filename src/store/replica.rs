//! Replicas of a network for concurrent scoring. A tensor may be used by one thread at a time; the
//! replicas' tensors share their memory, so a replica costs next to nothing.

use std::sync::{Mutex, PoisonError};

use crate::error::Result;
use crate::feature::EncodedBatch;
use crate::layer::{Params, Workspace};
use crate::model::Network;

/// Replicas that wait for work; as many are made as there is work at once.
pub struct ReplicaPool<R> {
    idle: Mutex<Vec<R>>,
    params: Mutex<Params>,
    build: Box<Build<R>>,
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
    /// A replica around `network`.
    pub fn new(network: Network) -> Self {
        Self {
            network,
            workspace: Workspace::default(),
            encoded: EncodedBatch::default(),
        }
    }
}

/// Makes a replica over parameters.
type Build<R> = dyn Fn(&Params) -> Result<R> + Send + Sync;

impl<R: Send> ReplicaPool<R> {
    /// A pool of replicas that `build` makes over `params`.
    ///
    /// # Errors
    /// Those of `build`, tried once.
    pub fn new(
        params: Params,
        build: impl Fn(&Params) -> Result<R> + Send + Sync + 'static,
    ) -> Result<Self> {
        let first = build(&params)?;
        Ok(Self {
            idle: Mutex::new(vec![first]),
            params: Mutex::new(params),
            build: Box::new(build),
        })
    }

    /// Runs `work` with a replica of its own. One that was in use when `work` panicked is not used
    /// again.
    ///
    /// # Errors
    /// Those of `work`, and of building a replica.
    pub fn with<T>(&self, work: impl FnOnce(&mut R) -> Result<T>) -> Result<T> {
        let idle = lock(&self.idle).pop();
        let mut replica = match idle {
            Some(replica) => replica,
            None => (self.build)(&lock(&self.params).share()?)?,
        };
        let result = work(&mut replica);
        lock(&self.idle).push(replica);
        result
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
