//! The table of `lib.rs`: which module may use which, and which packages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A module, the modules it may use, and the packages it may name.
const RULES: &[(&str, &[&str], &[&str])] = &[
    ("device", &["error"], &["tch", "libloading"]),
    ("metric", &["error"], &[]),
    ("image", &["error"], &["arrow"]),
    (
        "feature",
        &["error", "image"],
        &["arrow", "parquet", "tempfile"],
    ),
    ("datagen", &["error"], &["arrow", "parquet", "tempfile"]),
    ("tensor", &["error", "feature"], &["arrow", "tch"]),
    ("layer", &["error", "tensor"], &["tch"]),
    ("model", &["error", "feature", "layer", "tensor"], &["tch"]),
    (
        "gan",
        &["error", "feature", "layer", "model", "tensor"],
        &["tch"],
    ),
    (
        "train",
        &[
            "error", "feature", "gan", "layer", "metric", "model", "tensor",
        ],
        &["tch"],
    ),
    (
        "store",
        &[
            "error", "feature", "gan", "image", "layer", "model", "tensor", "train",
        ],
        &["arrow", "tch", "tempfile"],
    ),
    (
        "function",
        &["error", "device", "image", "metric", "relation"],
        &["arrow", "datafusion"],
    ),
    (
        "relation",
        &[
            "error", "device", "feature", "function", "gan", "image", "metric", "model", "store",
            "tensor", "train",
        ],
        &["arrow", "datafusion", "tokio", "futures", "tempfile"],
    ),
    ("dialect", &["error"], &["datafusion"]),
    (
        "cli",
        &[],
        &[
            "arrow",
            "parquet",
            "datafusion",
            "tokio",
            "futures",
            "clap",
            "indicatif",
            "rustyline",
            "console",
            "tempfile",
        ],
    ),
];

/// Packages whose use says what a module is about.
const PACKAGES: &[&str] = &[
    "arrow",
    "parquet",
    "datafusion",
    "tch",
    "tokio",
    "clap",
    "indicatif",
    "rustyline",
    "console",
    "libloading",
    "futures",
    "tempfile",
];

#[test]
fn modules_use_only_what_stands_below_them() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let modules: BTreeMap<_, _> = RULES.iter().map(|(m, uses, p)| (*m, (*uses, *p))).collect();
    let mut found = Vec::new();
    for (&module, (uses, packages)) in &modules {
        for file in files(&src, module) {
            let text = std::fs::read_to_string(&file).unwrap();
            for (number, line) in code(&text) {
                let place = format!("{}:{number}", file.display());
                for (i, _) in line.match_indices("crate::") {
                    let used: String = line[i + 7..]
                        .chars()
                        .take_while(|c| c.is_alphanumeric() || *c == '_')
                        .collect();
                    let lower = used.chars().next().is_some_and(char::is_lowercase);
                    let is_module = modules.contains_key(used.as_str()) || used == "engine";
                    if lower && is_module && used != module && !uses.contains(&used.as_str()) {
                        found.push(format!("{place}: {module} uses {used}"));
                    }
                }
                for package in PACKAGES.iter().filter(|p| !packages.contains(p)) {
                    if names(line, package) {
                        found.push(format!("{place}: {module} names the package {package}"));
                    }
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The lines of a file above its tests that are no comments, with their numbers.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.contains("mod tests"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(i, line)| (i + 1, line))
}

/// Whether `line` has a path that begins with `package`.
fn names(line: &str, package: &str) -> bool {
    let path = format!("{package}::");
    line.match_indices(&path).any(|(i, _)| {
        let before = line[..i].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

/// The files of a module, its tests left out.
fn files(src: &Path, module: &str) -> Vec<PathBuf> {
    let mut files = vec![src.join(format!("{module}.rs"))];
    let mut folders = vec![src.join(module)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true if path.to_string_lossy().ends_with("tests") => {}
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    files.retain(|f| {
        let name = f.file_name().unwrap_or_default().to_string_lossy();
        f.exists() && name.ends_with(".rs") && !name.ends_with("tests.rs")
    });
    files
}
