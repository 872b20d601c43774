//! Every mistake of the configuration has its message, and no message shows the key.

use super::*;
use crate::offerit::ApiKey;
use clap::{Args, FromArgMatches};
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

fn environment() -> Environment {
    Environment {
        url: Some(OsString::from("https://a.example")),
        api_username: Some(OsString::from("admin")),
        api_key: Some(OsString::from("s3cret")),
        ..Environment::default()
    }
}

fn options() -> RunOptions {
    typed(&[])
}

fn typed(words: &[&str]) -> RunOptions {
    RunOptions::typed(&[&["dir/in.csv"], words].concat()).unwrap()
}

fn message(options: &RunOptions, environment: &Environment) -> String {
    let failure = options.settings(environment).unwrap_err();
    assert_eq!(failure.code, crate::exit::ExitCode::Usage);
    assert!(!failure.message.contains("s3cret"));
    failure.message
}

#[test]
fn the_defaults_are_the_defaults_of_the_help() {
    let settings = options().settings(&environment()).unwrap();
    assert_eq!(settings.result, Path::new("dir/in.result.csv"));
    assert_eq!(settings.existing, Existing::Refuse);
    assert_eq!(settings.delivery.rate.to_string(), "10/s");
    assert_eq!(settings.delivery.concurrency.get(), 16);
    assert_eq!(settings.delivery.max_attempts.get(), 5);
    let run::Target::Server(server) = settings.target else { panic!("a server was given") };
    assert_eq!(server.timeout, Duration::from_secs(30));
}

#[test]
fn everything_that_is_missing_is_named_in_one_message() {
    let settings = [
        ("--url", "OFFERIT_URL"),
        ("--api-username", "OFFERIT_API_USERNAME"),
        ("--api-key-file", "OFFERIT_API_KEY"),
    ];
    for missing in 1..8 {
        let is_missing = |number: usize| missing & (1 << number) != 0;
        let mut without = environment();
        without.url = without.url.filter(|_| !is_missing(0));
        without.api_username = without.api_username.filter(|_| !is_missing(1));
        without.api_key = without.api_key.filter(|_| !is_missing(2));
        let message = message(&options(), &without);
        for (number, (option, variable)) in settings.into_iter().enumerate() {
            let is_named = message.contains(&format!("{option} (or {variable})"));
            assert_eq!(is_named, is_missing(number), "{message}");
        }
    }
}

#[test]
fn the_sandbox_needs_neither_server_nor_credentials() {
    let options = typed(&["--sandbox"]);
    assert!(options.settings(&Environment::default()).is_ok());
}

#[test]
fn wrong_values_name_their_option() {
    let cases: [(&[&str], &str); 8] = [
        (&["--rate", "fast"], "--rate: cannot read 'fast'"),
        (&["--timeout", "30"], "--timeout: '30' has no unit. Did you mean 30s?"),
        (&["--timeout", "0s"], "--timeout: cannot read '0s'"),
        (&["--timeout", "0"], "--timeout: cannot read '0'"),
        (&["--max-outage", "soon"], "--max-outage: cannot read 'soon'"),
        (&["--url", "http://a.example"], "--url: with http://"),
        (&["--result", "dir/in.csv"], "--result: would overwrite the input"),
        (&["--api-key-file", "/nowhere/key"], "--api-key-file: /nowhere/key not found"),
    ];
    for (words, expected) in cases {
        let message = message(&typed(words), &environment());
        assert!(message.contains(expected), "{message}");
    }
    let stream = RunOptions { input: PathBuf::from("-"), ..options() };
    assert!(message(&stream, &environment()).starts_with("--result: "));
}

#[test]
fn numbers_out_of_range_name_their_option_and_the_range() {
    for words in [
        ["--concurrency", "0"],
        ["--concurrency", "10001"],
        ["--max-attempts", "0"],
        ["--max-field-lines", "0"],
        ["--limit", "0"],
        ["--skip-lines", "-1"],
    ] {
        let message = RunOptions::typed(&["in.csv", &words.join("=")]).unwrap_err().to_string();
        assert!(message.contains("expected a") && message.contains("for '--"), "{message}");
    }
}

#[test]
fn the_key_file_goes_before_the_environment_and_its_line_end_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, "from-file\r\n").unwrap();
    let key = target::api_key(Some(&path), &environment()).unwrap().unwrap();
    assert!(key == ApiKey::new("from-file").unwrap());
    fs::write(&path, "s3cret s3cret").unwrap();
    let options = RunOptions { api_key_file: Some(path), ..options() };
    assert!(message(&options, &environment()).contains("does not look like an API key"));
}

#[test]
fn the_sandbox_stays_on_this_machine_unless_allowed() {
    let typed = |words: &[&str]| {
        let grammar = SandboxOptions::augment_args(clap::Command::new("sandbox").no_binary_name(true));
        SandboxOptions::from_arg_matches(&grammar.try_get_matches_from(words).unwrap()).unwrap()
    };
    assert!(typed(&["--listen", "127.0.0.1:0"]).settings().is_ok());
    let open = ["--listen", "0.0.0.0:0"];
    assert!(typed(&open).settings().unwrap_err().message.contains("--allow-remote"));
    assert!(typed(&[&open[..], &["--allow-remote"]].concat()).settings().is_ok());
    let wrong = typed(&["--listen", "here"]).settings().unwrap_err().message;
    assert!(wrong.contains("--listen: cannot read 'here'"), "{wrong}");
    for (fail, good) in [("5%", true), ("100", true), ("101%", false), ("NaN", false), ("-1", false)] {
        assert_eq!(typed(&[&format!("--fail={fail}")]).settings().is_ok(), good, "{fail}");
    }
}
