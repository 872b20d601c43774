//! Everything that the program says to people, in one file to read through: `tests/it/messages.txt`. Other tests check what
//! a message means (exit code, file, line, option); only this one pins its wording.

use crate::house::{Source, Token, end_of_group, matches_at, program};
use crate::support::book::{pages, root};
use crate::support::calls::{PROGRAM, commands, help};
use regex::Regex;
use std::env;
use std::fmt::Write;
use std::fs;

/// The snapshot, from the top of the repository.
const FILE: &str = "tests/it/messages.txt";

/// How to write it anew.
const UPDATE: &str = "UPDATE_PAGES=1 cargo test --test it messages::";

const HEADER: &str = "\
# All texts of the program for people, by source file, with their placeholders. Help of options is on the pages of commands.
# Written by the program: UPDATE_PAGES=1 cargo test --test it messages:: (after a merge conflict, run it again)
";

/// Texts of these are for programs, not for people: names of months, the words of the API, metrics, the sandbox's replies.
const FOR_PROGRAMS: [&str; 9] = [
    "check/cell.rs",
    "offerit/words.rs",
    "report/metrics.rs",
    "report/page/charts/mod.rs",
    "sandbox/form.rs",
    "sandbox/options.rs",
    "sandbox/reply.rs",
    "sandbox/routes.rs",
    "sandbox/state.rs",
];

/// Attributes of the HTML page that a reader does not see.
const FOR_BROWSERS: [&str; 2] = ["content", "labelledby"];

/// What only a bug prints: `expect("…")`, `assert!(…)`, `unreachable!(…)`.
const FOR_PROGRAMMERS: [&str; 6] =
    ["expect", "assert", "debug_assert", "debug_assert_eq", "unreachable", "panic"];

/// The texts of a file in the order of the source, each once.
fn texts(source: &Source) -> Vec<String> {
    let tokens = &source.program;
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        if is_for_programmers(tokens, at) {
            at = end_of_group(tokens, at);
            continue;
        }
        let is_seen = at < 2 || tokens[at - 1].text != "=" || !FOR_BROWSERS.contains(&&*tokens[at - 2].text);
        if let Some(text) = string(&tokens[at].text).filter(|text| is_seen && is_for_people(text)) {
            // Further lines of a text are indented; blanks at the ends would be lost in an editor.
            let lines = text.trim().replace('\n', "\n    ").replace("    \n", "\n");
            if !found.contains(&lines) {
                found.push(lines);
            }
        }
        at += 1;
    }
    found
}

/// Whether a group opens here whose texts nobody but a programmer reads: of an attribute that is a doc comment or gives a
/// lint's reason, or of a call or macro of [`FOR_PROGRAMMERS`].
fn is_for_programmers(tokens: &[Token], at: usize) -> bool {
    let before = |distance: usize| at.checked_sub(distance).map_or("", |at| tokens[at].text.as_str());
    match tokens[at].text.as_str() {
        "[" => matches_at(tokens, at + 1, &["doc"]) || matches_at(tokens, at + 1, &["expect"]),
        "(" => {
            let name = if before(1) == "!" { before(2) } else { before(1) };
            FOR_PROGRAMMERS.contains(&name)
        }
        _ => false,
    }
}

/// The rule for what is a text for people: two words at least, a placeholder being one, and one of them written out.
fn is_for_people(text: &str) -> bool {
    let is_word = |word: &str| {
        let letters = word.trim_matches(|sign: char| !sign.is_alphabetic());
        letters.chars().count() >= 2
            && letters.chars().all(|letter| letter.is_alphabetic() || "'’-".contains(letter))
    };
    let mut placeholder = false;
    let spelled = text.replace(
        |sign: char| {
            placeholder = (placeholder || sign == '{') && sign != '}';
            placeholder
        },
        "",
    );
    text.split_whitespace().count() >= 2 && spelled.split_whitespace().any(is_word)
}

/// The text of a string literal, its escapes undone.
fn string(literal: &str) -> Option<String> {
    if let Some(raw) = literal.strip_prefix('r') {
        let raw = raw.trim_matches('#');
        return Some(raw.strip_prefix('"')?.strip_suffix('"')?.to_owned());
    }
    let quoted = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::new();
    let mut rest = quoted.chars().peekable();
    while let Some(sign) = rest.next() {
        if sign != '\\' {
            text.push(sign);
            continue;
        }
        match rest.next() {
            Some('\n') => while rest.next_if(|sign| sign.is_whitespace()).is_some() {},
            Some('n') => text.push('\n'),
            Some('u') => {
                let digits: String = rest.by_ref().take_while(|sign| *sign != '}').skip(1).collect();
                text.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
            }
            Some(escaped @ ('"' | '\'' | '\\')) => text.push(escaped),
            Some(other) => text.extend(['\\', other]),
            None => {}
        }
    }
    Some(text)
}

/// The whole snapshot.
fn snapshot() -> String {
    let mut snapshot = HEADER.to_owned();
    let is_for_people =
        |source: &&Source| !source.name.contains("/tests/") && !FOR_PROGRAMS.contains(&source.name.as_str());
    for source in program().filter(is_for_people) {
        let texts = texts(source);
        if !texts.is_empty() {
            let _ = write!(snapshot, "\n## src/{}\n{}\n", source.name, texts.join("\n"));
        }
    }
    snapshot
}

#[test]
fn all_texts_for_people_are_in_the_snapshot() {
    let (path, expected) = (root().join(FILE), snapshot());
    if env::var_os("UPDATE_PAGES").is_some() {
        fs::write(path, expected).expect("a snapshot that can be written");
        return;
    }
    let found = fs::read_to_string(path).expect("the snapshot");
    let added: Vec<_> = expected.lines().filter(|line| !found.lines().any(|other| other == *line)).collect();
    let gone: Vec<_> = found.lines().filter(|line| !expected.lines().any(|other| other == *line)).collect();
    assert!(
        found == expected,
        "{FILE} is out of date.\nnew:\n  {}\ngone:\n  {}\nTo put it right: {UPDATE}, then read the difference",
        added.join("\n  "),
        gone.join("\n  ")
    );
}

#[test]
fn names_and_formats_are_no_texts_for_people() {
    for text in ["{} rows", "no such file", "{name}: not found", "Try --resume."] {
        assert!(is_for_people(text), "{text}");
    }
    for text in ["customer_id", "{a} {b}", "{:>4} {rows}", "M 0 1", "text/csv; charset=utf-8", "rows"] {
        assert!(!is_for_people(text), "{text}");
    }
}

#[test]
fn only_texts_that_people_read_are_collected() {
    let source = "/// A doc comment.\n#[error(\"no {0} in \\\"b\\\"\")] struct A; #[expect(x, reason = \"so it is\")]\n\
                  fn f() { x.expect(\"it is there\"); say!(\"one \\\n   text\"); unreachable!(\"for a bug\") }\n\
                  #[cfg(test)] mod tests { fn g() { f(\"a test's text\") } }";
    assert_eq!(texts(&Source::new("a.rs", source)), ["no {0} in \"b\"", "one text"]);
}

/// Phrases of a private dialect, which readers would have to learn.
const DIALECT: &str = r"(?i)\b(stands? (in|there|for|behind|before|beside)|told|tells|so (many|much)|but for|as ever|be it|makes? of|take[sn]? for|(became|becomes) of|dealt with|did not make it|anew|in force|memory of|goes on)\b";

/// A clause in place of a subject, as in "What was sent is …".
const SUBJECTLESS: &str = r"(^|\. )(What|Who|Those) .*\b(is|are|was|were|says)\b";

#[test]
fn no_text_for_people_speaks_a_dialect() {
    let (dialect, subjectless) =
        (Regex::new(DIALECT).expect("a pattern"), Regex::new(SUBJECTLESS).expect("a pattern"));
    let helps = commands().into_iter().chain([PROGRAM.to_owned()]).map(|name| (name.clone(), help(&name)));
    let mut texts: Vec<(String, String)> = helps.collect();
    texts.push((FILE.to_owned(), snapshot()));
    let changes = fs::read_to_string(root().join("CHANGELOG.md")).expect("a changelog");
    let pages: Vec<_> = pages().into_iter().map(|page| (page.name, page.text)).collect();
    let is_odd = |line: &str, is_prose: bool| {
        let line = line.strip_prefix("## src/").map_or(line, |_| "");
        dialect.is_match(line) || (!is_prose && subjectless.is_match(line.trim()))
    };
    let all = texts.iter().map(|text| (text, false));
    let all = all.chain(pages.iter().map(|page| (page, true)));
    let changes = ("CHANGELOG.md".to_owned(), changes);
    let odd: Vec<_> = all
        .chain([(&changes, true)])
        .flat_map(|((name, text), is_prose)| {
            text.lines().filter(move |line| is_odd(line, is_prose)).map(move |line| format!("{name}: {line}"))
        })
        .collect();
    assert!(odd.is_empty(), "say it plainly:\n{}", odd.join("\n"));
}
