//! The law behind the labels: from an exposure, its user and its product to the probabilities of
//! the funnel. Every stage is a logistic model whose weights depend on the scene.

use super::session::{Exposure, Scene};

/// Length of taste and style vectors.
pub(super) const DIMENSIONS: usize = 4;
/// Stages of the funnel: click, cart, purchase, review.
pub(super) const STAGES: usize = 4;
const SCENES: usize = 3;
const FACTORS: usize = 12;

/// What is hidden about a user.
pub(super) struct UserEffects {
    /// Held against a product's style.
    pub(super) taste: [f64; DIMENSIONS],
    /// Readiness to go down the funnel, by stage.
    pub(super) bias: [f64; STAGES],
    /// How strongly discounts count.
    pub(super) thrift: f64,
    /// Comfortable price, as log ratio to the category's median.
    pub(super) budget: f64,
}

/// What is hidden about a product.
pub(super) struct ProductEffects {
    pub(super) style: [f64; DIMENSIONS],
    /// Attraction by stage.
    pub(super) bias: [f64; STAGES],
    /// Log ratio of the list price to the category's median.
    pub(super) price_level: f64,
}

/// The true probabilities of one exposure. Those of the funnel are conditional, each on the stage
/// before; [`Truth::overall`] gives them over all rows.
pub(super) struct Truth {
    /// p(click), p(cart | click), p(purchase | cart), p(review | purchase).
    pub(super) conditional: [f64; STAGES],
    /// p(rating >= k | review) for k = 2 to 5.
    pub(super) rating_at_least: [f64; 4],
}

impl Truth {
    /// p(click), p(cart), p(purchase), p(review) over all rows.
    pub(super) fn overall(&self) -> [f64; STAGES] {
        let mut product = 1.0;
        self.conditional.map(|p| {
            product *= p;
            product
        })
    }

    /// Mean rating of those who review.
    pub(super) fn expected_rating(&self) -> f64 {
        1.0 + self.rating_at_least.iter().sum::<f64>()
    }
}

/// Mean of each conditional probability, over the exposures of its sample space.
pub(super) const TARGET_RATES: [f64; STAGES] = [0.15, 0.25, 0.40, 0.20];
/// Standard deviation of each stage's log-odds: how much there is to know.
const SPREADS: [f64; STAGES] = [1.2, 0.95, 0.85, 0.8];
/// Intercepts of p(rating >= k | review), k = 2 to 5: many fives, some ones.
const RATING_CUTS: [f64; 4] = [2.6, 1.9, 0.9, -0.2];

/// How much each dimension of taste counts at each stage: tasks are related, not equal.
const TASTE_WEIGHTS: [[f64; DIMENSIONS]; STAGES] = [
    [0.60, 0.55, 0.35, 0.25],
    [0.45, 0.60, 0.50, 0.20],
    [0.25, 0.45, 0.65, 0.35],
    [0.30, 0.20, 0.50, 0.60],
];

/// Weights of the factors, by stage and scene (search, home, detail).
/// Columns: user, product, taste, over budget, misfit of price, discount x thrift, log position,
/// answer to the query, evening on the device, desktop, weekend, constant.
#[rustfmt::skip]
const WEIGHTS: [[[f64; FACTORS]; SCENES]; STAGES] = [
    [
        [0.35, 0.42, 0.15, -0.35, -0.25, 2.2, -0.85, 1.9, 0.15,  0.10, 0.05,  0.25],
        [0.42, 0.48, 0.24,  0.15, -0.40, 2.8, -0.75, 0.0, 0.30, -0.30, 0.25, -0.50],
        [0.38, 0.50, 0.18, -0.60, -0.30, 3.5, -0.80, 0.0, 0.20,  0.05, 0.05,  0.25],
    ],
    [
        [0.45, 0.45, 0.18, -0.60, -0.20, 2.2, -0.10, 1.0, 0.15,  0.35, 0.10,  0.20],
        [0.45, 0.45, 0.30, -0.40, -0.20, 1.8, -0.05, 0.0, 0.30,  0.30, 0.25, -0.40],
        [0.45, 0.50, 0.22, -0.70, -0.20, 3.0, -0.10, 0.0, 0.20,  0.35, 0.10,  0.10],
    ],
    [
        [0.45, 0.40, 0.15, -0.80, -0.10, 1.8,  0.00, 0.6, 0.10,  0.45, 0.00,  0.20],
        [0.45, 0.40, 0.25, -0.70, -0.10, 1.8,  0.00, 0.0, 0.20,  0.45, 0.05, -0.25],
        [0.45, 0.45, 0.18, -0.90, -0.10, 2.4,  0.00, 0.0, 0.10,  0.45, 0.00,  0.10],
    ],
    [
        [0.60, 0.40, 0.18, -0.20, -0.10, 0.0,  0.00, 0.3, 0.10,  0.20, 0.10,  0.00],
        [0.60, 0.40, 0.22, -0.20, -0.10, 0.0,  0.00, 0.0, 0.10,  0.20, 0.10,  0.00],
        [0.60, 0.40, 0.18, -0.20, -0.10, 0.0,  0.00, 0.0, 0.10,  0.20, 0.10,  0.00],
    ],
];

/// The law with its scale and intercepts, fitted once per log on pilot exposures so that rates
/// and difficulty are the same under every seed.
pub(super) struct Law {
    scales: [f64; STAGES],
    intercepts: [f64; STAGES],
}

impl Law {
    /// Fits the law to pilot exposures; there is at least one.
    pub(super) fn fit<'a>(
        pilot: impl Iterator<Item = (&'a Exposure, &'a UserEffects, &'a ProductEffects)>,
    ) -> Self {
        let raw: Vec<[f64; STAGES]> = pilot.map(|(e, u, p)| raw_scores(e, u, p)).collect();
        let mut law = Self {
            scales: [1.0; STAGES],
            intercepts: [0.0; STAGES],
        };
        // A stage is reached with the probability of all stages before it.
        let mut reach = vec![1.0; raw.len()];
        for stage in 0..STAGES {
            let total: f64 = reach.iter().sum();
            let weighted = |f: &dyn Fn(f64) -> f64| {
                let terms = raw.iter().zip(&reach).map(|(z, w)| w * f(z[stage]));
                terms.sum::<f64>() / total
            };
            let mean = weighted(&|z| z);
            let spread = weighted(&|z| (z - mean).powi(2)).sqrt();
            let scale = SPREADS[stage] / spread.max(1e-6);
            let rate_at = |intercept: f64| weighted(&|z| sigmoid(scale * z + intercept));
            let middle = -scale * mean;
            let intercept = bisect(middle - 20.0, middle + 20.0, |b| {
                rate_at(b) < TARGET_RATES[stage]
            });
            law.scales[stage] = scale;
            law.intercepts[stage] = intercept;
            for (w, z) in reach.iter_mut().zip(&raw) {
                *w *= sigmoid(scale * z[stage] + intercept);
            }
        }
        law
    }

    /// The probabilities of one exposure.
    pub(super) fn truth(
        &self,
        exposure: &Exposure,
        user: &UserEffects,
        product: &ProductEffects,
    ) -> Truth {
        let raw = raw_scores(exposure, user, product);
        let conditional =
            std::array::from_fn(|s| sigmoid(self.scales[s] * raw[s] + self.intercepts[s]));
        let taste = affinity(user, product, &TASTE_WEIGHTS[3]);
        let gap = product.price_level - user.budget;
        let content = 0.9 * product.bias[2] + 0.5 * taste - 0.4 * gap;
        Truth {
            conditional,
            rating_at_least: RATING_CUTS.map(|cut| sigmoid(cut + content)),
        }
    }
}

fn raw_scores(exposure: &Exposure, user: &UserEffects, product: &ProductEffects) -> [f64; STAGES] {
    let gap = product.price_level - user.budget;
    let shared = [
        gap,
        gap * gap,
        exposure.discount * user.thrift,
        f64::from(exposure.position).ln(),
        exposure.answer,
        evening(exposure),
        f64::from(u8::from(exposure.device == 1)),
        f64::from(u8::from(exposure.weekend)),
        1.0,
    ];
    std::array::from_fn(|stage| {
        let weights = &WEIGHTS[stage][exposure.scene as usize];
        let own = weights[0] * user.bias[stage]
            + weights[1] * product.bias[stage]
            + weights[2] * affinity(user, product, &TASTE_WEIGHTS[stage]);
        let rest = shared.iter().zip(&weights[3..]).map(|(x, w)| x * w);
        own + rest.sum::<f64>()
    })
}

fn affinity(user: &UserEffects, product: &ProductEffects, weights: &[f64; DIMENSIONS]) -> f64 {
    (0..DIMENSIONS)
        .map(|d| weights[d] * user.taste[d] * product.style[d])
        .sum()
}

/// A daily wave with its crest at 20 h, weaker on desktops.
fn evening(exposure: &Exposure) -> f64 {
    let height = if exposure.device == 1 { 0.5 } else { 1.0 };
    let angle = (f64::from(exposure.hour) - 20.0) / 24.0 * std::f64::consts::TAU;
    height * angle.cos()
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// Where `low_enough` turns false, to about 1e-8 of the interval's width.
fn bisect(mut low: f64, mut high: f64, low_enough: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..27 {
        let middle = 0.5 * (low + high);
        if low_enough(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// The scene's place in [`WEIGHTS`] is its place in this list.
pub(super) const SCENE_ORDER: [Scene; SCENES] = [Scene::Search, Scene::Home, Scene::Detail];
