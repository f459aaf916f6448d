-- Builds the candidates: every product promoted in a store in a week in which a household came by, of a category it bought lately.
-- Expect 116.5 million candidates thinned out to 3.1 million rows: week 53 whole, and a sample of the weeks before with all purchases.

-- The small sides stand on the left of each join, which hashes them, and the 20.9 million promotions stream by on the right.
SET datafusion.optimizer.join_reordering = false;

COPY (
  SELECT product_id, manufacturer_id, department, brand, product_category, product_type, package_size,
         CASE WHEN product_category IS NOT NULL THEN dense_rank() OVER (ORDER BY product_category) END AS category_id
  FROM 'data/download/complete_journey/products.parquet'
) TO 'data/download/walk/product.parquet';

-- One row per household, store, week and product bought.
COPY (
  SELECT s.household_id, s.store_id, s.week, s.product_id, p.category_id, s.quantity, s.spent, s.discount, s.coupon
  FROM 'data/download/walk/product.parquet' p
  JOIN (SELECT household_id, store_id, week, product_id, sum(quantity) AS quantity, sum(sales_value) AS spent,
               sum(retail_disc) AS discount, sum(coupon_disc) AS coupon
        FROM 'data/download/complete_journey/transactions.parquet'
        GROUP BY household_id, store_id, week, product_id) s
    ON s.product_id = p.product_id
) TO 'data/download/walk/purchase.parquet';

-- A visit, and the categories that its household bought in the 8 weeks before.
COPY (
  SELECT v.household_id, v.store_id, v.week, i.category_id
  FROM (SELECT DISTINCT household_id, store_id, week FROM 'data/download/walk/purchase.parquet' WHERE week >= 9) v
  JOIN (SELECT DISTINCT household_id, category_id, week + ahead AS week
        FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8)) AS weeks(ahead)
        CROSS JOIN (SELECT DISTINCT household_id, category_id, week
                    FROM 'data/download/walk/purchase.parquet' WHERE category_id IS NOT NULL)) i
    ON i.household_id = v.household_id AND i.week = v.week
) TO 'data/download/walk/visit.parquet';

-- Week 53 is kept whole. Of the weeks before, all purchases, and of what was not bought one in 10 where the household had
-- bought the product before, else one in 400: near misses teach most, and 06 takes the sampling back. A hash of the keys
-- draws the sample, so it is the same every time and on any number of cores.
COPY (
  SELECT c.household_id, c.store_id, c.week, c.product_id, c.category_id,
         max(c.display_location) AS display_location, max(c.mailer_location) AS mailer_location,
         max(b.quantity) AS quantity, max(b.coupon) AS coupon
  FROM (SELECT * FROM 'data/download/walk/purchase.parquet' WHERE week >= 9) b
  RIGHT JOIN (
    SELECT m.*, f.first_week
    FROM (SELECT household_id, product_id, min(week) AS first_week
          FROM 'data/download/walk/purchase.parquet' GROUP BY household_id, product_id) f
    RIGHT JOIN (
      SELECT v.household_id, v.store_id, v.week, v.category_id, m.product_id, m.display_location, m.mailer_location,
             (v.household_id * 7919 + m.product_id * 104729 + v.store_id * 1299709 + v.week * 15485863) % 1000003 AS draw
      FROM 'data/download/walk/visit.parquet' v
      JOIN (SELECT p.category_id, m.*
            FROM 'data/download/walk/product.parquet' p
            JOIN 'data/download/complete_journey/promotions.parquet' m ON m.product_id = p.product_id
            WHERE m.week >= 9) m
        ON m.store_id = v.store_id AND m.week = v.week AND m.category_id = v.category_id) m
      ON f.household_id = m.household_id AND f.product_id = m.product_id
    WHERE m.week = 53 OR f.first_week IS NOT NULL OR m.draw % 400 = 0) c
    ON b.household_id = c.household_id AND b.store_id = c.store_id AND b.week = c.week AND b.product_id = c.product_id
  WHERE c.week = 53 OR b.quantity IS NOT NULL OR c.draw % CASE WHEN c.first_week < c.week THEN 10 ELSE 400 END = 0
  GROUP BY c.household_id, c.store_id, c.week, c.product_id, c.category_id
) TO 'data/download/walk/candidate.parquet';

SELECT CASE WHEN week < 53 THEN 'weeks 9 to 52, sampled' ELSE 'week 53, all' END AS part,
       count(*) AS candidates, count(quantity) AS bought,
       count(*) FILTER (WHERE quantity >= 2) AS two_or_more, count(*) FILTER (WHERE coupon > 0) AS with_coupon
FROM 'data/download/walk/candidate.parquet' GROUP BY part ORDER BY part DESC;
