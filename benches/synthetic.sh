#!/bin/sh
# Generators on KuaiRand, judged beside the floor and independent columns: 50,000 rows before 5 May 2022 to learn from.
# They are compared with the later days, and with one half of the rows learnt from while the floor is the other half.
#
#     benches/synthetic.sh SQLTORCH KUAIRAND_FOLDER [SEEDS] [OPTIONS]
#     benches/synthetic.sh target/release/sqltorch ../shared/data/kuairand "1 2 3"
#     MODELS=tabular_gan LABELS=is_click benches/synthetic.sh target/release/sqltorch ../shared/data/kuairand 1 "epochs = 10"
#
# Each finished run is a few lines more in data/download/bench/synthetic.csv; a run that is there is not repeated.
# OPTIONS go into every CREATE MODEL of a tabular_gan; other model types come from MODELS, and a generator of some of
# the labels alone from LABELS, the others then being no columns at all. An mmoe of the same rows is there as ranker:
#
#     MODELS=tabular_gan benches/synthetic.sh target/release/sqltorch ../shared/data/kuairand "1 2 3" "predictor = 'ranker'"
#
# Three generators of a label each take as many steps as one of all three with a third of the epochs:
#
#     for label in is_click long_view is_like; do
#       MODELS=tabular_gan LABELS=$label benches/synthetic.sh target/release/sqltorch ../shared/data/kuairand "1 2 3" "epochs = 5"
#     done
set -eu

sqltorch=$1
kuairand=$2
seeds=${3:-1}
options=${4:-}
models=${MODELS:-copula tabular_gan}
labels=${LABELS:-is_click long_view is_like}
cd "$(dirname "$0")/.."
work=data/download/bench
train=$work/kuairand_50000.parquet
test=$work/kuairand_later.parquet
runs=$work/synthetic.csv
mkdir -p "$work"

run() { "$sqltorch" --no-init --quiet --model-dir "$work/models" "$@"; }

# Names as a SQL array has them.
array() { for name in $1; do printf "'%s', " "$name"; done | sed 's/, $//'; }

columns='tab, hourmin / 100 AS hour, user_active_degree, is_video_author, follow_user_num_range, fans_user_num_range,
  register_days_range, onehot_feat0, onehot_feat1, video_type, upload_type, ln(1 + duration_ms / 1000.0) AS log_duration'
categories='tab hour is_video_author onehot_feat0 onehot_feat1'
joined="'$kuairand/log.parquet' l LEFT JOIN '$kuairand/users.parquet' u ON l.user_id = u.user_id
  LEFT JOIN '$kuairand/videos.parquet' v ON l.video_id = v.video_id"

# Fifty thousand rows by a hash of who saw what and when.
if [ ! -f "$test" ]; then
  run -c "COPY (
    SELECT $columns, is_click, long_view, is_like FROM $joined WHERE date < 20220505
    ORDER BY md5(concat_ws('-', l.user_id, l.video_id, date, hourmin)), is_click, long_view, is_like
    LIMIT 50000) TO '$train'" >/dev/null
  run -c "COPY (
    SELECT $columns, is_click, long_view, is_like FROM $joined WHERE date >= 20220505) TO '$test'" >/dev/null
fi
[ -f "$runs" ] || echo 'model,labels,options,seed,seconds,compared,metric,subject,synthetic,floor,independent' >"$runs"

case $options in *predictor*)
  run -c "
    CREATE OR REPLACE MODEL ranker OPTIONS (model_type = 'mmoe', input_label_cols = [$(array "$labels")],
      categorical_cols = [$(array "$categories")], seed = 1) AS SELECT * FROM '$train';" >/dev/null
esac

# Labels that are left out.
others=
for label in is_click long_view is_like; do
  case " $labels " in *" $label "*) ;; *) others="$others $label" ;; esac
done
selected="* ${others:+EXCEPT ($(echo $others | sed 's/ /, /g'))}"

for seed in $seeds; do
  for model in $models; do
    given=; [ "$model" = copula ] || given=$options
    # A line begins with its key; the key is no regular expression.
    KEY="$model,$labels,\"$given\",$seed," awk 'index($0, ENVIRON["KEY"]) == 1 { found = 1 } END { exit !found }' "$runs" && continue
    echo "$model of $labels, seed $seed" >&2
    from=$(date +%s)
    run -c "
      CREATE OR REPLACE MODEL run OPTIONS (
        model_type = '$model', input_label_cols = [$(array "$labels")], categorical_cols = [$(array "$categories")],
        seed = $seed ${given:+, $given})
      AS SELECT $selected FROM '$train';" >/dev/null
    seconds=$(($(date +%s) - from))
    # The options once more, as a SQL string and then as a CSV field hold them.
    quoted=$(printf '%s' "$given" | sed "s/'/''/g")
    run --format csv -c "
      SELECT '$model', '$labels', '\"$quoted\"', $seed AS seed, $seconds AS seconds, * FROM (
        SELECT 'later days', * FROM EVALUATE_SYNTHETIC(MODEL run,
          (SELECT $selected FROM '$train'), holdout => (SELECT $selected FROM '$test'))
        UNION ALL SELECT 'same days', * FROM EVALUATE_SYNTHETIC(MODEL run, (SELECT $selected FROM '$train')))
      " >"$work/scores.csv"
    tail -n +2 "$work/scores.csv" | sed 's/"""/"/g' >>"$runs"
  done
done

run -c "
  SELECT compared, metric, subject, model, labels, options, count(*) AS seeds, round(avg(synthetic), 4) AS synthetic,
         round(avg(floor), 4) AS floor, round(avg(independent), 4) AS independent, round(avg(seconds)) AS seconds
  FROM '$runs' WHERE subject IS NULL OR metric LIKE 'tstr%'
  GROUP BY compared, metric, subject, model, labels, options
  ORDER BY compared, metric, subject, model, labels DESC, options"
