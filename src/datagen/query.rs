//! What people type into the search box, and how well a product answers it.

use super::draw::Draw;
use super::products::{NOUNS, Product};
use super::words::{
    ADJECTIVES, BRANDS, BRANDS_PER_CATEGORY, CATEGORIES, NOUNS_PER_CATEGORY, Noun,
    QUERY_ADJECTIVES, brand_of,
};

/// One query: a noun or its synonym, now and then after a brand or an adjective.
#[derive(Clone, Copy)]
pub(super) struct Query {
    pub(super) noun: usize,
    synonym: bool,
    modifier: Modifier,
}

#[derive(Clone, Copy)]
enum Modifier {
    None,
    Brand(usize),
    Adjective(usize),
}

/// Forms of one noun: the name and the synonym.
const FORMS: usize = 2;
const MODIFIERS: usize = 1 + BRANDS_PER_CATEGORY + QUERY_ADJECTIVES;

/// The texts of all queries that can be asked, and their word matches with all nouns.
pub(super) struct Queries {
    texts: Vec<String>,
    /// Words of each noun form that each noun's titles contain.
    hits: Vec<[f64; NOUNS]>,
    words: Vec<f64>,
}

impl Query {
    /// A query for goods of the noun.
    pub(super) fn draw(noun: usize, draw: &mut Draw) -> Self {
        let synonym = draw.chance(0.1);
        let modifier = match draw.weighted(&[0.5, 0.3, 0.2]) {
            0 => Modifier::None,
            1 => Modifier::Brand(draw.below(BRANDS_PER_CATEGORY)),
            _ => Modifier::Adjective(draw.below(QUERY_ADJECTIVES)),
        };
        Self {
            noun,
            synonym,
            modifier,
        }
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
        let detail = match self.modifier {
            Modifier::None if same_noun => 0.3,
            Modifier::None => 0.0,
            _ if self.modifier_in(product) => 0.35,
            _ => 0.0,
        };
        meant + detail
    }

    fn modifier_in(&self, product: &Product) -> bool {
        match self.modifier {
            Modifier::None => false,
            Modifier::Brand(slot) => {
                brand_of(self.noun / NOUNS_PER_CATEGORY, slot) == usize::from(product.brand)
            }
            Modifier::Adjective(adjective) => adjective == usize::from(product.adjective),
        }
    }

    fn form(&self) -> usize {
        self.noun * FORMS + usize::from(self.synonym)
    }

    fn index(&self) -> usize {
        let modifier = match self.modifier {
            Modifier::None => 0,
            Modifier::Brand(slot) => 1 + slot,
            Modifier::Adjective(adjective) => 1 + BRANDS_PER_CATEGORY + adjective,
        };
        self.form() * MODIFIERS + modifier
    }
}

impl Queries {
    /// Writes every query once.
    pub(super) fn new() -> Self {
        let mut queries = Self {
            texts: Vec::with_capacity(NOUNS * FORMS * MODIFIERS),
            hits: Vec::with_capacity(NOUNS * FORMS),
            words: Vec::with_capacity(NOUNS * FORMS),
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
                for slot in 0..BRANDS_PER_CATEGORY {
                    let brand = BRANDS[brand_of(number / NOUNS_PER_CATEGORY, slot)];
                    queries
                        .texts
                        .push(format!("{} {form}", brand.to_lowercase()));
                }
                for adjective in &ADJECTIVES[..QUERY_ADJECTIVES] {
                    queries.texts.push(format!("{adjective} {form}"));
                }
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
        let form = query.form();
        let mut hits = self.hits[form][usize::from(product.noun)];
        let mut words = self.words[form];
        if !matches!(query.modifier, Modifier::None) {
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
        let mut draw = Draw::new(5, 0);
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
