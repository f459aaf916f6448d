//! How many queries of each kind were asked, and how many were answered otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// Queries by kind; a query has several kinds.
#[derive(Default)]
pub struct Counts {
    by_kind: BTreeMap<&'static str, [usize; 2]>,
    pub all: [usize; 2],
    /// Errors and panics, which are differences too.
    pub errors: usize,
    /// Queries too large to be compared.
    pub skipped: usize,
    pub seconds: f64,
    /// Differences in full.
    pub shown: Vec<String>,
}

impl Counts {
    pub fn add(&mut self, kinds: &BTreeSet<&'static str>, differs: bool) {
        for kind in kinds {
            let counts = self.by_kind.entry(kind).or_default();
            counts[0] += 1;
            counts[1] += usize::from(differs);
        }
        self.all[0] += 1;
        self.all[1] += usize::from(differs);
    }

    /// Takes over what was counted beside this.
    pub fn merge(&mut self, other: Counts) {
        for (kind, counts) in other.by_kind {
            let own = self.by_kind.entry(kind).or_default();
            *own = [own[0] + counts[0], own[1] + counts[1]];
        }
        self.all = [self.all[0] + other.all[0], self.all[1] + other.all[1]];
        self.errors += other.errors;
        self.skipped += other.skipped;
        self.shown.extend(other.shown);
    }

    pub fn took(mut self, time: Duration) -> Self {
        self.seconds = time.as_secs_f64();
        self
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [queries, differ] = self.all;
        writeln!(
            f,
            "{queries} queries, {differ} differ ({} of them errors), {} too large to compare, {:.0} s",
            self.errors, self.skipped, self.seconds
        )?;
        for (kind, [queries, differ]) in &self.by_kind {
            writeln!(f, "{queries:>9} {differ:>7}  {kind}")?;
        }
        Ok(())
    }
}
