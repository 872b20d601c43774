//! The pages cannot drift from the program: their usage blocks, transcripts, exit codes, options, paths, links, tables
//! and quoted messages are held against the program and the repository.

use crate::support::book::{self, EXIT_CODES, Page, USAGE, cells, page, pages, root};
use crate::support::calls::{PROGRAM, calls, commands, help, options};
use offerit_sync::customer::Parameter;
use offerit_sync::exit::ExitCode;
use offerit_sync::journal::Status;
use std::collections::BTreeSet;
use std::env;
use std::fs;

/// The commands that a newcomer types first; `.ci/run` runs both.
const FIRST_COMMANDS: [&str; 2] =
    ["cargo run --release -- run samples/customers.csv --sandbox", "cargo test"];

/// How to let the program rewrite what it says on the pages.
const UPDATE: &str = "UPDATE_PAGES=1 cargo test --test it pages::";

/// The most lines of the README, and of a page of the book. A reader finishes a page of the median in a minute or two.
const LONGEST_README: usize = 300;
const LONGEST_PAGE: usize = 350;
const MEDIAN_PAGE: usize = 80;

/// How many messages the page of troubleshooting explains at least.
const MESSAGES: usize = 25;

/// The first line in which two texts differ.
fn difference(found: &str, expected: &str) -> String {
    let number = found.lines().zip(expected.lines()).take_while(|(one, other)| one == other).count();
    let line = |text: &str| text.lines().nth(number).unwrap_or("(the end)").to_owned();
    format!("line {}\n  page:    {}\n  program: {}", number + 1, line(found), line(expected))
}

/// The words of a text, without the signs around them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| letter.is_whitespace() || "`()[]\"'<>|,;=".contains(letter))
        .map(|word| word.trim_end_matches(['.', ':']))
}

#[test]
fn usage_transcripts_and_exit_codes_are_those_of_the_program() {
    for page in pages() {
        let expected = page.repaired();
        if page.text == expected {
            continue;
        }
        if env::var_os("UPDATE_PAGES").is_some() {
            fs::write(root().join(&page.name), expected).expect("a page that can be written");
            continue;
        }
        panic!(
            "{} no longer shows what the program prints, {}\nTo put it right: {UPDATE}, then look at what changed",
            page.name,
            difference(&page.text, &expected)
        );
    }
}

#[test]
fn every_command_has_its_usage_on_one_page_and_the_exit_codes_are_explained_on_one() {
    let pages = pages();
    let places = |wanted: &str| -> Vec<&str> {
        let lines = pages.iter().flat_map(|page| page.text.lines().map(|line| (page.name.as_str(), line)));
        lines.filter(|(_, line)| *line == wanted).map(|(name, _)| name).collect()
    };
    for name in commands().into_iter().chain([PROGRAM.to_owned()]) {
        let block = format!("{USAGE}{name}");
        assert_eq!(
            places(&block).len(),
            1,
            "{name} has its usage on one page: a block that opens with {block} and closes with ```, which {UPDATE} fills"
        );
    }
    assert_eq!(places(EXIT_CODES), ["docs/src/reference/exit-codes.md"]);
}

/// The codes in the first column of the README's short table.
#[test]
fn the_readme_names_every_exit_code() {
    let readme = page("README.md");
    let rows =
        readme.text.lines().skip_while(|line| *line != "## Exit codes").filter(|line| line.starts_with('|'));
    let codes =
        rows.skip(2).flat_map(|line| cells(line)[0].split(" / ").map(str::to_owned).collect::<Vec<_>>());
    let expected = ExitCode::ALL.map(|code| code.number().to_string());
    assert_eq!(codes.take(expected.len()).collect::<Vec<_>>(), expected);
}

#[test]
fn the_first_commands_stand_there_word_for_word() {
    let commands = page("README.md").code_lines();
    let ci = fs::read_to_string(root().join(".ci/run")).expect("a .ci/run");
    for command in FIRST_COMMANDS {
        assert!(
            commands.iter().any(|line| line == command),
            "README.md lacks a line '{command}' in a code block"
        );
        let run = ci.lines().any(|line| line.trim() == format!("step {command}"));
        assert!(run, ".ci/run does not run '{command}' as the README has it");
    }
}

#[test]
fn every_call_in_a_code_block_uses_options_that_the_command_has() {
    let known = commands();
    let mut seen = BTreeSet::new();
    for page in pages() {
        for line in page.code_lines() {
            for (name, used) in calls(&line) {
                assert!(known.contains(&name), "{}: there is no command '{name}': {line}", page.name);
                let unknown: Vec<_> = used.difference(&options(&help(&name))).cloned().collect();
                assert!(unknown.is_empty(), "{}: {name} has no {}: {line}", page.name, unknown.join(", "));
                seen.insert(name);
            }
        }
    }
    assert_eq!(seen, known.into_iter().collect(), "each command is called once at least");
}

#[test]
fn no_option_is_promised_that_no_command_has() {
    let mut known: BTreeSet<String> = commands().iter().flat_map(|name| options(&help(name))).collect();
    known.extend(options(&help(PROGRAM)));
    // Those of cargo.
    known.extend(["--release", "--locked", "--test"].map(str::to_owned));
    for page in pages() {
        let prose: Vec<_> = page.prose().collect();
        let unknown: Vec<_> = options(&prose.join("\n")).difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "{} names options that do not exist: {}", page.name, unknown.join(", "));
    }
}

#[test]
fn every_path_that_is_named_is_there() {
    let mut count = 0;
    for page in pages() {
        let ours = words(&page.text).filter(|word| {
            ["samples/", "src/", "tests/", "benches/", "docs/", ".ci/"]
                .iter()
                .any(|folder| word.starts_with(folder))
        });
        for word in ours {
            // A place in a file is named as FILE:LINE.
            let path = word.split([':', '#']).next().unwrap_or_default();
            count += 1;
            // What a run leaves is named too.
            let is_left = [".result.csv", ".result.html", ".failures.csv", ".torn"]
                .iter()
                .any(|end| path.ends_with(end));
            assert!(is_left || root().join(path).exists(), "{} names {path}, which is not there", page.name);
        }
    }
    assert!(count > 20, "the pages name files of the project");
}

#[test]
fn every_link_leads_somewhere() {
    let mut count = 0;
    for page in pages() {
        let folder = root().join(&page.name).parent().expect("a folder").to_path_buf();
        for link in page.links() {
            count += 1;
            if link.starts_with("https://") {
                continue;
            }
            let (path, anchor) =
                link.split_once('#').map_or((link.as_str(), None), |(path, anchor)| (path, Some(anchor)));
            let target = if path.is_empty() { root().join(&page.name) } else { folder.join(path) };
            let target = target
                .canonicalize()
                .unwrap_or_else(|error| panic!("{}: the link {link}: {error}", page.name));
            let name = target.strip_prefix(root().canonicalize().expect("the repository"));
            let name = name.unwrap_or_else(|_| panic!("{}: {link} leads out of the repository", page.name));
            let name = name.to_str().expect("a name in UTF-8");
            assert!(
                !page.name.starts_with(book::BOOK) || name.starts_with(book::BOOK),
                "{}: {link} leads out of the book, where the book alone is read",
                page.name
            );
            if let Some(anchor) = anchor {
                let anchors = book::page(name).anchors();
                assert!(
                    anchors.iter().any(|known| known == anchor),
                    "{}: {link}: {name} has {anchors:?}",
                    page.name
                );
            }
        }
    }
    assert!(count > 50, "the pages are linked: {count}");
}

#[test]
fn the_contents_list_every_page_once() {
    let contents = page("docs/src/SUMMARY.md");
    let mut listed: Vec<_> = contents.links().iter().map(|link| format!("{}/{link}", book::BOOK)).collect();
    listed.sort();
    let is_page = |page: &Page| page.name.starts_with(book::BOOK) && page.name != contents.name;
    let mut found: Vec<_> = pages().into_iter().filter(is_page).map(|page| page.name).collect();
    found.sort();
    assert_eq!(listed, found);
}

#[test]
fn pages_stay_short() {
    let mut lengths: Vec<_> =
        pages().iter().map(|page| (page.text.lines().count(), page.name.clone())).collect();
    lengths.sort();
    let longest =
        |(_, name): &&(usize, String)| if name == "README.md" { LONGEST_README } else { LONGEST_PAGE };
    let too_long: Vec<_> = lengths.iter().filter(|page| page.0 > longest(page)).collect();
    assert!(too_long.is_empty(), "split or shorten: {too_long:?}");
    let median = &lengths[lengths.len() / 2];
    assert!(median.0 < MEDIAN_PAGE, "half of the pages are longer than {median:?}");
}

#[test]
fn the_tables_name_what_the_program_knows() {
    let first_cells = |name: &str| -> BTreeSet<String> {
        let page = page(name);
        let rows = page.text.lines().filter(|line| line.starts_with("| `"));
        rows.flat_map(|line| cells(line)[0].split(", ").map(|cell| cell.replace('`', "")).collect::<Vec<_>>())
            .collect()
    };
    let parameters = first_cells("docs/src/reference/csv.md");
    for parameter in Parameter::ALL {
        assert!(parameters.contains(parameter.name()), "csv.md lacks the column {}", parameter.name());
    }
    let statuses = first_cells("docs/src/reference/result-file.md");
    for status in Status::ALL {
        assert!(statuses.contains(status.name()), "result-file.md lacks the status {}", status.name());
    }
}

/// The variables, events and metrics that pages name occur in the program.
#[test]
fn names_that_scripts_use_are_those_of_the_program() {
    let source = source();
    let mut count = 0;
    for page in pages() {
        for word in words(&page.text) {
            let name = word.split('{').next().unwrap_or_default().trim_start_matches(['$', '{']);
            let is_variable = name.starts_with("OFFERIT_")
                && name.chars().all(|letter| letter.is_uppercase() || letter == '_');
            let metric = name.strip_prefix("offerit_sync_");
            if is_variable || metric.is_some() {
                count += 1;
                // The same metrics exist of the last run and of the current one.
                let metric = metric.map(|name| {
                    let name = name.trim_end_matches('…');
                    ["last_run_", "current_run_"]
                        .iter()
                        .find_map(|run| name.strip_prefix(run))
                        .unwrap_or(name)
                });
                let wanted = metric.unwrap_or(name);
                assert!(
                    source.contains(wanted),
                    "{} names {name}, which the program does not know",
                    page.name
                );
            }
        }
    }
    assert!(count > 10, "{count}");
}

/// The program's text, with the texts in quotes as they are printed.
fn source() -> String {
    let mut folders = vec![root().join("src")];
    let mut source = String::new();
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(folder).expect("a folder of the program").map(|entry| entry.expect("an entry"))
        {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if let Ok(text) = fs::read_to_string(entry.path()) {
                source.push_str(&text);
            }
        }
    }
    // A backslash at the end of a line drops the line end and the blanks of the next line.
    let mut parts = source.split("\\\n");
    let first = parts.next().unwrap_or_default().to_owned();
    let joined = parts.fold(first, |text, rest| text + rest.trim_start());
    joined.replace("\\\"", "\"")
}

/// A heading quotes the fixed words of a message; `…` stands for what differs from case to case.
#[test]
fn every_message_that_is_explained_is_one_of_the_program() {
    let source = source();
    let page = page("docs/src/troubleshooting.md");
    let headings = page.prose().filter(|line| line.starts_with('#'));
    let messages: Vec<_> = headings.filter_map(|line| line.split('`').nth(1)).collect();
    for message in &messages {
        for words in message.split('…').map(str::trim).filter(|words| !words.is_empty()) {
            assert!(source.contains(words), "no message of the program holds '{words}': {message}");
        }
    }
    assert!(messages.len() >= MESSAGES, "{} messages are explained", messages.len());
}

#[test]
fn the_readers_of_calls_read_right() {
    let named: Vec<_> = [
        "A=1 offerit-sync run in.csv --rate 5; x --y | ./offerit-sync verify in.csv --result a",
        "cargo run --release -- check in.csv",
    ]
    .into_iter()
    .flat_map(calls)
    .collect();
    let expected = [
        ("run", BTreeSet::from(["--rate".to_owned()])),
        ("verify", BTreeSet::from(["--result".to_owned()])),
        ("check", BTreeSet::new()),
    ];
    assert_eq!(named, expected.map(|(name, options)| (name.to_owned(), options)));
    assert_eq!(difference("a\nb\n", "a\nc\n"), "line 2\n  page:    b\n  program: c");
    assert_eq!(difference("a\n", "a\nc\n"), "line 2\n  page:    (the end)\n  program: c");
}
