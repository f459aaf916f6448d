-- Learns the rows of a grocer's log with all three labels at once, draws more of them, and judges these.
-- Expect ten epochs, five drawn rows, and scores near those of real rows (floor), far above independent columns. Needs make demo.

DROP MODEL IF EXISTS shopper;

-- bought_two and used_coupon are NULL where nothing was bought: the four tuples of labels that there are can be drawn, and no others.
CREATE MODEL shopper OPTIONS (
  model_type = 'tabular_gan',
  input_label_cols = ['bought', 'bought_two', 'used_coupon'],
  tasks = {'bought_two': 'binary', 'used_coupon': 'binary'},
  scenario_col = 'channel',
  constraints = ['price > 0', 'pair_weeks <= category_weeks'],
  epochs = 10
) AS
SELECT channel, department, brand, age, income, household_size, pair_weeks, category_weeks, pair_discounted,
       household_discounted, price, popularity, has_coupon, bought, bought_two, used_coupon
FROM 'data/download/walk/train.parquet'
WHERE week < 49 AND price > 0
ORDER BY md5(concat_ws('-', week, household_id, product_id)) LIMIT 50000;

-- Given values hold in every row.
SELECT department, income, pair_weeks, category_weeks, price, bought_two, used_coupon
FROM GENERATE(MODEL shopper, n => 5, bought => true, channel => 'both');

SELECT metric, subject, round(synthetic, 4) AS synthetic, round(floor, 4) AS floor, round(independent, 4) AS independent
FROM EVALUATE_SYNTHETIC(MODEL shopper,
  (SELECT * FROM 'data/download/walk/train.parquet' WHERE week < 49 AND price > 0),
  holdout => (SELECT * FROM 'data/download/walk/train.parquet' WHERE week >= 49 AND price > 0))
WHERE subject IS NULL OR metric LIKE 'tstr%' OR metric = 'constraint_violations';
