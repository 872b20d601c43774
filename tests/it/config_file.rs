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

/// A configuration, and for each of its messages the place and words that it must contain.
const MISTAKES: [(&str, &[&str]); 34] = [
    ("[set]\ncustom = 'a'", &["2:1 'custom' 'custom1'?"]),
    ("ratte = 5", &["1:1 'ratte' 'rate'?"]),
    ("api_username = 'x'", &["1:1 'api_username' 'api-username'?"]),
    ("rate = ", &["1:8 TOML value missing quotes"]),
    ("rate = 5\nrate = 6", &["2:1 TOML duplicate key"]),
    ("resume = 'yes'", &["1:1 resume true false text"]),
    ("timeout = true", &["1:1 timeout text number true"]),
    ("timeout = 1979-05-27", &["1:1 timeout text date quotes"]),
    ("url = ['a']", &["1:1 url text list"]),
    ("concurrency = 'many'", &["1:1 concurrency 'many' 1 10000"]),
    ("\n  progress = 'sometimes'", &["2:3 progress 'sometimes' auto, always, never"]),
    ("ignore-column = 'a'", &["1:1 ignore-column list text"]),
    ("ignore-column = [true]", &["1:1 ignore-column text true"]),
    ("map = ['City']", &["1:8 'City' COLUMN=FIELD"]),
    (
        "[map]\n'City' = 'twon'",
        &["2:1 'twon' customer_id, subscription_id, firstname, lastname, email, custom5, password, username"],
    ),
    ("[map]\n'City' = 'state'\n[columns.'city ']\nparameter = 'zip'", &["2:1 'City' job.toml:3:10"]),
    ("[set]\ncustmo1 = 'a'", &["2:1 'custmo1' 'custom1'?"]),
    ("[set]\ncustomer_id = '5'", &["2:1 customer_id identifies every row"]),
    ("[set]\ncustom1 = ''", &["2:1 custom1 no value custom1=REMOVE"]),
    ("[set]\npassword = 'REMOVE'", &["2:1 password REMOVE cannot be removed"]),
    ("columns = 5", &["1:1 columns [columns. number"]),
    ("[columns]\nCity = 'city'", &["2:1 column [columns.\"City\"] text"]),
    ("[columns.City]\ntirm = true", &["2:1 'tirm' 'trim'?"]),
    ("[columns.City]\nparameter = 'cty'", &["2:1 'cty' 'city'?"]),
    ("[columns.Town]", &["1:10 'Town' parameter"]),
    ("[columns.City]\nlower = true\nupper = true", &["3:1 lower upper digits one"]),
    ("[columns.City]\notherwise = 'invalid'", &["1:10 otherwise values"]),
    (
        "[columns.City]\nvalues = 'b'\n[columns.x]\nparameter = 'zip'\nvalues = { a = ['b'] }",
        &["2:1 values table text", "5:1 a text list"],
    ),
    ("api-key = 'x'", &["1:1 'api-key' api-key-file OFFERIT_API_KEY"]),
    (
        "[columns.City]\nvalues = { a = 'b' }\notherwise = 'drop'",
        &["3:1 otherwise \"keep\" \"invalid\" 'drop'"],
    ),
    (
        "[columns.City]\nlower = true\nvalues = { A = 'b', a = 'c', ' ' = 'd' }",
        &["3:21 value listed above", "3:30 empty REMOVE default"],
    ),
    ("[columns.City]\n[columns.CITY]", &["2:10 'CITY' job.toml:1:10"]),
    ("ignore-column = ['City']\n[columns.city]\ntrim = false", &["1:18 'city' mapped job.toml:2:10"]),
    (
        "[columns.customer_id]\ndefault = '5'\n[columns.x]\nparameter = 'password'\nempty = 'remove'\ndefault = ''",
        &["2:1 customer_id default", "6:1 default empty", "5:1 password removed empty"],
    ),
];

#[test]
fn every_mistake_has_its_place_and_says_what_to_do() {
    for (config, expected) in MISTAKES {
        let output = check(config).expect_code(2);
        let lines: Vec<_> = output.stderr.lines().collect();
        assert_eq!(
            (lines.len(), output.stdout.as_str()),
            (expected.len(), ""),
            "{config}: {}",
            output.stderr
        );
        for (line, expected) in lines.into_iter().zip(expected) {
            let (place, words) = expected.split_once(' ').expect("a place and words");
            let message = line.strip_prefix(&format!("error: job.toml:{place}: "));
            let message = message.unwrap_or_else(|| panic!("{config}: {line}"));
            for word in words.split(' ') {
                assert!(message.contains(word), "{config}: '{word}' is not in: {line}");
            }
        }
    }
}

#[test]
fn an_unknown_key_far_from_any_gets_the_list() {
    let output = check("[database]\nhost = 'x'\n").expect_code(2);
    for words in ["job.toml:1:2: ", "'database'", " url, api-username, ", " columns"] {
        assert!(output.stderr.contains(words), "{}", output.stderr);
    }
}

#[test]
fn what_is_wrong_with_the_mapping_on_the_command_line_is_told_at_once() {
    let offerit = Offerit::new();
    offerit.input(INPUT, table(1..=2));
    let cases: [(&[&str], &[&[&str]]); 8] = [
        (&["--map", "City"], &[&["--map: ", "'City'", "COLUMN=FIELD"]]),
        (&["--map", "City=zpi"], &[&["--map: ", "'zpi'", "'zip'?"]]),
        (&["--map", "City=zip", "--map", "city =state"], &[&["--map: ", "'city'", "--map 'City=zip'"]]),
        (
            &["--map", "City=zip", "--ignore-column", "CITY"],
            &[&["--ignore-column: ", "'City'", "--map 'City=zip'"]],
        ),
        (&["--set", "custom1"], &[&["--set: ", "FIELD=VALUE"]]),
        (&["--set", "custom1=a", "--set", "Custom1=b"], &[&["--set: ", "custom1", "twice"]]),
        (
            &["--set", "custom1=", "--set", "subscription_id=7", "--set", "passwrod=x"],
            &[
                &["--set: ", "custom1", "custom1=REMOVE"],
                &["--set: ", "subscription_id", "every row"],
                &["--set: ", "'passwrod'", "'password'?"],
            ],
        ),
        (
            &["--set", "city=a", "--map", "Twon=zip"],
            &[
                &["customers.csv: line 1", "column 2 'city'", "--set city", "--ignore-column"],
                &["customers.csv: line 1", "--map 'Twon=zip'", "'Twon'", "'customer_id'"],
            ],
        ),
    ];
    for (arguments, expected) in cases {
        for command in ["check", "run", "verify"] {
            let output = offerit.run(&[&[command, INPUT], arguments].concat()).expect_code(2);
            let is_config_stage = expected[0][0].starts_with("--");
            if command != "check" && !(is_config_stage && command == "verify") {
                continue;
            }
            let lines: Vec<_> = output.stderr.lines().collect();
            assert_eq!(lines.len(), expected.len(), "{command} {arguments:?}: {}", output.stderr);
            for (line, words) in lines.into_iter().zip(expected) {
                assert!(line.starts_with(&format!("error: {}", words[0])), "{line}");
                words.iter().for_each(|word| assert!(line.contains(word), "{word}: {line}"));
            }
        }
    }
}

#[test]
fn a_run_names_the_option_that_it_cannot_begin_with_and_what_would_do() {
    let offerit = Offerit::new();
    offerit.input(INPUT, table(1..=2));
    for (option, value, words) in [
        ("--max-field-lines", "0", &["from 1"][..]),
        ("--max-field-size", "1Q", &["'1Q'", "500kB", "256"]),
        ("--max-attempts", "0", &["from 1"]),
        ("--concurrency", "0", &["from 1 to 10000"]),
        ("--encoding", "klingon", &["'klingon'", "utf-8", "windows-1252"]),
        ("--delimiter", "ab", &["'ab'", "';'", "tab"]),
        ("--rate", "10 per second", &["'10 per second'", "10/s", "unlimited"]),
        ("--deadline", "soon", &["'soon'", "4h", "06:00"]),
        ("--timeout", "30", &["'30'", "30s?"]),
        ("--shard", "4/4", &["'4/4'", "0/4 to 3/4"]),
    ] {
        let output = offerit.run(&["run", INPUT, "--sandbox", option, value]).expect_code(2);
        assert!(output.stderr.starts_with("error: "), "{}", output.stderr);
        for word in [&[option], words].concat() {
            assert!(output.stderr.contains(word), "{option}: '{word}' is not in: {}", output.stderr);
        }
    }
    // No result file can lie in /dev or /proc.
    for input in ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"] {
        let output = Offerit::new().stdin(table(1..=1)).run(&["run", input, "--sandbox"]).expect_code(2);
        assert!(output.stderr.starts_with("error: --result: "), "{input}: {}", output.stderr);
    }
}

#[test]
fn values_that_a_run_refuses_are_led_back_to_their_place() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=2));
    for (config, expected) in [
        ("# a comment\nrate = 'fast'", "job.toml:2:1: rate: cannot read 'fast'"),
        ("timeout = 30", "job.toml:1:1: timeout: '30' has no unit. Did you mean 30s?"),
        (
            "concurrency = 0",
            "job.toml:1:1: concurrency: invalid value '0' for '--concurrency <N>': expected a number from 1 to 10000",
        ),
        ("ca-cert = 'none.pem'", "job.toml:1:1: ca-cert: none.pem not found"),
    ] {
        offerit.input(CONFIG, config);
        let output = offerit.run(&["run", INPUT, "--config", CONFIG]).expect_code(2);
        assert!(output.stderr.starts_with(&format!("error: {expected}")), "{}", output.stderr);
    }
    offerit.input(CONFIG, "resume = true\noverwrite = true");
    let output = offerit.run(&["run", INPUT, "--config", CONFIG]).expect_code(2);
    assert_eq!(
        output.stderr,
        "error: job.toml:2:1: resume and overwrite cannot be used together. Remove one of them\n"
    );
    let output = offerit.run(&["run", INPUT, "--config", "none.toml"]).expect_code(2);
    assert!(output.stderr.starts_with("error: --config: none.toml not found"), "{}", output.stderr);
    assert_eq!(server.count(), 0);
    assert!(!offerit.path(RESULT).exists());
}

#[test]
fn the_key_is_refused_in_the_file_and_not_shown() {
    for config in ["api-key = 'k3y'", "\nAPI_KEY = 'k3y'", "OFFERIT_API_KEY = 'k3y'"] {
        let output = check(config).expect_code(2);
        for words in ["job.toml:", "api-key-file", "OFFERIT_API_KEY", "Remove it"] {
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
        "empty" => "empty = \"remove\"".to_owned(),
        "empty-rows" => "empty-rows = \"skip\"".to_owned(),
        "progress" => "progress = \"never\"".to_owned(),
        "log-format" => "log-format = \"json\"".to_owned(),
        _ if !rest.trim_start().starts_with('<') => format!("{name} = true"),
        _ => format!("{name} = \"7\""),
    }
}

#[test]
fn every_option_of_a_run_can_stand_in_the_file_and_is_shown_with_its_place() {
    let offerit = Offerit::new();
    let help = offerit.run(&["run", "--help"]).expect_code(0).stdout;
    let options = options(&help);
    assert!(options.len() > 40, "{options:?}");
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
