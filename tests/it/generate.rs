//! What generators make of a real log. A set that is not there is skipped in one printed line.

use arrow::array::AsArray;
use arrow::datatypes::Float64Type;
use sqltorch::Engine;

use crate::quality::data;

/// The columns of KuaiRand that the generators learn.
const COLUMNS: &str = "tab, hourmin / 100 AS hour, user_active_degree, register_days_range, onehot_feat1, \
     video_type, upload_type, ln(1 + duration_ms / 1000.0) AS log_duration, is_click, long_view, is_like";

async fn number(engine: &Engine, sql: &str) -> f64 {
    let frame = engine
        .sql(sql)
        .await
        .unwrap_or_else(|e| panic!("{sql}: {e}"));
    let batches = frame
        .collect()
        .await
        .unwrap_or_else(|e| panic!("{sql}: {e}"));
    let rows = batches.iter().find(|batch| batch.num_rows() > 0);
    rows.map_or(f64::NAN, |batch| {
        let column = batch.column(0).as_primitive_opt::<Float64Type>();
        column.map_or(f64::NAN, |column| column.value(0))
    })
}

/// The total variation of `columns` between the log and generated rows, in SQL.
fn variation(columns: &str) -> String {
    let shares = |table: &str| {
        format!("(SELECT {columns}, count(*) / 10000.0 AS share FROM {table} GROUP BY {columns})")
    };
    let (a, b) = (shares("log"), shares("made"));
    let same: Vec<_> = columns
        .split(", ")
        .map(|column| format!("(a.{column} IS NOT DISTINCT FROM b.{column})"))
        .collect();
    format!(
        "SELECT sum(abs(coalesce(a.share, 0) - coalesce(b.share, 0))) / 2 FROM {a} a FULL JOIN {b} b ON {}",
        same.join(" AND ")
    )
}

/// KuaiRand-Pure (Gao et al., CIKM 2022): 10,000 rows, of which a network learns for a few seconds.
#[tokio::test(flavor = "multi_thread")]
async fn kuairand_rows_come_out_as_they_went_in() {
    let Some(folder) = data("kuairand") else {
        return;
    };
    let models = tempfile::tempdir().unwrap();
    let engine = Engine::builder()
        .model_dir(models.path())
        .device("cpu")
        .build()
        .unwrap();
    let folder = folder.display();
    let log = format!(
        "CREATE TABLE log AS SELECT {COLUMNS} FROM '{folder}/log.parquet' l \
         LEFT JOIN '{folder}/users.parquet' u ON l.user_id = u.user_id \
         LEFT JOIN '{folder}/videos.parquet' v ON l.video_id = v.video_id \
         ORDER BY md5(concat(l.user_id, '-', l.video_id, '-', time_ms)) LIMIT 10000"
    );
    number(&engine, &log).await;
    for (design, epochs) in [
        ("copula", ""),
        ("tabular_gan", ", epochs = 4, batch_size = 250"),
    ] {
        let create = format!(
            "CREATE MODEL {design} OPTIONS (model_type = '{design}', scenario_col = 'tab', \
             input_label_cols = ['is_click', 'long_view', 'is_like'], constraints = ['log_duration >= 1'] \
             {epochs}) AS SELECT * FROM log"
        );
        number(&engine, &create).await;
        let made = format!(
            "CREATE OR REPLACE TABLE made AS SELECT * FROM GENERATE(MODEL {design}, n => 10000)"
        );
        number(&engine, &made).await;
        let labels = number(&engine, &variation("is_click, long_view, is_like")).await;
        let hour = number(&engine, &variation("hour")).await;
        let pair = number(&engine, &variation("tab, is_click")).await;
        let least = number(&engine, "SELECT min(log_duration) FROM made").await;
        println!("{design}: labels {labels:.3}, hour {hour:.3}, tab and is_click {pair:.3}");
        assert!(
            labels < 0.03 && hour < 0.06 && pair < 0.12,
            "{design}: {labels} {hour} {pair}"
        );
        assert!(least >= 1., "{design}: {least}");
        let clicks = format!(
            "SELECT avg(CAST(is_click AS DOUBLE)) FROM GENERATE(MODEL {design}, n => 500, is_click => true)"
        );
        assert_eq!(number(&engine, &clicks).await, 1.);
    }
}
