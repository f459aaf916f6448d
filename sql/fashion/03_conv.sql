-- Trains the convolutional pair of image_gan on Fashion-MNIST, and then a classifier on nothing but what it draws.
-- Expect losses and a falling Frechet distance, then the accuracy on real images. Needs 01_classifier.sql.

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

-- One of each kind, as PNG files would hold them.
SELECT label, image_png(pixels, 28, 28) AS picture FROM GENERATE(MODEL fashion_conv, n => 10) ORDER BY label;

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
