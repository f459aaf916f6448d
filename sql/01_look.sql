-- Looks at the logs: a year of a grocer's receipts, and what it promoted where and how.
-- Expect four small tables: 1.47 million receipt lines, the months, 20.9 million promotions, and what most households buy.

SELECT count(DISTINCT household_id) AS households, count(DISTINCT store_id) AS stores,
       count(DISTINCT basket_id) AS baskets, count(*) AS receipt_lines,
       count(DISTINCT product_id) AS products, round(sum(sales_value)) AS revenue
FROM 'data/download/complete_journey/transactions.parquet';

SELECT to_char(date_trunc('month', transaction_timestamp), '%Y-%m') AS month,
       count(DISTINCT household_id) AS households, count(DISTINCT basket_id) AS baskets,
       repeat('#', CAST(count(DISTINCT basket_id) / 500 AS BIGINT)) AS "one # = 500 baskets"
FROM 'data/download/complete_journey/transactions.parquet'
GROUP BY month ORDER BY month;

-- Location '0' means not on display, or not in the mailer; every promotion is in at least one of them.
SELECT CASE WHEN mailer_location = '0' THEN 'display' WHEN display_location = '0' THEN 'mailer' ELSE 'both' END AS channel,
       count(*) AS promotions, count(DISTINCT store_id) AS stores, count(DISTINCT product_id) AS products
FROM 'data/download/complete_journey/promotions.parquet'
GROUP BY channel ORDER BY promotions DESC;

SELECT p.product_category AS category, count(DISTINCT s.household_id) AS households,
       round(sum(s.sales_value)) AS revenue,
       round(100.0 * count(*) FILTER (WHERE s.retail_disc > 0) / count(*)) AS percent_discounted,
       round(100.0 * count(*) FILTER (WHERE s.coupon_disc > 0) / count(*), 1) AS percent_with_coupon
FROM 'data/download/complete_journey/products.parquet' p
JOIN 'data/download/complete_journey/transactions.parquet' s ON s.product_id = p.product_id
WHERE p.product_category IS NOT NULL
GROUP BY category ORDER BY households DESC, category LIMIT 10;
