-- Trains one model for three questions: bought, two or more of it, with a coupon; in three scenarios: display, mailer, both.
-- Expect a row per epoch, split and task, with an eval AUC near 0.85 for bought, and then what the model made of each column.

DROP MODEL IF EXISTS basket;

-- bought_two and used_coupon are NULL where nothing was bought: those rows say nothing about them.
-- The last tenth of the rows by week, weeks 49 to 52, is held back: training stops when it no longer gains there.
CREATE MODEL basket OPTIONS (
  model_type = 'mmoe',
  input_label_cols = ['bought', 'bought_two', 'used_coupon'],
  scenario_col = 'channel',
  user_col = 'household_id',
  item_col = 'product_id',
  data_split_method = 'seq',
  data_split_col = 'week',
  data_split_eval_fraction = 0.1,
  early_stop = true
) AS
SELECT * FROM 'data/download/walk/train.parquet';

SELECT "column", role, encoding, "distinct", nulls FROM FEATURE_INFO(MODEL basket);
