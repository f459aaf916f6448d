//! What is measured: a log as one Parquet file, and a model over it.

use std::path::{Path, PathBuf};

use sqltorch::Engine;

use crate::Result;

/// Where a workload's rows come from.
pub enum Log {
    /// KuaiRand-Pure with the yardstick's 36 columns.
    Kuairand,
    /// A million generated rows of 26 categorical and 13 numeric columns; values in all of the former together.
    Generated { ids: u64 },
}

/// One workload.
pub struct Workload {
    /// Its name.
    pub name: &'static str,
    /// Its rows.
    pub log: Log,
    /// Options of its model besides columns and epochs.
    pub options: &'static str,
}

/// Every workload. The first is the yardstick's model.
pub static ALL: &[Workload] = &[
    Workload {
        name: "mmoe",
        log: Log::Kuairand,
        options: "model_type = 'mmoe', num_experts = 6, expert_units = [256, 128], tower_units = [64], dropout = 0.1",
    },
    Workload {
        name: "mmoe_float32",
        log: Log::Kuairand,
        options: "model_type = 'mmoe', num_experts = 6, expert_units = [256, 128], tower_units = [64], dropout = 0.1, \
                  precision = 'float32'",
    },
    Workload {
        name: "shared_bottom",
        log: Log::Kuairand,
        options: "model_type = 'shared_bottom', hidden_units = [256, 128]",
    },
    Workload {
        name: "small",
        log: Log::Kuairand,
        options: "model_type = 'mmoe', num_experts = 2, expert_units = [32], tower_units = [16], embedding_dim = 4",
    },
    Workload {
        name: "ids_10_thousand",
        log: Log::Generated { ids: 10_000 },
        options: "model_type = 'mmoe'",
    },
    Workload {
        name: "ids_10_million",
        log: Log::Generated { ids: 10_000_000 },
        options: "model_type = 'mmoe'",
    },
];

/// The workload of that name.
pub fn find(name: &str) -> Result<&'static Workload> {
    ALL.iter().find(|w| w.name == name).ok_or_else(|| {
        let known: Vec<_> = ALL.iter().map(|w| w.name).collect();
        format!("unknown workload {name:?}; known: {}", known.join(", ")).into()
    })
}

/// Rows of a generated log.
const GENERATED_ROWS: u64 = 1_000_000;

impl Workload {
    /// Whether its data is there or can be made.
    pub fn is_there(&self, data: &Path) -> bool {
        match self.log {
            Log::Kuairand => data.join("kuairand/log.parquet").exists(),
            Log::Generated { .. } => true,
        }
    }

    /// The Parquet file of its rows.
    pub fn file(&self, work: &Path) -> PathBuf {
        work.join(match self.log {
            Log::Kuairand => "kuairand.parquet".to_string(),
            Log::Generated { ids } => format!("generated_{ids}.parquet"),
        })
    }

    /// Makes that file unless it is there.
    pub async fn prepare(&self, data: &Path, work: &Path) -> Result {
        let file = self.file(work);
        if file.exists() {
            return Ok(());
        }
        let query = match self.log {
            Log::Kuairand => kuairand(&data.join("kuairand")),
            Log::Generated { ids } => generated(ids),
        };
        let part = file.with_extension("part.parquet");
        let engine = Engine::builder().model_dir(work.join("models")).build()?;
        engine
            .sql(&format!("COPY ({query}) TO '{}'", part.display()))
            .await?
            .collect()
            .await?;
        std::fs::rename(part, file)?;
        Ok(())
    }

    /// The statement that trains it as model `m` for one epoch.
    pub fn create(&self, work: &Path) -> String {
        let (labels, categories, rows) = match self.log {
            Log::Kuairand => (
                "'is_click', 'long_view', 'is_like'",
                categories(),
                "WHERE date < 20220505",
            ),
            Log::Generated { .. } => ("'label'", (0..26).map(|c| format!("c{c}")).collect(), ""),
        };
        let categories: Vec<_> = categories.iter().map(|c| format!("'{c}'")).collect();
        let excluded = if rows.is_empty() {
            ""
        } else {
            ", exclude_cols = ['date']"
        };
        format!(
            "CREATE MODEL m OPTIONS ({}, input_label_cols = [{labels}], categorical_cols = [{}]{excluded}, epochs = 1, \
             batch_size = 2048, numeric_encoding = 'standardize', data_split_method = 'no_split') AS SELECT * FROM '{}' {rows}",
            self.options,
            categories.join(", "),
            self.file(work).display()
        )
    }

    /// The mean of every prediction over `table`.
    pub fn predict(&self, table: &str) -> String {
        let means: &[&str] = match self.log {
            Log::Kuairand => &["is_click", "long_view", "is_like"],
            Log::Generated { .. } => &["label"],
        };
        let means: Vec<_> = means.iter().map(|task| format!("avg(p_{task})")).collect();
        format!(
            "SELECT {} FROM PREDICT(MODEL m, (SELECT * FROM {table}))",
            means.join(", ")
        )
    }
}

/// The yardstick's 35 categorical columns.
fn categories() -> Vec<String> {
    let plain = "user_id video_id tab hour user_active_degree is_lowactive_period is_live_streamer is_video_author \
                 follow_user_num_range fans_user_num_range friend_user_num_range register_days_range author_id \
                 video_type upload_type music_type tag";
    let onehot = (0..18).map(|i| format!("onehot_feat{i}"));
    plain
        .split_whitespace()
        .map(str::to_string)
        .chain(onehot)
        .collect()
}

fn kuairand(folder: &Path) -> String {
    let columns = categories()
        .into_iter()
        .map(|column| match column.as_str() {
            "hour" => "hourmin / 100 AS hour".to_string(),
            "user_id" | "video_id" => format!("l.{column}"),
            _ => column,
        });
    let columns: Vec<_> = columns.collect();
    let folder = folder.display();
    format!(
        "SELECT {}, ln(1 + duration_ms / 1000.0) AS log_duration, date, is_click, long_view, is_like \
         FROM '{folder}/log.parquet' l LEFT JOIN '{folder}/users.parquet' u ON l.user_id = u.user_id \
         LEFT JOIN '{folder}/videos.parquet' v ON l.video_id = v.video_id",
        columns.join(", ")
    )
}

/// Uniform values: the hardest case for caches. Half of the ids are shared by ten columns of which every row has a value
/// of its own, or nearly; the other columns have few.
fn generated(ids: u64) -> String {
    let few = (ids / 1000).clamp(2, 1000);
    let many = (ids - 16 * few.min(ids / 32)) / 10;
    let draw = |salt: u64| {
        // Two rounds of a congruential generator; the products stay below 2^63.
        let (a, b) = (7_919 + 2 * salt, 104_729 + 6 * salt);
        format!("((i * {a} + {salt}) % 1000003 * {b} + i % 65537 * {a}) % 2147483647")
    };
    let columns = (0..26).map(|c| match c {
        0..10 => format!("(i * {} + {c}) % {many} AS c{c}", 2 * c + 1_000_003),
        _ => format!("{} % {few} AS c{c}", draw(c)),
    });
    let numbers = (0..13).map(|n| format!("{} % 1000 / 1000.0 AS n{n}", draw(100 + n)));
    let columns: Vec<_> = columns.chain(numbers).collect();
    let (label, chance) = (draw(999), draw(100));
    format!(
        "SELECT {}, CASE WHEN {label} % 1000 < 100 + {chance} % 1000 * 0.4 THEN 1 ELSE 0 END AS label \
         FROM generate_series(1, {GENERATED_ROWS}) AS t(i)",
        columns.join(", ")
    )
}
