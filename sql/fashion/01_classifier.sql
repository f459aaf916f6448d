-- Trains a small convolutional network to tell the ten kinds of Fashion-MNIST apart, on the 60,000 real training images.
-- Expect an accuracy near .915 on the 10,000 test images, and recalls from .76 (6, shirts) to .99. Needs scripts/fashion.sh.

DROP MODEL IF EXISTS fashion_classifier;

CREATE MODEL fashion_classifier OPTIONS (
  model_type = 'image_classifier',
  input_label_cols = ['label'],
  tasks = {'label': 'multiclass'},
  epochs = 6,
  batch_size = 128,
  dropout = 0.3,
  data_split_method = 'no_split'
) AS
SELECT pixels, label FROM 'data/download/fashion/train.parquet';

SELECT avg(CAST(predicted_label = label AS INT)) AS accuracy
FROM PREDICT(MODEL fashion_classifier, (SELECT * FROM 'data/download/fashion/test.parquet'));

SELECT label, avg(CAST(predicted_label = label AS INT)) AS recall
FROM PREDICT(MODEL fashion_classifier, (SELECT * FROM 'data/download/fashion/test.parquet'))
GROUP BY label ORDER BY label;
