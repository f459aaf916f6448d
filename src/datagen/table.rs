//! Rows of the log and of its truth, gathered into record batches.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float32Builder, Float64Builder, Int8Builder, Int64Builder, RecordBatch,
    StringBuilder, TimestampMillisecondBuilder,
};

use super::products::Products;
use super::query::Queries;
use super::session::Exposure;
use super::truth::{STAGES, Truth};
use super::users::DEVICES;
use crate::error::Result;
use crate::random::Draws;

/// What became of one exposure.
pub(super) struct Outcome {
    /// Click, cart, purchase, review; none is true after one that is not.
    pub(super) reached: [bool; STAGES],
    /// 1 to 5, only where reviewed.
    pub(super) rating: Option<i8>,
}

impl Outcome {
    /// Plays the funnel with its true probabilities.
    pub(super) fn draw(truth: &Truth, draw: &mut Draws) -> Self {
        let mut still = true;
        let reached = truth.conditional.map(|p| {
            still = still && draw.chance(p);
            still
        });
        let rating = still.then(|| {
            let unit = draw.unit();
            1 + truth.rating_at_least.iter().filter(|p| unit < **p).count() as i8
        });
        Self { reached, rating }
    }
}

/// Builders of `log.parquet`.
#[derive(Default)]
pub(super) struct LogRows {
    row_id: Int64Builder,
    timestamp: TimestampMillisecondBuilder,
    user_id: Int64Builder,
    product_id: Int64Builder,
    session_id: Int64Builder,
    scene: StringBuilder,
    position: Int8Builder,
    device: StringBuilder,
    hour: Int8Builder,
    query: StringBuilder,
    relevance: Float32Builder,
    price: Float64Builder,
    discount: Float64Builder,
    labels: [Int8Builder; STAGES],
    rating: Int8Builder,
}

impl LogRows {
    /// Adds one row.
    pub(super) fn push(
        &mut self,
        row_id: i64,
        exposure: &Exposure,
        outcome: &Outcome,
        products: &Products,
        queries: &Queries,
    ) {
        let product = &products.all[exposure.product];
        self.row_id.append_value(row_id);
        self.timestamp.append_value(exposure.timestamp);
        self.user_id.append_value(exposure.user as i64 + 1);
        self.product_id.append_value(exposure.product as i64 + 1);
        self.session_id.append_value(exposure.session_id);
        self.scene.append_value(exposure.scene.name());
        self.position.append_value(exposure.position as i8);
        self.device
            .append_value(DEVICES[usize::from(exposure.device)]);
        self.hour.append_value(exposure.hour as i8);
        self.query
            .append_option(exposure.query.as_ref().map(|query| queries.text(query)));
        self.relevance
            .append_option(exposure.relevance.map(|share| share as f32));
        self.price
            .append_value(product.price_cents(exposure.discount) as f64 / 100.0);
        self.discount.append_value(exposure.discount);
        for (label, reached) in self.labels.iter_mut().zip(outcome.reached) {
            label.append_value(i8::from(reached));
        }
        self.rating.append_option(outcome.rating);
    }

    /// The rows gathered since the last call.
    pub(super) fn finish(&mut self) -> Result<RecordBatch> {
        let [click, cart, purchase, review] = &mut self.labels;
        let columns: [(&str, ArrayRef, bool); 18] = [
            ("row_id", Arc::new(self.row_id.finish()), false),
            ("timestamp", Arc::new(self.timestamp.finish()), false),
            ("user_id", Arc::new(self.user_id.finish()), false),
            ("product_id", Arc::new(self.product_id.finish()), false),
            ("session_id", Arc::new(self.session_id.finish()), false),
            ("scene", Arc::new(self.scene.finish()), false),
            ("position", Arc::new(self.position.finish()), false),
            ("device", Arc::new(self.device.finish()), false),
            ("hour", Arc::new(self.hour.finish()), false),
            ("query", Arc::new(self.query.finish()), true),
            ("relevance", Arc::new(self.relevance.finish()), true),
            ("price", Arc::new(self.price.finish()), false),
            ("discount", Arc::new(self.discount.finish()), false),
            ("click", Arc::new(click.finish()), false),
            ("cart", Arc::new(cart.finish()), false),
            ("purchase", Arc::new(purchase.finish()), false),
            ("review", Arc::new(review.finish()), false),
            ("rating", Arc::new(self.rating.finish()), true),
        ];
        Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
    }
}

/// Columns of `truth.parquet` behind `row_id`.
const TRUTH_COLUMNS: [&str; 2 * STAGES] = [
    "p_click",
    "p_cart",
    "p_purchase",
    "p_review",
    "p_cart_given_click",
    "p_purchase_given_cart",
    "p_review_given_purchase",
    "expected_rating",
];

/// Builders of `truth.parquet`.
#[derive(Default)]
pub(super) struct TruthRows {
    row_id: Int64Builder,
    columns: [Float32Builder; 2 * STAGES],
}

impl TruthRows {
    /// Adds one row.
    pub(super) fn push(&mut self, row_id: i64, truth: &Truth) {
        self.row_id.append_value(row_id);
        let [p_click, p_cart, p_purchase, p_review] = truth.overall();
        let [_, cart, purchase, review] = truth.conditional;
        let rating = truth.expected_rating();
        let values = [
            p_click, p_cart, p_purchase, p_review, cart, purchase, review, rating,
        ];
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.append_value(value as f32);
        }
    }

    /// The rows gathered since the last call.
    pub(super) fn finish(&mut self) -> Result<RecordBatch> {
        let row_id: ArrayRef = Arc::new(self.row_id.finish());
        let values = TRUTH_COLUMNS
            .iter()
            .zip(&mut self.columns)
            .map(|(name, column)| (*name, Arc::new(column.finish()) as ArrayRef, false));
        let columns = std::iter::once(("row_id", row_id, false)).chain(values);
        Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
    }
}
