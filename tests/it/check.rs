//! `check` reads and validates everything, names every problem and sends nothing.

use crate::support::{Child, INPUT, Offerit, Output, RESULT, Reply, Server, table, tools};
use serde_json::Value;
use std::fs;
use std::process::{Command, Stdio};

/// Runs a check of a table. A server and credentials are there to be used by mistake.
#[track_caller]
fn check(table: impl AsRef<[u8]>) -> Output {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, table);
    let output = offerit.run(&["check", INPUT]);
    assert_eq!(server.count(), 0, "something was sent");
    assert!(!offerit.path(RESULT).exists(), "there is a result file");
    output
}

#[test]
fn a_table_without_a_fault_passes() {
    let output = check(table(1..=25)).expect_code(0);
    assert!(output.stdout.ends_with("25 rows: 25 ready to send\n"), "{}", output.stdout);
    assert_eq!(output.stderr, "");
    assert!(output.stdout.contains("Estimated duration at 10/s: 2s\n"), "{}", output.stdout);
    assert!(!output.stdout.contains("Errors") && !output.stdout.contains("Warnings"), "{}", output.stdout);
}

#[test]
fn every_problem_is_listed_with_its_line_and_column() {
    let text = "customer_id,email,password\r\n\
                1,a@example.org,s3cret-one\r\n\
                ,b@example.org,REMOVE\r\n\
                \"3\",\"Karls\r\nruhe\",\r\n\
                \r\n\
                \"4\t4\",,REMOVE\r\n\
                5,e@example.org\r\n\
                6,,\r\n";
    let output = check(text).expect_code(3);
    // Per problem: the line, and where in the row.
    let expected = [
        ("remove-password", "line 3, row 2, column 3 (password): ***"),
        ("no-customer", "line 3, row 2"),
        ("control-in-id", "line 7, row 4, column 1 (customer_id): … (3 characters)"),
        ("remove-password", "line 7, row 4, column 3 (password): ***"),
        (
            "ragged",
            "line 8, row 5: 2 cells, but the header has 3 columns. Look for a missing or extra comma or quote",
        ),
        ("no-field", "line 9, row 6"),
    ];
    let lines: Vec<&str> = output.stdout.lines().collect();
    let summary = lines.last().expect("a summary");
    let mut kind = "";
    let mut told = Vec::new();
    for line in lines.iter().skip_while(|line| **line != "Errors").skip(1).take_while(|line| !line.is_empty())
    {
        match line.strip_suffix(']').and_then(|line| line.rsplit_once('[')) {
            Some((_, named)) => kind = named,
            None => told.push((kind, line.trim())),
        }
    }
    told.sort_unstable();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(told, expected, "{}", output.stdout);
    for words in ["6 rows", "2 ready to send", "4 invalid"] {
        assert!(summary.contains(words), "{words}: {summary}");
    }
    for value in ["s3cret", "example.org", "Karls", "ruhe"] {
        assert!(!output.stdout.contains(value) && !output.stderr.contains(value), "{value} is shown");
    }
}

#[test]
fn of_many_problems_the_first_are_listed_and_all_are_counted() {
    let rows: String = (0..500).map(|_| ",x\n").collect();
    let told = check(format!("customer_id,city\n{rows}")).expect_code(3).stdout;
    assert!(told.contains(" 500 × no customer") && told.contains("… and 495 more"), "{told}");
    assert_eq!(told.lines().filter(|line| line.contains("line ")).count(), 5);
    assert!(told.lines().count() < 20 && told.ends_with("500 invalid\n"), "{told}");
}

#[test]
fn it_agrees_with_what_a_run_does() {
    let mistakes = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/samples/customers-with-mistakes.csv"));
    let mistakes = mistakes.expect("the sample");
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, mistakes);
    let output = offerit.run(&["check", INPUT]).expect_code(3);
    offerit.send(&[]).expect_code(3);
    for record in offerit.outcomes().values().filter(|record| record.status == "invalid") {
        let place = format!("    line {}, row {}", record.line, record.row);
        assert!(output.stdout.lines().any(|told| told.contains(&place)), "{place} {}", output.stdout);
    }
    let invalid = offerit.outcomes().values().filter(|record| record.status == "invalid").count();
    assert!(invalid > 5 && output.stdout.contains(&format!("{invalid} invalid")), "{}", output.stdout);
}

#[test]
fn it_needs_no_credentials() {
    let offerit = Offerit::new();
    offerit.input(INPUT, table(1..=2));
    offerit.run(&["check", INPUT]).expect_code(0);
}

#[test]
fn it_reads_standard_input() {
    let offerit = Offerit::new().stdin("customer_id,city\n1,a\n,b\n");
    let output = offerit.run(&["check", "-"]).expect_code(3);
    assert!(output.stdout.contains("2 rows") && output.stdout.contains("line 3, row 2"), "{}", output.stdout);
}

#[test]
fn a_header_that_cannot_be_used_ends_it_with_a_suggestion() {
    let output = check("customer_id,emial\n1,a@example.org\n").expect_code(2);
    assert!(output.stderr.contains(INPUT) && output.stderr.contains("'email'"), "{}", output.stderr);
    assert_eq!(output.stdout, "");
}

#[test]
fn programs_are_told_of_an_input_that_cannot_be_used_too() {
    let endless = format!("customer_id,city\n1,\"{}", "2,b\n".repeat(200));
    for (input, line, told) in [
        ("customer_id,,emial%\n1,,a@example.org\n", Some(1), ["column 2 has no name", "column 3 'emial%'"]),
        (&*endless, Some(2), ["line 2, column 2: ", "--max-field-lines"]),
        ("%PDF-1.7", None, ["looks like a PDF", "Export the data"]),
    ] {
        let found = json(input, &[], 2);
        assert_eq!(
            (&found["version"], &found["input"], &found["exit_code"]),
            (&1.into(), &INPUT.into(), &2.into())
        );
        let errors = found["errors"].as_array().expect("a list");
        assert!(errors.iter().all(|error| error["line"].as_u64() == line), "{found}");
        let output = check_with(input, &["--format", "github"], 2);
        let place = line.map_or(String::new(), |line| format!(",line={line}"));
        let begin = format!("::error file={INPUT}{place},title=offerit-sync%3A input::");
        assert!(output.stdout.lines().all(|line| line.starts_with(&begin)), "{}", output.stdout);
        for told in told {
            assert!(found.to_string().contains(told) && output.stderr.contains(told), "{found} {output:?}");
            assert!(output.stdout.contains(&told.replace('%', "%25")), "{told}: {}", output.stdout);
        }
    }
}

#[test]
fn a_full_disk_behind_its_output_is_no_success() {
    let offerit = Offerit::new();
    offerit.input(INPUT, table(1..=2));
    let mut command = offerit.command_in_shell("exec >/dev/full;", &["check", INPUT]);
    command.stderr(Stdio::piped());
    let output = Child::start(command).wait().expect_code(1);
    assert!(output.stderr.contains("standard output"), "{}", output.stderr);
}

fn check_with(table: impl AsRef<[u8]>, more: &[&str], code: i32) -> Output {
    let offerit = Offerit::new().env("OFFERIT_API_KEY", "k3y-s3cret");
    offerit.input(INPUT, table);
    let output = offerit.run(&[&["check", INPUT], more].concat()).expect_code(code);
    assert!(!output.stdout.contains("k3y-s3cret") && !output.stderr.contains("k3y-s3cret"));
    output
}

fn json(table: impl AsRef<[u8]>, more: &[&str], code: i32) -> Value {
    let output = check_with(table, &[&["--format", "json"], more].concat(), code);
    serde_json::from_str(&output.stdout).expect("JSON")
}

/// The values that a hostile hand would put into a file.
const HOSTILE: [&str; 5] = [
    "\u{1b}[2J\u{7}",
    "a\r\n::error file=x::owned",
    "##[error]owned",
    "\u{202e}gro.elpmaxe\u{2066}",
    "'; touch owned; '$(touch owned)`touch owned`\"",
];

fn hostile_table() -> String {
    let cell = |value: &str| format!("\"{}\"", value.replace('"', "\"\""));
    let rows: String = HOSTILE
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let cell = cell(value);
            format!("{index},{cell},{cell},{cell},{cell}\n{cell},,{cell},,\n")
        })
        .collect();
    format!("customer_id,email,country,password,address1\n{rows}")
}

const SUSPICIOUS: &str = "customer_id,email,country,city,password,zip\n\
    1,anna.example.org,Germany,remove,s3cret-one ,1067\n\
    2,ben@example.org,DE,MÃ¼nchen,REMOVE?,1067\n\
    3,#N/A,DE,NULL,,1.23E+11\n\
    1,carla@example.org,DE,\"Bad\nTölz\",,01067\n";

#[test]
fn what_is_suspicious_is_a_warning_and_counts_only_if_wanted() {
    let report = json(SUSPICIOUS, &[], 0);
    let kinds: Vec<(&str, u64)> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|finding| {
            assert_eq!(finding["severity"], "warning");
            (finding["kind"].as_str().expect("a kind"), finding["count"].as_u64().expect("a count"))
        })
        .collect();
    let expected = [
        "almost-remove",
        "blanks",
        "country",
        "email-without-at",
        "line-break",
        "mojibake",
        "null",
        "scientific",
        "spreadsheet-error",
        "zero-lost",
    ];
    let mut sorted = kinds.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected.map(|kind| (kind, 1)));
    assert_eq!(
        (&report["warnings"], &report["problems"], &report["exit_code"]),
        (&10.into(), &0.into(), &0.into())
    );
    assert_eq!(json(SUSPICIOUS, &["--strict"], 3)["strict"], true);
    check_with(table(1..=3), &["--strict"], 0);
    let text = check_with(SUSPICIOUS, &["--strict"], 3).stdout;
    for told in [
        "line 2, row 1, column 2 (email): a… (16 characters)",
        "line 2, row 1, column 3 (country): G… (7 characters)",
        "line 2, row 1, column 4 (city): 'remove'",
        "line 2, row 1, column 5 (password): ***",
        "4 rows: 4 ready to send; 10 warnings\n",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
}

#[test]
fn values_are_masked_unless_they_are_wanted_and_passwords_always() {
    for format in ["text", "json", "github"] {
        let masked = check_with(SUSPICIOUS, &["--format", format], 0).stdout;
        for value in ["anna", "Germany", "MÃ¼nchen", "ben@", "Tölz", "s3cret", "REMOVE?"] {
            assert!(!masked.contains(value), "{format} {value}: {masked}");
        }
        let shown = check_with(SUSPICIOUS, &["--format", format, "--show-values"], 0).stdout;
        assert!(shown.contains("anna.example.org") && shown.contains("MÃ¼nchen"), "{shown}");
        assert!(!shown.contains("s3cret") && !shown.contains("REMOVE?"), "{format}: {shown}");
    }
}

#[test]
fn nothing_hostile_gets_through_in_any_format() {
    for format in ["text", "json", "github"] {
        for more in [&[][..], &["--show-values"]] {
            let told = check_with(hostile_table(), &[&["--format", format], more].concat(), 3).stdout;
            let is_obeyed = |letter: char| {
                letter.is_control() && letter != '\n'
                    || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            };
            assert!(!told.contains(is_obeyed), "{format}: {told:?}");
            for line in told.lines() {
                let is_command = line.trim_start().starts_with("::") || line.contains("##[");
                let is_ours = [
                    "::error file=customers.csv,",
                    "::warning file=customers.csv,",
                    "::notice file=customers.csv,",
                ]
                .iter()
                .any(|ours| line.starts_with(ours));
                assert_eq!(is_command, format == "github", "{format}: {line}");
                assert_eq!(is_ours, format == "github", "{format}: {line}");
            }
            if format == "json" {
                let report: Value = serde_json::from_str(&told).expect("JSON");
                assert_eq!(report["version"], 1);
            }
        }
    }
}

#[test]
fn hostile_names_of_columns_and_files_get_nowhere() {
    let name = "a::error::b,c\n.csv";
    let offerit = Offerit::new();
    offerit.input(name, SUSPICIOUS);
    for format in ["text", "json", "github"] {
        let told = offerit.run(&["check", name, "--format", format]).expect_code(0).stdout;
        assert!(told.lines().all(|line| !line.starts_with(".csv")), "{told}");
        assert!(
            format != "github"
                || told.lines().all(|line| line.contains(" file=a%3A%3Aerror%3A%3Ab%2Cc\\n.csv,")),
            "{told}"
        );
    }
    let output =
        check_with("customer_id,city,\"\u{1b}x\n::error::owned\"\n1,a,b\n", &["--format", "github"], 2);
    assert!(output.stderr.lines().all(|line| line.starts_with("error: ")), "{}", output.stderr);
}

#[test]
fn doubled_quotes_before_a_value_do_not_move_its_annotation() {
    let table = "customer_id,firstname,city\n1,\"a\"\"b\nc\",NULL\n3,\"a\"\"\"\"\"\"b\nc\",NULL\n";
    let told = check_with(table, &["--format", "github"], 0).stdout;
    for place in ["::warning file=customers.csv,line=3,col=4,", "::warning file=customers.csv,line=5,col=4,"]
    {
        assert!(told.lines().any(|line| line.starts_with(place)), "{place}: {told}");
    }
}

#[test]
fn annotations_stand_where_the_value_does() {
    let table = "customer_id,city,email\n1,\"Bad\nTölz, \"\"x\"\"\",anna\n2,Köln,ben\n,Riga,c@d.e\n";
    let told = check_with(table, &["--format", "github"], 3).stdout;
    for place in [
        "::warning file=customers.csv,line=3,col=14,",
        "::warning file=customers.csv,line=4,col=8,",
        "::error file=customers.csv,line=5,title=",
    ] {
        assert!(told.lines().any(|line| line.starts_with(place)), "{place}: {told}");
    }
    assert!(told.lines().last().is_some_and(|line| line.starts_with("::notice ")), "{told}");
}

#[test]
fn customers_that_come_again_are_named_with_their_lines_and_are_no_error() {
    let rows: String = [7, 8, 7, 9, 7, 8, 7, 7, 7].iter().map(|id| format!("{id},S{id},x\n")).collect();
    let table = format!("customer_id,subscription_id,city\n{rows}");
    let report = json(&table, &["--strict"], 0);
    let duplicates = &report["duplicates"];
    assert_eq!(
        (&duplicates["customers"], &duplicates["rows"], &duplicates["complete"]),
        (&4.into(), &12.into(), &true.into())
    );
    let first = &duplicates["examples"][0];
    assert_eq!(first["lines"], serde_json::json!([2, 4, 6, 8, 9]));
    assert_eq!((&first["id"], &first["rows"]), (&"'7'".into(), &6.into()));
    let text = check_with(&table, &[], 0).stdout;
    assert!(text.contains("customer_id '7': lines 2, 4, 6, 8, 9 and 1 more"), "{text}");
    let email = check_with("customer_id,city\na@b.org,x\na@b.org,y\n", &[], 0).stdout;
    assert!(email.contains("lines 2, 3") && !email.contains("a@b.org"), "{email}");
}

#[test]
fn example_requests_are_in_the_text_only_on_request() {
    let table = table(1..=5);
    for (flags, count) in
        [(&[][..], 0), (&["--show-requests"], 3), (&["--show-requests", "--show-values"], 3)]
    {
        let text = check_with(&table, flags, 0).stdout;
        assert_eq!(text.matches("curl ").count(), count, "{text}");
        assert_eq!(text.contains("add --show-values"), flags == ["--show-requests"], "{text}");
    }
    assert_eq!(json(&table, &[], 0)["requests"].as_array().map(Vec::len), Some(3));
}

/// The commands are what they seem: a shell runs them, a server receives what the row says.
#[test]
fn the_first_requests_can_be_copied_into_a_shell() {
    if !tools::is_installed("curl") {
        return;
    }
    let server = Server::start(|_, _| Reply::updated());
    let city = HOSTILE.join(" & + % é =");
    let table =
        format!("customer_id,email,city\n7,a@b.org,\"{}\"\n8,@x,\n9,c,\n10,d,\n", city.replace('"', "\"\""));
    let curl = |command: &str| {
        let mut shell = Command::new("bash");
        let variables = [
            ("OFFERIT_URL", server.url()),
            ("OFFERIT_API_KEY", "k".into()),
            ("OFFERIT_API_USERNAME", "u".into()),
        ];
        shell.args(["-c", command]).envs(variables).env("no_proxy", "*");
        shell.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("bash")
    };
    let masked = json(&table, &[], 0);
    assert!(!curl(masked["requests"][0].as_str().expect("a command")).success());
    assert_eq!(server.count(), 0, "a mask was sent");
    let shown = json(&table, &["--show-values"], 0);
    let requests = shown["requests"].as_array().expect("commands");
    assert_eq!(requests.len(), 3);
    for request in requests {
        assert!(curl(request.as_str().expect("a command")).success());
    }
    let received = server.requests();
    assert_eq!(received.len(), 3);
    let field = |index: usize, name: &str| received[index].field(name);
    assert_eq!(field(0, "city"), Some(city));
    assert_eq!(field(1, "email").as_deref(), Some("@x"));
    assert_eq!(
        (received[0].method.as_str(), received[0].header("api-key"), received[0].header("api-username")),
        ("PATCH", Some("k"), Some("u"))
    );
}

#[test]
fn how_long_a_run_takes_is_told_at_its_rate() {
    let rows = table(1..=90);
    assert_eq!(json(&rows, &["--rate", "30/m"], 0)["seconds"], 180.0);
    assert_eq!(json(&rows, &["--rate", "unlimited"], 0)["seconds"], Value::Null);
    let text = check_with(&rows, &["--rate", "30/m"], 0).stdout;
    assert!(text.contains("Estimated duration at 30/m: 3m\n"), "{text}");
    let output = check_with(&rows, &["--rate", "fast"], 2);
    assert!(output.stderr.starts_with("error: --rate: cannot read 'fast'"), "{}", output.stderr);
    let offerit = Offerit::new();
    offerit.input(INPUT, &rows);
    offerit.input("job.toml", "rate = '3/s'\nformat = 'json'\n");
    let told = offerit.run(&["check", INPUT, "--config", "job.toml"]).expect_code(0).stdout;
    assert_eq!(serde_json::from_str::<Value>(&told).expect("JSON")["seconds"], 30.0);
}

#[test]
fn a_guessed_encoding_is_shown_and_counts_if_wanted() {
    let table = b"customer_id,city\n1,M\xfcnchen\n";
    let told = check_with(table, &[], 0).stdout;
    assert!(told.contains("guessed as Windows-1252") && told.contains("--encoding"), "{told}");
    check_with(table, &["--strict"], 3);
    check_with(table, &["--strict", "--encoding", "windows-1252"], 0);
}

#[test]
fn a_second_header_within_the_file_is_invalid() {
    let file = "\u{feff}Customer No,city\r\n1,a\r\n";
    let output = check_with(file.repeat(2), &["--map", "customer no=customer_id"], 3);
    for told in ["a second header", "[repeated-header]", "line 3, row 2", "2 ready to send, 1 invalid"] {
        assert!(output.stdout.contains(told), "{told}: {}", output.stdout);
    }
    // Also where its columns stand in another order.
    for second in ["Subscription_ID,City", "CITY, subscription_id"] {
        let plain = check_with(format!("subscription_id,city\n1,a\n{second}\n2,b\n"), &[], 3);
        assert!(plain.stdout.contains("line 3, row 2"), "{}", plain.stdout);
    }
}

#[test]
fn what_is_suspicious_about_the_mapping_is_a_warning_too() {
    let table = "customer_id,city,email\n1,a,a@example.org\n";
    let flags = ["--ignore-column", "Emial", "--ignore-column", "Owner", "--set", "country=Germany"];
    let output = check_with(table, &flags, 0);
    for told in [
        "--ignore-column 'Emial' matches no column, and column 3 'email' is sent",
        "[not-left-out]",
        "--set country: country is not a two-letter code",
        "[constant]",
    ] {
        assert!(output.stdout.contains(told), "{told}: {}", output.stdout);
    }
    assert!(output.stdout.contains("2 warnings") && !output.stdout.contains("Owner"), "{}", output.stdout);
    check_with(table, &[&flags[..], &["--strict"]].concat(), 3);
    check_with(table, &["--ignore-column", "Owner", "--set", "country=DE", "--strict"], 0);
}

#[test]
fn damaged_letters_are_found_wherever_they_stand_in_a_long_file() {
    for at in [0, 999, 1500, 5999] {
        let rows: String = (0..6000)
            .map(|row| format!("{row},{},{}\n", if row == at { "MÃ¼nchen" } else { "Riga" }, "x".repeat(40)))
            .collect();
        let report = json(format!("customer_id,city,custom1\n{rows}"), &[], 0);
        assert_eq!(report["findings"][0]["kind"], "mojibake");
        assert_eq!(report["findings"][0]["examples"][0]["row"], at + 1);
    }
}

#[test]
fn a_run_with_too_many_invalid_rows_does_not_begin() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, "customer_id,city\n1,a\n,s3cret\n3,c\n,d\n");
    for limit in ["1", "0", "49.9%", "0%"] {
        let output = offerit.send(&["--max-invalid", limit]).expect_code(4);
        let told = format!("2 of 4 rows are invalid, more than --max-invalid {limit}. Nothing was sent");
        assert!(output.stderr.contains(&told), "{}", output.stderr);
        assert!(output.stderr.contains("line 3, row 2: no customer"), "{}", output.stderr);
        assert!(!output.stderr.contains("s3cret"), "{}", output.stderr);
        assert_eq!((server.count(), offerit.path(RESULT).exists()), (0, false), "{limit}");
    }
    for limit in ["1.5", "+1", "x", "101%"] {
        let output = offerit.send(&["--max-invalid", limit]).expect_code(2);
        assert!(output.stderr.contains("--max-invalid"), "{}", output.stderr);
    }
    offerit.send(&["--max-invalid", "2"]).expect_code(3);
    assert_eq!(server.count(), 2);
    // What is in sync counts as a row, too.
    offerit.send(&["--resume", "--max-invalid", "50%"]).expect_code(3);
    let before = offerit.records().len();
    offerit.send(&["--resume", "--max-invalid", "1"]).expect_code(4);
    assert_eq!((server.count(), offerit.records().len()), (2, before));
    let piped = Offerit::with_credentials(&server.url()).stdin("customer_id,city\n1,a\n");
    let output = piped.run(&["run", "-", "--result", RESULT, "--max-invalid", "5"]).expect_code(2);
    assert!(output.stderr.contains("--max-invalid needs a file"), "{}", output.stderr);
    assert_eq!(server.count(), 2);
}
