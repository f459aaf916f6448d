//! Independent pieces of work on several threads.

use std::sync::Mutex;

use crate::error::{Error, Result};

/// The results of `work` on every item, in the order of the items.
///
/// # Errors
/// The first error that a piece of work ends with; the rest is left undone.
pub(crate) fn map<T: Send, R: Send>(
    items: Vec<T>,
    threads: usize,
    work: impl Fn(T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    if threads <= 1 || items.len() <= 1 {
        return items.into_iter().map(work).collect();
    }
    let threads = threads.min(items.len());
    let queue = Mutex::new(items.into_iter().enumerate());
    let worker = || -> Result<Vec<(usize, R)>> {
        let mut done = Vec::new();
        loop {
            let item = queue.lock().map_err(|_| defect())?.next();
            let Some((at, item)) = item else {
                return Ok(done);
            };
            match work(item) {
                Ok(result) => done.push((at, result)),
                Err(error) => {
                    // Nobody needs the rest.
                    queue.lock().map_err(|_| defect())?.by_ref().for_each(drop);
                    return Err(error);
                }
            }
        }
    };
    let results: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        running.into_iter().map(|t| t.join()).collect()
    });
    let mut done = Vec::new();
    for result in results {
        done.extend(result.map_err(|_| defect())??);
    }
    done.sort_unstable_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

fn defect() -> Error {
    Error::internal("a thread of the encoder ended unexpectedly")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_have_the_order_of_the_items() {
        for threads in [1, 3] {
            let squares = map((0..100u64).collect(), threads, |n| Ok(n * n)).unwrap();
            assert_eq!(squares, (0..100).map(|n| n * n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_ends_the_work() {
        let work = |n: u64| {
            if n == 7 {
                Err(Error::plan("seven"))
            } else {
                Ok(n)
            }
        };
        assert_eq!(
            map((0..100).collect(), 3, work).unwrap_err().to_string(),
            "seven"
        );
    }
}
