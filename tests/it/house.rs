//! The order of the house: which module may import which, that no files import each other, how long a file may be, and that
//! an `expect` says why it cannot fail. Clippy has the rules that it knows: `[lints.clippy]` in Cargo.toml and clippy.toml.

mod circles;

use crate::support;
use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A module may import from those behind it only.
const ORDER: [&str; 17] = [
    "main", "lib", "cli", "config", "commands", "exit", "report", "delivery", "check", "plan", "resume",
    "journal", "offerit", "input", "customer", "text", "sandbox",
];

/// The most lines of a file, tests not counted.
const LONGEST_FILE: usize = 600;

/// The fewest words of the reason that an `expect` gives.
const SHORTEST_REASON: usize = 3;

// ---- Rust as tokens: no comments, no blanks ---------------------------------------------------------------

/// A name, a literal as it is written, a single sign, or one end of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    line: usize,
}

fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    flatten(source.parse().expect("Rust"), &mut tokens);
    tokens
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        let mut push = |text: String, span: Span| tokens.push(Token { text, line: span.start().line });
        let TokenTree::Group(group) = tree else {
            push(tree.to_string(), tree.span());
            continue;
        };
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::Brace | Delimiter::None => ("{", "}"),
        };
        push(open.to_owned(), group.span_open());
        flatten(group.stream(), tokens);
        tokens.push(Token { text: close.to_owned(), line: group.span_close().start().line });
    }
}

pub fn matches_at(tokens: &[Token], at: usize, wanted: &[&str]) -> bool {
    let found = tokens.get(at..at + wanted.len());
    found.is_some_and(|found| found.iter().zip(wanted).all(|(token, text)| token.text == *text))
}

/// Behind the group that opens at `at`.
pub fn end_of_group(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

// ---- What is test and what is program ---------------------------------------------------------------------

const TEST_ATTRIBUTE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];

/// A file of the house.
pub struct Source {
    /// Below `src/`, with slashes.
    pub name: String,
    lines: usize,
    tokens: Vec<Token>,
    /// The tokens that ship.
    pub program: Vec<Token>,
    /// The lines of everything behind `#[cfg(test)]`.
    test_lines: BTreeSet<usize>,
    /// Modules in other files that exist for tests alone.
    test_modules: Vec<String>,
}

impl Source {
    pub fn new(name: &str, text: &str) -> Self {
        let tokens = tokens(text);
        let (mut program, mut test_lines, mut test_modules) = (Vec::new(), BTreeSet::new(), Vec::new());
        let mut at = 0;
        while at < tokens.len() {
            if !matches_at(&tokens, at, &TEST_ATTRIBUTE) {
                program.push(tokens[at].clone());
                at += 1;
                continue;
            }
            let mut end = at + TEST_ATTRIBUTE.len();
            while matches_at(&tokens, end, &["#"]) {
                end = end_of_group(&tokens, end + 1);
            }
            let item = end;
            while end < tokens.len() && !matches!(tokens[end].text.as_str(), ";" | "{") {
                let is_group = matches!(tokens[end].text.as_str(), "(" | "[");
                end = if is_group { end_of_group(&tokens, end) } else { end + 1 };
            }
            if matches_at(&tokens, end, &[";"]) && matches_at(&tokens, item, &["mod"]) {
                test_modules.push(tokens[item + 1].text.clone());
            }
            end = end_of_group(&tokens, end).min(tokens.len());
            test_lines.extend(tokens[at].line..=tokens[end - 1].line);
            at = end;
        }
        Self { name: name.to_owned(), lines: text.lines().count(), tokens, program, test_lines, test_modules }
    }

    /// The room that the file belongs to.
    pub fn room(&self) -> &str {
        self.name.split(['/', '.']).next().unwrap_or_default()
    }

    /// The module that the file is, from the root of the crate.
    fn module(&self) -> Vec<String> {
        let stem = self.name.strip_suffix(".rs").unwrap_or(&self.name);
        let mut module: Vec<String> = stem.split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|last| last == "mod") || matches!(stem, "main" | "lib") {
            module.pop();
        }
        module
    }
}

// ---- Imports ----------------------------------------------------------------------------------------------

/// The top-level modules that a file reaches, with the line.
fn imports(source: &Source) -> Vec<(String, usize)> {
    let (tokens, module) = (&source.tokens, source.module());
    let mut found = Vec::new();
    let mut inline = Vec::new();
    let mut depth = 0_usize;
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "mod" if matches_at(tokens, at + 2, &["{"]) => {
                inline.push((tokens[at + 1].text.clone(), depth));
                at += 1;
            }
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                inline.retain(|(_, opened)| *opened < depth);
            }
            // `pub(crate)` and `pub(super)` say who may look in.
            "pub" if is_visibility(tokens, at + 1) => {
                at = end_of_group(tokens, at + 1);
                continue;
            }
            "crate" | "self" | "super" => {
                let here = module.iter().chain(inline.iter().map(|(name, _)| name)).cloned().collect();
                at = path(tokens, at, here, &mut found);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn is_visibility(tokens: &[Token], at: usize) -> bool {
    let whole = |place: &str| matches_at(tokens, at, &["(", place, ")"]);
    ["crate", "super", "self"].into_iter().any(whole) || matches_at(tokens, at, &["(", "in"])
}

/// Reads a path or a tree of them; `place` is the module that its next name stands in. Gives the end.
fn path(tokens: &[Token], at: usize, mut place: Vec<String>, found: &mut Vec<(String, usize)>) -> usize {
    let Token { text, line } = &tokens[at];
    match text.as_str() {
        "{" => {
            let end = end_of_group(tokens, at);
            let mut inside = at + 1;
            while inside + 1 < end {
                inside = match tokens[inside].text.as_str() {
                    "," => inside + 1,
                    _ => path(tokens, inside, place.clone(), found),
                };
            }
            return end;
        }
        "crate" => place.clear(),
        "super" => drop(place.pop()),
        "self" => {}
        name => {
            if place.is_empty() {
                found.push((name.to_owned(), *line));
            }
            place.push(name.to_owned());
        }
    }
    let behind = at + 3;
    if matches_at(tokens, at + 1, &[":", ":"]) && behind < tokens.len() {
        return path(tokens, behind, place, found);
    }
    if place.is_empty() && matches!(text.as_str(), "crate" | "super" | "self") && text != "self" {
        found.push((text.clone(), *line));
    }
    at + 1
}

fn rank(module: &str) -> Option<usize> {
    ORDER.iter().position(|known| *known == module)
}

/// What is wrong with a file's imports, in tests and program alike.
fn direction_faults(source: &Source) -> Vec<String> {
    let (file, room) = (&source.name, source.room());
    let Some(own) = rank(room) else {
        return vec![format!("{file}: '{room}' has no place in the order of the house: give it one here")];
    };
    let is_above = |target: &str| rank(target).is_none_or(|target| target < own);
    let reached = imports(source).into_iter();
    reached
        .filter(|(target, _)| room != "lib" && *target != room && is_above(target))
        .map(|(target, line)| format!("{file}:{line}: '{room}' imports '{target}', which is not below it"))
        .collect()
}

// ---- Length, reasons, the sandbox -------------------------------------------------------------------------

fn length_fault(source: &Source) -> Option<String> {
    let (file, lines) = (&source.name, source.lines - source.test_lines.len());
    (lines > LONGEST_FILE)
        .then(|| format!("{file}: {lines} lines without tests: split it, a file has at most {LONGEST_FILE}"))
}

/// An `expect` states, in a text of its own, why the impossible cannot be.
fn expect_faults(source: &Source) -> Vec<String> {
    let (file, tokens) = (&source.name, &source.program);
    let is_member = |at: usize| at > 0 && matches!(tokens[at - 1].text.as_str(), "." | ":");
    let is_reason = |at: usize| {
        let reason = tokens.get(at + 2).map_or("", |token| &token.text);
        matches_at(tokens, at + 1, &["(", reason, ")"])
            && reason.starts_with('"')
            && reason.split_whitespace().count() >= SHORTEST_REASON
    };
    let expects = (0..tokens.len()).filter(|at| tokens[*at].text == "expect" && is_member(*at));
    expects
        .filter(|at| !is_reason(*at))
        .map(|at| format!("{file}:{}: `expect` must say in words why it cannot fail", tokens[at].line))
        .collect()
}

/// The sandbox shares nothing with the client: it names no path of the crate, its own included.
fn sandbox_faults(source: &Source) -> Vec<String> {
    let (file, tokens) = (&source.name, &source.tokens);
    let named = (0..tokens.len()).filter(|at| matches_at(tokens, *at, &["crate", ":", ":"]));
    named.map(|at| format!("{file}:{}: the sandbox names `crate::`", tokens[at].line)).collect()
}

// ---- The house itself -------------------------------------------------------------------------------------

/// Every file of `src/`.
fn house() -> &'static [Source] {
    static HOUSE: LazyLock<Vec<Source>> = LazyLock::new(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut paths = Vec::new();
        collect(&root, &mut paths);
        let read = |path: &PathBuf| {
            let below = path.strip_prefix(&root).expect("a path below src");
            let name = below.to_str().expect("a path in UTF-8").replace('\\', "/");
            Source::new(&name, &fs::read_to_string(path).expect("a readable source file"))
        };
        paths.iter().map(read).collect()
    });
    support::beside_others();
    &HOUSE
}

/// The files that ship.
pub fn program() -> impl Iterator<Item = &'static Source> {
    let mut test_files = BTreeSet::new();
    for source in house() {
        for module in &source.test_modules {
            let path = [source.module(), vec![module.clone()]].concat().join("/");
            test_files.extend([format!("{path}.rs"), format!("{path}/mod.rs")]);
        }
    }
    let is_test = move |source: &Source| {
        test_files.contains(&source.name) || source.name.rsplit('/').next() == Some("tests.rs")
    };
    house().iter().filter(move |source| !is_test(source))
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn imports_go_down_the_list_only() {
    assert_none(&house().iter().flat_map(direction_faults).collect::<Vec<_>>());
}

#[test]
fn every_room_of_the_list_is_there() {
    let rooms: BTreeSet<&str> = house().iter().map(Source::room).collect();
    assert_eq!(rooms, ORDER.into());
}

#[test]
fn files_stay_short() {
    assert_none(&program().filter_map(length_fault).collect::<Vec<_>>());
}

#[test]
fn every_expect_says_why_it_cannot_fail() {
    assert_none(&program().flat_map(expect_faults).collect::<Vec<_>>());
}

#[test]
fn the_sandbox_shares_nothing_with_the_client() {
    let sandbox = house().iter().filter(|source| source.room() == "sandbox");
    assert_none(&sandbox.flat_map(sandbox_faults).collect::<Vec<_>>());
}

/// The checker on made-up text: what it must catch, and what it must not take for a fault.
mod checker {
    use super::*;

    fn direction_faults_of(file: &str, text: &str) -> Vec<String> {
        direction_faults(&Source::new(file, text))
    }

    fn sandbox_faults_of(file: &str, text: &str) -> Vec<String> {
        sandbox_faults(&Source::new(file, text))
    }

    fn length_fault_of(file: &str, text: &str) -> Option<String> {
        length_fault(&Source::new(file, text))
    }

    fn expect_faults_of(file: &str, text: &str) -> Vec<String> {
        expect_faults(&Source::new(file, text))
    }

    fn reached(file: &str, source: &str) -> Vec<String> {
        imports(&Source::new(file, source)).into_iter().map(|(target, _)| target).collect()
    }

    #[test]
    fn every_way_to_write_an_import_is_seen() {
        let text = "use crate::exit;\npub use crate::{report, journal::{self, Mark}, input::*};\n\
                    fn f(a: crate::offerit::Reply) -> Vec<crate::customer::Update> { $crate::cli::x() }\n\
                    use crate as all;";
        let expected =
            ["exit", "report", "journal", "input", "offerit", "customer", "cli", "crate"].map(str::to_owned);
        assert_eq!(reached("delivery/mod.rs", text), expected);
    }

    #[test]
    fn a_chain_of_supers_is_followed_to_where_it_ends() {
        assert_eq!(reached("input/rows.rs", "use super::Header; use self::x::y;"), [""; 0]);
        assert_eq!(reached("input/rows.rs", "use super::super::report::say;"), ["report"]);
        assert_eq!(reached("input/mod.rs", "use super::{report, exit::ExitCode};"), ["report", "exit"]);
        assert_eq!(reached("input.rs", "fn f() { super::cli::f() }"), ["cli"]);
        assert_eq!(reached("input/rows.rs", "use super::super::*;"), ["*"]);
    }

    #[test]
    fn a_module_written_inline_is_one_level_more() {
        let text = "mod tests { use super::*; use super::super::Header; use super::super::super::exit; }\n\
                    use super::super::cli;";
        assert_eq!(reached("input/rows.rs", text), ["exit", "cli"]);
    }

    #[test]
    fn comments_texts_and_visibility_are_no_imports() {
        let text = "// use crate::cli;\n/* crate::cli /* crate::a */ crate::b */ /// [`crate::cli::Cli`]\n\
                    const A: &str = \"use crate::cli \\\" crate::b\"; const B: &str = r#\"crate::\"cli\"#;\n\
                    const C: char = '\"'; const D: &[u8] = b\"crate::cli\"; fn f<'crate_>(x: &'crate_ u8) {}\n\
                    pub(crate) fn g() { '\\'' } pub(in crate::input) fn h() {}\n\
                    struct K(pub(super) u8, pub (crate::customer::Update,));";
        assert_eq!(imports(&Source::new("input/rows.rs", text)), [("customer".to_owned(), 6)]);
    }

    #[test]
    fn an_import_up_the_list_is_a_fault() {
        let up = "use crate::{customer::Update, delivery::Rate};";
        assert_eq!(
            direction_faults_of("journal/marks.rs", up),
            ["journal/marks.rs:1: 'journal' imports 'delivery', which is not below it"]
        );
        assert_none(&direction_faults_of("report/mod.rs", up));
        assert_eq!(direction_faults_of("exit.rs", "use crate::Surprise;").len(), 1);
        assert_eq!(direction_faults_of("customer/mod.rs", "use crate::*;").len(), 1);
        assert_eq!(direction_faults_of("metrics/mod.rs", "").len(), 1);
        assert_none(&direction_faults_of("journal/marks.rs", "use crate::journal::record::Status;"));
        assert_none(&direction_faults_of("lib.rs", "pub use self::cli::Cli;"));
    }

    #[test]
    fn every_import_of_the_sandbox_is_a_fault() {
        for below in ORDER.into_iter().filter(|module| *module != "sandbox") {
            let faults = direction_faults_of("sandbox/mod.rs", &format!("use super::{below}::x;"));
            assert_eq!(faults.len(), 1, "{below}");
        }
        assert_eq!(
            sandbox_faults_of("sandbox/form.rs", "// crate::a\nfn f() { crate::sandbox::g() }").len(),
            1
        );
        assert_none(&sandbox_faults_of("sandbox/form.rs", "pub(crate) fn f() {} // crate::a"));
    }

    #[test]
    fn tests_do_not_count_as_length() {
        let program = "fn f() {}\n".repeat(LONGEST_FILE);
        let tests = "#[cfg(test)]\nmod tests {\n    fn f() { \"}\" }\n}\n";
        assert_eq!(length_fault_of("a.rs", &format!("{program}{tests}")), None);
        assert!(length_fault_of("a.rs", &format!("{program}{tests}fn g() {{}}\n")).is_some());
        let between = format!("#[cfg(test)]\nmod client;\n{program}");
        assert_eq!(length_fault_of("a.rs", &between), None);
        assert_eq!(Source::new("a.rs", &between).test_modules, ["client"]);
        assert_eq!(
            Source::new("a.rs", "#[cfg(test)]\n#[allow(x)]\nfn f(a: [u8; 2]) {}\nfn g() {}").test_lines.len(),
            3
        );
    }

    #[test]
    fn an_expect_without_a_reason_is_found_outside_tests_only() {
        let unreasoned = [
            "x.expect(\"y\")",
            "x\n.expect(\"a number\")",
            "x.expect(REASON)",
            "x.expect(&format!(\"the row {row} was read\"))",
            "x.map(Option::expect)",
        ];
        for text in unreasoned {
            let program = format!("fn f() {{ {text} }}");
            assert_eq!(expect_faults_of("a.rs", &program).len(), 1, "{text}");
            assert_none(&expect_faults_of("a.rs", &format!("#[cfg(test)]\nmod tests {{ {program} }}")));
            assert_none(&expect_faults_of("a.rs", &format!("// {}\n", text.replace('\n', " "))));
        }
        let fine = "#[expect(unused, reason = \"a\")] fn f() { expect(1); x.expect_err(\"y\"); \
                    x.expect(\"it was checked above\"); x\n    .expect(\n\"the lock is never poisoned\") }";
        assert_none(&expect_faults_of("a.rs", fine));
    }
}
