//! `completions`: the shells themselves and groff read what is printed.

use crate::support::{self, Offerit, tools};
use std::process::{Command, Stdio};

const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

#[track_caller]
fn completions(shell: &str) -> String {
    let output = Offerit::new().run(&["completions", shell]).expect_code(0);
    assert_eq!(output.stderr, "");
    output.stdout
}

/// What a help lists below a heading: the first word of each entry.
fn listed(arguments: &[&str], is_entry: impl Fn(&str) -> bool) -> Vec<String> {
    let help = Offerit::new().run(arguments).expect_code(0).stdout;
    help.split(|letter: char| letter.is_whitespace() || letter == ',')
        .filter(|word| is_entry(word))
        .map(str::to_owned)
        .collect()
}

/// The commands, each with its long options.
fn commands() -> Vec<(String, Vec<String>)> {
    let help = Offerit::new().run(&["-h"]).expect_code(0).stdout;
    let lines =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names: Vec<String> = lines
        .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
        .filter(|name| name != "help")
        .collect();
    assert!(names.len() >= 5 && names.contains(&"completions".to_owned()), "{names:?}");
    let options = |name: &String| {
        let is_option =
            |word: &str| word.starts_with("--") && word.len() > 2 && word.ends_with(char::is_alphanumeric);
        listed(&[name, "--help"], is_option)
    };
    names.into_iter().map(|name| (name.clone(), options(&name))).collect()
}

#[test]
fn every_command_and_option_is_in_every_text() {
    for text in SHELLS.map(completions) {
        for (command, options) in commands() {
            assert!(text.contains(&command), "{command}");
            for option in options {
                // Fish has them without dashes.
                assert!(
                    text.contains(&format!("-l {}", &option[2..])) || text.contains(&option),
                    "{command} {option}"
                );
            }
        }
    }
}

#[test]
fn bash_completes_commands_options_and_values() {
    let offerit = Offerit::new();
    offerit.input("completions.bash", completions("bash"));
    let complete = |line: &[&str]| {
        // As bash calls it: the function, the word before the last, and where the cursor stands.
        let script = "set -eu; source ./completions.bash; \
                      function=$(complete -p offerit-sync | sed 's/.*-F \\([^ ]*\\).*/\\1/'); COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
                      \"$function\" \"$1\" \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\"; \
                      printf '%s\\n' \"${COMPREPLY[@]}\"";
        let output = Command::new("bash")
            .args(["--norc", "-c", script, "bash"])
            .args(line)
            .current_dir(offerit.folder())
            .output()
            .expect("bash");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("words").lines().map(str::to_owned).collect::<Vec<_>>()
    };
    if !tools::is_installed("bash") {
        return;
    }
    assert_eq!(complete(&["offerit-sync", "ver"]), ["verify"]);
    assert_eq!(complete(&["offerit-sync", "run", "--max-r"]), ["--max-retry-after"]);
    assert_eq!(complete(&["offerit-sync", "run", "in.csv", "--progress", "al"]), ["always"]);
    assert_eq!(complete(&["offerit-sync", "completions", "po"]), ["powershell"]);
    assert!(complete(&["offerit-sync", "verify", "--"]).contains(&"--shard".to_owned()));
}

#[test]
fn each_shell_that_is_there_can_read_its_text() {
    let offerit = Offerit::new();
    for (shell, arguments) in [("bash", ["-n"]), ("zsh", ["-n"]), ("fish", ["-n"])] {
        if !tools::is_installed(shell) {
            continue;
        }
        let path = offerit.input(shell, completions(shell));
        let output = Command::new(shell).args(arguments).arg(path).output().expect("a shell");
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {output:?}");
    }
}

#[test]
fn the_manual_page_is_complete_and_groff_has_nothing_to_say() {
    let page = completions("man");
    if !tools::is_installed("groff") {
        return;
    }
    let offerit = Offerit::new();
    let path = offerit.input("offerit-sync.1", page);
    let rendered = Command::new("groff")
        .args(["-man", "-ww", "-Tutf8", "-P-c", "-rLL=200n", "-rHY=0"])
        .arg(path)
        .env("GROFF_NO_SGR", "1")
        .output()
        .expect("groff");
    assert_eq!(String::from_utf8_lossy(&rendered.stderr), "");
    // What is bold is typed over itself.
    let mut text = String::new();
    for letter in String::from_utf8(rendered.stdout).expect("text").chars() {
        match letter {
            '\u{8}' => drop(text.pop()),
            letter => text.push(letter),
        }
    }
    for (command, options) in commands() {
        let section = text.split(&format!("\n{}\n", command.to_uppercase())).nth(1).expect("a section");
        for option in options {
            assert!(section.contains(&option), "{command} {option}\n{section}");
        }
    }
    for words in ["EXIT STATUS", "143", "interrupted by SIGTERM", "ENVIRONMENT", "OFFERIT_API_KEY"] {
        assert!(text.contains(words), "{words}");
    }
}

#[test]
fn an_unknown_shell_is_refused_with_those_that_are_known() {
    let told = Offerit::new().run(&["completions", "tcsh"]).expect_code(2).stderr;
    assert!(told.contains("bash, elvish, fish, powershell, zsh, man"), "{told}");
}

/// In a terminal of its own: that is where colours would be.
#[test]
fn no_color_is_honoured() {
    if !tools::is_installed("script") {
        return;
    }
    let offerit = Offerit::new().env("NO_COLOR", "1").env("TERM", "xterm-256color");
    offerit.input("in.csv", support::table(1..=5));
    let program = env!("CARGO_BIN_EXE_offerit-sync");
    for arguments in ["--help", "run --no-such-option", "run in.csv --sandbox --rate unlimited --overwrite"] {
        let mut command = offerit.command(&[]);
        let environment: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
        command = Command::new("script");
        command
            .args(["-qec", &format!("{program} {arguments}"), "/dev/null"])
            .current_dir(offerit.folder())
            .env_clear();
        command.envs(environment.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let output = command.stdin(Stdio::null()).output().expect("script");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            ["Usage", "error", "5 updated"].iter().any(|words| text.contains(words)),
            "{arguments}: {text}"
        );
        // Signs that move the cursor end in other letters than those that colour, which end in m.
        let coloured = text.split("\u{1b}[").skip(1).any(|sign| {
            let end =
                sign.trim_start_matches(|letter: char| letter.is_ascii_digit() || ";:?".contains(letter));
            end.starts_with('m')
        });
        assert!(!coloured, "{arguments}: {text:?}");
    }
}
