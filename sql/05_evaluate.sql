-- Evaluates the model on weeks that it has not learnt from, by scenario and by department.
-- Expect an AUC near 0.85 for bought and 0.8 for bought_two; 06 shows 0.95 for bought, as this sample is rich in near misses.

SELECT task, channel, rows, positives, round(auc, 3) AS auc, round(gauc, 3) AS gauc, round(log_loss, 4) AS log_loss
FROM EVALUATE(MODEL basket, (SELECT * FROM 'data/download/walk/train.parquet' WHERE week >= 49), by => 'channel')
ORDER BY task, channel;

-- A prediction is a table like any other: group it, filter it, feed it to an aggregate.
SELECT department, count(*) AS candidates, count(*) FILTER (WHERE bought) AS bought, round(auc(bought, p_bought), 3) AS auc
FROM PREDICT(MODEL basket, (SELECT * FROM 'data/download/walk/train.parquet' WHERE week >= 50))
GROUP BY department HAVING count(*) FILTER (WHERE bought) >= 100
ORDER BY auc DESC;
