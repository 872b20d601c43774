//! What a run leaves for machines: the JSON summary held against its schema, the metrics read by a parser of
//! Prometheus' format, the section on a CI job's page.

use crate::support::{self, INPUT, KEY, Offerit, Reply, Server, schema, table};
use prometheus_parse::{Scrape, Value as Sample};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

const SUMMARY: &str = "summary.json";
const METRICS: &str = "crm.prom";
/// A value of a field that must not turn up anywhere.
const SECRET: &str = "Hunter2-is-secret";

/// A summary that keeps to the schema, and has no field that the schema does not tell of.
#[track_caller]
fn valid(text: &str) -> Value {
    let document: Value = serde_json::from_str(text).expect("a summary in JSON");
    let faults = schema::faults(&document, &schema::of_the_summary());
    assert!(faults.is_empty(), "{faults:?}\n{text}");
    document
}

#[track_caller]
fn summary(offerit: &Offerit) -> Value {
    valid(&fs::read_to_string(offerit.path(SUMMARY)).expect("a summary"))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

/// Rows of which one is invalid, one is rejected and one is tried twice.
fn mixed() -> (Server, Offerit) {
    // Not by the number of the request: customer 3 may come as any of sixteen at once.
    let has_failed = AtomicBool::new(false);
    let server = Server::start(move |request, _| match request.field("customer_id").as_deref() {
        Some("3") => Reply::json(404, r#"{"message":"no such customer"}"#),
        Some("5") if !has_failed.swap(true, Ordering::Relaxed) => Reply::new(503),
        _ => Reply::updated(),
    });
    let mut input = table(1..=20);
    input.push_str(",City\n");
    let offerit = Offerit::job(&server, input);
    (server, offerit)
}

#[test]
fn a_summary_adds_up_and_keeps_to_its_schema() {
    let (server, offerit) = mixed();
    offerit.send(&["--summary", SUMMARY, "--concurrency", "1"]).expect_code(3);
    let document = summary(&offerit);
    assert_eq!((&document["exit_code"], &document["reason"]), (&3.into(), &"not_in_sync".into()));
    assert_eq!(document["counts"]["updated"], 19);
    assert_eq!((&document["counts"]["rejected"], &document["counts"]["invalid"]), (&1.into(), &1.into()));
    let sum: u64 = document["counts"].as_object().expect("counts").values().filter_map(Value::as_u64).sum();
    assert_eq!(
        (document["rows"]["recorded"].as_u64(), document["rows"]["left"].as_u64()),
        (Some(sum), Some(0))
    );
    assert_eq!(document["rows"]["not_in_sync"], 2);
    let attempts = server.count() as u64;
    assert_eq!((attempts, document["attempts"]["total"].as_u64()), (21, Some(21)));
    assert_eq!(
        (&document["attempts"]["retries"], &document["attempts"]["latency_ms"]["count"]),
        (&1.into(), &21.into())
    );
    assert_eq!(document["rates"]["limit"], Value::Null);
    assert_eq!(mode(&offerit.path(SUMMARY)), 0o600);
    // The next one takes its place, and tells what was in sync before.
    offerit.send(&["--summary", SUMMARY, "--resume"]).expect_code(3);
    let document = summary(&offerit);
    assert_eq!((&document["rows"]["in_sync_before"], &document["rows"]["recorded"]), (&19.into(), &2.into()));
}

#[test]
fn percentiles_are_in_order_and_below_the_whole() {
    let (_server, offerit) = mixed();
    offerit.run(&["run", INPUT, "--summary", SUMMARY, "--rate", "100/s"]).expect_code(3);
    let document = summary(&offerit);
    let latency = &document["attempts"]["latency_ms"];
    let figures = ["min", "p50", "p90", "p95", "p99", "p999", "max", "sum"]
        .map(|name| latency[name].as_f64().expect("a figure"));
    assert!(figures.is_sorted() && figures[0] > 0.0, "{latency}");
    assert_eq!(document["rates"]["limit"], 100.0);
}

#[test]
fn every_limit_of_the_user_has_its_word_unless_it_ended_nothing() {
    type Case = (fn() -> Reply, &'static [&'static str], i32, &'static str);
    let cases: [Case; 4] = [
        (|| Reply::new(422), &["--max-failures", "0"], 4, "max_failures"),
        (Reply::updated, &["--deadline", "1ms"], 7, "deadline"),
        (Reply::updated, &["--limit", "5"], 7, "limit"),
        (|| Reply::new(422), &["--max-failures", "49", "--concurrency", "1"], 3, "not_in_sync"),
    ];
    for (reply, more, code, reason) in cases {
        let server = Server::start(move |_, _| reply());
        let offerit = Offerit::job(&server, table(1..=50));
        offerit.send(&[&["--summary", SUMMARY][..], more].concat()).expect_code(code);
        let document = summary(&offerit);
        let told = (&document["exit_code"], &document["reason"]);
        assert_eq!(told, (&code.into(), &reason.into()), "{document}");
        assert_eq!(document["message"].is_string(), code != 3, "{document}");
    }
}

#[test]
fn a_brake_before_anything_is_sent_has_its_summary_and_metrics_too() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, table(1..=9));
    let outputs = ["--summary", SUMMARY, "--metrics", METRICS];
    offerit.send(&outputs).expect_code(0);
    offerit.input(INPUT, table(1..=9).replace("City", "Town").replace("9,Town 9", "9,"));
    let tonight: &[&str] = &["--result", "tonight.csv", "--since", "customers.result.csv"];
    for (more, reason) in [(["--max-changes", "5"], "max_changes"), (["--max-invalid", "0"], "max_invalid")] {
        offerit.send(&[&outputs[..], tonight, &more].concat()).expect_code(4);
        let document = summary(&offerit);
        let told = (&document["exit_code"], &document["reason"], &document["rows"]["recorded"]);
        assert_eq!(told, (&4.into(), &reason.into(), &0.into()), "{document}");
        let metrics = fs::read_to_string(offerit.path(METRICS)).expect("metrics");
        assert!(metrics.contains("exit_code{sync=\"crm\"} 4"), "{metrics}");
    }
    assert_eq!(server.count(), 9);
    // A mistake of the call leaves them as they are.
    offerit.send(&[&outputs[..], tonight, &["--max-changes", "x"]].concat()).expect_code(2);
    assert_eq!(summary(&offerit)["exit_code"], 4);
}

#[test]
fn every_early_end_has_its_summary() {
    type Case = (fn(usize) -> Reply, &'static [&'static str], i32, &'static str);
    let cases: [Case; 4] = [
        (|_| Reply::new(401), &[], 6, "credentials_refused"),
        (|_| Reply::new(302).header("location", "https://elsewhere.example/"), &[], 6, "redirected"),
        (|_| Reply::new(503).header("retry-after", "7200"), &["--max-retry-after", "1s"], 4, "retry_after"),
        (|_| Reply::new(503), &["--max-outage", "1s"], 4, "outage"),
    ];
    for (reply, more, code, reason) in cases {
        let server = Server::start(move |_, number| reply(number));
        let offerit = Offerit::job(&server, table(1..=50));
        offerit.send(&[&["--summary", SUMMARY][..], more].concat()).expect_code(code);
        let document = summary(&offerit);
        assert_eq!(
            (&document["exit_code"], &document["reason"]),
            (&code.into(), &reason.into()),
            "{document}"
        );
        assert_eq!(document["rows"]["left"], 50, "{document}");
        let command = document["next_command"].as_str().expect("a command");
        assert!(command.ends_with("--resume") && document["message"].is_string(), "{document}");
        assert!(!document.to_string().contains(KEY));
    }
}

#[test]
fn an_interrupted_run_has_its_summary_with_its_holds() {
    for (signal, code, reason) in [("INT", 130, "interrupted"), ("TERM", 143, "terminated")] {
        let server = Server::start(|_, number| match number {
            2 => Reply::new(429).header("retry-after", "3000"),
            _ => Reply::updated(),
        });
        let offerit = Offerit::job(&server, table(1..=20));
        let child = offerit.start_sending(&["--summary", SUMMARY, "--concurrency", "1"]);
        child.wait_for_stderr(|text| text.contains("asked for a pause"));
        child.signal(signal);
        child.wait().expect_code(code);
        let document = summary(&offerit);
        assert_eq!((&document["reason"], &document["holds"]["count"]), (&reason.into(), &1.into()));
        assert_eq!((&document["counts"]["updated"], &document["rows"]["left"]), (&2.into(), &18.into()));
    }
}

#[test]
fn the_command_of_the_summary_goes_on() {
    let server = Server::start(|_, number| if number == 0 { Reply::new(401) } else { Reply::updated() });
    let offerit = Offerit::job(&server, "");
    offerit.input("it's a list.csv", table(1..=5));
    let arguments = [
        "run",
        "it's a list.csv",
        "--rate",
        "unlimited",
        "--overwrite",
        "--summary",
        SUMMARY,
        "--concurrency=1",
    ];
    let output = offerit.run(&arguments).expect_code(6);
    let document = summary(&offerit);
    let command = document["next_command"].as_str().expect("a command").to_owned();
    // People get the very same line.
    assert!(output.stderr.lines().any(|line| line.trim() == command), "{}", output.stderr);
    let mut shell = offerit.command_in_shell(&format!("{command}; exit $?;"), &[]);
    let status = shell.stderr(std::process::Stdio::null()).status().expect("a shell");
    assert_eq!((status.code(), server.count()), (Some(0), 6));
    assert_eq!(summary(&offerit)["next_command"], Value::Null);
}

#[test]
fn no_value_and_no_key_is_shown_in_any_output() {
    let server = Server::start(|_, _| Reply::new(503));
    let page = "job.md";
    let offerit = Offerit::job(&server, format!("customer_id,password\n1,{SECRET}\n2,{SECRET}\n"));
    let folder = offerit.path(page);
    let offerit = offerit.env("GITHUB_STEP_SUMMARY", folder.to_str().expect("a path"));
    let arguments = [
        "--summary",
        SUMMARY,
        "--metrics",
        METRICS,
        "--set",
        "custom1=Hunter2-too",
        "-v",
        "--max-attempts",
        "2",
        "--max-outage=1s",
    ];
    let output = offerit.send(&arguments).expect_code(4);
    let texts = [SUMMARY, METRICS, page].map(|name| fs::read_to_string(offerit.path(name)).expect("a file"));
    for text in texts.iter().chain([&output.stderr, &output.stdout]) {
        assert!(!text.contains("Hunter2") && !text.contains(KEY), "{text}");
    }
    assert_eq!(summary(&offerit)["next_command"], Value::Null);
    assert!(output.stderr.contains("rerun with --resume"), "{}", output.stderr);
}

#[test]
fn a_summary_on_standard_output_is_all_that_is_there() {
    let (_server, offerit) = mixed();
    let output = offerit.send(&["--summary", "-"]).expect_code(3);
    assert_eq!(valid(&output.stdout)["rows"]["total"], 21);
}

#[test]
fn what_must_not_be_overwritten_is_refused_before_anything_is_sent() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, table(1..=3));
    offerit.input("export.csv", "customer_id\n1\n");
    symlink(offerit.path("target"), offerit.path("link")).expect("a link");
    fs::create_dir(offerit.path("folder")).expect("a folder");
    for option in ["--summary", "--metrics"] {
        for path in
            [INPUT, "customers.result.csv", "export.csv", "link", "folder", "missing/file", "/dev/null"]
        {
            let output = offerit.send(&[option, path]).expect_code(2);
            assert!(output.stderr.contains(option) && output.stderr.contains(path), "{}", output.stderr);
            assert!(!output.stderr.contains(".part"), "a file that nobody named: {}", output.stderr);
        }
        // The same by other names.
        for path in ["./customers.result.csv", "folder/../customers.result.csv", "./customers.csv"] {
            offerit.send(&[option, path]).expect_code(2);
        }
    }
    let output = offerit.send(&["--metrics", "-"]).expect_code(2);
    assert!(
        output.stderr.contains("--metrics: cannot be standard output") && !offerit.path("-").exists(),
        "{}",
        output.stderr
    );
    offerit.send(&["--summary", "same", "--metrics", "same"]).expect_code(2);
    offerit.send(&["--summary", "same", "--metrics", "./same"]).expect_code(2);
    assert_eq!(server.count(), 0);
    assert!(!offerit.path("target").exists() && !offerit.path("customers.result.csv").exists());
}

#[test]
fn what_cannot_be_written_in_the_end_is_no_success() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, table(1..=3));
    let mut command = offerit.command(&["run", INPUT, "--rate", "unlimited", "--summary", "-"]);
    let full = fs::File::options().write(true).open("/dev/full").expect("a device");
    command.stdout(full).stderr(std::process::Stdio::piped());
    let output = support::Child::start(command).wait().expect_code(1);
    assert!(output.stderr.contains("--summary"), "{}", output.stderr);
    assert_eq!(offerit.rows_in_sync().len(), 3);
}

#[test]
fn metrics_are_read_by_a_parser_and_keep_to_the_rules_of_names() {
    let (_server, offerit) = mixed();
    offerit.send(&["--metrics", METRICS]).expect_code(3);
    let text = fs::read_to_string(offerit.path(METRICS)).expect("metrics");
    assert_eq!(mode(&offerit.path(METRICS)), 0o644);
    let scrape =
        Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).expect("metrics that can be parsed");
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    let parsed: usize = scrape
        .samples
        .iter()
        .map(|sample| match &sample.value {
            Sample::Summary(quantiles) => quantiles.len(),
            _ => 1,
        })
        .sum();
    assert!(samples > 20 && parsed == samples, "{parsed} of {samples} lines: {text}");
    let value = |name: &str, status: Option<&str>| {
        let found = scrape.samples.iter().find(|sample| {
            sample.metric == format!("offerit_sync_{name}") && sample.labels.get("status") == status
        });
        match &found.unwrap_or_else(|| panic!("{name}: {text}")).value {
            Sample::Gauge(value) | Sample::Untyped(value) => *value,
            other => panic!("{name}: {other:?}"),
        }
    };
    assert_eq!(value("last_run_rows", Some("updated")), 19.0);
    assert_eq!((value("last_run_rows", Some("invalid")), value("last_run_exit_code", None)), (1.0, 3.0));
    assert_eq!((value("last_run_attempts", None), value("last_run_retries", None)), (21.0, 1.0));
    assert!(value("last_run_finished_timestamp_seconds", None) > 1.7e9);
    let mut families = BTreeSet::new();
    for line in text.lines() {
        match line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE ")) {
            Some(rest) => families.insert(rest.split(' ').next().expect("a name").to_owned()),
            None => {
                let name = line.split('{').next().expect("a name");
                let family = name.trim_end_matches("_sum").trim_end_matches("_count");
                assert!(families.contains(family), "{name} has no HELP before it");
                // A gauge has no _total; units are seconds, spelt out.
                assert!(!name.ends_with("_total") && !name.contains("_ms"), "{name}");
                assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
                assert!(line.contains("{sync=\"crm\""), "{line}");
                continue;
            }
        };
    }
}

#[test]
fn the_page_of_a_ci_job_gets_a_section_for_every_run() {
    let (_server, offerit) = mixed();
    let page = offerit.input("job.md", "before\n");
    let offerit = offerit.env("GITHUB_STEP_SUMMARY", page.to_str().expect("a path"));
    offerit.send(&[]).expect_code(3);
    offerit.send(&["--resume", "--quiet"]).expect_code(3);
    let text = fs::read_to_string(&page).expect("a page");
    assert!(text.starts_with("before\n### ❌ offerit-sync: customers.csv\n"), "{text}");
    assert_eq!(text.matches("### ").count(), 2);
    for line in
        ["| updated | 19 |", "| in sync before | 19 |", "| **all** | 21 |", "exit code 3 (not in sync)"]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn a_page_that_cannot_be_written_costs_nothing_but_a_line() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, table(1..=3)).env("GITHUB_STEP_SUMMARY", "/missing/page");
    let output = offerit.send(&[]).expect_code(0);
    assert!(output.stderr.contains("/missing/page"), "{}", output.stderr);
}
