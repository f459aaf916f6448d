-- Picks the ten best products for every household of week 53, and holds them against what was really bought.
-- Expect the model to find about 35 % of the purchases, more than habit (33 %) and best-sellers (16 %) do, three shopping lists, and the path of the file.

-- Three ways of ranking: the model, the product that the household bought in most weeks before, and the best-seller.
-- A product may stand in several stores and counts once; nobody came by more than four, so 40 places hold ten products.
COPY (
  WITH offer AS (
    SELECT *,
           row_number() OVER (PARTITION BY household_id ORDER BY p_bought DESC, product_id, store_id) AS model,
           row_number() OVER (PARTITION BY household_id ORDER BY pair_weeks DESC, popularity DESC, product_id, store_id) AS habit,
           row_number() OVER (PARTITION BY household_id ORDER BY popularity DESC, product_id, store_id) AS best_seller
    FROM 'data/download/walk/scored.parquet'),
  item AS (
    SELECT household_id, product_id, bool_or(bought) AS bought,
           min(model) AS model, min(habit) AS habit, min(best_seller) AS best_seller,
           first_value(store_id ORDER BY model) AS store_id, first_value(channel ORDER BY model) AS channel,
           first_value(price ORDER BY model) AS price, max(pair_weeks) AS pair_weeks,
           first_value(p_bought ORDER BY model) AS p_bought,
           first_value(p_bought_two ORDER BY model) AS p_bought_two,
           first_value(p_used_coupon ORDER BY model) AS p_used_coupon
    FROM offer WHERE least(model, habit, best_seller) <= 40
    GROUP BY household_id, product_id)
  SELECT household_id, product_id, store_id, channel, price, pair_weeks, p_bought, p_bought_two, p_used_coupon, bought,
         row_number() OVER (PARTITION BY household_id ORDER BY model) AS model_rank,
         row_number() OVER (PARTITION BY household_id ORDER BY habit) AS habit_rank,
         row_number() OVER (PARTITION BY household_id ORDER BY best_seller) AS best_seller_rank
  FROM item
) TO 'data/download/walk/ranked.parquet';

COPY (
  SELECT r.household_id, r.model_rank AS rank, r.product_id, r.store_id, r.channel,
         initcap(p.product_type) || coalesce(', ' || regexp_replace(lower(p.package_size), '^l? +', ''), '') AS product,
         initcap(p.product_category) AS category, p.brand, round(r.price, 2) AS price,
         r.pair_weeks AS weeks_bought_before,
         r.p_bought, r.p_bought_two, r.p_used_coupon, r.bought
  FROM 'data/download/walk/product.parquet' p
  JOIN 'data/download/walk/ranked.parquet' r ON r.product_id = p.product_id
  WHERE r.model_rank <= 10
  ORDER BY r.household_id, r.model_rank
) TO 'data/download/top_ten.parquet';

-- Ten guesses per household: how many products were really bought, and which part of all purchases that is.
WITH bought AS (
  SELECT count(*) AS total FROM (
    SELECT DISTINCT household_id, product_id FROM 'data/download/walk/scored.parquet' WHERE bought)),
guess AS (
  SELECT 1 AS place, 'the model' AS ranking, household_id, bought
  FROM 'data/download/walk/ranked.parquet' WHERE model_rank <= 10
  UNION ALL
  SELECT 2, 'what the household bought most often', household_id, bought
  FROM 'data/download/walk/ranked.parquet' WHERE habit_rank <= 10
  UNION ALL
  SELECT 3, 'best-sellers', household_id, bought
  FROM 'data/download/walk/ranked.parquet' WHERE best_seller_rank <= 10)
SELECT ranking, count(*) AS guesses, count(*) FILTER (WHERE bought) AS bought,
       round(100.0 * count(*) FILTER (WHERE bought) / max(total), 1) AS percent_of_purchases_found,
       count(DISTINCT household_id) FILTER (WHERE bought) AS households_with_a_hit,
       count(DISTINCT household_id) AS households
FROM guess CROSS JOIN bought
GROUP BY place, ranking ORDER BY place;

-- The lists of the three households with the lowest numbers: in how many weeks each bought the product before, the chance
-- that it buys it on a visit in this week, and whether it did.
SELECT household_id AS household, rank, product, category, price, channel, weeks_bought_before AS "weeks before",
       round(100 * p_bought, 1) AS "chance %", CASE WHEN bought THEN 'yes' ELSE '' END AS bought
FROM 'data/download/top_ten.parquet'
WHERE household_id IN (SELECT DISTINCT household_id FROM 'data/download/top_ten.parquet' ORDER BY household_id LIMIT 3)
ORDER BY household_id, rank;

SELECT 'data/download/top_ten.parquet' AS "the ten best for every household are in",
       count(*) AS rows, count(DISTINCT household_id) AS households
FROM 'data/download/top_ten.parquet';
