#!/bin/sh
# A rare scenario and a rare task on KuaiRand, trained with and without generated rows: AUC on the later days.
#
#     benches/augment.sh SQLTORCH [SEEDS] [OPTIONS]
#     benches/augment.sh target/release/sqltorch "1 2 3"
#
# The rows are those of benches/synthetic.sh, which makes them, but tab 2 has 200 of its own left. The same mmoe learns
# from those rows alone; with the rare ones repeated until there are about 5,000; and with 5,000 generated ones beside
# them, of tab 2, or of liked videos. A tenth of the real rows is held back to stop by; nothing that is repeated or that
# a generator has learnt from is among them.
#
# Each finished run is a few lines more in data/download/bench/augment.csv; a run that is there is not repeated. OPTIONS
# go into the CREATE MODEL of a tabular_gan; other generators come from MODELS.
set -eu

sqltorch=$1
seeds=${2:-1 2 3}
options=${3:-}
models=${MODELS:-copula tabular_gan}
cd "$(dirname "$0")/.."
work=data/download/bench
train=$work/kuairand_50000.parquet
test=$work/kuairand_later.parquet
rare=$work/kuairand_rare.parquet
runs=$work/augment.csv
labels="'is_click', 'long_view', 'is_like'"
columns="categorical_cols = ['tab', 'hour', 'is_video_author', 'onehot_feat0', 'onehot_feat1'], scenario_col = 'tab'"
split="data_split_method = 'custom', data_split_col = 'held'"

run() { "$sqltorch" --no-init --quiet --model-dir "$work/models" "$@"; }

[ -f "$test" ] || { echo "$test is not there: benches/synthetic.sh makes it" >&2; exit 1; }
[ -f "$rare" ] || run -c "
  COPY (SELECT * EXCEPT (n), n % 10 = 0 AS held FROM (
    SELECT *, row_number() OVER (PARTITION BY tab ORDER BY md5(concat_ws('-', hour, log_duration, onehot_feat0, onehot_feat1,
      fans_user_num_range, is_click, long_view, is_like))) AS n FROM '$train')
    WHERE tab <> 2 OR n <= 200) TO '$rare'" >/dev/null
[ -f "$runs" ] || echo 'rows,options,seed,task,tab,auc,positives' >"$runs"

# done_before NAME OPTIONS SEED: whether that run is there.
done_before() { KEY="$1,\"$2\",$3," awk 'index($0, ENVIRON["KEY"]) == 1 { found = 1 } END { exit !found }' "$runs"; }

# learn NAME OPTIONS SEED MORE: an mmoe from the rows and MORE of them, unless that was done.
learn() {
  done_before "$1" "$2" "$3" && return 0
  echo "$1, seed $3" >&2
  run -c "
    CREATE OR REPLACE MODEL augmented OPTIONS (model_type = 'mmoe', input_label_cols = [$labels], $columns, $split,
      seed = $3) AS SELECT * FROM '$rare' $4;" >/dev/null
  quoted=$(printf '%s' "$2" | sed "s/'/''/g")
  # All tabs together are tab -1.
  run --format csv -c "
    SELECT '$1', '\"$quoted\"', $3 AS seed, task, tab, auc, positives FROM (
      SELECT task, tab, auc, positives FROM EVALUATE(MODEL augmented, TABLE '$test', by => 'tab') WHERE tab = 2
      UNION ALL SELECT task, -1, auc, positives FROM EVALUATE(MODEL augmented, TABLE '$test'))
    ORDER BY task, tab" >"$work/scores.csv"
  tail -n +2 "$work/scores.csv" | sed 's/"""/"/g' >>"$runs"
}

for seed in $seeds; do
  learn 'real alone' '' "$seed" ''
  learn 'tab 2 repeated' '' "$seed" "UNION ALL SELECT t.* FROM '$rare' t CROSS JOIN generate_series(1, 25) WHERE tab = 2 AND NOT held"
  learn 'likes repeated' '' "$seed" "UNION ALL SELECT t.* FROM '$rare' t CROSS JOIN generate_series(1, 6) WHERE is_like = 1 AND NOT held"
  for model in $models; do
    given=; [ "$model" = copula ] || given=$options
    done_before "tab 2 of $model" "$given" "$seed" && done_before "likes of $model" "$given" "$seed" && continue
    run -c "
      CREATE OR REPLACE MODEL rare OPTIONS (model_type = '$model', input_label_cols = [$labels], $columns,
        seed = $seed ${given:+, $given}) AS SELECT * EXCEPT (held) FROM '$rare' WHERE NOT held;" >/dev/null
    learn "tab 2 of $model" "$given" "$seed" "UNION ALL SELECT *, false FROM GENERATE(MODEL rare, n => 5000, tab => 2)"
    learn "likes of $model" "$given" "$seed" "UNION ALL SELECT *, false FROM GENERATE(MODEL rare, n => 5000, is_like => 1)"
  done
done

run -c "
  SELECT rows, options, count(DISTINCT seed) AS seeds,
         round(avg(auc) FILTER (WHERE tab = 2 AND task = 'is_click'), 4) AS tab_2_click,
         round(avg(auc) FILTER (WHERE tab = 2 AND task = 'long_view'), 4) AS tab_2_long_view,
         round(avg(auc) FILTER (WHERE tab = -1 AND task = 'is_click'), 4) AS click,
         round(avg(auc) FILTER (WHERE tab = -1 AND task = 'long_view'), 4) AS long_view,
         round(avg(auc) FILTER (WHERE tab = -1 AND task = 'is_like'), 4) AS like
  FROM '$runs' GROUP BY rows, options ORDER BY min(seed), rows"
