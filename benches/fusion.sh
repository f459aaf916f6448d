#!/bin/sh
# Every way of weighing the losses on KuaiRand as benches/models.sh has it, three tasks, one model type: AUC of each
# task and rows a second.
#
#     benches/fusion.sh SQLTORCH KUAIRAND_FOLDER [SEEDS] [OPTIONS]
#     benches/fusion.sh target/release/sqltorch ../shared/data/kuairand "1 2 3"
#
# The runs are those of benches/models.sh, in its file, and are not repeated. Another model type comes from
# MODEL=ple, other ways from WEIGHTINGS="fixed mgda"; OPTIONS go into every CREATE MODEL.
set -eu

sqltorch=$1
kuairand=$2
seeds=${3:-1 2 3}
options=${4:+, $4}
folder=$(cd "$(dirname "$0")" && pwd)
runs=$folder/../data/download/bench/models.csv
export MODELS="${MODEL:-mmoe}"

for seed in $seeds; do
  for weighting in ${WEIGHTINGS:-fixed uncertainty dwa rlw gradnorm metabalance pcgrad mgda cagrad famo}; do
    "$folder/models.sh" "$sqltorch" "$kuairand" "$seed" "loss_weighting = '$weighting'$options" >/dev/null
  done
done

# By themselves: where a column begins with many empty values, its type is not seen.
only=$folder/../data/download/bench/fusion.csv
{ head -n 1 "$runs"; grep "^$MODELS,\"loss_weighting" "$runs"; } >"$only"

ours="model = '$MODELS' AND options LIKE 'loss_weighting = ''%''$(printf '%s' "$options" | sed "s/'/''/g")'"
echo "Mean of the seeds over all tabs, $MODELS:"
"$sqltorch" --no-init --quiet -c "
  SELECT split_part(options, '''', 2) AS weighting, count(DISTINCT seed) AS seeds,
         round(avg(auc) FILTER (WHERE task = 'is_click'), 4) AS click,
         round(avg(auc) FILTER (WHERE task = 'long_view'), 4) AS long_view,
         round(avg(auc) FILTER (WHERE task = 'is_like'), 4) AS like,
         round(avg(auc), 4) AS mean, round(avg(epochs), 1) AS epochs, round(avg(rows_per_second)) AS rows_per_second
  FROM '$only' WHERE tab = -1 AND $ours GROUP BY 1 ORDER BY mean DESC"
