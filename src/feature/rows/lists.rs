//! Lists of any length, one a row: where each begins, and the values of all, one behind the other.

/// One list of every row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lists<T> {
    /// Where each list begins among the values, and where the last one ends.
    offsets: Vec<i64>,
    values: Vec<T>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self {
            offsets: vec![0],
            values: Vec::new(),
        }
    }
}

impl<T> Lists<T> {
    /// How many lists.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "only tests have a kind of column with lists")
    )]
    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The list of a row.
    pub fn row(&self, row: usize) -> &[T] {
        &self.values[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }

    /// Where each list begins among the values, and where the last one ends: one more than rows.
    pub fn offsets(&self) -> &[i64] {
        &self.offsets
    }

    /// The values of all lists.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// Appends a list.
    pub fn push(&mut self, values: impl IntoIterator<Item = T>) {
        self.values.extend(values);
        self.offsets.push(self.values.len() as i64);
    }

    /// Leaves no list; the memory stays.
    pub(crate) fn clear(&mut self) {
        self.offsets.truncate(1);
        self.values.clear();
    }

    /// Appends empty lists until there are `rows`.
    pub(crate) fn pad(&mut self, rows: usize) {
        let end = self.values.len() as i64;
        self.offsets.resize((rows + 1).max(self.offsets.len()), end);
    }

    /// Memory held.
    pub(crate) fn bytes(&self) -> usize {
        self.offsets.capacity() * 8 + self.values.capacity() * size_of::<T>()
    }
}

/// Words of a row that say where its lists stand: the position of the first value of the first list, and the
/// length of each. None without lists.
pub(crate) fn words(lists: usize) -> usize {
    match lists {
        0 => 0,
        lists => 2 + lists,
    }
}

/// Rows on their way into a row set, their lists apart.
#[derive(Default)]
pub(crate) struct Staging {
    pub(crate) rows: Vec<u32>,
    pub(crate) values: Vec<u32>,
    /// Position of the first of `values` where they will stand.
    pub(crate) first: u64,
}

impl Staging {
    /// Appends a row that ends with `lists` lengths and two words before them, which get the position of
    /// the values.
    #[inline]
    pub(crate) fn push(&mut self, row: &[u32], lists: usize, values: &[u32]) {
        self.rows.extend_from_slice(row);
        if lists > 0 {
            let position = self.first + self.values.len() as u64;
            let at = self.rows.len() - words(lists);
            self.rows[at] = position as u32;
            self.rows[at + 1] = (position >> 32) as u32;
            self.values.extend_from_slice(values);
        }
    }
}

/// Values of buckets in memory stand behind one another: the bucket is the upper half of a position.
pub(crate) fn first_of_bucket(bucket: usize) -> u64 {
    (bucket as u64) << 32
}

/// The values at a position in memory.
pub(crate) fn at(buckets: &[Vec<u32>], position: u64, len: usize) -> &[u32] {
    let from = position as u32 as usize;
    &buckets[(position >> 32) as usize][from..from + len]
}
