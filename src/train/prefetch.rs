//! Batches are read by a thread of their own, up to two ahead of the step that learns from them, so that
//! nobody waits for the disk.

use std::sync::mpsc::{channel, sync_channel};

use crate::error::Result;
use crate::feature::{BatchIter, EncodedBatch};

/// Calls `work` with every batch of `iter`, in order, until it fails.
///
/// # Errors
/// Those of `work`; `Io` when spilled rows can't be read back.
pub fn prefetched(
    mut iter: BatchIter,
    mut work: impl FnMut(&EncodedBatch) -> Result<()>,
) -> Result<()> {
    let (filled, ready) = sync_channel(1);
    let (used, empty) = channel::<EncodedBatch>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // Whoever reads has ended when a batch can't be sent; a failed read is the last one.
            loop {
                let mut batch = empty.try_recv().unwrap_or_default();
                let read = iter.next_into(&mut batch).map(|more| more.then_some(batch));
                let last = !matches!(read, Ok(Some(_)));
                if filled.send(read).is_err() || last {
                    break;
                }
            }
        });
        // Dropped on the way out of this closure, whichever it is: the thread ends then.
        let ready = ready;
        while let Ok(read) = ready.recv() {
            let Some(batch) = read? else {
                break;
            };
            work(&batch)?;
            // Gone when the last batch has been read.
            let _ = used.send(batch);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::feature::{Order, RowSet};

    #[test]
    fn hands_over_every_batch_and_stops_at_an_error() {
        let rows = RowSet::of_numbers(10);
        let mut seen = Vec::new();
        prefetched(rows.batches(3, Order::Stored), |batch| {
            seen.extend(batch.ids.iter().copied());
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
        let mut calls = 0;
        let failed = prefetched(rows.batches(1, Order::Stored), |_| {
            calls += 1;
            match calls {
                4 => Err(Error::cancelled()),
                _ => Ok(()),
            }
        });
        assert!(failed.is_err());
        assert_eq!(calls, 4);
    }
}
