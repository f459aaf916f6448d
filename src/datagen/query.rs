//! What people type into the search box, and how well a product answers it.

use super::products::{NOUNS, Product};
use super::words::{
    ADJECTIVES, BRANDS, BRANDS_PER_CATEGORY, CATEGORIES, NOUNS_PER_CATEGORY, Noun,
    QUERY_ADJECTIVES, brand_of,
};
use crate::random::Draws;

/// One query: a synonym, or a noun, now and then after a brand or an adjective.
#[derive(Clone, Copy)]
pub(super) struct Query {
    pub(super) noun: usize,
    form: Form,
}

#[derive(Clone, Copy)]
enum Form {
    Name,
    Synonym,
    /// The name after a brand, by its place among the brands of the category.
    Brand(usize),
    /// The name after an adjective.
    Adjective(usize),
}

const FORMS: usize = 2 + BRANDS_PER_CATEGORY + QUERY_ADJECTIVES;

/// The texts of all queries that can be asked, and their word matches with all nouns.
pub(super) struct Queries {
    texts: Vec<String>,
    /// Words of each name and synonym, and how many of them each noun's titles contain.
    words: Vec<f64>,
    hits: Vec<[f64; NOUNS]>,
}

impl Query {
    /// A query for goods of the noun.
    pub(super) fn draw(noun: usize, draw: &mut Draws) -> Self {
        let form = match draw.weighted(&[0.6, 0.04, 0.24, 0.12]) {
            0 => Form::Name,
            1 => Form::Synonym,
            2 => Form::Brand(draw.below(BRANDS_PER_CATEGORY)),
            _ => Form::Adjective(draw.below(QUERY_ADJECTIVES)),
        };
        Self { noun, form }
    }

    /// How well the product is what was meant, in `[0, 1]`; a synonym means the same as its noun.
    pub(super) fn answered_by(&self, product: &Product) -> f64 {
        let same_noun = usize::from(product.noun) == self.noun;
        let meant = if same_noun {
            0.65
        } else if product.category() == self.noun / NOUNS_PER_CATEGORY {
            0.15
        } else {
            0.0
        };
        let detail = match self.form {
            Form::Name | Form::Synonym if same_noun => 0.3,
            _ if self.modifier_in(product) => 0.35,
            _ => 0.0,
        };
        meant + detail
    }

    fn modifier_in(&self, product: &Product) -> bool {
        match self.form {
            Form::Name | Form::Synonym => false,
            Form::Brand(slot) => {
                brand_of(self.noun / NOUNS_PER_CATEGORY, slot) == usize::from(product.brand)
            }
            Form::Adjective(adjective) => adjective == usize::from(product.adjective),
        }
    }

    fn index(&self) -> usize {
        let form = match self.form {
            Form::Name => 0,
            Form::Synonym => 1,
            Form::Brand(slot) => 2 + slot,
            Form::Adjective(adjective) => 2 + BRANDS_PER_CATEGORY + adjective,
        };
        self.noun * FORMS + form
    }
}

impl Queries {
    /// Writes every query once.
    pub(super) fn new() -> Self {
        let mut queries = Self {
            texts: Vec::with_capacity(NOUNS * FORMS),
            words: Vec::with_capacity(2 * NOUNS),
            hits: Vec::with_capacity(2 * NOUNS),
        };
        for number in 0..NOUNS {
            let noun = noun_at(number);
            for form in [noun.name, noun.synonym] {
                queries.words.push(form.split(' ').count() as f64);
                queries.hits.push(std::array::from_fn(|other| {
                    let in_title = |word: &&str| noun_at(other).name.split(' ').any(|w| w == *word);
                    form.split(' ').filter(in_title).count() as f64
                }));
                queries.texts.push(form.to_string());
            }
            for slot in 0..BRANDS_PER_CATEGORY {
                let brand = BRANDS[brand_of(number / NOUNS_PER_CATEGORY, slot)];
                let text = format!("{} {}", brand.to_lowercase(), noun.name);
                queries.texts.push(text);
            }
            for adjective in &ADJECTIVES[..QUERY_ADJECTIVES] {
                queries.texts.push(format!("{adjective} {}", noun.name));
            }
        }
        queries
    }

    /// What was typed.
    pub(super) fn text(&self, query: &Query) -> &str {
        &self.texts[query.index()]
    }

    /// The share of the query's words that stand in the product's title: what a simple search
    /// engine knows. It misses synonyms.
    pub(super) fn word_match(&self, query: &Query, product: &Product) -> f64 {
        let row = 2 * query.noun + usize::from(matches!(query.form, Form::Synonym));
        let mut hits = self.hits[row][usize::from(product.noun)];
        let mut words = self.words[row];
        if matches!(query.form, Form::Brand(_) | Form::Adjective(_)) {
            words += 1.0;
            hits += f64::from(u8::from(query.modifier_in(product)));
        }
        hits / words
    }
}

fn noun_at(number: usize) -> &'static Noun {
    &CATEGORIES[number / NOUNS_PER_CATEGORY].nouns[number % NOUNS_PER_CATEGORY]
}

#[cfg(test)]
mod tests {
    use super::super::products::Products;
    use super::*;

    #[test]
    fn word_match_is_the_share_of_query_words_in_the_title() {
        let mut draw = Draws::stream(5, 0);
        let products = Products::draw(300, 5, &mut draw);
        let queries = Queries::new();
        for _ in 0..5_000 {
            let query = Query::draw(draw.below(NOUNS), &mut draw);
            let product = &products.all[draw.below(300)];
            let title = product.title().to_lowercase();
            let words: Vec<&str> = queries.text(&query).split(' ').collect();
            let hits = words.iter().filter(|w| title.split(' ').any(|t| t == **w));
            let expected = hits.count() as f64 / words.len() as f64;
            let got = queries.word_match(&query, product);
            assert!((got - expected).abs() < 1e-12, "{words:?} {title}: {got}");
        }
    }
}
