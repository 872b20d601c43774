//! The order of the house: which module may import which, how long a file may be, and what has no place in
//! the program. It reads `src/` as text, so that no rule depends on anybody's attention.

use crate::support;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A module may import from those behind it only.
const ORDER: [&str; 13] = [
    "main", "lib", "cli", "config", "commands", "exit", "report", "delivery", "journal", "offerit", "input",
    "customer", "sandbox",
];

/// The most lines of a file, tests not counted.
const LONGEST_FILE: usize = 300;

/// Macros that print past `report` or stand for something unfinished.
const BANNED_MACROS: [&str; 7] = ["print", "println", "eprint", "eprintln", "todo", "unimplemented", "dbg"];

// ---- Rust as tokens: no comments, no text in quotes -------------------------------------------------------

/// A name, or a single sign; texts, characters and numbers are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    text: String,
    line: usize,
}

struct Lexer<'source> {
    bytes: &'source [u8],
    at: usize,
    line: usize,
}

fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { bytes: source.as_bytes(), at: 0, line: 1 };
    let mut tokens = Vec::new();
    while let Some(byte) = lexer.peek(0) {
        let (start, line) = (lexer.at, lexer.line);
        match (byte, lexer.peek(1)) {
            (b'/', Some(b'/')) => lexer.skip_while(|byte| byte != b'\n'),
            (b'/', Some(b'*')) => lexer.skip_block_comment(),
            (b'"', _) => lexer.skip_text(),
            (b'r' | b'b' | b'c', _) if lexer.raw_hashes().is_some() => lexer.skip_raw_text(),
            (b'\'', _) => lexer.skip_character_or_lifetime(),
            _ if is_of_name(byte) => {
                lexer.skip_while(is_of_name);
                // The b of b"text" and b'c' is no name.
                let is_prefix = lexer.at == start + 1 && matches!(lexer.peek(0), Some(b'"' | b'\''));
                if !byte.is_ascii_digit() && !is_prefix {
                    tokens.push(Token { text: source[start..lexer.at].to_owned(), line });
                }
            }
            _ => {
                lexer.skip(1);
                if byte.is_ascii_punctuation() {
                    tokens.push(Token { text: char::from(byte).to_string(), line });
                }
            }
        }
    }
    tokens
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn skip(&mut self, count: usize) {
        let end = (self.at + count).min(self.bytes.len());
        self.line += self.bytes[self.at..end].iter().filter(|byte| **byte == b'\n').count();
        self.at = end;
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&wanted) {
            self.skip(1);
        }
    }

    fn skip_block_comment(&mut self) {
        let mut depth = 0;
        while let Some(byte) = self.peek(0) {
            let step = match (byte, self.peek(1)) {
                (b'/', Some(b'*')) => 1,
                (b'*', Some(b'/')) => -1,
                _ => 0,
            };
            depth += step;
            self.skip(if step == 0 { 1 } else { 2 });
            if depth == 0 {
                return;
            }
        }
    }

    fn skip_text(&mut self) {
        self.skip(1);
        while let Some(byte) = self.peek(0) {
            self.skip(if byte == b'\\' { 2 } else { 1 });
            if byte == b'"' {
                return;
            }
        }
    }

    /// How many hashes open the raw text that begins here, if one does: `r"`, `br##"`.
    fn raw_hashes(&self) -> Option<usize> {
        let prefix = if self.peek(0) == Some(b'r') { 1 } else { 2 };
        if prefix == 2 && self.peek(1) != Some(b'r') {
            return None;
        }
        let rest = &self.bytes[self.at + prefix..];
        let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
        (rest.get(hashes) == Some(&b'"')).then_some(hashes)
    }

    fn skip_raw_text(&mut self) {
        let hashes = self.raw_hashes().unwrap_or_default();
        let end = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
        self.skip_while(|byte| byte != b'"');
        self.skip(1);
        while self.at < self.bytes.len() && !self.bytes[self.at..].starts_with(&end) {
            self.skip(1);
        }
        self.skip(end.len());
    }

    fn skip_character_or_lifetime(&mut self) {
        let rest = std::str::from_utf8(&self.bytes[self.at + 1..]).unwrap_or_default();
        let mut letters = rest.chars();
        let first = letters.next().unwrap_or_default();
        if first == '\\' {
            self.skip(3);
            self.skip_while(|byte| byte != b'\'');
            self.skip(1);
        } else if letters.next() == Some('\'') {
            self.skip(first.len_utf8() + 2);
        } else {
            self.skip(1);
            self.skip_while(is_of_name);
        }
    }
}

fn matches_at(tokens: &[Token], at: usize, wanted: &[&str]) -> bool {
    let found = tokens.get(at..at + wanted.len());
    found.is_some_and(|found| found.iter().zip(wanted).all(|(token, text)| token.text == *text))
}

/// Behind the group that opens at `at`.
fn end_of_group(tokens: &[Token], at: usize) -> usize {
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

struct Split {
    /// What ships.
    program: Vec<Token>,
    /// The lines of everything behind `#[cfg(test)]`.
    test_lines: BTreeSet<usize>,
    /// Modules in other files that exist for tests alone.
    test_modules: Vec<String>,
}

fn split(source: &str) -> Split {
    let tokens = tokens(source);
    let mut split = Split { program: Vec::new(), test_lines: BTreeSet::new(), test_modules: Vec::new() };
    let mut at = 0;
    while at < tokens.len() {
        if !matches_at(&tokens, at, &TEST_ATTRIBUTE) {
            split.program.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let mut end = at + TEST_ATTRIBUTE.len();
        while matches_at(&tokens, end, &["#"]) {
            end = end_of_group(&tokens, end + 1);
        }
        let item = end;
        while end < tokens.len() && !matches!(tokens[end].text.as_str(), ";" | "{") {
            end = if tokens[end].text == "(" { end_of_group(&tokens, end) } else { end + 1 };
        }
        if matches_at(&tokens, end, &[";"]) && matches_at(&tokens, item, &["mod"]) {
            split.test_modules.push(tokens[item + 1].text.clone());
        }
        end = end_of_group(&tokens, end).min(tokens.len());
        split.test_lines.extend(tokens[at].line..=tokens[end - 1].line);
        at = end;
    }
    split
}

// ---- Imports ----------------------------------------------------------------------------------------------

/// The top-level modules that a file reaches, with the line.
fn imports(source: &str, module: &[String]) -> Vec<(String, usize)> {
    let tokens = tokens(source);
    let mut found = Vec::new();
    let mut inline = Vec::new();
    let mut depth = 0_usize;
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "mod" if matches_at(&tokens, at + 2, &["{"]) => {
                inline.push((tokens[at + 1].text.clone(), depth));
                at += 1;
            }
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                inline.retain(|(_, opened)| *opened < depth);
            }
            // `pub(crate)` and `pub(super)` say who may look in.
            "pub" if is_visibility(&tokens, at + 1) => {
                at = end_of_group(&tokens, at + 1);
                continue;
            }
            "crate" | "self" | "super" => {
                let here = module.iter().chain(inline.iter().map(|(name, _)| name)).cloned().collect();
                at = path(&tokens, at, here, &mut found);
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
fn direction_faults(file: &str, source: &str) -> Vec<String> {
    let module = module_of(file);
    let name = top_of(file);
    let Some(own) = rank(&name) else {
        return vec![format!("{file}: '{name}' has no place in the order of the house: give it one here")];
    };
    let reached = imports(source, &module).into_iter();
    let is_above = |target: &str| rank(target).is_none_or(|target| target < own);
    reached
        .filter(|(target, _)| name != "lib" && *target != name && is_above(target))
        .map(|(target, line)| format!("{file}:{line}: '{name}' imports '{target}', which is not below it"))
        .collect()
}

/// The module a file of `src/` is, from the root of the crate.
fn module_of(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let mut module: Vec<String> = stem.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod") || matches!(stem, "main" | "lib") {
        module.pop();
    }
    module
}

fn top_of(file: &str) -> String {
    file.split(['/', '.']).next().unwrap_or_default().to_owned()
}

// ---- Length, banned calls, the sandbox --------------------------------------------------------------------

fn length_fault(file: &str, source: &str) -> Option<String> {
    let lines = source.lines().count() - split(source).test_lines.len();
    (lines > LONGEST_FILE)
        .then(|| format!("{file}: {lines} lines without tests: split it, a file has at most {LONGEST_FILE}"))
}

fn banned_faults(file: &str, source: &str) -> Vec<String> {
    let tokens = split(source).program;
    let mut faults = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).map_or("", |before| &tokens[before].text);
        let next = tokens.get(at + 1).map_or("", |next| &next.text);
        let is_member = matches!(before, "." | ":");
        let what = match token.text.as_str() {
            "unwrap" if is_member => ".unwrap()",
            "expect" if is_member => ".expect()",
            "process" if ends_process(&tokens, at) => "process::exit",
            name if BANNED_MACROS.contains(&name) && next == "!" => name,
            _ => continue,
        };
        faults.push(format!("{file}:{}: {what} has no place outside tests", token.line));
    }
    faults
}

/// Whether `process::exit` or `process::{…, exit, …}` stands here.
fn ends_process(tokens: &[Token], at: usize) -> bool {
    if matches_at(tokens, at + 1, &[":", ":", "{"]) {
        let end = end_of_group(tokens, at + 3);
        return tokens[at + 3..end].iter().any(|token| token.text == "exit");
    }
    matches_at(tokens, at + 1, &[":", ":", "exit"])
}

/// The sandbox shares nothing with the client: it names no path of the crate, its own included.
fn sandbox_faults(file: &str, source: &str) -> Vec<String> {
    let tokens = tokens(source);
    let named = (0..tokens.len()).filter(|at| matches_at(&tokens, *at, &["crate", ":", ":"]));
    named.map(|at| format!("{file}:{}: the sandbox names `crate::`", tokens[at].line)).collect()
}

// ---- The house itself -------------------------------------------------------------------------------------

struct File {
    /// Below `src/`, with slashes.
    name: String,
    source: String,
    is_test: bool,
}

fn house() -> Vec<File> {
    support::beside_others();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    let read = |path: &PathBuf| fs::read_to_string(path).expect("a readable source file");
    let sources: Vec<String> = paths.iter().map(read).collect();
    let mut test_files = BTreeSet::new();
    for (path, source) in paths.iter().zip(&sources) {
        let is_folder = path.file_name().is_some_and(|name| name == "mod.rs" || name == "lib.rs");
        let folder = if is_folder { path.with_file_name("") } else { path.with_extension("") };
        for module in split(source).test_modules {
            test_files.insert(folder.join(format!("{module}.rs")));
            test_files.insert(folder.join(module).join("mod.rs"));
        }
    }
    let name = |path: &Path| {
        let below = path.strip_prefix(&root).expect("a path below src");
        below.to_str().expect("a path in UTF-8").replace('\\', "/")
    };
    let is_test = |path: &Path| test_files.contains(path) || path.ends_with("tests.rs");
    let files = paths.iter().zip(sources);
    files.map(|(path, source)| File { name: name(path), source, is_test: is_test(path) }).collect()
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
    let faults: Vec<_> = house().iter().flat_map(|file| direction_faults(&file.name, &file.source)).collect();
    assert_none(&faults);
}

#[test]
fn every_room_of_the_list_is_there() {
    let rooms: BTreeSet<String> = house().iter().map(|file| top_of(&file.name)).collect();
    assert_eq!(rooms, ORDER.map(str::to_owned).into());
}

#[test]
fn files_stay_short() {
    let files = house();
    let program = files.iter().filter(|file| !file.is_test);
    assert_none(&program.filter_map(|file| length_fault(&file.name, &file.source)).collect::<Vec<_>>());
}

#[test]
fn nothing_panics_prints_or_exits_by_the_side() {
    let files = house();
    let program = files.iter().filter(|file| !file.is_test);
    assert_none(&program.flat_map(|file| banned_faults(&file.name, &file.source)).collect::<Vec<_>>());
}

#[test]
fn the_sandbox_shares_nothing_with_the_client() {
    let files = house();
    let sandbox = files.iter().filter(|file| top_of(&file.name) == "sandbox");
    assert_none(&sandbox.flat_map(|file| sandbox_faults(&file.name, &file.source)).collect::<Vec<_>>());
}

/// The checker on made-up text: what it must catch, and what it must not take for a fault.
mod checker {
    use super::*;

    fn reached(file: &str, source: &str) -> Vec<String> {
        imports(source, &module_of(file)).into_iter().map(|(target, _)| target).collect()
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
        assert_eq!(imports(text, &module_of("input/rows.rs")), [("customer".to_owned(), 6)]);
    }

    #[test]
    fn an_import_up_the_list_is_a_fault() {
        let up = "use crate::{customer::Update, delivery::Rate};";
        assert_eq!(
            direction_faults("journal/marks.rs", up),
            ["journal/marks.rs:1: 'journal' imports 'delivery', which is not below it"]
        );
        assert_none(&direction_faults("report/mod.rs", up));
        assert_eq!(direction_faults("exit.rs", "use crate::Surprise;").len(), 1);
        assert_eq!(direction_faults("customer/mod.rs", "use crate::*;").len(), 1);
        assert_eq!(direction_faults("metrics/mod.rs", "").len(), 1);
        assert_none(&direction_faults("journal/marks.rs", "use crate::journal::record::Status;"));
        assert_none(&direction_faults("lib.rs", "pub use self::cli::Cli;"));
    }

    #[test]
    fn every_import_of_the_sandbox_is_a_fault() {
        for below in ORDER.into_iter().filter(|module| *module != "sandbox") {
            let faults = direction_faults("sandbox/mod.rs", &format!("use super::{below}::x;"));
            assert_eq!(faults.len(), 1, "{below}");
        }
        assert_eq!(sandbox_faults("sandbox/form.rs", "// crate::a\nfn f() { crate::sandbox::g() }").len(), 1);
        assert_none(&sandbox_faults("sandbox/form.rs", "pub(crate) fn f() {} // crate::a"));
    }

    #[test]
    fn tests_do_not_count_as_length() {
        let program = "fn f() {}\n".repeat(LONGEST_FILE);
        let tests = "#[cfg(test)]\nmod tests {\n    fn f() { \"}\" }\n}\n";
        assert_eq!(length_fault("a.rs", &format!("{program}{tests}")), None);
        assert!(length_fault("a.rs", &format!("{program}{tests}fn g() {{}}\n")).is_some());
        let between = format!("#[cfg(test)]\nmod client;\n{program}");
        assert_eq!(length_fault("a.rs", &between), None);
        assert_eq!(split(&between).test_modules, ["client"]);
        assert_eq!(split("#[cfg(test)]\n#[allow(x)]\nfn f(a: [u8; 2]) {}\nfn g() {}").test_lines.len(), 3);
    }

    #[test]
    fn what_is_banned_is_found_outside_tests_only() {
        let banned = [
            "x.unwrap()",
            "x.map(Option::unwrap)",
            "x\n.expect(\"y\")",
            "std::process::exit(1)",
            "use std::process::{Command, exit};",
            "println!()",
            "eprintln! {}",
            "todo!()",
            "unimplemented!()",
            "dbg!(x)",
        ];
        for text in banned {
            let program = format!("fn f() {{ {text} }}");
            assert_eq!(banned_faults("a.rs", &program).len(), 1, "{text}");
            assert_none(&banned_faults("a.rs", &format!("#[cfg(test)]\nmod tests {{ {program} }}")));
            assert_none(&banned_faults("a.rs", &format!("// {}\n", text.replace('\n', " "))));
        }
        let fine = "#[expect(unused, reason = \"a\")] fn f() { x.unwrap_or(1); expect(1); process::ExitCode; \
                    writeln!(x) }";
        assert_none(&banned_faults("a.rs", fine));
    }
}
