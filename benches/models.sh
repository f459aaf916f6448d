#!/bin/sh
# Every model type with one set of options on KuaiRand, five big tabs as scenarios, three tasks: AUC and GAUC.
#
#     benches/models.sh SQLTORCH KUAIRAND_FOLDER [SEEDS] [OPTIONS]
#     benches/models.sh target/release/sqltorch ../shared/data/kuairand "1 2 3"
#
# Each finished run is a few lines more in data/download/bench/models.csv; a run that is there is not repeated.
# OPTIONS go into every CREATE MODEL; another list of model types comes from MODELS="mmoe ple".
set -eu

sqltorch=$1
kuairand=$2
seeds=${3:-1 2 3}
options=${4:-}
cd "$(dirname "$0")/.."
work=data/download/bench
rows=$work/kuairand_tabs.parquet
runs=$work/models.csv
mkdir -p "$work"

run() { "$sqltorch" --no-init --quiet --model-dir "$work/models" "$@"; }

# The options as a SQL string holds them.
quoted=$(printf '%s' "$options" | sed "s/'/''/g")

columns='tab user_active_degree is_lowactive_period is_live_streamer is_video_author follow_user_num_range
  fans_user_num_range friend_user_num_range register_days_range author_id video_type upload_type music_type tag'
for i in $(seq 0 17); do columns="$columns onehot_feat$i"; done
categories=$(for c in user_id video_id hour $columns; do printf "'%s', " "$c"; done)

if [ ! -f "$rows" ]; then
  run -c "COPY (
    SELECT l.user_id, l.video_id, hourmin / 100 AS hour, $(echo $columns | sed 's/ /, /g'),
           ln(1 + duration_ms / 1000.0) AS log_duration, date, is_click, long_view, is_like
    FROM '$kuairand/log.parquet' l LEFT JOIN '$kuairand/users.parquet' u ON l.user_id = u.user_id
    LEFT JOIN '$kuairand/videos.parquet' v ON l.video_id = v.video_id
    WHERE tab IN (0, 1, 2, 4, 6)) TO '$rows'" >/dev/null
fi
[ -f "$runs" ] || echo 'model,options,seed,task,tab,rows,auc,gauc,epochs,rows_per_second' >"$runs"

models=${MODELS:-$(run --format csv -c 'SELECT model_type FROM ml_model_types() WHERE kind = '\''predictor'\''' | tail -n +2)}
for seed in $seeds; do
  for model in $models; do
    # A line begins with its key; the key is no regular expression.
    KEY="$model,\"$options\",$seed," awk 'index($0, ENVIRON["KEY"]) == 1 { found = 1 } END { exit !found }' "$runs" && continue
    echo "$model, seed $seed" >&2
    run --format csv -c "
      CREATE OR REPLACE MODEL run OPTIONS (
        model_type = '$model', input_label_cols = ['is_click', 'long_view', 'is_like'], scenario_col = 'tab',
        user_col = 'user_id', item_col = 'video_id', categorical_cols = [${categories%, }], exclude_cols = ['date'],
        $(case $model in esmm) echo "funnel = ['is_click', 'long_view'],";; esac)
        seed = $seed ${options:+, $options})
      AS SELECT * FROM '$rows' WHERE date < 20220505;" >/dev/null
    # All tabs together are tab -1.
    run --format csv -c "
      WITH test AS (SELECT * FROM '$rows' WHERE date >= 20220505),
      speed AS (SELECT max(epoch) AS epochs, avg(rows / seconds) AS rows_per_second FROM TRAINING_INFO(MODEL run)
                WHERE split = 'train')
      SELECT '$model', '\"$quoted\"', $seed, task, tab, rows, auc, gauc, epochs, round(rows_per_second)
      FROM (SELECT task, tab, rows, auc, gauc FROM EVALUATE(MODEL run, TABLE test, by => 'tab')
            UNION ALL SELECT task, -1, rows, auc, gauc FROM EVALUATE(MODEL run, TABLE test)) CROSS JOIN speed
      ORDER BY task, tab" | tail -n +2 | sed 's/"""/"/g' >>"$runs"
  done
done

echo 'Mean of the seeds over all tabs:'
run -c "
  SELECT model, count(DISTINCT seed) AS seeds,
         round(avg(auc) FILTER (WHERE task = 'is_click'), 4) AS click,
         round(avg(auc) FILTER (WHERE task = 'long_view'), 4) AS long_view,
         round(avg(auc) FILTER (WHERE task = 'is_like'), 4) AS like,
         round(avg(gauc) FILTER (WHERE task = 'is_click'), 4) AS click_gauc,
         round(avg(gauc) FILTER (WHERE task = 'long_view'), 4) AS long_view_gauc,
         round(avg(epochs), 1) AS epochs, round(avg(rows_per_second)) AS rows_per_second
  FROM '$runs' WHERE tab = -1 AND coalesce(options, '') = '$quoted' GROUP BY model ORDER BY avg(auc) DESC"
echo 'AUC by tab, mean of the tasks and seeds:'
run -c "
  SELECT model, round(avg(auc) FILTER (WHERE tab = 1), 4) AS tab_1, round(avg(auc) FILTER (WHERE tab = 0), 4) AS tab_0,
         round(avg(auc) FILTER (WHERE tab = 4), 4) AS tab_4, round(avg(auc) FILTER (WHERE tab = 6), 4) AS tab_6,
         round(avg(auc) FILTER (WHERE tab = 2), 4) AS tab_2
  FROM '$runs' WHERE tab >= 0 AND coalesce(options, '') = '$quoted' GROUP BY model
  ORDER BY avg(auc) FILTER (WHERE tab >= 0) DESC"
