//! The threads of a training, and who may use libtorch's global state.

use std::sync::{Mutex, PoisonError};

use rayon::ThreadPool;
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

use crate::error::{Error, Result};
use crate::tensor::catch;

/// One training at a time: it takes all cores.
static TRAINING: Mutex<()> = Mutex::new(());

/// Runs `work` as the only training of the process.
pub fn alone<T>(work: impl FnOnce() -> T) -> T {
    let _alone = TRAINING.lock().unwrap_or_else(PoisonError::into_inner);
    work()
}

/// Threads that stay for the whole training, as libtorch keeps what it needs thread by thread. Inside
/// of each its operators run on that thread alone.
pub struct Workers(ThreadPool);

impl Workers {
    /// Starts `threads` of them.
    ///
    /// # Errors
    /// `Resources` when the system gives no more threads.
    pub fn start(threads: usize) -> Result<Self> {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|i| format!("train-{i}"))
            .start_handler(|_| tch::set_num_threads(1))
            .build()
            .map(Self)
            .map_err(|e| Error::resources(format!("can't start the threads of the training: {e}")))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.current_num_threads()
    }

    /// The results of `work` on all of `items` at once, in their order.
    ///
    /// # Errors
    /// Those of `work`; `Torch` when libtorch fails.
    pub fn run<I: Send, T: Send>(
        &self,
        items: Vec<I>,
        work: impl Fn(I) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let one = |item| catch(|| work(item));
        self.0.install(|| {
            let items = items.into_par_iter().with_max_len(1);
            items.map(one).collect::<Vec<_>>().into_iter().collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_the_items() {
        let workers = Workers::start(3).unwrap();
        let squares = workers.run((0..9).collect(), |i: i32| Ok(i * i)).unwrap();
        assert_eq!(squares, [0, 1, 4, 9, 16, 25, 36, 49, 64]);
        let failed = workers.run(vec![1, 2], |i| match i {
            1 => Ok(()),
            _ => panic!("of libtorch"),
        });
        assert!(failed.unwrap_err().to_string().contains("of libtorch"));
    }
}
