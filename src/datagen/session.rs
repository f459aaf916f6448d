//! Visits to the shop: who looks at which products, where, when and on which device.
//! What is shown never depends on labels.

use super::products::{Products, Shelf};
use super::query::{Queries, Query};
use super::truth::{DIMENSIONS, SCENE_ORDER};
use super::users::{FIRST_DAY, Users};
use super::words::{CATEGORIES, NOUNS_PER_CATEGORY};
use crate::random::Draws;

const DAYS: usize = 28;
const HOUR_MILLIS: f64 = 3_600_000.0;
/// Relative traffic by hour of the day.
const TRAFFIC: [f64; 24] = [
    1.6, 1.0, 0.6, 0.4, 0.4, 0.6, 1.2, 2.2, 3.0, 3.4, 3.6, 3.8, 4.4, 4.2, 3.8, 3.8, 4.0, 4.6, 5.2,
    6.2, 7.0, 6.6, 4.8, 3.0,
];
/// Scenes of the first and of later pages of a visit, and products shown on a page, in the order
/// of [`SCENE_ORDER`]; nobody begins on a detail page.
const FIRST_SCENE_SHARES: [f64; 3] = [0.45, 0.55, 0.0];
const LATER_SCENE_SHARES: [f64; 3] = [0.35, 0.2, 0.45];
const PAGE_SIZES: [usize; 3] = [10, 8, 5];

/// Where in the shop a product is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scene {
    Search = 0,
    Home = 1,
    Detail = 2,
}

impl Scene {
    /// As the log writes it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Home => "home",
            Self::Detail => "detail",
        }
    }
}

/// One product shown to one user: a row of the log before its labels.
#[derive(Clone)]
pub(super) struct Exposure {
    pub(super) session_id: i64,
    pub(super) user: usize,
    pub(super) product: usize,
    pub(super) scene: Scene,
    /// Place on the page, from 1.
    pub(super) position: u8,
    pub(super) device: u8,
    /// Milliseconds since 1970-01-01.
    pub(super) timestamp: i64,
    pub(super) hour: u8,
    pub(super) weekend: bool,
    pub(super) query: Option<Query>,
    /// Share of the query's words in the title; `None` outside search.
    pub(super) relevance: Option<f64>,
    /// How well the product is what the query means, around 0; 0 outside search.
    pub(super) answer: f64,
    pub(super) discount: f64,
}

/// Draws exposures session by session, in the order of their beginning.
pub(super) struct Sessions<'a> {
    users: &'a Users,
    products: &'a Products,
    queries: &'a Queries,
    clock: Clock,
    draw: Draws,
    rows: f64,
    visit: Visit,
    /// The page being shown, last product first.
    page: Vec<Exposure>,
    drawn: u64,
}

/// The state of the session being drawn.
struct Visit {
    session_id: i64,
    user: usize,
    device: u8,
    category: usize,
    pages_left: usize,
    first_page: bool,
    millis: f64,
}

impl<'a> Sessions<'a> {
    /// Sessions spread over the time of the log so that `rows` exposures fill it.
    pub(super) fn new(
        users: &'a Users,
        products: &'a Products,
        queries: &'a Queries,
        rows: u64,
        draw: Draws,
    ) -> Self {
        Self {
            users,
            products,
            queries,
            clock: Clock::new(),
            draw,
            rows: rows as f64,
            visit: Visit {
                session_id: 0,
                user: 0,
                device: 0,
                category: 0,
                pages_left: 0,
                first_page: true,
                millis: 0.0,
            },
            page: Vec::with_capacity(16),
            drawn: 0,
        }
    }

    /// The next row.
    pub(super) fn next(&mut self) -> Exposure {
        loop {
            if let Some(exposure) = self.page.pop() {
                self.drawn += 1;
                return exposure;
            }
            if self.visit.pages_left == 0 {
                self.begin_visit();
            }
            self.turn_page();
        }
    }

    fn begin_visit(&mut self) {
        let draw = &mut self.draw;
        let user = self.users.active(draw);
        let device = if draw.chance(0.8) {
            self.users.all[user].device
        } else {
            draw.weighted(&[0.6, 0.3, 0.1]) as u8
        };
        self.visit = Visit {
            session_id: self.visit.session_id + 1,
            user,
            device,
            category: favourite(self.users, self.products, user, draw),
            pages_left: 1 + draw.weighted(&[0.3, 0.3, 0.2, 0.12, 0.08]),
            first_page: true,
            millis: self.clock.at(self.drawn as f64 / self.rows),
        };
    }

    fn turn_page(&mut self) {
        self.visit.pages_left -= 1;
        let shares = if self.visit.first_page {
            &FIRST_SCENE_SHARES
        } else {
            &LATER_SCENE_SHARES
        };
        self.visit.first_page = false;
        let scene = SCENE_ORDER[self.draw.weighted(shares)];
        let noun = self.visit.category * NOUNS_PER_CATEGORY + self.draw.below(NOUNS_PER_CATEGORY);
        let query = (scene == Scene::Search).then(|| Query::draw(noun, &mut self.draw));
        let begin = self.visit.millis;
        let hours = (begin / HOUR_MILLIS) as u64;
        let day = hours / 24;
        let size = PAGE_SIZES[scene as usize];
        for position in 1..=size {
            let product = self.choose(scene, noun);
            let shown = &self.products.all[product];
            let relevance = query.map(|q| self.queries.word_match(&q, shown));
            self.page.push(Exposure {
                session_id: self.visit.session_id,
                user: self.visit.user,
                product,
                scene,
                position: position as u8,
                device: self.visit.device,
                timestamp: i64::from(FIRST_DAY) * 86_400_000
                    + (begin + 400.0 * (position - 1) as f64) as i64,
                hour: (hours % 24) as u8,
                weekend: day % 7 >= 5,
                query,
                relevance,
                answer: query.map_or(0.0, |q| q.answered_by(shown) - 0.6),
                discount: self.products.discount(product, day),
            });
        }
        self.page.reverse();
        self.visit.millis += 15_000.0 + 60_000.0 * self.draw.unit();
    }

    /// A product for the page that is not on it yet, from a wider shelf when that takes long.
    fn choose(&mut self, scene: Scene, noun: usize) -> usize {
        let draw = &mut self.draw;
        let (noun_share, category_share) = match scene {
            Scene::Search => (0.75, 0.2),
            Scene::Home => (0.1, 0.4),
            Scene::Detail => (0.35, 0.5),
        };
        let mut shelf = match draw.weighted(&[noun_share, category_share, 0.1]) {
            0 => Shelf::Noun(noun),
            1 => Shelf::Category(noun / NOUNS_PER_CATEGORY),
            _ => Shelf::All,
        };
        let mut product = self.products.take_from(shelf, draw);
        for attempt in 0..8 {
            if self.page.iter().all(|e| e.product != product) {
                break;
            }
            if attempt % 2 == 1 {
                shelf = shelf.wider();
            }
            product = self.products.take_from(shelf, draw);
        }
        product
    }
}

/// The category a visit is about: rather one that suits the user's taste.
fn favourite(users: &Users, products: &Products, user: usize, draw: &mut Draws) -> usize {
    let taste = &users.all[user].effects.taste;
    let weights: [f64; CATEGORIES.len()] = std::array::from_fn(|category| {
        let style = &products.category_style[category];
        let fit: f64 = (0..DIMENSIONS).map(|d| taste[d] * style[d]).sum();
        (0.5 * fit).exp()
    });
    draw.weighted(&weights)
}

/// From the share of the log already written to the time of day: busy hours take more of it.
struct Clock {
    /// Traffic before each hour and after the last, as shares.
    before: Vec<f64>,
}

impl Clock {
    fn new() -> Self {
        let mut before = vec![0.0];
        let mut sum = 0.0;
        for hour in 0..DAYS * 24 {
            let weekend = if hour / 24 % 7 >= 5 { 1.2 } else { 1.0 };
            sum += TRAFFIC[hour % 24] * weekend;
            before.push(sum);
        }
        before.iter_mut().for_each(|share| *share /= sum);
        Self { before }
    }

    /// Milliseconds after the log's beginning.
    fn at(&self, share: f64) -> f64 {
        let hour = self
            .before
            .partition_point(|before| *before <= share)
            .clamp(1, DAYS * 24)
            - 1;
        let width = self.before[hour + 1] - self.before[hour];
        (hour as f64 + (share - self.before[hour]) / width) * HOUR_MILLIS
    }
}
