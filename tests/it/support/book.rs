//! The pages that people read, as tests see them: README.md, CONTRIBUTING.md and the book in `docs/src`.

use super::calls::{PROGRAM, help};
use offerit_sync::exit::ExitCode;
use regex::{Captures, Regex};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What opens a usage block; the command's name follows, or the program's for the help of the whole.
pub const USAGE: &str = "```text usage:";

/// Opens a block of commands, each after a dollar sign, with what they print. They run in a folder with the samples.
pub const TRANSCRIPT: &str = "```console output";

/// Stands before the table of exit codes.
pub const EXIT_CODES: &str = "<!-- exit-codes -->";

/// Where the book's pages are.
pub const BOOK: &str = "docs/src";

/// One page.
pub struct Page {
    /// Its path from the top of the repository.
    pub name: String,
    pub text: String,
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// Every page, README.md first.
pub fn pages() -> Vec<Page> {
    let mut names = vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned()];
    let mut folders = vec![BOOK.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(root().join(&folder)).expect("a folder of pages");
        for entry in entries.map(|entry| entry.expect("an entry")) {
            let name = format!("{folder}/{}", entry.file_name().to_str().expect("a name in UTF-8"));
            if entry.path().is_dir() {
                folders.push(name);
            } else if name.ends_with(".md") {
                names.push(name);
            }
        }
    }
    names.into_iter().map(page).collect()
}

/// One page by its path.
pub fn page(name: impl Into<String>) -> Page {
    let name = name.into();
    let text = fs::read_to_string(root().join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    Page { name, text }
}

impl Page {
    /// The page with what the program prints in the places where the program speaks.
    pub fn repaired(&self) -> String {
        let mut repaired = String::new();
        let mut lines = self.text.lines().peekable();
        while let Some(line) = lines.next() {
            repaired.push_str(line);
            repaired.push('\n');
            if let Some(name) = line.strip_prefix(USAGE) {
                while lines.next_if(|line| *line != "```").is_some() {}
                repaired.push_str(&usage(name));
            } else if line == TRANSCRIPT {
                let mut commands = Vec::new();
                while let Some(line) = lines.next_if(|line| *line != "```") {
                    commands.extend(line.strip_prefix("$ "));
                }
                repaired.push_str(&transcript(&commands));
            } else if line == EXIT_CODES {
                let old: Vec<_> =
                    std::iter::from_fn(|| lines.next_if(|line| line.is_empty() || line.starts_with('|')))
                        .collect();
                repaired.push_str(&exit_codes(&old));
            }
        }
        repaired
    }

    /// The lines outside of code blocks.
    pub fn prose(&self) -> impl Iterator<Item = &str> {
        let mut is_code = false;
        self.text.lines().filter(move |line| {
            let is_fence = line.trim_start().starts_with("```");
            is_code ^= is_fence;
            !is_code && !is_fence
        })
    }

    /// The lines of all code blocks except usage, those that end in a backslash joined with the next. Of a transcript
    /// only the commands.
    pub fn code_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut opening: Option<&str> = None;
        let mut joined = String::new();
        for line in self.text.lines().map(str::trim_start) {
            match opening {
                None if line.starts_with("```") => opening = Some(line),
                None => {}
                Some(_) if line == "```" => opening = None,
                Some(opening) if opening.starts_with(USAGE) => {}
                Some(opening) => {
                    let is_output =
                        opening.starts_with("```console") && joined.is_empty() && !line.starts_with("$ ");
                    match line.strip_suffix('\\') {
                        _ if is_output => {}
                        Some(part) => joined.push_str(part),
                        None => lines.push(std::mem::take(&mut joined) + line),
                    }
                }
            }
        }
        lines
    }

    /// What links to its headings end in.
    pub fn anchors(&self) -> Vec<String> {
        let headings = self.prose().filter(|line| line.starts_with('#'));
        headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
    }

    /// The targets of its links and pictures.
    pub fn links(&self) -> Vec<String> {
        let prose: String = self.prose().map(|line| line.to_owned() + "\n").collect();
        let ends = prose.match_indices("](").map(|(at, _)| &prose[at + 2..]);
        ends.map(|rest| rest[..rest.find(')').expect("a link is closed")].to_owned()).collect()
    }
}

/// The anchor of a heading, as forges and mdBook both make it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect::<String>().to_lowercase()
}

/// The help of a command without examples and exit codes, which are on pages of their own.
fn usage(name: &str) -> String {
    let help = help(name);
    let end = help.find("\nExamples:").unwrap_or_else(|| panic!("the help of {name} has examples"));
    help[..end].to_owned()
}

/// The table with the program's numbers and meanings, and what the page itself says about each.
fn exit_codes(old: &[&str]) -> String {
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

/// The cells of a line of a table.
pub fn cells(line: &str) -> Vec<String> {
    line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// What a terminal shows of these commands, run one after the other by one shell in a folder with a copy of the
/// samples. The port of a sandbox is another each time: it is written as 40001.
fn transcript(commands: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let copied =
        Command::new("cp").arg("-R").arg(root().join("samples")).arg(folder.path()).status().expect("cp");
    assert!(copied.success());
    // The README's first command leaves a result file among the samples.
    let mut script = "exec 2>&1\nrm -f samples/*.result.*\n".to_owned();
    for command in commands {
        let shown = command.replace('\'', r"'\''");
        script.push_str(&format!("code=$?; printf '$ %s\\n' '{shown}'; (exit $code)\n{command}\n"));
    }
    let program = Path::new(env!("CARGO_BIN_EXE_offerit-sync")).parent().expect("the program's folder");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").expect("a PATH"));
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder.path())
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    let text = String::from_utf8(output.stdout).expect("output in UTF-8");
    let text = at_its_rate(&text);
    let mut parts = text.split("http://127.0.0.1:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, rest| {
        text + "http://127.0.0.1:40001" + rest.trim_start_matches(|letter: char| letter.is_ascii_digit())
    })
}

/// The duration of a run depends on the machine: it is written as that of its requests at its `--rate`.
fn at_its_rate(text: &str) -> String {
    let rate = Regex::new(r", at up to (\d+)/s, ").expect("a pattern");
    let account = Regex::new(r"\((\d+) (requests?[^)]*)\) in [0-9hms ]+$").expect("a pattern");
    let mut per_second = 10;
    let steady = |line: &str| {
        per_second = rate.captures(line).and_then(|found| found[1].parse().ok()).unwrap_or(per_second);
        let in_seconds = |found: &Captures<'_>| {
            let seconds = found[1].parse::<u64>().map_or(0, |requests| requests.div_ceil(per_second));
            format!("({} {}) in {seconds}s", &found[1], &found[2])
        };
        account.replace(line, in_seconds).into_owned() + "\n"
    };
    text.lines().map(steady).collect()
}

#[test]
fn the_readers_of_pages_read_right() {
    let text = "a [x](b.md#c)\n\n## Exit code 4, `--limit`\n```sh\nA=1 offerit-sync run in.csv \\\n  --rate 5\n[no](link)\n\
                ```\n```console output\n$ offerit-sync check a.csv\nsome output\n```\n```text usage:run\n  --no\n```\n";
    let page = Page { name: "a.md".to_owned(), text: text.to_owned() };
    assert_eq!(
        page.code_lines(),
        ["A=1 offerit-sync run in.csv --rate 5", "[no](link)", "$ offerit-sync check a.csv"]
    );
    assert_eq!(page.links(), ["b.md#c"]);
    assert_eq!(page.anchors(), ["exit-code-4---limit"]);
    assert_eq!(cells("| a | b c |"), ["a", "b c"]);
    assert!(!usage(PROGRAM).contains("Exit codes") && usage(PROGRAM).contains("Commands:"));
}
