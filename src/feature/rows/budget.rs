//! Memory by permission: what encoding holds is asked for first and given back when dropped.

use std::sync::Arc;

/// Something that grants memory, for example a share of a memory pool.
pub trait Budget: Send + Sync {
    /// Asks for `bytes` more; `false` leaves everything as it was.
    fn try_grow(&self, bytes: usize) -> bool;

    /// Gives `bytes` back.
    fn shrink(&self, bytes: usize);
}

/// Small requests are rounded up to this, so that a budget behind a lock is asked seldom.
const STEP: usize = 256 << 10;

/// Granted memory; dropping it gives everything back.
pub struct Charge {
    budget: Arc<dyn Budget>,
    bytes: usize,
}

impl Charge {
    /// Nothing yet.
    pub fn new(budget: Arc<dyn Budget>) -> Self {
        Self { budget, bytes: 0 }
    }

    /// What is held now.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Holds at least `bytes`; `false` when the budget refuses, and nothing changes.
    pub fn ensure(&mut self, bytes: usize) -> bool {
        let Some(missing) = bytes.checked_sub(self.bytes).filter(|m| *m > 0) else {
            return true;
        };
        for step in [missing.max(STEP), missing] {
            if self.budget.try_grow(step) {
                self.bytes += step;
                return true;
            }
        }
        false
    }

    /// Gives back what is held beyond `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        if let Some(surplus) = self.bytes.checked_sub(bytes).filter(|s| *s > 0) {
            self.budget.shrink(surplus);
            self.bytes = bytes;
        }
    }

    /// Hands up to `bytes` of what is held to a charge of their own.
    pub(crate) fn split_off(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self {
            budget: Arc::clone(&self.budget),
            bytes,
        }
    }

    /// Takes over what `other` holds.
    pub(crate) fn absorb(&mut self, mut other: Charge) {
        self.bytes += std::mem::take(&mut other.bytes);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Grants everything.
    pub struct Unlimited;

    impl Budget for Unlimited {
        fn try_grow(&self, _bytes: usize) -> bool {
            true
        }

        fn shrink(&self, _bytes: usize) {}
    }

    /// Grants up to a limit and remembers the highest use.
    pub struct Limited {
        pub limit: usize,
        pub used: AtomicUsize,
        pub peak: AtomicUsize,
    }

    impl Limited {
        pub fn new(limit: usize) -> Arc<Self> {
            Arc::new(Self {
                limit,
                used: AtomicUsize::new(0),
                peak: AtomicUsize::new(0),
            })
        }

        pub fn used(&self) -> usize {
            self.used.load(Ordering::SeqCst)
        }
    }

    impl Budget for Limited {
        fn try_grow(&self, bytes: usize) -> bool {
            let before = self.used.fetch_add(bytes, Ordering::SeqCst);
            if before + bytes > self.limit {
                self.used.fetch_sub(bytes, Ordering::SeqCst);
                return false;
            }
            self.peak.fetch_max(before + bytes, Ordering::SeqCst);
            true
        }

        fn shrink(&self, bytes: usize) {
            self.used.fetch_sub(bytes, Ordering::SeqCst);
        }
    }

    #[test]
    fn gives_back_what_it_was_granted() {
        let budget = Limited::new(1 << 20);
        let mut charge = Charge::new(budget.clone());
        assert!(charge.ensure(10));
        assert_eq!(budget.used(), STEP);
        assert!(!charge.ensure(2 << 20));
        assert_eq!(charge.bytes(), STEP);
        assert!(charge.ensure((1 << 20) - 5));
        charge.shrink_to(7);
        assert_eq!(budget.used(), 7);
        drop(charge);
        assert_eq!(budget.used(), 0);
    }
}
