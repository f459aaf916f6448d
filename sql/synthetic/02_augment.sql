-- A rare task, bought with a coupon, learnt from few rows: alone, and beside 2,000 drawn ones that have the label.
-- Expect used_coupon to gain about .02 AUC on the last weeks, the others to lose a little. Needs 01_generator.sql.

-- The rows that 01_generator.sql learns from; a tenth of the households is held back to stop by.
CREATE OR REPLACE VIEW learnt AS
SELECT channel, department, brand, age, income, household_size, pair_weeks, category_weeks, pair_discounted,
       household_discounted, price, popularity, has_coupon, bought, bought_two, used_coupon, household_id % 10 = 0 AS held
FROM 'data/download/walk/train.parquet'
WHERE week < 49 AND price > 0
ORDER BY md5(concat_ws('-', week, household_id, product_id)) LIMIT 50000;

DROP MODEL IF EXISTS few;

CREATE MODEL few OPTIONS (
  input_label_cols = ['bought', 'bought_two', 'used_coupon'],
  scenario_col = 'channel',
  data_split_method = 'custom',
  data_split_col = 'held',
  seed = 1
) AS
SELECT * FROM learnt;

DROP MODEL IF EXISTS augmented;

CREATE MODEL augmented OPTIONS (
  input_label_cols = ['bought', 'bought_two', 'used_coupon'],
  scenario_col = 'channel',
  data_split_method = 'custom',
  data_split_col = 'held',
  seed = 1
) AS
SELECT * FROM learnt
UNION ALL SELECT *, false FROM GENERATE(MODEL shopper, n => 2000, used_coupon => true);

SELECT task, judged.positives, round(few.auc, 4) AS auc_alone, round(judged.auc, 4) AS auc_with_drawn
FROM EVALUATE(MODEL augmented, (SELECT * FROM 'data/download/walk/train.parquet' WHERE week >= 49)) judged
JOIN EVALUATE(MODEL few, (SELECT * FROM 'data/download/walk/train.parquet' WHERE week >= 49)) few USING (task)
ORDER BY task;
