//! What the README lists is what there is.

use arrow::array::AsArray;
use sqltorch::Engine;

/// The table of options is that of `ml_options()`.
#[tokio::test]
async fn lists_every_option() {
    let engine = Engine::builder().device("cpu").build().unwrap();
    let frame = engine.sql("SELECT * FROM ml_options()").await.unwrap();
    let batches = frame.collect().await.unwrap();
    let mut expected = Vec::new();
    for batch in &batches {
        let [names, defaults, meanings] = [0, 1, 2].map(|at| batch.column(at).as_string::<i32>());
        let rows = names.iter().zip(defaults).zip(meanings);
        expected.extend(rows.map(|((name, default), meaning)| {
            let default = default
                .map(|default| format!("`{default}`"))
                .unwrap_or_default();
            format!("| {} | {default} | {} |", name.unwrap(), meaning.unwrap())
        }));
    }
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let table = readme
        .split("| option | default | meaning |\n|---|---|---|\n")
        .nth(1)
        .unwrap();
    let listed: Vec<_> = table
        .lines()
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert_eq!(listed, expected);
}
