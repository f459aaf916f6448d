//! The vocabulary of the shop: categories with their nouns, and the brands, adjectives and
//! colours from which titles and queries are made. No word stands in two of these lists.

/// A kind of goods inside a category, such as "running shoes".
pub(super) struct Noun {
    /// What titles say.
    pub(super) name: &'static str,
    /// What some people type instead; shares no word with any title.
    pub(super) synonym: &'static str,
}

/// One category of the shop.
pub(super) struct Category {
    pub(super) name: &'static str,
    /// Median list price, in currency units.
    pub(super) median_price: f64,
    pub(super) nouns: [Noun; NOUNS_PER_CATEGORY],
}

pub(super) const NOUNS_PER_CATEGORY: usize = 3;
/// Brands sold in one category; neighbouring categories share half of theirs.
pub(super) const BRANDS_PER_CATEGORY: usize = 6;
/// How many of the adjectives people use in queries (the first ones).
pub(super) const QUERY_ADJECTIVES: usize = 2;

const fn noun(name: &'static str, synonym: &'static str) -> Noun {
    Noun { name, synonym }
}

pub(super) const CATEGORIES: [Category; 12] = [
    Category {
        name: "shoes",
        median_price: 79.0,
        nouns: [
            noun("running shoes", "sneakers"),
            noun("hiking boots", "mountain footwear"),
            noun("leather sandals", "slides"),
        ],
    },
    Category {
        name: "clothing",
        median_price: 39.0,
        nouns: [
            noun("cotton shirt", "blouse"),
            noun("rain jacket", "anorak"),
            noun("denim trousers", "jeans"),
        ],
    },
    Category {
        name: "bags",
        median_price: 65.0,
        nouns: [
            noun("travel backpack", "rucksack"),
            noun("cabin suitcase", "luggage"),
            noun("shoulder bag", "purse"),
        ],
    },
    Category {
        name: "kitchen",
        median_price: 34.0,
        nouns: [
            noun("frying pan", "skillet"),
            noun("chef knife", "blade"),
            noun("espresso maker", "moka"),
        ],
    },
    Category {
        name: "home",
        median_price: 45.0,
        nouns: [
            noun("desk lamp", "reading light"),
            noun("wool blanket", "throw"),
            noun("storage basket", "hamper"),
        ],
    },
    Category {
        name: "garden",
        median_price: 29.0,
        nouns: [
            noun("pruning shears", "secateurs"),
            noun("watering can", "sprinkler"),
            noun("flower pot", "planter"),
        ],
    },
    Category {
        name: "audio",
        median_price: 99.0,
        nouns: [
            noun("wireless headphones", "headset"),
            noun("bookshelf speaker", "monitor"),
            noun("studio microphone", "mic"),
        ],
    },
    Category {
        name: "computers",
        median_price: 149.0,
        nouns: [
            noun("mechanical keyboard", "keypad"),
            noun("optical mouse", "pointer"),
            noun("solid state drive", "ssd"),
        ],
    },
    Category {
        name: "beauty",
        median_price: 24.0,
        nouns: [
            noun("face cream", "moisturizer"),
            noun("hair serum", "tonic"),
            noun("eau de parfum", "fragrance"),
        ],
    },
    Category {
        name: "toys",
        median_price: 27.0,
        nouns: [
            noun("building blocks", "bricks"),
            noun("jigsaw puzzle", "brainteaser"),
            noun("plush bear", "teddy"),
        ],
    },
    Category {
        name: "sports",
        median_price: 55.0,
        nouns: [
            noun("yoga mat", "gymnastics pad"),
            noun("cycling helmet", "headgear"),
            noun("tennis racket", "racquet"),
        ],
    },
    Category {
        name: "books",
        median_price: 16.0,
        nouns: [
            noun("crime novel", "thriller"),
            noun("cookery book", "recipes"),
            noun("picture atlas", "maps"),
        ],
    },
];

pub(super) const BRANDS: [&str; 36] = [
    "Norvik", "Altera", "Brisko", "Calden", "Dorimo", "Estelo", "Fenwick", "Galdor", "Hamura",
    "Ilvano", "Jorvela", "Kestrin", "Lumora", "Mavendo", "Nerida", "Oskany", "Pellaro", "Quanta",
    "Rivento", "Solvane", "Tamsin", "Ulmera", "Vandor", "Wexley", "Xandria", "Yoshiro", "Zelmar",
    "Arvika", "Bellano", "Corvina", "Delphor", "Emberly", "Falkner", "Grimaldo", "Hollis",
    "Isolde",
];

pub(super) const ADJECTIVES: [&str; 24] = [
    "lightweight",
    "classic",
    "compact",
    "premium",
    "sturdy",
    "soft",
    "modern",
    "small",
    "elegant",
    "durable",
    "foldable",
    "handmade",
    "everyday",
    "recycled",
    "slim",
    "large",
    "vintage",
    "practical",
    "bright",
    "quiet",
    "organic",
    "colourful",
    "heavy",
    "simple",
];

pub(super) const COLOURS: [&str; 8] = [
    "black", "white", "blue", "red", "green", "grey", "sand", "violet",
];

/// The brand in place `slot` (below [`BRANDS_PER_CATEGORY`]) of a category.
pub(super) fn brand_of(category: usize, slot: usize) -> usize {
    (category * (BRANDS_PER_CATEGORY / 2) + slot) % BRANDS.len()
}
