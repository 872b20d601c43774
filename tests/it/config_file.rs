//! The configuration file: it holds every option of a run, flags and variables win over it, and whatever is wrong
//! with it is told with its place before anything is sent.

use crate::support::{Gate, INPUT, KEY, Offerit, Output, RESULT, Reply, Server, USERNAME, table};
use std::fs;

const CONFIG: &str = "job.toml";

fn happy() -> Server {
    Server::start(|_, _| Reply::updated())
}

/// Runs `check` with a configuration.
#[track_caller]
fn check(config: &str) -> Output {
    let offerit = Offerit::new();
    offerit.input(INPUT, table(1..=2));
    offerit.input(CONFIG, config);
    offerit.run(&["check", INPUT, "--config", CONFIG])
}

/// What `--show-config` prints for a configuration.
#[track_caller]
fn shown(offerit: &Offerit, config: &str, more: &[&str]) -> String {
    offerit.input(CONFIG, config);
    let arguments = [&["check", "--show-config", "--config", CONFIG], more].concat();
    let output = offerit.run(&arguments).expect_code(0);
    assert_eq!(output.stderr, "");
    output.stdout
}

/// A configuration, and every message it gets, word for word.
const MISTAKES: [(&str, &[&str]); 34] = [
    (
        "[set]\ncustom = 'a'",
        &["job.toml:2:1: 'custom' is not a parameter of the API: did you mean 'custom1'?"],
    ),
    ("ratte = 5", &["job.toml:1:1: unknown key 'ratte': did you mean 'rate'?"]),
    ("api_username = 'x'", &["job.toml:1:1: unknown key 'api_username': did you mean 'api-username'?"]),
    ("rate = ", &["job.toml:1:8: this is no TOML: string values must be quoted, expected literal string"]),
    ("rate = 5\nrate = 6", &["job.toml:2:1: this is no TOML: duplicate key"]),
    ("resume = 'yes'", &["job.toml:1:1: resume must be true or false, and is a text or a number"]),
    ("timeout = true", &["job.toml:1:1: timeout must be a text or a number, and is true or false"]),
    (
        "timeout = 1979-05-27",
        &["job.toml:1:1: timeout must be a text or a number, and is a date or a time: put it in quotes"],
    ),
    ("url = ['a']", &["job.toml:1:1: url must be a text or a number, and is a list"]),
    (
        "concurrency = 'many'",
        &[
            "job.toml:1:1: concurrency: invalid value 'many' for '--concurrency <N>': invalid digit found in string",
        ],
    ),
    (
        "\n  progress = 'sometimes'",
        &[
            "job.toml:2:3: progress: invalid value 'sometimes' for '--progress <WHEN>' [possible values: auto, \
               always, never]",
        ],
    ),
    (
        "ignore-column = 'a'",
        &["job.toml:1:1: ignore-column must be a list such as [\"x\", \"y\"], and is a text or a number"],
    ),
    (
        "ignore-column = [true]",
        &["job.toml:1:1: ignore-column: each must be a text, and one is true or false"],
    ),
    ("map = ['City']", &["job.toml:1:8: 'City' is not COLUMN=PARAMETER, such as 'Customer No=customer_id'"]),
    (
        "[map]\n'City' = 'twon'",
        &[
            "job.toml:2:1: 'twon' is not a parameter of the API: these are customer_id, subscription_id, firstname, lastname, email, address1, address2, city, state, country, zip, custom1, custom2, custom3, custom4, custom5, password, username",
        ],
    ),
    (
        "[map]\n'City' = 'state'\n[columns.'city ']\nparameter = 'zip'",
        &["job.toml:2:1: 'City' is mapped twice: here and by job.toml:3:10"],
    ),
    (
        "[set]\ncustmo1 = 'a'",
        &["job.toml:2:1: 'custmo1' is not a parameter of the API: did you mean 'custom1'?"],
    ),
    (
        "[set]\ncustomer_id = '5'",
        &["job.toml:2:1: customer_id names the customer of a row and cannot be the same in every row"],
    ),
    (
        "[set]\ncustom1 = ''",
        &["job.toml:2:1: custom1 has no value: to remove the field everywhere, write custom1=REMOVE"],
    ),
    (
        "[set]\npassword = 'REMOVE'",
        &[
            "job.toml:2:1: the value for password is REMOVE, but a password cannot be removed (API page): set one or leave it empty",
        ],
    ),
    (
        "columns = 5",
        &[
            "job.toml:1:1: columns must be tables such as [columns.\"Customer No\"], and is a text or a number",
        ],
    ),
    (
        "[columns]\nCity = 'city'",
        &["job.toml:2:1: a column is a table such as [columns.\"City\"], and this is a text or a number"],
    ),
    ("[columns.City]\ntirm = true", &["job.toml:2:1: unknown key 'tirm': did you mean 'trim'?"]),
    (
        "[columns.City]\nparameter = 'cty'",
        &["job.toml:2:1: 'cty' is not a parameter of the API: did you mean 'city'?"],
    ),
    (
        "[columns.Town]",
        &["job.toml:1:10: 'Town' is not a parameter of the API: say what it holds with parameter"],
    ),
    (
        "[columns.City]\nlower = true\nupper = true",
        &["job.toml:3:1: lower, upper and digits exclude each other: keep one of them"],
    ),
    (
        "[columns.City]\notherwise = 'invalid'",
        &["job.toml:1:10: otherwise belongs to values, and there are none"],
    ),
    (
        "[columns.City]\nvalues = 'b'\n[columns.x]\nparameter = 'zip'\nvalues = { a = ['b'] }",
        &[
            "job.toml:2:1: values must be a table such as { \"United States\" = \"US\" }, and is a text or a number",
            "job.toml:5:1: a must be a text such as \"x\", and is a list",
        ],
    ),
    (
        "api-key = 'x'",
        &[
            "job.toml:1:1: the API key does not belong into this file ('api-key'): take it out, write it into a file of its own that only you can read, and name that file with api-key-file; or set OFFERIT_API_KEY",
        ],
    ),
    (
        "[columns.City]\nvalues = { a = 'b' }\notherwise = 'drop'",
        &["job.toml:3:1: otherwise must be \"keep\" or \"invalid\", not 'drop'"],
    ),
    (
        "[columns.City]\nlower = true\nvalues = { A = 'b', a = 'c', ' ' = 'd' }",
        &[
            "job.toml:3:21: this is the same as a value above, and becomes another",
            "job.toml:3:30: an empty cell and REMOVE are not looked up: see default and empty",
        ],
    ),
    ("[columns.City]\n[columns.CITY]", &["job.toml:2:10: 'CITY' is the column of job.toml:1:10: keep one"]),
    (
        "ignore-column = ['City']\n[columns.city]\ntrim = false",
        &["job.toml:1:18: 'city' is mapped by job.toml:2:10: keep one of them"],
    ),
    (
        "[columns.customer_id]\ndefault = '5'\n[columns.x]\nparameter = 'password'\nempty = 'remove'\ndefault = ''",
        &[
            "job.toml:2:1: customer_id names the customer and cannot have a default",
            "job.toml:6:1: default is empty: leave it out",
            "job.toml:5:1: password cannot be removed (API page): leave empty out",
        ],
    ),
];

#[test]
fn every_mistake_has_its_place_and_says_what_to_do() {
    for (config, expected) in MISTAKES {
        let output = check(config).expect_code(2);
        let expected: String = expected.iter().map(|message| format!("error: {message}\n")).collect();
        assert_eq!((output.stderr.as_str(), output.stdout.as_str()), (expected.as_str(), ""), "{config}");
    }
}

#[test]
fn an_unknown_key_far_from_any_gets_the_list() {
    let output = check("[database]\nhost = 'x'\n").expect_code(2);
    for words in ["job.toml:1:2: unknown key 'database': the keys are ", " url, sandbox, ", " columns"] {
        assert!(output.stderr.contains(words), "{}", output.stderr);
    }
}

#[test]
fn what_is_wrong_with_the_mapping_on_the_command_line_is_told_at_once() {
    let offerit = Offerit::new();
    offerit.input(INPUT, table(1..=2));
    let cases: [(&[&str], &[&str]); 8] = [
        (&["--map", "City"], &["--map: 'City' is not COLUMN=PARAMETER, such as 'Customer No=customer_id'"]),
        (&["--map", "City=zpi"], &["--map: 'zpi' is not a parameter of the API: did you mean 'zip'?"]),
        (
            &["--map", "City=zip", "--map", "city =state"],
            &["--map: 'city' is mapped twice: here and by --map 'City=zip'"],
        ),
        (
            &["--map", "City=zip", "--ignore-column", "CITY"],
            &["--ignore-column: 'City' is mapped by --map 'City=zip': keep one of them"],
        ),
        (&["--set", "custom1"], &["--set: this is not PARAMETER=VALUE, such as 'custom1=crm'"]),
        (&["--set", "custom1=a", "--set", "Custom1=b"], &["--set: custom1 is set twice"]),
        (
            &["--set", "custom1=", "--set", "subscription_id=7", "--set", "passwrod=x"],
            &[
                "--set: custom1 has no value: to remove the field everywhere, write custom1=REMOVE",
                "--set: subscription_id names the customer of a row and cannot be the same in every row",
                "--set: 'passwrod' is not a parameter of the API: did you mean 'password'?",
            ],
        ),
        (
            &["--set", "city=a", "--map", "Twon=zip"],
            &[
                "customers.csv: line 1: column 2 ('city') and --set city both give 'city': take the constant away, or \
                 leave the column out with --ignore-column",
                "customers.csv: line 1: --map 'Twon=zip': there is no column 'Twon': the columns are 'customer_id', \
                 'city'",
            ],
        ),
    ];
    for (arguments, expected) in cases {
        for command in ["check", "run", "verify"] {
            let output = offerit.run(&[&[command, INPUT], arguments].concat());
            let is_config_stage = !expected[0].contains("line 1");
            if command == "check" || (is_config_stage && command == "verify") {
                let expected: String = expected.iter().map(|message| format!("error: {message}\n")).collect();
                assert_eq!(output.stderr, expected, "{command} {arguments:?}");
            }
            assert_eq!(output.code, Some(2), "{command} {arguments:?}");
        }
    }
}

#[test]
fn what_a_run_cannot_begin_with_is_told_word_for_word() {
    let offerit = Offerit::new();
    offerit.input(INPUT, table(1..=2));
    let server = &["--url", "http://127.0.0.1:1"][..];
    let user = &["--api-username", "u"][..];
    for (arguments, expected) in [
        (
            vec![],
            "no server: give --url or set OFFERIT_URL to the base URL of the Offerit account, or try it out with --sandbox",
        ),
        (vec![server], "no API user: give --api-username or set OFFERIT_API_USERNAME"),
        (
            vec![server, user],
            "no API key: set OFFERIT_API_KEY, or name a file that holds it with --api-key-file",
        ),
        (vec![&["--max-field-lines", "0", "--sandbox"]], "--max-field-lines: give a number from 1"),
        (
            vec![&["--max-field-size", "1Q", "--sandbox"]],
            "--max-field-size: '1Q' is no size such as 500kB or 2MiB, up to 256.0 MiB",
        ),
        (vec![&["--max-attempts", "0", "--sandbox"]], "--max-attempts: give a number from 1"),
        (vec![&["--concurrency", "0", "--sandbox"]], "--concurrency: give a number from 1 to 10000"),
        (
            vec![&["--encoding", "klingon", "--sandbox"]],
            "--encoding: 'klingon' is no encoding: say utf-8, utf-16, windows-1252 or another name of the WHATWG \
             Encoding Standard",
        ),
        (
            vec![&["--delimiter", "ab", "--sandbox"]],
            "--delimiter: 'ab' is no delimiter: say , or ; or tab or | (in quotes, so that the shell leaves it alone)",
        ),
    ] {
        let output = offerit.run(&[&["run", INPUT], &*arguments.concat()].concat()).expect_code(2);
        assert_eq!(output.stderr, format!("error: {expected}\n"), "{arguments:?}");
    }
    // A result file in /dev or /proc would be nobody's memory.
    for input in ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"] {
        let output = Offerit::new().stdin(table(1..=1)).run(&["run", input, "--sandbox"]).expect_code(2);
        assert_eq!(
            output.stderr,
            "error: --result: name the result file when the input is standard input or a pipe of the shell\n",
            "{input}"
        );
    }
}

#[test]
fn values_that_a_run_refuses_are_led_back_to_their_place() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=2));
    for (config, expected) in [
        ("# a comment\nrate = 'fast'", "job.toml:2:1: rate: 'fast' "),
        ("timeout = 30", "job.toml:1:1: timeout: '30' is not a duration such as 500ms, 30s, 10m or 4h"),
        ("concurrency = 0", "job.toml:1:1: concurrency: give a number from 1 to 10000"),
        ("ca-cert = 'none.pem'", "job.toml:1:1: ca-cert: none.pem: No such file"),
    ] {
        offerit.input(CONFIG, config);
        let output = offerit.run(&["run", INPUT, "--config", CONFIG]).expect_code(2);
        assert!(output.stderr.starts_with(&format!("error: {expected}")), "{}", output.stderr);
    }
    offerit.input(CONFIG, "resume = true\noverwrite = true");
    let output = offerit.run(&["run", INPUT, "--config", CONFIG]).expect_code(2);
    assert_eq!(
        output.stderr,
        "error: job.toml:2:1: resume and overwrite exclude each other: keep one of them\n"
    );
    let output = offerit.run(&["run", INPUT, "--config", "none.toml"]).expect_code(2);
    assert!(output.stderr.starts_with("error: --config: none.toml: No such file"), "{}", output.stderr);
    assert_eq!(server.count(), 0);
    assert!(!offerit.path(RESULT).exists());
}

#[test]
fn the_key_is_refused_in_the_file_and_not_shown() {
    for config in ["api-key = 'k3y'", "\nAPI_KEY = 'k3y'", "OFFERIT_API_KEY = 'k3y'"] {
        let output = check(config).expect_code(2);
        for words in ["job.toml:", "api-key-file", "OFFERIT_API_KEY", "take it out"] {
            assert!(output.stderr.contains(words), "{words}: {}", output.stderr);
        }
        assert!(!output.stderr.contains("k3y"), "{}", output.stderr);
    }
    let output = check("api-key = 'k3y").expect_code(2);
    assert!(!output.stderr.contains("k3y"), "a file that is no TOML shows no key either: {}", output.stderr);
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let [by_flag, by_variable, by_file] = [happy(), happy(), happy()];
    let counts = || [by_flag.count(), by_variable.count(), by_file.count()];
    let with_variable = Offerit::job(&by_variable, table(1..=1));
    let without = Offerit::new().env("OFFERIT_API_KEY", KEY);
    without.input(INPUT, table(1..=1));
    let config = format!(
        "url = \"{}\"\napi-username = \"by-file\"\noverwrite = true\nrate = \"unlimited\"",
        by_file.url()
    );
    for offerit in [&with_variable, &without] {
        offerit.input(CONFIG, &config);
    }
    let run = ["run", INPUT, "--config", CONFIG];
    without.run(&run).expect_code(0);
    assert_eq!(counts(), [0, 0, 1]);
    assert_eq!(by_file.requests()[0].header("api-username"), Some("by-file"));
    with_variable.run(&run).expect_code(0);
    assert_eq!(counts(), [0, 1, 1]);
    assert_eq!(by_variable.requests()[0].header("api-username"), Some(USERNAME));
    let flag = by_flag.url();
    with_variable.run(&[&run[..], &["--url", &flag, "--api-username", "by-flag"]].concat()).expect_code(0);
    assert_eq!(counts(), [1, 1, 1]);
    assert_eq!(by_flag.requests()[0].header("api-username"), Some("by-flag"));
    // A flag that excludes a setting takes its place.
    without.run(&[&run[..], &["--sandbox"]].concat()).expect_code(0);
    assert_eq!(counts(), [1, 1, 1]);
    // OFFERIT_API_KEY goes before api-key-file of the file, and a flag before both.
    without.input(CONFIG, format!("{config}\napi-key-file = \"nowhere.key\""));
    without.run(&run).expect_code(0);
    without.run(&[&run[..], &["--api-key-file", "nowhere.key"]].concat()).expect_code(2);
}

#[test]
fn paths_are_relative_to_the_folder_of_the_file() {
    let server = happy();
    let offerit = Offerit::new();
    offerit.input(INPUT, table(1..=1));
    fs::create_dir(offerit.path("etc")).expect("a folder");
    offerit.input("etc/my.key", KEY);
    let config = format!(
        "url = \"{}\"\napi-username = \"a\"\napi-key-file = \"my.key\"\nresult = \"out.csv\"",
        server.url()
    );
    offerit.input("etc/job.toml", config);
    offerit.run(&["run", INPUT, "--config", "etc/job.toml"]).expect_code(0);
    assert_eq!(server.requests()[0].header("api-key"), Some(KEY));
    assert!(offerit.path("etc/out.csv").exists() && !offerit.path(RESULT).exists());
    offerit.run(&["verify", INPUT, "--config", "etc/job.toml"]).expect_code(0);
}

#[test]
fn limits_of_the_file_are_kept() {
    let gate = Gate::new();
    let at_the_door = gate.clone();
    let server = Server::start(move |_, _| Reply::updated().gated(&at_the_door));
    let offerit = Offerit::job(&server, table(1..=20));
    offerit.input(CONFIG, "concurrency = 3\nrate = \"unlimited\"\nquiet = true");
    let child = offerit.spawn(&["run", INPUT, "--config", CONFIG]);
    server.wait_for(3);
    gate.open();
    let output = child.wait().expect_code(0);
    assert_eq!((server.most_in_flight(), server.count()), (3, 20));
    assert_eq!(output.stderr, "");
}

/// Every option in a help, with what stands behind it.
fn options(help: &str) -> Vec<(String, String)> {
    let lines = help.lines().filter_map(|line| {
        let (_, option) = line.split_once("--").filter(|(before, _)| {
            let before = before.trim();
            before.is_empty() || (before.len() == 3 && before.ends_with(','))
        })?;
        let (name, rest) = option.split_once(' ').unwrap_or((option, ""));
        Some((name.to_owned(), rest.to_owned()))
    });
    lines.filter(|(name, _)| !["help", "config"].contains(&name.as_str())).collect()
}

/// A line of a configuration that sets an option.
fn setting(name: &str, rest: &str) -> String {
    match name {
        "map" => "map = { \"A column\" = \"zip\" }".to_owned(),
        "set" => "set = { custom1 = \"crm\" }".to_owned(),
        "ignore-column" => "ignore-column = [\"A column\"]".to_owned(),
        _ if !rest.trim_start().starts_with('<') => format!("{name} = true"),
        _ => {
            let choices =
                rest.split_once("[possible values: ").and_then(|(_, rest)| rest.split_once([',', ']']));
            format!("{name} = \"{}\"", choices.map_or("7", |(first, _)| first))
        }
    }
}

#[test]
fn every_option_of_a_run_can_stand_in_the_file_and_is_shown_with_its_place() {
    let offerit = Offerit::new();
    let help = offerit.run(&["run", "-h"]).expect_code(0).stdout;
    let options = options(&help);
    assert!(options.len() > 20, "{options:?}");
    let defaults = shown(&offerit, "", &[]);
    for (name, rest) in &options {
        let text = shown(&offerit, &setting(name, rest), &[]);
        let has_place = |line: &str| line.contains("# job.toml:1:");
        assert!(text.lines().any(has_place), "{name} is not shown with its place: {text}");
        assert!(!defaults.lines().any(has_place), "{defaults}");
        if !["map", "set", "ignore-column"].contains(&name.as_str()) {
            let is_it = |line: &str| line.starts_with(&format!("{name} = ")) && has_place(line);
            assert!(text.lines().any(is_it), "{name}: {text}");
            let starts = [format!("{name} = "), format!("# {name} is ")];
            let is_known = |line: &str| starts.iter().any(|start| line.starts_with(start.as_str()));
            assert_eq!(defaults.lines().filter(|line| is_known(line)).count(), 1, "{name}: {defaults}");
        }
    }
}

#[test]
fn what_is_in_force_is_shown_with_its_source_and_without_secrets() {
    let offerit = Offerit::with_credentials("https://user:s3cret@offerit.example.com");
    let config = "url = \"https://other.example.com\"\nrate = \"5/s\"\nignore-column = [\"Owner\"]\n\n[set]\n\
                  password = \"hunter2\"\ncustom1 = \"file\"\n\n[columns.Country]\nupper = true\n\
                  values = { Latvia = \"LV\" }\notherwise = \"invalid\"\n\n[columns.Mail]\nparameter = \"username\"\n";
    let flags =
        ["--set", "custom1=flag", "--map", "Mail=email", "--empty", "remove", "--ignore-column", "Notes"];
    let text = shown(&offerit, config, &flags);
    for line in [
        "url = \"***\" # OFFERIT_URL",
        "api-username = \"admin-of-tests\" # OFFERIT_API_USERNAME",
        "# api-key-file is not set",
        "# api-key = \"***\" # OFFERIT_API_KEY",
        "rate = \"5/s\" # job.toml:2:1",
        "timeout = \"30s\" # default",
        "empty = \"remove\" # --empty",
        "    \"Owner\", # job.toml:3:18",
        "    \"Notes\", # --ignore-column",
        "password = \"***\" # job.toml:6:1",
        "custom1 = \"flag\" # --set custom1",
        "[columns.\"Country\"] # job.toml:9:10",
        "values = { \"Latvia\" = \"LV\" }",
        "[columns.\"Mail\"] # --map 'Mail=email'",
        "parameter = \"email\"",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}: {text}");
    }
    for secret in ["hunter2", "s3cret", KEY] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn what_is_shown_is_itself_a_configuration() {
    let offerit = Offerit::new();
    let config = "rate = 7\nignore-column = [\"a \\\"b\\\" \\\\ \\u0007\"]\n[set]\ncustom1 = \"5\"\n[columns.Zip]\n\
                  trim = false\ndefault = \"0\"\n";
    let without_sources = |text: String| -> Vec<String> {
        text.lines().map(|line| line.split(" # ").next().unwrap_or_default().to_owned()).collect()
    };
    let once = without_sources(shown(&offerit, config, &[]));
    let twice = without_sources(shown(&offerit, &once.join("\n"), &[]));
    assert_eq!(once, twice);
}

#[test]
fn other_commands_ignore_what_is_not_theirs() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=2));
    offerit.input(
        CONFIG,
        "concurrency = 2\nrate = \"unlimited\"\nmax-outage = \"1m\"\n[map]\ncity = \"state\"\n",
    );
    offerit.run(&["check", INPUT, "--config", CONFIG]).expect_code(0);
    offerit.run(&["run", INPUT, "--config", CONFIG]).expect_code(0);
    offerit.run(&["verify", INPUT, "--config", CONFIG]).expect_code(0);
    let states: Vec<_> = server.requests().iter().map(|request| request.field("state")).collect();
    assert!(states.contains(&Some("City 1".to_owned())), "{states:?}");
}

#[test]
fn the_example_of_the_page_is_one() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/src/reference/configuration.md");
    let page = fs::read_to_string(page).expect("the page");
    let example = page.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```")).expect("one").0;
    let text = shown(&Offerit::new(), example, &[]);
    for line in [
        "resume = true # job.toml:6:1",
        "custom1 = \"crm\" # job.toml:14:1",
        "[columns.\"E-Mail\"] # job.toml:16:10",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}: {text}");
    }
}
