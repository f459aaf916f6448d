//! The goods of the log: what `products.parquet` shows of them, and the latent effects behind.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};

use super::draw::{Alias, effects};
use super::truth::{DIMENSIONS, ProductEffects, STAGES};
use super::words::{
    ADJECTIVES, BRANDS, BRANDS_PER_CATEGORY, CATEGORIES, COLOURS, NOUNS_PER_CATEGORY, brand_of,
};
use crate::error::Result;
use crate::random::{Draws, unit_of};

/// Number of nouns of all categories; noun `n` belongs to category `n / NOUNS_PER_CATEGORY`.
pub(super) const NOUNS: usize = CATEGORIES.len() * NOUNS_PER_CATEGORY;
const DISCOUNTS: [f64; 5] = [0.05, 0.1, 0.15, 0.2, 0.3];

/// One product; `products.parquet` shows the attributes, the effects stay hidden.
pub(super) struct Product {
    pub(super) noun: u8,
    pub(super) brand: u8,
    pub(super) adjective: u8,
    colour: u8,
    list_cents: i64,
    /// Share of days on which the product is on offer.
    promotion_rate: f64,
    pub(super) effects: ProductEffects,
}

/// All products and their popularity; product `i` has `product_id` i + 1.
pub(super) struct Products {
    pub(super) all: Vec<Product>,
    /// Mean style of each category, what a user's taste is held against when a session begins.
    pub(super) category_style: Vec<[f64; DIMENSIONS]>,
    seed: u64,
    popular: Alias,
    by_category: Vec<Alias>,
    by_noun: Vec<Alias>,
}

/// From how wide a part of the shop a product is taken.
#[derive(Clone, Copy)]
pub(super) enum Shelf {
    Noun(usize),
    Category(usize),
    All,
}

impl Shelf {
    /// The next wider part.
    pub(super) fn wider(self) -> Self {
        match self {
            Self::Noun(noun) => Self::Category(noun / NOUNS_PER_CATEGORY),
            Self::Category(_) | Self::All => Self::All,
        }
    }
}

/// What the levels of the visible attributes are worth.
struct Levels {
    category_style: [Vec<f64>; DIMENSIONS],
    brand_style: [Vec<f64>; DIMENSIONS],
    /// Index 0 is common to all stages, the rest stage by stage.
    category_bias: [Vec<f64>; STAGES + 1],
    brand_bias: [Vec<f64>; STAGES + 1],
    adjective_bias: [Vec<f64>; STAGES + 1],
}

impl Products {
    /// Draws `count` products, at least one for every noun.
    pub(super) fn draw(count: usize, seed: u64, draw: &mut Draws) -> Self {
        let count = count.max(NOUNS);
        let levels = Levels {
            category_style: std::array::from_fn(|_| effects(draw, CATEGORIES.len(), 0.9)),
            brand_style: std::array::from_fn(|_| effects(draw, BRANDS.len(), 0.3)),
            category_bias: std::array::from_fn(|_| effects(draw, CATEGORIES.len(), 0.5)),
            brand_bias: std::array::from_fn(|_| effects(draw, BRANDS.len(), 0.5)),
            adjective_bias: std::array::from_fn(|_| effects(draw, ADJECTIVES.len(), 0.3)),
        };
        let mut nouns: Vec<usize> = (0..count)
            .map(|i| if i < NOUNS { i } else { draw.below(NOUNS) })
            .collect();
        draw.shuffle(&mut nouns);
        let mut ranks: Vec<usize> = (0..count).collect();
        draw.shuffle(&mut ranks);
        // Zipf's law with a flattened head.
        let weights: Vec<f64> = ranks
            .iter()
            .map(|rank| (*rank as f64 + 5.0).powf(-1.0))
            .collect();
        let all: Vec<Product> = nouns
            .iter()
            .zip(&ranks)
            .map(|(noun, rank)| {
                // From about 1 for the most popular product to -1 for the least.
                let popularity = 1.0 - 2.0 * ((*rank + 1) as f64).ln() / (count as f64 + 1.0).ln();
                Product::draw(*noun, popularity, &levels, draw)
            })
            .collect();
        let shelf = |keep: &dyn Fn(usize) -> bool| {
            let items: Vec<usize> = (0..count).filter(|i| keep(nouns[*i])).collect();
            let shelf_weights: Vec<f64> = items.iter().map(|i| weights[*i]).collect();
            Alias::new(items.iter().map(|i| *i as u32).collect(), &shelf_weights)
        };
        Self {
            seed,
            popular: shelf(&|_| true),
            by_category: (0..CATEGORIES.len())
                .map(|c| shelf(&|noun| noun / NOUNS_PER_CATEGORY == c))
                .collect(),
            by_noun: (0..NOUNS).map(|n| shelf(&|noun| noun == n)).collect(),
            category_style: (0..CATEGORIES.len())
                .map(|c| std::array::from_fn(|d| levels.category_style[d][c]))
                .collect(),
            all,
        }
    }

    /// A product of the shelf, the popular ones more often.
    pub(super) fn take_from(&self, shelf: Shelf, draw: &mut Draws) -> usize {
        match shelf {
            Shelf::Noun(noun) => self.by_noun[noun].draw(draw),
            Shelf::Category(category) => self.by_category[category].draw(draw),
            Shelf::All => self.popular.draw(draw),
        }
    }

    /// The share of the list price taken off on a day of the log; the same for every user.
    pub(super) fn discount(&self, product: usize, day: u64) -> f64 {
        let rate = self.all[product].promotion_rate;
        let unit = unit_of(self.seed, product as u64, day);
        if unit < rate {
            DISCOUNTS[((unit / rate * DISCOUNTS.len() as f64) as usize).min(DISCOUNTS.len() - 1)]
        } else {
            0.0
        }
    }

    /// The rows of `products.parquet`.
    pub(super) fn batch(&self) -> Result<RecordBatch> {
        let ids = Int64Array::from_iter_values(1..=self.all.len() as i64);
        let titles = StringArray::from_iter_values(self.all.iter().map(Product::title));
        let categories = self.all.iter().map(|p| CATEGORIES[p.category()].name);
        let brands = self.all.iter().map(|p| BRANDS[usize::from(p.brand)]);
        let prices = self.all.iter().map(|p| p.list_cents as f64 / 100.0);
        Ok(RecordBatch::try_from_iter([
            ("product_id", Arc::new(ids) as ArrayRef),
            ("title", Arc::new(titles)),
            (
                "category",
                Arc::new(StringArray::from_iter_values(categories)),
            ),
            ("brand", Arc::new(StringArray::from_iter_values(brands))),
            (
                "list_price",
                Arc::new(Float64Array::from_iter_values(prices)),
            ),
        ])?)
    }
}

impl Product {
    fn draw(noun: usize, popularity: f64, levels: &Levels, draw: &mut Draws) -> Self {
        let category = noun / NOUNS_PER_CATEGORY;
        let brand = brand_of(category, draw.below(BRANDS_PER_CATEGORY));
        let adjective = draw.below(ADJECTIVES.len());
        let price_level = 0.45 * draw.box_muller();
        let whole = (CATEGORIES[category].median_price * price_level.exp())
            .round()
            .max(2.0);
        let style = std::array::from_fn(|d| {
            levels.category_style[d][category]
                + levels.brand_style[d][brand]
                + 0.2 * draw.box_muller()
        });
        let mut part = |k: usize| {
            levels.category_bias[k][category]
                + levels.brand_bias[k][brand]
                + levels.adjective_bias[k][adjective]
                + 0.4 * draw.box_muller()
        };
        let common = part(0) + 0.4 * popularity;
        let bias = std::array::from_fn(|stage| 0.7 * common + 0.7 * part(stage + 1));
        Self {
            noun: noun as u8,
            brand: brand as u8,
            adjective: adjective as u8,
            colour: draw.below(COLOURS.len()) as u8,
            list_cents: whole as i64 * 100 - 1,
            promotion_rate: 0.1 + 0.3 * draw.unit(),
            effects: ProductEffects {
                style,
                bias,
                price_level,
            },
        }
    }

    /// Index of the product's category.
    pub(super) fn category(&self) -> usize {
        usize::from(self.noun) / NOUNS_PER_CATEGORY
    }

    /// Brand, adjective, noun and colour, as in "Norvik sturdy hiking boots red".
    pub(super) fn title(&self) -> String {
        let nouns = &CATEGORIES[self.category()].nouns;
        format!(
            "{} {} {} {}",
            BRANDS[usize::from(self.brand)],
            ADJECTIVES[usize::from(self.adjective)],
            nouns[usize::from(self.noun) % NOUNS_PER_CATEGORY].name,
            COLOURS[usize::from(self.colour)]
        )
    }

    /// What a customer pays under a discount, in whole cents.
    pub(super) fn price_cents(&self, discount: f64) -> i64 {
        (self.list_cents as f64 * (1.0 - discount)).round() as i64
    }
}
