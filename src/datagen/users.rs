//! The people of the log: what `users.parquet` shows of them, and the latent effects behind.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray};

use super::draw::{Alias, effects};
use super::truth::{DIMENSIONS, STAGES, UserEffects};
use crate::error::Result;
use crate::random::Draws;

pub(super) const SEGMENTS: [&str; 5] = ["new", "casual", "regular", "loyal", "bargain"];
const SEGMENT_SHARES: [f64; 5] = [0.2, 0.3, 0.25, 0.15, 0.1];
/// How strongly discounts draw a segment, and its budget as log ratio to a category's median.
const SEGMENT_THRIFT: [f64; 5] = [0.9, 1.0, 0.8, 0.6, 1.8];
const SEGMENT_BUDGET: [f64; 5] = [-0.05, 0.0, 0.1, 0.25, -0.4];
pub(super) const AGE_BANDS: [&str; 5] = ["18-24", "25-34", "35-44", "45-54", "55+"];
const AGE_SHARES: [f64; 5] = [0.2, 0.28, 0.22, 0.17, 0.13];
const AGE_BUDGET: [f64; 5] = [-0.25, -0.05, 0.1, 0.15, 0.1];
pub(super) const REGIONS: [&str; 4] = ["north", "east", "south", "west"];
pub(super) const DEVICES: [&str; 3] = ["phone", "desktop", "tablet"];
/// First day of the log, 2025-01-06 (a Monday), in days since 1970-01-01.
pub(super) const FIRST_DAY: i32 = 20_094;

/// One user; `users.parquet` shows the attributes, the effects stay hidden.
pub(super) struct User {
    segment: u8,
    age_band: u8,
    region: u8,
    member_since: i32,
    /// Device of most sessions.
    pub(super) device: u8,
    pub(super) effects: UserEffects,
}

/// All users and how active each is; user `i` has `user_id` i + 1.
pub(super) struct Users {
    pub(super) all: Vec<User>,
    activity: Alias,
}

/// What the levels of the visible attributes are worth.
struct Levels {
    segment_taste: [Vec<f64>; DIMENSIONS],
    age_taste: [Vec<f64>; DIMENSIONS],
    region_taste: [Vec<f64>; DIMENSIONS],
    /// Index 0 is common to all stages, the rest stage by stage.
    segment_bias: [Vec<f64>; STAGES + 1],
    age_bias: [Vec<f64>; STAGES + 1],
}

impl Users {
    /// Draws `count` users.
    pub(super) fn draw(count: usize, draw: &mut Draws) -> Self {
        let levels = Levels {
            segment_taste: std::array::from_fn(|_| effects(draw, SEGMENTS.len(), 0.65)),
            age_taste: std::array::from_fn(|_| effects(draw, AGE_BANDS.len(), 0.6)),
            region_taste: std::array::from_fn(|_| effects(draw, REGIONS.len(), 0.3)),
            segment_bias: std::array::from_fn(|_| effects(draw, SEGMENTS.len(), 0.7)),
            age_bias: std::array::from_fn(|_| effects(draw, AGE_BANDS.len(), 0.5)),
        };
        let all = (0..count).map(|_| User::draw(&levels, draw)).collect();
        let mut order: Vec<u32> = (0..count as u32).collect();
        draw.shuffle(&mut order);
        let weights: Vec<f64> = (0..count)
            .map(|rank| (rank as f64 + 10.0).powf(-0.8))
            .collect();
        Self {
            all,
            activity: Alias::new(order, &weights),
        }
    }

    /// The user of a new session.
    pub(super) fn active(&self, draw: &mut Draws) -> usize {
        self.activity.draw(draw)
    }

    /// The rows of `users.parquet`.
    pub(super) fn batch(&self) -> Result<RecordBatch> {
        let ids = Int64Array::from_iter_values(1..=self.all.len() as i64);
        let text = |words: &[&'static str], pick: fn(&User) -> u8| -> ArrayRef {
            let values = self.all.iter().map(|user| words[usize::from(pick(user))]);
            Arc::new(StringArray::from_iter_values(values))
        };
        let since = Date32Array::from_iter_values(self.all.iter().map(|user| user.member_since));
        Ok(RecordBatch::try_from_iter([
            ("user_id", Arc::new(ids) as ArrayRef),
            ("segment", text(&SEGMENTS, |user| user.segment)),
            ("age_band", text(&AGE_BANDS, |user| user.age_band)),
            ("region", text(&REGIONS, |user| user.region)),
            ("member_since", Arc::new(since)),
        ])?)
    }
}

impl User {
    fn draw(levels: &Levels, draw: &mut Draws) -> Self {
        let segment = draw.weighted(&SEGMENT_SHARES);
        let age = draw.weighted(&AGE_SHARES);
        let region = draw.below(REGIONS.len());
        let days = if SEGMENTS[segment] == "new" { 60 } else { 1500 };
        let taste = std::array::from_fn(|d| {
            levels.segment_taste[d][segment]
                + levels.age_taste[d][age]
                + levels.region_taste[d][region]
                + 0.2 * draw.box_muller()
        });
        let mut part = |k: usize| {
            levels.segment_bias[k][segment] + levels.age_bias[k][age] + 0.3 * draw.box_muller()
        };
        let common = part(0);
        let bias = std::array::from_fn(|stage| 0.7 * common + 0.7 * part(stage + 1));
        Self {
            segment: segment as u8,
            age_band: age as u8,
            region: region as u8,
            member_since: FIRST_DAY - 1 - draw.below(days) as i32,
            device: draw.weighted(&[0.6, 0.3, 0.1]) as u8,
            effects: UserEffects {
                taste,
                bias,
                thrift: SEGMENT_THRIFT[segment],
                budget: SEGMENT_BUDGET[segment] + AGE_BUDGET[age] + 0.08 * draw.box_muller(),
            },
        }
    }
}
