-- Trains the convolutional pair of image_gan on Fashion-MNIST, and then a classifier on nothing but what it draws.
-- Expect a Frechet distance that falls to about 7, then an accuracy near .87 on real images. Needs 01_classifier.sql.

DROP MODEL IF EXISTS fashion_conv;

-- The epoch with the smallest Frechet distance, taken in the features of fashion_classifier, is kept.
CREATE MODEL fashion_conv OPTIONS (
  model_type = 'image_gan',
  arch = 'conv',
  input_label_cols = ['label'],
  classifier = 'fashion_classifier',
  epochs = 12
) AS
SELECT pixels, label FROM 'data/download/fashion/train.parquet';

-- Drawn images come as pixels, like those of the query; image_png makes the bytes of a PNG file of them.
-- A grid of all kinds: sqltorch images --model fashion_conv --n 100 --output conv.png
SELECT label, count(*) AS images, count(DISTINCT image_png(pixels, 28, 28)) AS different
FROM GENERATE(MODEL fashion_conv, n => 1000) GROUP BY label ORDER BY label;

-- Trained on synthetic, tested on real.
DROP MODEL IF EXISTS tstr_conv;

CREATE MODEL tstr_conv OPTIONS (
  model_type = 'image_classifier',
  input_label_cols = ['label'],
  tasks = {'label': 'multiclass'},
  epochs = 4,
  batch_size = 128,
  dropout = 0.3,
  data_split_method = 'no_split'
) AS
SELECT pixels, label FROM GENERATE(MODEL fashion_conv, n => 60000);

SELECT avg(CAST(predicted_label = label AS INT)) AS accuracy
FROM PREDICT(MODEL tstr_conv, (SELECT * FROM 'data/download/fashion/test.parquet'));

SELECT label, avg(CAST(predicted_label = label AS INT)) AS recall
FROM PREDICT(MODEL tstr_conv, (SELECT * FROM 'data/download/fashion/test.parquet'))
GROUP BY label ORDER BY label;
