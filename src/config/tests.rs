//! Every mistake of the configuration has its message, and none shows the key.

use super::*;
use crate::offerit::ApiKey;
use std::ffi::OsString;
use std::fs;

fn environment() -> Environment {
    Environment {
        url: Some(OsString::from("https://a.example")),
        api_username: Some(OsString::from("admin")),
        api_key: Some(OsString::from("s3cret")),
        ..Environment::default()
    }
}

fn options() -> RunOptions {
    RunOptions { input: PathBuf::from("dir/in.csv"), ..RunOptions::default() }
}

fn message(options: &RunOptions, environment: &Environment) -> String {
    let failure = options.settings(environment).unwrap_err();
    assert_eq!(failure.code, crate::exit::ExitCode::Usage);
    assert!(!failure.message.contains("s3cret"));
    failure.message
}

#[test]
fn the_defaults_are_those_of_the_help() {
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
fn what_is_missing_is_named_with_its_variable() {
    let mut without = environment();
    without.url = None;
    assert!(message(&options(), &without).contains("OFFERIT_URL"));
    let mut without = environment();
    without.api_username = None;
    assert!(message(&options(), &without).contains("OFFERIT_API_USERNAME"));
    let mut without = environment();
    without.api_key = None;
    assert!(message(&options(), &without).contains("OFFERIT_API_KEY"));
}

#[test]
fn the_sandbox_needs_neither_server_nor_credentials() {
    let options = RunOptions { sandbox: true, ..options() };
    assert!(options.settings(&Environment::default()).is_ok());
}

#[test]
fn wrong_values_name_their_option() {
    let cases = [
        (RunOptions { rate: Some("fast".to_owned()), ..options() }, "--rate: 'fast'"),
        (RunOptions { concurrency: Some(0), ..options() }, "--concurrency"),
        (RunOptions { concurrency: Some(10_001), ..options() }, "--concurrency"),
        (RunOptions { max_attempts: Some(0), ..options() }, "--max-attempts"),
        (RunOptions { timeout: Some("30".to_owned()), ..options() }, "--timeout: '30'"),
        (RunOptions { timeout: Some("0s".to_owned()), ..options() }, "--timeout: '0s'"),
        (
            RunOptions { url: Some("http://a.example".to_owned()), ..options() },
            "--url: the base URL begins with http://",
        ),
        (RunOptions { result: Some(PathBuf::from("dir/in.csv")), ..options() }, "is the input itself"),
        (RunOptions { input: PathBuf::from("-"), ..options() }, "--result"),
        (
            RunOptions { api_key_file: Some(PathBuf::from("/nowhere/key")), ..options() },
            "--api-key-file: /nowhere/key",
        ),
    ];
    for (options, expected) in cases {
        let message = message(&options, &environment());
        assert!(message.contains(expected), "{message}");
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
    assert!(message(&options, &environment()).contains("cannot be sent as a header"));
}

#[test]
fn the_sandbox_stays_on_this_machine_unless_allowed() {
    let listen =
        |address: &str| SandboxOptions { listen: Some(address.to_owned()), ..SandboxOptions::default() };
    assert!(listen("127.0.0.1:0").settings().is_ok());
    assert!(listen("0.0.0.0:0").settings().unwrap_err().message.contains("--allow-remote"));
    assert!(SandboxOptions { allow_remote: true, ..listen("0.0.0.0:0") }.settings().is_ok());
    assert!(listen("here").settings().unwrap_err().message.contains("--listen: 'here'"));
    for (fail, good) in [("5%", true), ("100", true), ("101%", false), ("NaN", false), ("-1", false)] {
        let options = SandboxOptions { fail: Some(fail.to_owned()), ..SandboxOptions::default() };
        assert_eq!(options.settings().is_ok(), good, "{fail}");
    }
}
