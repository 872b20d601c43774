//! What is wrong with the command, the configuration or the file as a whole: one clear message and exit 2
//! before anything is sent or written.

use crate::support::calls;
use crate::support::{INPUT, KEY, Offerit, Output, RESULT, Reply, Server, USERNAME, table};
use std::fs;

fn happy() -> Server {
    Server::start(|_, _| Reply::updated())
}

/// Asserts one line on standard error, beginning as errors do, with these words.
#[track_caller]
fn assert_one_message(output: &Output, told: &[&str]) {
    let Output { stdout, stderr, .. } = output;
    assert_eq!((stdout.as_str(), stderr.lines().count()), ("", 1), "{stderr}");
    assert!(stderr.starts_with("error: "), "{stderr}");
    assert!(!stderr.chars().any(|letter| letter.is_control() && letter != '\n'), "{stderr:?}");
    for words in told {
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
}

/// Asserts that nothing of a run happened: nothing sent, no result file, nothing beside the input.
#[track_caller]
fn assert_nothing_done(server: &Server, offerit: &Offerit, files: usize) {
    assert_eq!(server.count(), 0, "something was sent");
    let names: Vec<_> =
        fs::read_dir(offerit.folder()).expect("the folder").flatten().map(|file| file.path()).collect();
    assert_eq!(names.len(), files, "{names:?}");
}

#[test]
fn an_input_that_cannot_be_used_is_named_and_nothing_is_done() {
    let bad_inputs: [(&[u8], &[&str]); 17] = [
        (b"", &["empty"]),
        (b"\n\r\n\n", &["blank"]),
        (b"customer_id,email\n", &["no rows"]),
        (b"customer_id,email", &["no rows"]),
        (b"\xef\xbb\xbf", &[]),
        (b"customer_id,emial\n1,a\n", &["column 2", "'emial'", "'email'"]),
        (b"customer-id,email\n1,a\n", &["column 1", "'customer-id'", "'customer_id'"]),
        (b"customer_id,Vorname\n1,a\n", &["column 2", "'Vorname'", "firstname"]),
        (b"customer_id,email, EMAIL \n1,a,b\n", &["columns 2 and 3", "'email'"]),
        (b"customer_id,email,customer_id\n1,a,1\n", &["columns 1 and 3", "'customer_id'"]),
        (b"firstname,email\nAnn,a\n", &["customer_id", "subscription_id"]),
        (b"customer_id,subscription_id\n1,S\n", &["field"]),
        (b"customer_id,,email\n1,,a\n", &["column 2", "no name"]),
        (b"customer_id,\x1b[2J\xe2\x80\xae\n1,a\n", &["column 2"]),
        (b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0xl/workbook.xml", &["Excel", "CSV"]),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", &["PDF", "CSV"]),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0", &["binary", "CSV"]),
    ];
    for (content, told) in bad_inputs {
        let server = happy();
        let offerit = Offerit::job(&server, content);
        for arguments in [&["run", INPUT][..], &["run", INPUT, "--resume"], &["check", INPUT]] {
            let output = offerit.run(arguments).expect_code(2);
            assert_one_message(&output, &[told, &[INPUT]].concat());
        }
        assert_nothing_done(&server, &offerit, 1);
    }
}

#[test]
fn an_input_that_is_no_file_is_named_and_nothing_is_done() {
    let server = happy();
    let offerit = Offerit::job(&server, "");
    fs::create_dir(offerit.path("folder")).expect("a folder");
    for (path, told) in [
        ("missing.csv", "not found"),
        ("folder", "is a folder"),
        ("missing/x.csv", "the folder missing does not exist"),
    ] {
        for command in ["run", "check"] {
            let output = offerit.run(&[command, path]).expect_code(2);
            assert_one_message(&output, &[path, told]);
        }
    }
    assert_nothing_done(&server, &offerit, 2);
}

#[test]
fn a_record_without_an_end_is_refused_before_anything_is_sent() {
    let server = happy();
    let rows = "3,c\n".repeat(400_000);
    let offerit = Offerit::job(&server, format!("customer_id,city\n1,a\n2,\"b\n{rows}"));
    for command in ["run", "check"] {
        let output = offerit.run(&[command, INPUT]).expect_code(2);
        assert_one_message(&output, &[INPUT, "line 3", "quote"]);
    }
    assert_nothing_done(&server, &offerit, 1);
}

#[test]
fn all_that_is_missing_to_begin_is_named_in_one_message() {
    let server = happy();
    let all = [
        ("--url", "OFFERIT_URL", server.url()),
        ("--api-username", "OFFERIT_API_USERNAME", USERNAME.to_owned()),
        ("--api-key-file", "OFFERIT_API_KEY", KEY.to_owned()),
    ];
    for missing in 1..8 {
        for empty in [false, true] {
            let is_missing = |number: usize| missing & (1 << number) != 0;
            let mut offerit = Offerit::new();
            let mut expected = vec!["missing: ", "--sandbox"];
            for (number, (option, name, value)) in all.iter().enumerate() {
                if !is_missing(number) {
                    offerit = offerit.env(*name, value);
                    continue;
                }
                expected.extend([*option, *name]);
                if empty {
                    offerit = offerit.env(*name, "");
                }
            }
            offerit.input(INPUT, table(1..=2));
            let output = offerit.send(&[]).expect_code(2);
            assert_one_message(&output, &expected);
            let given = all.iter().enumerate().filter(|(number, _)| !is_missing(*number));
            given.for_each(|(_, (_, name, _))| assert!(!output.stderr.contains(name), "{}", output.stderr));
            assert_nothing_done(&server, &offerit, 1);
        }
    }
}

#[test]
fn the_key_cannot_be_given_as_an_argument() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=2));
    for arguments in [&["--api-key", "s3cret-argument"][..], &["--api-key=s3cret-argument"]] {
        let output = offerit.send(arguments).expect_code(2);
        assert!(output.stderr.contains("--api-key-file"), "{}", output.stderr);
        assert!(!output.stderr.contains("s3cret-argument"), "{}", output.stderr);
    }
    assert_nothing_done(&server, &offerit, 1);
}

#[test]
fn a_key_that_cannot_be_used_is_refused_without_showing_it() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=2));
    offerit.input("empty.key", " \n");
    offerit.input("two-lines.key", "first-line-of-key\nsecond-line-of-key\n");
    offerit.input("umlaut.key", "schlüssel-key");
    offerit.input("binary.key", b"key-\xff\xfe");
    for file in ["missing.key", "empty.key", "two-lines.key", "umlaut.key", "binary.key", "."] {
        let output = offerit.send(&["--api-key-file", file]).expect_code(2);
        assert_one_message(&output, &["--api-key-file", file]);
        for secret in ["line-of-key", "schl"] {
            assert!(!output.stderr.contains(secret), "{}", output.stderr);
        }
    }
    assert_nothing_done(&server, &offerit, 5);
}

#[test]
fn flags_win_over_the_environment() {
    let (by_flag, by_environment) = (happy(), happy());
    let offerit = Offerit::job(&by_environment, table(1..=2));
    offerit.input("other.key", "  key-of-the-file\r\n");
    let url = by_flag.url();
    offerit
        .send(&["--url", &url, "--api-username", "name-of-the-flag", "--api-key-file", "other.key"])
        .expect_code(0);
    assert_eq!((by_flag.count(), by_environment.count()), (2, 0));
    for request in by_flag.requests() {
        assert_eq!(request.header("api-username"), Some("name-of-the-flag"));
        assert_eq!(request.header("api-key"), Some("key-of-the-file"));
    }
}

#[test]
fn a_key_file_is_used_where_the_environment_has_none() {
    let server = happy();
    let offerit = Offerit::new().env("OFFERIT_URL", server.url()).env("OFFERIT_API_USERNAME", USERNAME);
    offerit.input(INPUT, table(1..=1));
    offerit.input("my.key", KEY);
    offerit.send(&["--api-key-file", "my.key"]).expect_code(0);
    assert_eq!(server.requests()[0].header("api-key"), Some(KEY));
}

#[test]
fn plain_http_beyond_this_machine_needs_consent() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=2));
    // Leads to this machine, but an address of no loopback network: it is the name that is judged.
    let elsewhere = format!("http://0.0.0.0:{}", server.address().port());
    for url in [elsewhere.as_str(), "http://offerit.example", "http://localhost.example:80"] {
        let output = offerit.send(&["--url", url]).expect_code(2);
        assert_one_message(&output, &["--url", "https://", "--allow-http"]);
    }
    assert_nothing_done(&server, &offerit, 1);
    offerit.send(&["--url", &elsewhere, "--allow-http"]).expect_code(0);
    assert_eq!(server.count(), 2);
}

#[test]
fn a_base_url_that_is_none_is_refused_and_its_source_is_named() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=2));
    let address = server.address();
    for url in [
        "offerit.example",
        "ftp://offerit.example",
        "https://",
        &format!("http://user:s3cret@{address}"),
        &format!("http://{address}/?api-key=s3cret"),
        &format!("http://{address}/#top"),
        &format!("http://{address}/api/customer/set_customer_details"),
    ] {
        let output = offerit.send(&["--url", url]).expect_code(2);
        assert_one_message(&output, &["--url"]);
        assert!(!output.stderr.contains("s3cret"), "{}", output.stderr);
    }
    assert_nothing_done(&server, &offerit, 1);
    let from_environment = Offerit::with_credentials("nonsense");
    from_environment.input(INPUT, table(1..=2));
    let output = from_environment.send(&[]).expect_code(2);
    assert_one_message(&output, &["OFFERIT_URL"]);
}

#[test]
fn options_that_make_no_sense_are_refused_by_name() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=2));
    for (flag, value) in [
        ("--rate", "0"),
        ("--rate", "fast"),
        ("--rate", "1.5"),
        ("--rate", "10/h"),
        ("--concurrency", "0"),
        ("--concurrency", "many"),
        ("--concurrency", "1000000"),
        ("--timeout", "0s"),
        ("--timeout", "30"),
        ("--timeout", "soon"),
        ("--max-attempts", "0"),
        ("--max-attempts", "few"),
        ("--result", INPUT),
        ("--progress", "sometimes"),
        ("--no-such-flag", "1"),
    ] {
        let output = offerit.run(&["run", INPUT, flag, value]).expect_code(2);
        assert!(output.stderr.contains(flag), "{flag} {value}: {}", output.stderr);
        assert_eq!(output.stdout, "");
    }
    for together in [
        &["--sandbox", "--url", "https://offerit.example"][..],
        &["--resume", "--overwrite"],
        &["--accept-changed-input"],
    ] {
        offerit.send(together).expect_code(2);
    }
    assert_nothing_done(&server, &offerit, 1);
}

#[test]
fn standard_input_needs_a_named_result_and_cannot_be_resumed() {
    let server = happy();
    let offerit = Offerit::job(&server, "").stdin(table(1..=2));
    let output = offerit.run(&["run", "-"]).expect_code(2);
    assert_one_message(&output, &["--result"]);
    let output = offerit.run(&["run", "-", "--result", RESULT, "--resume"]).expect_code(2);
    assert_one_message(&output, &["--resume", "standard input"]);
    assert_nothing_done(&server, &offerit, 1);
}

/// A help without a terminal: 100 columns wide.
#[track_caller]
fn help(arguments: &[&str]) -> String {
    let output = Offerit::new().stdin("").run(arguments).expect_code(0);
    assert_eq!(output.stderr, "");
    output.stdout
}

#[test]
fn the_help_of_the_program_and_of_run_has_the_exit_codes() {
    for arguments in [&["--help"][..], &["-h"], &["help"], &["run", "--help"], &["help", "run"]] {
        let help = help(arguments);
        for (code, meaning) in [
            (0, "delivered"),
            (1, "I/O"),
            (2, "configuration"),
            (3, "rejected"),
            (4, "--max-failures"),
            (5, "another run"),
            (6, "credentials"),
            (7, "--limit"),
            (130, "SIGINT"),
            (143, "SIGTERM"),
        ] {
            let is_line = |line: &str| {
                line.trim()
                    .split_once(' ')
                    .is_some_and(|(first, rest)| first == code.to_string() && rest.contains(meaning))
            };
            assert!(help.lines().any(is_line), "{code} in {arguments:?}: {help}");
        }
    }
    for command in calls::commands().iter().filter(|command| *command != "run") {
        assert!(!help(&[command, "--help"]).contains("Exit codes"), "{command}");
    }
}

#[test]
fn the_short_help_of_every_command_fits_50_lines_of_100_columns() {
    for command in calls::commands() {
        let (short, long) = (help(&[&command, "-h"]), help(&[&command, "--help"]));
        assert!(short.lines().count() <= 50, "{command}: {} lines\n{short}", short.lines().count());
        let widest =
            [&short, &long].into_iter().flat_map(|help| help.lines()).map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{command}: {widest:?} columns");
        assert!(!short.contains("Examples:") && long.contains("Examples:"), "{command}");
        assert!(calls::options(&short).is_subset(&calls::options(&long)), "{command}");
    }
}

#[test]
fn the_options_are_grouped_in_the_order_of_a_first_run() {
    let help = help(&["run", "-h"]);
    let headings: Vec<_> =
        help.lines().filter(|line| !line.starts_with([' ', 'U']) && line.ends_with(':')).collect();
    let expected = [
        "Arguments:",
        "Input:",
        "Columns:",
        "Server:",
        "Pace and retries:",
        "Limits:",
        "Result and reports:",
        "Output:",
    ];
    assert_eq!(headings, expected);
    let order =
        ["--map", "--url", "--rate", "--limit", "--resume", "--quiet"].map(|option| help.find(option));
    assert!(order.is_sorted() && order[0].is_some(), "{order:?}");
}

#[test]
fn who_looks_for_a_dry_run_is_led_to_check_the_sandbox_and_the_limit() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=2));
    for arguments in [&["run", INPUT, "--dry-run"][..], &["run", "-n", INPUT], &["run", "--dryrun", INPUT]] {
        let output = offerit.run(arguments).expect_code(2);
        for words in ["offerit-sync check", "--sandbox", "--limit 1"] {
            assert!(output.stderr.contains(words), "{words}: {}", output.stderr);
        }
    }
    assert_nothing_done(&server, &offerit, 1);
}

#[test]
fn a_file_in_the_place_of_a_command_and_a_misspelt_command_or_option_are_recognized() {
    for (arguments, words) in [
        (&["customers.csv"][..], "offerit-sync run customers.csv"),
        (&["chek"], "'check'"),
        (&["run", INPUT, "--resum"], "'--resume'"),
    ] {
        let output = Offerit::new().run(arguments).expect_code(2);
        assert!(output.stderr.contains(words), "{words}: {}", output.stderr);
    }
}

#[test]
fn a_misspelt_file_is_recognized() {
    let offerit = Offerit::new();
    offerit.input("customers.csv", table(1..=2));
    offerit.input("offerit.key", KEY);
    offerit.input("job.toml", "");
    offerit.input("customers.result.csv", offerit_sync::journal::HEADER);
    for (arguments, meant) in [
        (&["check", "custmers.csv"][..], "customers.csv?"),
        (
            &[
                "run",
                "customers.csv",
                "--url",
                "https://a.example",
                "--api-username",
                "a",
                "--api-key-file",
                "oferit.key",
            ],
            "offerit.key?",
        ),
        (&["check", "customers.csv", "--config", "jobs.toml"], "job.toml?"),
        (&["sandbox", "--customers", "custmers.csv"], "customers.csv?"),
        (&["report", "custmers.result.csv"], "customers.result.csv?"),
        (&["verify", "customers.csv", "--result", "customers.reslt.csv"], "customers.result.csv?"),
        (
            &["run", "customers.csv", "--sandbox", "--result", "r.csv", "--since", "custmers.csv"],
            "customers.result.csv?",
        ),
    ] {
        let output = offerit.run(arguments).expect_code(2);
        assert_one_message(&output, &["not found. Did you mean", meant]);
    }
    // An input is no result file.
    let output = offerit.run(&["report", "customers.csv"]).expect_code(2);
    assert_one_message(&output, &["is not a result file", "customers.result.csv?"]);
    let output = offerit.run(&["report", "other.csv"]).expect_code(2);
    assert!(!output.stderr.contains("Did you mean"), "{}", output.stderr);
}

#[test]
fn nothing_typed_gets_the_help_and_no_success() {
    let output = Offerit::new().run(&[]).expect_code(2);
    assert!(output.stderr.contains("Usage"), "{}", output.stderr);
    Offerit::new().run(&["run"]).expect_code(2);
}
