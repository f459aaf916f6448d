-- Scores every candidate of The Complete Journey that SQL can build: 116.6 million, none of them ever stored.
-- Expect one row per channel. Run it after `make demo`: sqltorch --memory-limit 2GB -f benches/score_all.sql

SET datafusion.optimizer.join_reordering = false;

-- Who, what, where and how promoted: what is known of a candidate without a look into the past.
CREATE OR REPLACE MODEL everyone OPTIONS (
  input_label_cols = ['bought'], scenario_col = 'channel', user_col = 'household_id', item_col = 'product_id', epochs = 2
) AS
SELECT bought, channel, household_id, store_id, product_id, display_location, mailer_location, manufacturer_id, department,
       brand, product_category, product_type, age, income, household_size, kids_count
FROM 'data/download/walk/train.parquet';

-- A household's visit to a store in a week, and what was promoted there of the categories that it buys.
CREATE VIEW candidates AS
SELECT CASE WHEN c.mailer_location = '0' THEN 'display' WHEN c.display_location = '0' THEN 'mailer' ELSE 'both' END AS channel,
       c.*, d.age, d.income, d.household_size, d.kids_count
FROM 'data/download/complete_journey/demographics.parquet' d
RIGHT JOIN (
  SELECT v.household_id, v.store_id, m.product_id, m.display_location, m.mailer_location, m.manufacturer_id, m.department,
         m.brand, m.product_category, m.product_type
  FROM 'data/download/walk/visit.parquet' v
  JOIN (SELECT p.*, m.store_id, m.week, m.display_location, m.mailer_location
        FROM 'data/download/walk/product.parquet' p
        JOIN 'data/download/complete_journey/promotions.parquet' m ON m.product_id = p.product_id
        WHERE m.week >= 9 AND (m.display_location <> '0' OR m.mailer_location <> '0')) m
    ON m.store_id = v.store_id AND m.week = v.week AND m.category_id = v.category_id) c
  ON d.household_id = c.household_id;

SELECT channel, count(*) AS candidates, avg(p_bought) AS mean, max(p_bought) AS highest
FROM PREDICT(MODEL everyone, TABLE candidates)
GROUP BY channel ORDER BY channel;
