-- Adds to every candidate what was known before its week: recency, frequency, price, discount habits, popularity.
-- Expect 684,555 rows of weeks 9 to 52 to learn from and 2,461,338 rows of week 53 to score, 53 columns each.

-- The joins below have their small side on the left and keep it so; up to a million rows of it are hashed once and
-- shared by all threads, which spares the wide rows on the right from being sorted into partitions again and again.
SET datafusion.optimizer.join_reordering = false;
SET datafusion.optimizer.hash_join_single_partition_threshold = 268435456;
SET datafusion.optimizer.hash_join_single_partition_threshold_rows = 1000000;

CREATE VIEW product AS SELECT * FROM 'data/download/walk/product.parquet';
CREATE VIEW candidate AS
  SELECT c.*, p.manufacturer_id, p.department, p.brand, p.product_category, p.product_type
  FROM product p RIGHT JOIN 'data/download/walk/candidate.parquet' c ON c.product_id = p.product_id;
CREATE VIEW purchase AS
  SELECT s.*, p.product_type FROM product p RIGHT JOIN 'data/download/walk/purchase.parquet' s ON s.product_id = p.product_id;

-- The household with this very product. `h.week < c.week` is what keeps the future out.
-- A faded count halves every 8 weeks: a frequency that forgets.
COPY (
  SELECT c.household_id, c.product_id, c.week,
         count(DISTINCT h.week) AS pair_weeks,
         sum(power(0.5, (c.week - h.week) / 8.0)) AS pair_faded,
         c.week - max(h.week) AS pair_since,
         CASE WHEN max(h.week) > min(h.week)
              THEN (c.week - max(h.week)) * (count(DISTINCT h.week) - 1.0) / (max(h.week) - min(h.week)) END AS pair_due,
         avg(CAST(h.quantity >= 2 AS INT)) AS pair_several,
         avg(CAST(h.discount > 0 AS INT)) AS pair_discounted,
         avg(CAST(h.coupon > 0 AS INT)) AS pair_coupon,
         avg(h.spent / nullif(h.quantity, 0)) AS pair_price
  FROM (SELECT DISTINCT household_id, product_id, week FROM candidate) c
  JOIN purchase h ON h.household_id = c.household_id AND h.product_id = c.product_id AND h.week < c.week
  GROUP BY c.household_id, c.product_id, c.week
) TO 'data/download/walk/pair.parquet';

-- The household with the category.
COPY (
  SELECT c.household_id, c.category_id, c.week,
         count(*) AS category_weeks,
         sum(power(0.5, (c.week - h.week) / 8.0)) AS category_faded,
         c.week - max(h.week) AS category_since,
         CASE WHEN max(h.week) > min(h.week)
              THEN (c.week - max(h.week)) * (count(*) - 1.0) / (max(h.week) - min(h.week)) END AS category_due,
         sum(h.several) / sum(h.products) AS category_several,
         sum(h.discounted) / sum(h.products) AS category_discounted,
         sum(h.coupon) / sum(h.products) AS category_coupon,
         sum(h.spent) / sum(h.products) AS category_spent
  FROM (SELECT DISTINCT household_id, category_id, week FROM candidate) c
  JOIN (SELECT household_id, category_id, week, count(*) AS products, sum(spent) AS spent,
               sum(CAST(quantity >= 2 AS DOUBLE)) AS several, sum(CAST(discount > 0 AS DOUBLE)) AS discounted,
               sum(CAST(coupon > 0 AS DOUBLE)) AS coupon
        FROM purchase GROUP BY household_id, category_id, week) h
    ON h.household_id = c.household_id AND h.category_id = c.category_id AND h.week < c.week
  GROUP BY c.household_id, c.category_id, c.week
) TO 'data/download/walk/category.parquet';

-- The household with the type of product, which is narrower than the category: "FLUID MILK WHITE ONLY" in "FLUID MILK PRODUCTS".
COPY (
  SELECT c.household_id, c.product_type, c.week,
         count(*) AS type_weeks,
         sum(power(0.5, (c.week - h.week) / 8.0)) AS type_faded,
         c.week - max(h.week) AS type_since
  FROM (SELECT DISTINCT household_id, product_type, week FROM candidate) c
  JOIN (SELECT DISTINCT household_id, product_type, week FROM purchase) h
    ON h.household_id = c.household_id AND h.product_type = c.product_type AND h.week < c.week
  GROUP BY c.household_id, c.product_type, c.week
) TO 'data/download/walk/type.parquet';

-- The household by itself.
COPY (
  SELECT c.household_id, c.week,
         sum(power(0.5, (c.week - h.week) / 8.0)) AS household_faded,
         c.week - max(h.week) AS household_since,
         sum(h.products) / count(*) AS household_products,
         sum(h.spent) / sum(h.products) AS household_spent,
         sum(h.several) / sum(h.products) AS household_several,
         sum(h.discounted) / sum(h.products) AS household_discounted,
         sum(h.coupon) / sum(h.products) AS household_coupon
  FROM (SELECT DISTINCT household_id, week FROM candidate) c
  JOIN (SELECT household_id, week, CAST(count(*) AS DOUBLE) AS products, sum(spent) AS spent,
               sum(CAST(quantity >= 2 AS DOUBLE)) AS several, sum(CAST(discount > 0 AS DOUBLE)) AS discounted,
               sum(CAST(coupon > 0 AS DOUBLE)) AS coupon
        FROM purchase GROUP BY household_id, week) h
    ON h.household_id = c.household_id AND h.week < c.week
  GROUP BY c.household_id, c.week
) TO 'data/download/walk/household.parquet';

-- The product with all households.
COPY (
  SELECT c.product_id, c.week,
         ln(1 + sum(h.buyers * power(0.5, (c.week - h.week) / 8.0))) AS popularity,
         coalesce(sum(h.buyers) FILTER (WHERE h.week = c.week - 1), 0) AS buyers_last_week,
         sum(h.price) / sum(h.buyers) AS price,
         sum(h.several) / sum(h.buyers) AS product_several,
         sum(h.discounted) / sum(h.buyers) AS product_discounted,
         sum(h.coupon) / sum(h.buyers) AS product_coupon
  FROM (SELECT DISTINCT product_id, week FROM candidate) c
  JOIN (SELECT product_id, week, CAST(count(*) AS DOUBLE) AS buyers, sum(spent / nullif(quantity, 0)) AS price,
               sum(CAST(quantity >= 2 AS DOUBLE)) AS several, sum(CAST(discount > 0 AS DOUBLE)) AS discounted,
               sum(CAST(coupon > 0 AS DOUBLE)) AS coupon
        FROM purchase GROUP BY product_id, week) h
    ON h.product_id = c.product_id AND h.week < c.week
  GROUP BY c.product_id, c.week
) TO 'data/download/walk/popularity.parquet';

-- The product in the very store.
COPY (
  SELECT c.product_id, c.store_id, c.week,
         ln(1 + sum(power(0.5, (c.week - h.week) / 8.0))) AS store_popularity
  FROM (SELECT DISTINCT product_id, store_id, week FROM candidate) c
  JOIN purchase h ON h.product_id = c.product_id AND h.store_id = c.store_id AND h.week < c.week
  GROUP BY c.product_id, c.store_id, c.week
) TO 'data/download/walk/store.parquet';

-- Coupons that lay in the mailbox: of a campaign sent to the household, running in that week, for that product.
-- Week 1 began on 26 December 2016.
COPY (
  SELECT DISTINCT c.household_id, c.product_id, c.week, TRUE AS has_coupon
  FROM (SELECT DISTINCT product_id, campaign_id FROM 'data/download/complete_journey/coupons.parquet') u
  JOIN (SELECT s.campaign_id, c.household_id, c.week, c.product_id
        FROM (SELECT m.household_id, d.campaign_id, d.first_week, d.last_week
              FROM (SELECT campaign_id,
                           1 + (to_unixtime(start_date) - to_unixtime(DATE '2016-12-26')) / 604800 AS first_week,
                           1 + (to_unixtime(end_date) - to_unixtime(DATE '2016-12-26')) / 604800 AS last_week
                    FROM 'data/download/complete_journey/campaign_descriptions.parquet') d
              JOIN 'data/download/complete_journey/campaigns.parquet' m ON m.campaign_id = d.campaign_id) s
        JOIN candidate c ON c.household_id = s.household_id AND c.week BETWEEN s.first_week AND s.last_week) c
    ON c.campaign_id = u.campaign_id AND c.product_id = u.product_id
) TO 'data/download/walk/coupon.parquet';

-- One row per candidate. Counts without history are 0; what is undefined without history stays NULL: the model has a flag for that.
CREATE VIEW featured AS
  SELECT c.week, c.household_id, c.store_id, c.product_id,
         c.quantity IS NOT NULL AS bought,
         CASE WHEN c.quantity IS NOT NULL THEN c.quantity >= 2 END AS bought_two,
         CASE WHEN c.quantity IS NOT NULL THEN c.coupon > 0 END AS used_coupon,
         CASE WHEN c.mailer_location = '0' THEN 'display' WHEN c.display_location = '0' THEN 'mailer' ELSE 'both' END AS channel,
         c.display_location, c.mailer_location,
         c.manufacturer_id, c.department, c.brand, c.product_category, c.product_type,
         d.age, d.income, d.household_size, d.kids_count,
         coalesce(w.pair_weeks, 0) AS pair_weeks, coalesce(w.pair_faded, 0) AS pair_faded,
         w.pair_since, w.pair_due, w.pair_several, w.pair_discounted, w.pair_coupon, w.pair_price,
         coalesce(t.type_weeks, 0) AS type_weeks, coalesce(t.type_faded, 0) AS type_faded, t.type_since,
         g.category_weeks, g.category_faded, g.category_since, g.category_due,
         g.category_several, g.category_discounted, g.category_coupon, g.category_spent,
         h.household_faded, h.household_since, h.household_products, h.household_spent,
         h.household_several, h.household_discounted, h.household_coupon,
         coalesce(q.popularity, 0) AS popularity, coalesce(q.buyers_last_week, 0) AS buyers_last_week,
         q.price, q.product_several, q.product_discounted, q.product_coupon,
         coalesce(s.store_popularity, 0) AS store_popularity,
         u.has_coupon IS NOT NULL AS has_coupon
  FROM        'data/download/walk/coupon.parquet' u
  RIGHT JOIN ('data/download/walk/store.parquet' s
  RIGHT JOIN ('data/download/walk/popularity.parquet' q
  RIGHT JOIN ('data/download/walk/pair.parquet' w
  RIGHT JOIN ('data/download/walk/type.parquet' t
  RIGHT JOIN ('data/download/walk/category.parquet' g
  RIGHT JOIN ('data/download/walk/household.parquet' h
  RIGHT JOIN ('data/download/complete_journey/demographics.parquet' d
  RIGHT JOIN candidate c
    ON d.household_id = c.household_id)
    ON h.household_id = c.household_id AND h.week = c.week)
    ON g.household_id = c.household_id AND g.week = c.week AND g.category_id = c.category_id)
    ON t.household_id = c.household_id AND t.week = c.week AND t.product_type = c.product_type)
    ON w.household_id = c.household_id AND w.week = c.week AND w.product_id = c.product_id)
    ON q.product_id = c.product_id AND q.week = c.week)
    ON s.product_id = c.product_id AND s.week = c.week AND s.store_id = c.store_id)
    ON u.household_id = c.household_id AND u.week = c.week AND u.product_id = c.product_id;

COPY (SELECT * FROM featured WHERE week < 53) TO 'data/download/walk/train.parquet';
COPY (SELECT * FROM featured WHERE week = 53) TO 'data/download/walk/last_week.parquet';

-- How much the past says: the share of candidates bought, by how many weeks of the past had the product in the basket.
SELECT CASE WHEN pair_weeks >= 10 THEN '10 or more' ELSE lpad(CAST(pair_weeks AS VARCHAR), 2, ' ') END AS weeks_bought_before,
       count(*) AS candidates, count(*) FILTER (WHERE bought) AS bought,
       round(100.0 * count(*) FILTER (WHERE bought) / count(*), 2) AS percent
FROM 'data/download/walk/last_week.parquet' GROUP BY 1 ORDER BY 1;
