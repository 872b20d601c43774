//! No file imports a file that imports it, on whatever way round. A name that a module re-exports belongs to the file that
//! defines it, so that `mod.rs` may list its children and they may use each other by it.

use super::{Source, Token, assert_none, end_of_group, is_visibility, matches_at, program};
use std::collections::{BTreeMap, BTreeSet};

/// Circles of rooms that are not rebuilt yet. Nothing comes in here: a circle that is gone is taken out.
const KNOWN: [&str; 8] = [
    "commands/run.rs <-> commands/run/preparation.rs",
    "delivery/brakes.rs <-> delivery/ending.rs",
    "delivery/breaker.rs <-> delivery/retry.rs",
    "delivery/recorder.rs <-> delivery/rows.rs",
    "input/columns/known.rs <-> input/columns/planned.rs",
    "report/page/charts/course.rs <-> report/page/charts/replies.rs <-> report/page/html.rs <-> report/page/html/figures.rs <-> \
     report/page/mod.rs",
    "report/page/reasons.rs <-> report/page/survey.rs <-> report/page/tally.rs",
    "report/plan/json.rs <-> report/plan/markdown.rs <-> report/plan/mod.rs <-> report/plan/text.rs",
];

type Path = Vec<String>;

/// What a file says with paths.
struct Uses {
    /// Every path of the crate that the file names, re-exports left out.
    named: BTreeSet<Path>,
    /// What the file re-exports, by its new name.
    exported: BTreeMap<String, Path>,
}

impl Uses {
    fn of(source: &Source) -> Self {
        let (tokens, module) = (&source.program, source.module());
        let children: BTreeSet<&str> = (0..tokens.len())
            .filter(|at| tokens[*at].text == "mod" && matches_at(tokens, at + 2, &[";"]))
            .map(|at| tokens[at + 1].text.as_str())
            .collect();
        let mut uses = Uses { named: BTreeSet::new(), exported: BTreeMap::new() };
        let mut names = BTreeSet::new();
        let mut at = 0;
        while at < tokens.len() {
            let is_public = tokens[at].text == "pub";
            let behind = if is_public && is_visibility(tokens, at + 1) {
                end_of_group(tokens, at + 1)
            } else {
                at + usize::from(is_public)
            };
            if is_public && matches_at(tokens, behind, &["use"]) {
                let mut found = Vec::new();
                at = tree(tokens, behind + 1, &module, &children, Vec::new(), &mut found);
                uses.exported.extend(found);
                continue;
            }
            let is_behind_path =
                at > 1 && (tokens[at - 1].text == "." || matches_at(tokens, at - 2, &[":", ":"]));
            let is_start = matches!(tokens[at].text.as_str(), "crate" | "super" | "self")
                || children.contains(tokens[at].text.as_str());
            if is_start && !is_behind_path && matches_at(tokens, at + 1, &[":", ":"]) {
                let mut found = Vec::new();
                at = tree(tokens, at, &module, &children, Vec::new(), &mut found);
                uses.named.extend(found.into_iter().map(|(_, path)| path));
                continue;
            }
            if at == 0 || tokens[at - 1].text != "mod" {
                names.insert(tokens[at].text.as_str());
            }
            at += 1;
        }
        // What is re-exported and used in the file itself is named as well.
        let own = uses.exported.iter().filter(|(name, _)| names.contains(name.as_str()));
        uses.named.extend(own.map(|(_, path)| path.clone()).collect::<Vec<_>>());
        uses
    }
}

/// Reads a path, or a tree of paths. Gives its end.
fn tree(
    tokens: &[Token],
    at: usize,
    module: &[String],
    children: &BTreeSet<&str>,
    mut place: Path,
    found: &mut Vec<(String, Path)>,
) -> usize {
    let text = tokens[at].text.as_str();
    match text {
        "{" => {
            let end = end_of_group(tokens, at);
            let mut inside = at + 1;
            while inside + 1 < end {
                inside = match tokens[inside].text.as_str() {
                    "," => inside + 1,
                    _ => tree(tokens, inside, module, children, place.clone(), found),
                };
            }
            return end;
        }
        "crate" => place = vec!["crate".to_owned()],
        "self" if place.is_empty() => place = root(module),
        "super" if place.is_empty() => place = root(&module[..module.len().saturating_sub(1)]),
        "super" => drop(place.pop()),
        "self" => {}
        name => {
            if place.is_empty() && children.contains(name) {
                place = root(module);
            }
            place.push(name.to_owned());
        }
    }
    if matches_at(tokens, at + 1, &[":", ":"]) && at + 3 < tokens.len() && tokens[at + 3].text != "<" {
        return tree(tokens, at + 3, module, children, place, found);
    }
    let is_renamed = matches_at(tokens, at + 1, &["as"]);
    let name = if is_renamed { tokens[at + 2].text.clone() } else { text.to_owned() };
    if place.first().is_some_and(|first| first == "crate") {
        found.push((name, place.split_off(1)));
    }
    if is_renamed { at + 3 } else { at + 1 }
}

fn root(module: &[String]) -> Path {
    std::iter::once("crate".to_owned()).chain(module.iter().cloned()).collect()
}

/// The files and what each one imports.
fn imports_by_file<'source>(
    sources: impl Iterator<Item = &'source Source>,
) -> BTreeMap<String, BTreeSet<String>> {
    let files: BTreeMap<Path, (String, Uses)> = sources
        .filter(|source| !matches!(source.name.as_str(), "lib.rs" | "main.rs"))
        .map(|source| (source.module(), (source.name.clone(), Uses::of(source))))
        .collect();
    let reached = |(name, uses): &(String, Uses)| {
        let reached = uses.named.iter().filter_map(|path| file_of(&files, path, 0));
        (name.clone(), reached.filter(|other| other != name).collect())
    };
    files.values().map(reached).collect()
}

/// The file that defines what a path leads to.
fn file_of(files: &BTreeMap<Path, (String, Uses)>, path: &[String], depth: usize) -> Option<String> {
    let length = (1..=path.len()).take_while(|length| files.contains_key(&path[..*length])).last()?;
    let (name, uses) = &files[&path[..length]];
    match path.get(length).and_then(|name| uses.exported.get(name)) {
        Some(other) if depth < 9 => file_of(files, &[other, &path[length + 1..]].concat(), depth + 1),
        _ => Some(name.clone()),
    }
}

/// Groups of files each of which reaches every other.
fn circles(imports: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let reached_from = |file: &String| {
        let (mut reached, mut open) = (BTreeSet::new(), vec![file]);
        while let Some(file) = open.pop() {
            let next = imports.get(file).into_iter().flatten();
            open.extend(next.filter(|other| reached.insert((*other).clone())));
        }
        reached
    };
    let reached: BTreeMap<&String, BTreeSet<String>> =
        imports.keys().map(|file| (file, reached_from(file))).collect();
    let circle = |file: &String| {
        let others = reached[file].iter().filter(|other| reached[*other].contains(file));
        others.cloned().collect::<Vec<_>>().join(" <-> ")
    };
    let circles: BTreeSet<String> = imports.keys().map(circle).filter(|circle| !circle.is_empty()).collect();
    circles.into_iter().collect()
}

#[test]
fn no_file_imports_a_file_that_imports_it() {
    let found = circles(&imports_by_file(program()));
    let known = |circle: &&String| KNOWN.contains(&circle.as_str());
    assert_none(&found.iter().filter(|circle| !known(circle)).cloned().collect::<Vec<_>>());
    let is_gone = |circle: &&&str| !found.iter().any(|found| found == **circle);
    let gone: Vec<_> =
        KNOWN.iter().filter(is_gone).map(|circle| format!("gone, take it out: {circle}")).collect();
    assert_none(&gone);
}

#[test]
fn a_circle_is_seen_through_re_exports_and_trees() {
    let found = |files: &[(&str, &str)]| {
        let sources: Vec<_> = files.iter().map(|(name, text)| Source::new(name, text)).collect();
        circles(&imports_by_file(sources.iter()))
    };
    let (a, b) = ("room/a.rs", "room/b.rs");
    let mod_rs = ("room/mod.rs", "mod a; mod b; pub use a::A; pub use b::{B, C as D};");
    assert_eq!(found(&[mod_rs, (a, "use super::B;"), (b, "use crate::other::X;")]), [""; 0]);
    for (one, other) in [
        ("use super::B;", "use super::A;"),
        ("use super::b::B;", "fn f(a: crate::room::A) {}"),
        ("use crate::{other::X, room::{self, D}};", "use super::a;\nfn f() { a::f() }"),
    ] {
        assert_eq!(found(&[mod_rs, (a, one), (b, other)]), ["room/a.rs <-> room/b.rs"], "{one} {other}");
    }
    // What a parent defines or uses itself is the parent's.
    for parent in [
        "mod a; struct P; use a::A;",
        "mod a; struct P; pub use a::A; fn f(a: A) {}",
        "mod a; struct P; fn f() { a::f() }",
    ] {
        assert_eq!(
            found(&[("room/mod.rs", parent), (a, "use super::P;")]),
            ["room/a.rs <-> room/mod.rs"],
            "{parent}"
        );
    }
    let tests = "#[cfg(test)]\nmod tests { use crate::room::A; }";
    assert_eq!(found(&[mod_rs, (a, "use super::B;"), (b, tests)]), [""; 0]);
}
