//! The order of modules that `lib.rs` tells of: which may use which, and which packages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use crate::source::{SourceFile, Target, files};

/// Modules from the lowest up, a level a line: the modules that each may use, all of which stand above it in this
/// list, and the packages that it may name. One that is not there yet may be listed.
const RULES: &[(&str, &[&str], &[&str])] = &[
    ("error", &[], &["arrow", "datafusion", "parquet", "tch"]),
    ("random", &[], &["rand_chacha"]),
    ("metric", &[], &[]),
    (
        "image",
        &["error"],
        &["arrow", "flate2", "noto_sans_mono_bitmap", "png"],
    ),
    ("device", &["error"], &["libloading", "tch"]),
    ("datagen", &["error", "random"], &["arrow", "parquet"]),
    (
        "feature",
        &["error", "random", "image"],
        &[
            "arrow",
            "hashbrown",
            "multiversion",
            "parquet",
            "serde",
            "serde_json",
            "tempfile",
        ],
    ),
    ("tensor", &["error", "feature"], &["half", "libc", "tch"]),
    (
        "layer",
        &["error", "random", "tensor"],
        &["bytemuck", "half", "multiversion", "tch"],
    ),
    (
        "model",
        &["error", "feature", "tensor", "layer"],
        &["serde", "tch"],
    ),
    (
        "gan",
        &["error", "random", "feature", "tensor", "layer", "model"],
        &["tch"],
    ),
    (
        "train",
        &[
            "error", "random", "metric", "feature", "tensor", "layer", "model", "gan",
        ],
        &["half", "multiversion", "rayon", "serde", "tch"],
    ),
    (
        "store",
        &[
            "error", "random", "image", "device", "feature", "tensor", "layer", "model", "gan",
            "train",
        ],
        &["arrow", "serde", "serde_json", "sha2", "tch", "tempfile"],
    ),
    (
        "environment",
        &["error", "device", "train", "store"],
        &["arrow", "datafusion"],
    ),
    ("plan", BELOW_STATEMENTS, IN_STATEMENTS),
    (
        "function",
        &["error", "metric", "image", "device", "environment", "plan"],
        &["arrow", "datafusion", "hashbrown"],
    ),
    ("relation", BELOW_STATEMENTS, IN_STATEMENTS),
    ("statement", BELOW_STATEMENTS, IN_STATEMENTS),
    ("dialect", &["error", "metric", "plan"], &["datafusion"]),
    ("locations", &[], &["datafusion", "object_store", "url"]),
    (
        "engine",
        &[
            "error",
            "device",
            "train",
            "store",
            "environment",
            "plan",
            "function",
            "relation",
            "statement",
            "dialect",
            "locations",
        ],
        &["datafusion"],
    ),
    (
        "cli",
        &[],
        &[
            "clap",
            "console",
            "datafusion",
            "futures",
            "indicatif",
            "rustyline",
            "png",
            "tempfile",
            "tokio",
        ],
    ),
];

/// What plans, relations and statements may use, of each other only what stands above them in [`RULES`].
const BELOW_STATEMENTS: &[&str] = &[
    "error",
    "random",
    "metric",
    "image",
    "device",
    "feature",
    "tensor",
    "model",
    "gan",
    "train",
    "store",
    "environment",
    "function",
    "plan",
    "relation",
];

/// The packages that these may name.
const IN_STATEMENTS: &[&str] = &[
    "arrow",
    "async_trait",
    "chrono",
    "datafusion",
    "futures",
    "serde_json",
    "strsim",
    "tempfile",
    "tokio",
];

/// Folders that may have more files than [`MOST_FILES`], and why.
const LISTS: &[(&str, &str)] = &[
    ("metric", "a list: one metric a file"),
    ("model", "a list: one architecture a file"),
];

const MOST_FILES: usize = 20;

static SOURCE: LazyLock<Vec<SourceFile>> =
    LazyLock::new(|| files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")));

#[test]
fn modules_use_only_what_stands_below_them() {
    let mut found = Vec::new();
    for (at, (module, uses, _)) in RULES.iter().enumerate() {
        // Of itself, and of what the shared lists name beside it, a module takes nothing.
        let above: Vec<_> = RULES[at..].iter().map(|(module, ..)| module).collect();
        if *uses != BELOW_STATEMENTS {
            found.extend(uses.iter().filter(|used| above.contains(used)).map(|used| {
                format!("the rule of {module} names {used}, which does not stand below it")
            }));
        }
    }
    let packages = packages();
    let source = &*SOURCE;
    let root = source
        .iter()
        .find(|file| file.path == Path::new("lib.rs"))
        .unwrap();
    // What lib.rs passes on belongs to the modules that it comes from.
    let passed_on = root.names();
    for file in source {
        let Some(module) = file.module.first() else {
            continue;
        };
        let place = file.path.display();
        let Some(at) = RULES.iter().position(|(known, ..)| known == module) else {
            found.push(format!("{place}: no rule for the module {module}"));
            continue;
        };
        let (_, uses, named) = RULES[at];
        for target in file.targets() {
            match target {
                Target::Own(path) => {
                    let first = path.first().map(String::as_str).unwrap_or_default();
                    let used = passed_on.get(first).map_or(first, |from| &from[0]);
                    let below = RULES[..at].iter().any(|(known, ..)| *known == used);
                    if used != module && !(below && uses.contains(&used)) {
                        found.push(format!("{place}: {module} uses {used}"));
                    }
                }
                Target::Other(package) => {
                    if packages.contains(&package) && !named.contains(&&package[..]) {
                        found.push(format!("{place}: {module} names the package {package}"));
                    }
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The packages that Cargo.toml names, as code calls them.
fn packages() -> BTreeSet<String> {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let (_, rest) = text.split_once("\n[dependencies]\n").unwrap();
    let (list, _) = rest.split_once("\n[").unwrap();
    let names = list.lines().filter_map(|line| line.split_once(" = "));
    let names = names
        .map(|(name, _)| name.trim())
        .filter(|name| !name.is_empty());
    names.map(|name| name.replace('-', "_")).collect()
}

/// What nobody needs any more is not allowed any more; the lists that several modules share, and modules that are not
/// there yet, are let alone.
#[test]
fn the_rules_allow_nothing_in_vain() {
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in &*SOURCE {
        let Some(module) = file.module.first() else {
            continue;
        };
        let found = file.targets().into_iter().map(|target| match target {
            Target::Own(path) => path.first().cloned().unwrap_or_default(),
            Target::Other(package) => package,
        });
        named.entry(module.clone()).or_default().extend(found);
    }
    let mut vain = Vec::new();
    for (module, uses, packages) in RULES.iter().filter(|rule| rule.1 != BELOW_STATEMENTS) {
        let Some(own) = named.get(*module) else {
            continue;
        };
        let modules = uses.iter().filter(|used| named.contains_key(**used));
        let allowed = modules.chain(*packages).filter(|name| **name != "error");
        let unused = allowed.filter(|name| !own.contains(**name));
        vain.extend(unused.map(|name| format!("{module} may use {name}, and does not")));
    }
    assert!(vain.is_empty(), "{}", vain.join("\n"));
}

/// A module's own file may list what stands in its folder, whose files use what it defines; apart from that, files of
/// different folders never use each other in a circle.
#[test]
fn no_circle_goes_through_several_folders() {
    let source = &*SOURCE;
    let modules: BTreeMap<_, _> = source
        .iter()
        .enumerate()
        .filter(|(_, file)| file.path != Path::new("main.rs"))
        .map(|(at, file)| (file.module.clone(), at))
        .collect();
    let names: Vec<_> = source.iter().map(SourceFile::names).collect();
    let uses: Vec<BTreeSet<usize>> = source
        .iter()
        .enumerate()
        .map(|(at, file)| {
            let own = file
                .targets()
                .into_iter()
                .filter_map(|target| match target {
                    Target::Own(path) => Some(defined_in(path, &modules, &names)),
                    Target::Other(_) => None,
                });
            own.filter(|&used| used != at && !source[used].module.starts_with(&file.module))
                .collect()
        })
        .collect();
    let reach: Vec<_> = (0..source.len())
        .map(|from| reachable(from, &uses))
        .collect();
    let mut found = Vec::new();
    for (a, one) in source.iter().enumerate() {
        for &b in &uses[a] {
            if reach[b].contains(&a) && one.path.parent() != source[b].path.parent() {
                found.push(format!(
                    "{} uses {}, and the other way round",
                    one.path.display(),
                    source[b].path.display()
                ));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The file in which the thing at `path` is defined, whoever passes it on.
fn defined_in(
    mut path: Vec<String>,
    modules: &BTreeMap<Vec<String>, usize>,
    names: &[BTreeMap<String, Vec<String>>],
) -> usize {
    // No name is passed on more often.
    for _ in 0..10 {
        let len = (0..=path.len())
            .rev()
            .find(|&len| modules.contains_key(&path[..len]))
            .unwrap_or(0);
        let file = modules[&path[..len]];
        match path.get(len).and_then(|name| names[file].get(name)) {
            Some(from) => path = [&from[..], &path[len + 1..]].concat(),
            None => return file,
        }
    }
    panic!("{path:?} leads nowhere")
}

fn reachable(from: usize, uses: &[BTreeSet<usize>]) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut next = vec![from];
    while let Some(at) = next.pop() {
        next.extend(uses[at].iter().filter(|&&used| seen.insert(used)));
    }
    seen
}

#[test]
fn no_folder_is_a_heap() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for file in &*SOURCE {
        let folder = file.path.parent().unwrap().display().to_string();
        *counts.entry(folder).or_default() += 1;
    }
    for (folder, count) in counts {
        let is_list = LISTS.iter().any(|(list, _)| *list == folder);
        assert!(
            count <= MOST_FILES || is_list,
            "src/{folder} has {count} files side by side"
        );
    }
}
