//! The README cannot drift from the program: its usage blocks, its exit codes, its options and its paths are
//! held against the program itself.

use crate::support::calls::{PROGRAM, calls, commands, help, options};
use offerit_sync::exit::ExitCode;
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The commands that a newcomer types first; `.ci/run` runs both.
const FIRST_COMMANDS: [&str; 2] =
    ["cargo run --release -- run samples/customers.csv --sandbox", "cargo test"];

/// What opens a usage block; the command's name follows, or the program's for the help of the whole.
const USAGE: &str = "```text usage:";

/// Stands before the table of exit codes.
const EXIT_CODES: &str = "<!-- exit-codes -->";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("a README.md")
}

/// The README with whatever the program says in the places where the program speaks.
fn repaired(readme: &str) -> String {
    let mut repaired = String::new();
    let mut lines = readme.lines().peekable();
    while let Some(line) = lines.next() {
        repaired.push_str(line);
        repaired.push('\n');
        if let Some(name) = line.strip_prefix(USAGE) {
            while lines.next_if(|line| *line != "```").is_some() {}
            repaired.push_str(&help(name));
        } else if line == EXIT_CODES {
            let old: Vec<_> =
                std::iter::from_fn(|| lines.next_if(|line| line.is_empty() || line.starts_with('|')))
                    .collect();
            repaired.push_str(&exit_codes(&old));
        }
    }
    repaired
}

/// The table with the program's numbers and meanings, and what the README itself says about each.
fn exit_codes(old: &[&str]) -> String {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let advice = |code: ExitCode| {
        let row = old.iter().map(|line| cells(line)).find(|cells| cells[0] == code.number().to_string());
        row.and_then(|cells| cells.get(2).cloned()).unwrap_or_default()
    };
    let mut table = "\n| code | meaning | what to do |\n| --- | --- | --- |\n".to_owned();
    for code in ExitCode::ALL {
        table.push_str(&format!("| {} | {} | {} |\n", code.number(), code.meaning(), advice(code)));
    }
    table + "\n"
}

/// The first line in which two texts differ.
fn difference(found: &str, expected: &str) -> String {
    let number = found.lines().zip(expected.lines()).take_while(|(one, other)| one == other).count();
    let line = |text: &str| text.lines().nth(number).unwrap_or("(the end)").to_owned();
    format!("line {}\n  README:  {}\n  program: {}", number + 1, line(found), line(expected))
}

#[test]
fn usage_and_exit_codes_are_those_of_the_program() {
    let (found, expected) = (readme(), repaired(&readme()));
    if found == expected {
        return;
    }
    if env::var_os("UPDATE_README").is_some() {
        fs::write(root().join("README.md"), expected).expect("a README.md that can be written");
        return;
    }
    panic!(
        "README.md no longer says what the program says, {}\n\
         To put it right: UPDATE_README=1 cargo test --test it readme::, then look at what changed",
        difference(&found, &expected)
    );
}

#[test]
fn every_command_has_its_usage_and_the_exit_codes_their_table() {
    let readme = readme();
    let lines: Vec<_> = readme.lines().collect();
    for name in commands().into_iter().chain([PROGRAM.to_owned()]) {
        let block = format!("{USAGE}{name}");
        assert!(
            lines.contains(&block.as_str()),
            "README.md lacks the usage of {name}: add a block that opens with {block} and closes with ```, \
             then let UPDATE_README=1 cargo test --test it readme:: fill it"
        );
    }
    assert!(
        lines.contains(&EXIT_CODES),
        "README.md lacks the table of exit codes: put {EXIT_CODES} before it"
    );
}

#[test]
fn the_first_commands_stand_there_word_for_word() {
    let commands = code_lines(&readme());
    for command in FIRST_COMMANDS {
        assert!(
            commands.iter().any(|line| line == command),
            "README.md lacks a line '{command}' in a code block"
        );
    }
    let ci = fs::read_to_string(root().join(".ci/run")).expect("a .ci/run");
    for command in FIRST_COMMANDS {
        let run = ci.lines().any(|line| line.trim() == format!("step {command}"));
        assert!(run, ".ci/run does not run '{command}' as the README has it");
    }
}

/// The lines of all code blocks but the usage, those that end in a backslash joined with the next.
fn code_lines(readme: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut is_code, mut is_usage) = (false, false);
    let mut joined = String::new();
    for line in readme.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
            is_usage = line.starts_with(USAGE);
        } else if is_code && !is_usage {
            match line.strip_suffix('\\') {
                Some(part) => joined.push_str(part),
                None => lines.push(std::mem::take(&mut joined) + line),
            }
        }
    }
    lines
}

#[test]
fn every_call_in_a_code_block_uses_options_that_the_command_has() {
    let known = commands();
    let mut seen = BTreeSet::new();
    for line in code_lines(&readme()) {
        for (name, used) in calls(&line) {
            assert!(known.contains(&name), "README.md: there is no command '{name}': {line}");
            let unknown: Vec<_> = used.difference(&options(&help(&name))).cloned().collect();
            assert!(unknown.is_empty(), "README.md: {name} has no {}: {line}", unknown.join(", "));
            seen.insert(name);
        }
    }
    assert_eq!(seen, known.into_iter().collect(), "each command is called once at least");
}

#[test]
fn no_option_is_promised_that_no_command_has() {
    let mut known: BTreeSet<String> = commands().iter().flat_map(|name| options(&help(name))).collect();
    known.extend(options(&help(PROGRAM)));
    // Those of cargo and curl.
    known.extend(["--release", "--locked", "--path", "--test", "--data-urlencode"].map(str::to_owned));
    let promised = options(&readme());
    let unknown: Vec<_> = promised.difference(&known).cloned().collect();
    assert!(unknown.is_empty(), "README.md speaks of options that do not exist: {}", unknown.join(", "));
}

#[test]
fn every_path_that_is_named_is_there() {
    let readme = readme();
    let words = readme.split(|letter: char| letter.is_whitespace() || "`()[]\"'".contains(letter));
    let is_ours = |word: &&str| {
        ["samples/", "src/", "tests/", "benches/", ".ci/"].iter().any(|folder| word.starts_with(folder))
    };
    let mut count = 0;
    for word in words.filter(is_ours) {
        // A place in a file is named as FILE:LINE.
        let path = word.split(':').next().unwrap_or_default().trim_end_matches(['.', ',', ';']);
        count += 1;
        // What a run leaves is named too.
        let is_left = path.ends_with(".result.csv") || path.ends_with(".torn");
        assert!(is_left || root().join(path).exists(), "README.md names {path}, which is not there");
    }
    assert!(count > 5, "the README names files of the project");
}

#[test]
fn the_readers_of_this_file_read_right() {
    let text = "a\n```sh\nA=1 offerit-sync run in.csv \\\n  --rate 5; x --y | ./offerit-sync verify in.csv --result a\n\
                cargo run --release -- check in.csv\n```\n```text usage:run\n  --no\n```\n";
    let lines = code_lines(text);
    assert_eq!(lines.len(), 2);
    let named: Vec<_> = lines.iter().flat_map(|line| calls(line)).collect();
    let expected = [
        ("run", BTreeSet::from(["--rate".to_owned()])),
        ("verify", BTreeSet::from(["--result".to_owned()])),
        ("check", BTreeSet::new()),
    ];
    assert_eq!(named, expected.map(|(name, options)| (name.to_owned(), options)));
    assert_eq!(difference("a\nb\n", "a\nc\n"), "line 2\n  README:  b\n  program: c");
    assert_eq!(difference("a\n", "a\nc\n"), "line 2\n  README:  (the end)\n  program: c");
}
