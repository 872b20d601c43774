//! What a text says to type, held against what the program takes: for the pages and the samples.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

/// The program's name.
pub const PROGRAM: &str = "offerit-sync";

/// The help of a command, or of the program.
pub fn help(name: &str) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_offerit-sync"));
    program.env_remove("COLUMNS").env_remove("CLICOLOR_FORCE");
    if name != PROGRAM {
        program.arg(name);
    }
    // Without a terminal, which would set the width.
    let output = program.arg("--help").stdin(Stdio::null()).output().expect("the program runs");
    assert!(output.status.success(), "{name} --help ends with {}", output.status);
    let text = String::from_utf8(output.stdout).expect("a help in UTF-8");
    text.trim_end().lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// The commands that the program's help lists, except `help` itself.
pub fn commands() -> Vec<String> {
    let help = help(PROGRAM);
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed.take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Every option in a text, without its value.
pub fn options(text: &str) -> BTreeSet<String> {
    let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    text.split(|letter| !is_of_name(letter))
        .filter(|word| word.starts_with("--") && word.len() > 2 && !word.starts_with("---"))
        .map(str::to_owned)
        .collect()
}

/// The calls of the program in a line of a shell: the command's name and its options.
pub fn calls(line: &str) -> Vec<(String, BTreeSet<String>)> {
    let mut calls = Vec::new();
    for call in line.split([';', '|', '&']) {
        let words: Vec<_> = call.split_whitespace().collect();
        let is_call = |pair: &[&str]| pair[0].ends_with(PROGRAM) || pair == ["cargo", "run"];
        let Some(at) = words.windows(2).position(is_call) else {
            continue;
        };
        let behind = if words[at] == "cargo" {
            words.iter().position(|word| *word == "--").map_or(words.len(), |dashes| dashes + 1)
        } else {
            at + 1
        };
        if let Some(name) = words.get(behind).filter(|name| !name.starts_with('-')) {
            calls.push(((*name).to_owned(), options(&words[behind..].join(" "))));
        }
    }
    calls
}
