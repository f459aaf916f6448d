//! What models reach on real logs. A set that is not there is skipped in one printed line.

use std::path::PathBuf;

use arrow::array::AsArray;
use arrow::datatypes::Float64Type;
use sqltorch::Engine;

/// The folder of a real data set: in SQLTORCH_TEST_DATA, or beside the clone.
pub fn data(set: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
    let root = std::env::var("SQLTORCH_TEST_DATA").unwrap_or(beside.into());
    let folder = PathBuf::from(root).join(set);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not there", folder.display());
    None
}

/// The 35 categorical columns of the yardstick.
fn categories() -> Vec<String> {
    let plain = "user_id video_id tab hour user_active_degree is_lowactive_period is_live_streamer \
                 is_video_author follow_user_num_range fans_user_num_range friend_user_num_range \
                 register_days_range author_id video_type upload_type music_type tag";
    let onehot = (0..18).map(|i| format!("onehot_feat{i}"));
    plain
        .split_whitespace()
        .map(str::to_string)
        .chain(onehot)
        .collect()
}

/// KuaiRand-Pure (Gao et al., CIKM 2022), trained on the days before 5 May 2022 with default options,
/// tested on 5 and 6 May.
#[tokio::test(flavor = "multi_thread")]
async fn kuairand_with_default_options() {
    let Some(folder) = data("kuairand") else {
        return;
    };
    let models = tempfile::tempdir().unwrap();
    let engine = Engine::builder().model_dir(models.path()).build().unwrap();
    let columns = categories();
    let (mut list, mut quoted) = (Vec::new(), Vec::new());
    for column in &columns {
        quoted.push(format!("'{column}'"));
        list.push(match column.as_str() {
            "hour" => "hourmin / 100 AS hour".to_string(),
            "user_id" | "video_id" => format!("l.{column}"),
            column => column.to_string(),
        });
    }
    let folder = folder.display();
    let view = format!(
        "CREATE VIEW logs AS SELECT {}, ln(1 + duration_ms / 1000.0) AS log_duration, date, is_click, \
         long_view, is_like FROM '{folder}/log.parquet' l \
         LEFT JOIN '{folder}/users.parquet' u ON l.user_id = u.user_id \
         LEFT JOIN '{folder}/videos.parquet' v ON l.video_id = v.video_id",
        list.join(", ")
    );
    let create = format!(
        "CREATE MODEL kuai OPTIONS (input_label_cols = ['is_click', 'long_view', 'is_like'], \
         scenario_col = 'tab', categorical_cols = [{}]) \
         AS SELECT * EXCLUDE (date) FROM logs WHERE date < 20220505",
        quoted.join(", ")
    );
    let evaluate =
        "SELECT auc FROM EVALUATE(MODEL kuai, (SELECT * FROM logs WHERE date >= 20220505))";
    let mut last = Vec::new();
    for sql in [view.as_str(), create.as_str(), evaluate] {
        last = engine.sql(sql).await.unwrap().collect().await.unwrap();
    }
    let columns = last
        .iter()
        .map(|b| b.column(0).as_primitive::<Float64Type>());
    let auc: Vec<f64> = columns.flat_map(|c| c.values().to_vec()).collect();
    println!("AUC of is_click, long_view, is_like: {auc:.4?}");
    assert!(
        auc[0] >= 0.733 && auc[1] >= 0.731 && auc[2] >= 0.75,
        "{auc:?}"
    );
}

/// The log is drawn from known probabilities: how much of what there is to know has a model learnt?
/// With a million rows it is 96 %; the smaller log of this test leaves less to learn from.
#[tokio::test(flavor = "multi_thread")]
async fn comes_close_to_the_truth_of_a_generated_log() {
    let place = tempfile::tempdir().unwrap();
    let logs = place.path().join("logs");
    let made = std::process::Command::new(env!("CARGO_BIN_EXE_sqltorch"))
        .args(["datagen", "--rows", "200000", "--seed", "7", "--output"])
        .arg(&logs)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let engine = Engine::builder()
        .model_dir(place.path().join("models"))
        .build()
        .unwrap();
    let logs = logs.display();
    let statements = [
        format!(
            "CREATE VIEW logs AS SELECT l.*, segment, age_band, region, category, brand, list_price \
             FROM '{logs}/log.parquet' l JOIN '{logs}/users.parquet' u ON l.user_id = u.user_id \
             JOIN '{logs}/products.parquet' p ON l.product_id = p.product_id"
        ),
        "CREATE MODEL m OPTIONS (input_label_cols = ['click', 'cart', 'purchase'], \
         scenario_col = 'scene', user_col = 'user_id', item_col = 'product_id', \
         exclude_cols = ['row_id', 'session_id', 'query', 'review', 'rating']) \
         AS SELECT * FROM logs WHERE row_id % 5 <> 0"
            .to_string(),
        format!(
            "SELECT (auc(p.click, p.p_click) - 0.5) / (auc(p.click, t.p_click) - 0.5) \
             FROM PREDICT(MODEL m, (SELECT * FROM logs WHERE row_id % 5 = 0)) p \
             JOIN '{logs}/truth.parquet' t ON p.row_id = t.row_id"
        ),
    ];
    let mut last = Vec::new();
    for sql in &statements {
        last = engine.sql(sql).await.unwrap().collect().await.unwrap();
    }
    let share = last[0].column(0).as_primitive::<Float64Type>().value(0);
    println!("share of what there is to know about clicks: {share:.3}");
    assert!(share > 0.9, "{share}");
}
