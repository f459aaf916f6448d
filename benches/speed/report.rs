//! Medians, tables and ratios.

use crate::measure::Measured;
use crate::peers::Peer;

/// The middle of `values`.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The names in `all`, each once, in order.
fn names<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names = Vec::new();
    for name in all {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The median of every column, workload by workload.
pub fn medians(runs: &[Measured]) -> Vec<Measured> {
    let of = |name: &str, column: fn(&Measured) -> f64| {
        median(
            runs.iter()
                .filter(|m| m.workload == name)
                .map(column)
                .collect(),
        )
    };
    names(runs.iter().map(|m| m.workload.as_str()))
        .into_iter()
        .map(|name| Measured {
            workload: name.into(),
            encode: of(name, |m| m.encode),
            train: of(name, |m| m.train),
            predict_parquet: of(name, |m| m.predict_parquet),
            predict_memory: of(name, |m| m.predict_memory),
            score: of(name, |m| m.score),
            peak_mb: of(name, |m| m.peak_mb),
        })
        .collect()
}

/// The median of both rates, peer by peer.
pub fn median_peers(runs: &[Peer]) -> Vec<Peer> {
    names(runs.iter().map(|p| p.name.as_str()))
        .into_iter()
        .map(|name| {
            let of = |rate: fn(&Peer) -> f64| {
                median(runs.iter().filter(|p| p.name == name).map(rate).collect())
            };
            Peer {
                name: name.into(),
                train: of(|p| p.train),
                predict: of(|p| p.predict),
            }
        })
        .collect()
}

/// A column of a table: its name and its value.
type Column = (&'static str, fn(&Measured) -> f64);

const COLUMNS: [Column; 6] = [
    ("encode", |m| m.encode),
    ("train", |m| m.train),
    ("predict parquet", |m| m.predict_parquet),
    ("predict memory", |m| m.predict_memory),
    ("network alone", |m| m.score),
    ("peak MB", |m| m.peak_mb),
];

fn head(first: &str) -> String {
    let columns: String = COLUMNS
        .iter()
        .map(|(name, _)| format!("{name:>16}"))
        .collect();
    format!("{first:<16}{columns}\n")
}

/// Rows a second of every workload.
pub fn table(measured: &[Measured]) -> String {
    let mut text = head("rows/s");
    for m in measured {
        let columns: String = COLUMNS
            .iter()
            .map(|(_, of)| format!("{:>16.0}", of(m)))
            .collect();
        text += &format!("{:<16}{columns}\n", m.workload);
    }
    text
}

/// How many times `now` is `before`.
pub fn ratios(now: &[Measured], before: &[Measured]) -> String {
    let mut text = head("now / before");
    for m in now {
        if let Some(old) = before.iter().find(|old| old.workload == m.workload) {
            let columns: String = COLUMNS
                .iter()
                .map(|(_, of)| format!("{:>16.2}", of(m) / of(old)))
                .collect();
            text += &format!("{:<16}{columns}\n", m.workload);
        }
    }
    text
}

/// How many times the yardstick's peers this is; both have their rows in memory, encoded.
pub fn peers(measured: &[Measured], peers: &[Peer]) -> String {
    let mut text = format!(
        "{:<16}{:>16}{:>16}{:>16}{:>16}\n",
        "peer", "train rows/s", "ours / theirs", "predict rows/s", "ours / theirs"
    );
    let Some(ours) = measured.iter().find(|m| m.workload == "mmoe") else {
        return text;
    };
    for peer in peers {
        text += &format!(
            "{:<16}{:>16.0}{:>16.2}{:>16.0}{:>16.2}\n",
            peer.name,
            peer.train,
            ours.train / peer.train,
            peer.predict,
            ours.score / peer.predict
        );
    }
    text
}
