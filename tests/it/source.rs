//! The crate's own source, as far as the tests of its layers read it: files, modules, and the paths that code names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A file of the source, tests left out.
pub struct SourceFile {
    /// Below `src`.
    pub path: PathBuf,
    /// Its module: `["layer", "kernel", "gather"]`; empty for lib.rs and main.rs.
    pub module: Vec<String>,
    /// Every path that its code names, with the name that a `use` gives it.
    paths: Vec<Named>,
}

/// A path in code.
#[derive(Clone, Debug)]
struct Named {
    segments: Vec<String>,
    /// What a `use` calls it; none of a path in an expression.
    used_as: Option<String>,
}

/// What a path leads to.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Something of this crate, from its root.
    Own(Vec<String>),
    /// A package, or whatever else begins a path.
    Other(String),
}

impl SourceFile {
    /// What its paths lead to; one that begins with a name of a `use` leads where that does.
    pub fn targets(&self) -> BTreeSet<Target> {
        let own = self.names();
        let paths = self.paths.iter();
        paths
            .map(|path| match path.segments[0].as_str() {
                "crate" | "self" | "super" => Target::Own(self.absolute(&path.segments)),
                first => match own.get(first) {
                    Some(from) => Target::Own([&from[..], &path.segments[1..]].concat()),
                    None => Target::Other(first.to_string()),
                },
            })
            .collect()
    }

    /// The names that `use` brings in from this crate, and where they lead.
    pub fn names(&self) -> BTreeMap<String, Vec<String>> {
        let own = |path: &&Named| matches!(&path.segments[0][..], "crate" | "self" | "super");
        let paths = self.paths.iter().filter(own);
        paths
            .filter_map(|path| Some((path.used_as.clone()?, self.absolute(&path.segments))))
            .collect()
    }

    fn absolute(&self, segments: &[String]) -> Vec<String> {
        let mut module = self.module.clone();
        let mut rest = segments;
        match rest[0].as_str() {
            "crate" => module.clear(),
            _ => {
                while rest.first().is_some_and(|first| first == "super") {
                    module.pop();
                    rest = &rest[1..];
                }
            }
        }
        let rest = rest.iter().filter(|s| !matches!(&s[..], "crate" | "self"));
        module.extend(rest.cloned());
        module
    }
}

/// All files below `src`, in order, without tests.
pub fn files(src: &Path) -> Vec<SourceFile> {
    let mut found = Vec::new();
    let mut folders = vec![src.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let below = path.strip_prefix(src).unwrap().to_path_buf();
            let stem = below.file_stem().unwrap().to_string_lossy().to_string();
            if stem == "tests" || stem.ends_with("_tests") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push(parse(below, &text));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Reads one file, whose path is from `src`.
pub fn parse(path: PathBuf, text: &str) -> SourceFile {
    let mut module: Vec<String> = path
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().to_string())
        .collect();
    if module
        .last()
        .is_some_and(|l| matches!(&l[..], "mod" | "lib" | "main"))
    {
        module.pop();
    }
    SourceFile {
        path,
        module,
        paths: paths(&tokens(&without_tests(&code(text)))),
    }
}

/// The text with comments left out, and strings and characters emptied.
fn code(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |at| at + 2)
        } else if let Some(hashes) = raw_string(rest) {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = hashes + 2;
            rest[start..]
                .find(&end)
                .map_or(rest.len(), |at| start + at + end.len())
        } else if c == '"' {
            quoted(rest, '"')
        } else if c == '\'' && is_char(rest) {
            quoted(rest, '\'')
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        out.push(' ');
        rest = &rest[skip..];
    }
    out
}

/// The number of hashes of a raw string that begins here.
fn raw_string(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('r')?;
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    rest[hashes..].starts_with('"').then_some(hashes)
}

/// Bytes to behind the closing quote.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Whether a quote begins a character, not a lifetime.
fn is_char(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    let (first, second) = (chars.next(), chars.next());
    first == Some('\\') || second == Some('\'')
}

/// The code without items that only tests have.
fn without_tests(code: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let mut depth = 0;
        let end = rest.char_indices().find_map(|(at, c)| {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            (depth == 0 && matches!(c, '}' | ';')).then_some(at + 1)
        });
        rest = &rest[end.unwrap_or(rest.len())..];
    }
    out + rest
}

/// Names and signs; `::` is one.
fn tokens(code: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut in_name = false;
    for c in code.chars() {
        let of_name = c.is_alphanumeric() || c == '_';
        match tokens.last_mut() {
            Some(last) if of_name && in_name => last.push(c),
            Some(last) if c == ':' && last == ":" => last.push(c),
            _ if c.is_whitespace() => {}
            _ => tokens.push(c.to_string()),
        }
        in_name = of_name;
        if c.is_whitespace() {
            // `a : : b` is no path, nor is it Rust.
            in_name = false;
        }
    }
    tokens
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The paths of two names or more, those of `use` spread out, and modules that are declared.
fn paths(tokens: &[String]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at] == "use" {
            at = spread(tokens, at + 1, &[], &mut found);
        } else if tokens[at] == "mod" && tokens.get(at + 2).is_some_and(|t| t == ";") {
            let name = tokens[at + 1].clone();
            found.push(Named {
                segments: vec!["self".into(), name.clone()],
                used_as: Some(name),
            });
            at += 3;
        } else if is_name(&tokens[at]) && (at == 0 || !matches!(&tokens[at - 1][..], "::" | ".")) {
            let mut segments = vec![tokens[at].clone()];
            at += 1;
            while at + 1 < tokens.len() && tokens[at] == "::" && is_name(&tokens[at + 1]) {
                segments.push(tokens[at + 1].clone());
                at += 2;
            }
            if segments.len() > 1 {
                found.push(Named {
                    segments,
                    used_as: None,
                });
            }
        } else {
            at += 1;
        }
    }
    // A `use` may begin with a module that is declared here.
    let declared: BTreeSet<_> = found
        .iter()
        .filter(|path| path.segments.len() == 2 && path.segments[0] == "self")
        .map(|path| path.segments[1].clone())
        .collect();
    for path in &mut found {
        if declared.contains(&path.segments[0]) {
            path.segments.insert(0, "self".into());
        }
    }
    found
}

/// Reads the tree of a `use` from `at`; returns where it ends.
fn spread(tokens: &[String], mut at: usize, before: &[String], found: &mut Vec<Named>) -> usize {
    let mut segments = before.to_vec();
    while at < tokens.len() {
        match tokens[at].as_str() {
            "::" => at += 1,
            "{" => {
                at += 1;
                while tokens[at] != "}" {
                    at = spread(tokens, at, &segments, found);
                    if tokens[at] == "," {
                        at += 1;
                    }
                }
                return at + 1;
            }
            "as" => {
                push(&segments, Some(tokens[at + 1].clone()), found);
                return at + 2;
            }
            "*" => {
                push(&segments, Some("*".into()), found);
                return at + 1;
            }
            name if is_name(name) => {
                if name != "self" || segments.is_empty() {
                    segments.push(name.to_string());
                }
                at += 1;
            }
            _ => {
                push(&segments, segments.last().cloned(), found);
                return at;
            }
        }
    }
    at
}

fn push(segments: &[String], used_as: Option<String>, found: &mut Vec<Named>) {
    if !segments.is_empty() {
        found.push(Named {
            segments: segments.to_vec(),
            used_as,
        });
    }
}

#[test]
fn sees_groups_renames_code_below_tests_and_nothing_in_texts() {
    let file = parse(
        PathBuf::from("train/optimizer/rows.rs"),
        r#"
        use crate::{error::{Error, Result as R}, layer::{self, kernel::*}};
        use super::super::{threads, loss::Loss};
        use tch::Tensor;
        mod png;
        #[cfg(test)]
        mod tests { use crate::engine::Engine; fn f() { "}" } }
        // crate::cli::Comment
        fn g<'a>(x: &'a str) -> half::bf16 { "crate::cli::Text"; 'x'; png::encode(); let y = crate::store::A; a.b::<C>() }
        "#,
    );
    let own = |path: &str| Target::Own(path.split("::").map(str::to_string).collect());
    let other = |name: &str| Target::Other(name.to_string());
    let expected = [
        own("error::Error"),
        own("error::Result"),
        own("layer"),
        own("layer::kernel"),
        own("store::A"),
        own("train::loss::Loss"),
        own("train::optimizer::rows::png"),
        own("train::optimizer::rows::png::encode"),
        own("train::threads"),
        other("half"),
        other("tch"),
    ];
    assert_eq!(file.targets(), BTreeSet::from(expected));
    assert_eq!(file.names()["R"], ["error", "Result"]);
}
