//! What belongs to the user stays: files of failures, and what is derived from a result file.

use crate::support::{INPUT, Offerit, Output, RESULT, Reply, Server, table};
use proptest::prelude::*;
use std::fs;

/// Refuses every country but those of two letters.
fn strict() -> Server {
    Server::start(|request, _| match request.field("country") {
        Some(country) if country.len() != 2 => Reply::json(400, r#"{"result":"error","message":"country"}"#),
        _ => Reply::updated(),
    })
}

/// A finished job of one row that was refused.
fn refused() -> (Server, Offerit) {
    let server = strict();
    let offerit = Offerit::job(&server, "customer_id,country\n1,Latvia\n");
    offerit.send(&[]).expect_code(3);
    (server, offerit)
}

fn failures(offerit: &Offerit, more: &[&str]) -> Output {
    offerit.run(&[&["failures", INPUT], more].concat())
}

#[test]
fn failures_never_replaces_rows_that_were_corrected_by_hand() {
    let (_server, offerit) = refused();
    failures(&offerit, &["-o", "again.csv"]).expect_code(0);
    let written = fs::read_to_string(offerit.path("again.csv")).expect("a table");
    let corrected = written.replace("Latvia", "LV");
    offerit.input("again.csv", &corrected);
    let output = failures(&offerit, &["-o", "again.csv"]).expect_code(2);
    assert!(output.stderr.contains("--output: again.csv already exists"), "{}", output.stderr);
    assert!(output.stderr.contains("add --overwrite"), "{}", output.stderr);
    assert_eq!(fs::read_to_string(offerit.path("again.csv")).expect("a table"), corrected);
    // An empty file is a file too.
    offerit.input("empty.csv", "");
    failures(&offerit, &["-o", "empty.csv"]).expect_code(2);
    for name in ["again.csv", "empty.csv"] {
        failures(&offerit, &["-o", name, "--overwrite"]).expect_code(0);
        assert_eq!(fs::read_to_string(offerit.path(name)).expect("a table"), written);
    }
    let names = fs::read_dir(offerit.folder()).expect("a folder");
    assert_eq!(names.count(), 4, "nothing is left beside them");
}

#[test]
fn the_overwrite_of_a_configuration_is_not_about_failures() {
    let (_server, offerit) = refused();
    offerit.input("job.toml", "overwrite = true\n");
    failures(&offerit, &["-o", "again.csv"]).expect_code(0);
    let output = failures(&offerit, &["-o", "again.csv", "--config", "job.toml"]).expect_code(2);
    assert!(output.stderr.contains("again.csv already exists"), "{}", output.stderr);
    // It still is about the result file of a run.
    offerit.send(&["--config", "job.toml"]).expect_code(3);
}

#[test]
fn the_command_for_failures_that_a_run_prints_works_the_second_time_too() {
    let server = strict();
    let offerit = Offerit::job(&server, "customer_id,country\n1,Latvia\n");
    for (more, name) in [
        (&["--overwrite"][..], "customers.failures.csv"),
        (&["--resume"], "customers.failures-2.csv"),
        (&["--overwrite"], "customers.failures-3.csv"),
    ] {
        let output = offerit.send(more).expect_code(3);
        let line = output.stderr.lines().find(|line| line.contains(" failures ")).expect("a command");
        assert!(line.contains(name) && !line.contains("--overwrite"), "{line}");
        let words: Vec<&str> = line.split_whitespace().skip_while(|word| *word != "failures").collect();
        offerit.run(&words).expect_code(0);
        assert!(offerit.path(name).exists());
    }
    assert!(offerit.path(RESULT).exists());
}

/// What a reader sees of a page: no style, no tags.
fn text_of(page: &str) -> String {
    let (_, body) = page.split_once("</head>").expect("a head");
    let inside = body.split('<').skip(1).filter_map(|part| part.split_once('>'));
    inside.map(|(_, text)| text).collect::<Vec<_>>().join(" ")
}

/// The page of the job's result file, as text.
#[track_caller]
fn page(offerit: &Offerit, more: &[&str]) -> String {
    text_of(&offerit.run(&[&["report", RESULT, "-o", "-"], more].concat()).expect_code(0).stdout)
}

#[test]
fn report_does_not_say_that_a_job_is_done_which_has_just_begun() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, table(1..=1000));
    offerit.send(&["--limit", "4"]).expect_code(7);
    let text = page(&offerit, &[]);
    assert!(text.contains("All 4 rows so far are in sync."), "{text}");
    assert!(!text.contains("100%") && !text.contains("100.0%"), "{text}");

    let text = page(&offerit, &["--input", INPUT]);
    for part in ["4 of 1,000 rows are in sync; 996 are not sent yet.", "0.4%", "99.6%", "not sent yet  996"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    offerit.send(&["--resume"]).expect_code(0);
    let text = page(&offerit, &["--input", INPUT]);
    assert!(text.contains("All 1,000 rows are in sync.") && text.contains("100.0%"), "{text}");
}

#[test]
fn report_counts_the_rows_of_an_input_as_a_run_does() {
    let server = Server::start(|_, _| Reply::updated());
    for (input, more) in [
        ("sep=;\n\nKunde;Ort\n1;\"Rīga\n\n2;x\"\n \t\n2;a,b\n\n3;\"\"\n\"\"\n4\n".to_owned(), &[][..]),
        ("Kunde|Ort\n1|\"a|b\n\"\n2|c\n3|d".to_owned(), &["--delimiter", "|"]),
        ("Export of Monday\n\nKunde,Ort\n1,a\n2,b\n".to_owned(), &["--skip-lines", "2"]),
        ("\u{feff}Kunde\tOrt\tmore\r\n1\ta\t\r\n\r\n2\tb\t".to_owned(), &["--encoding", "utf-8"]),
    ] {
        let offerit = Offerit::job(&server, input);
        let map =
            ["--map", "Kunde=customer_id", "--map", "Ort=city", "--ignore-unknown-columns", "--limit", "1"];
        let told = offerit.send(&[&map[..], more].concat()).stderr;
        let (_, rest) = told.split_once(" of ").expect("how many rows there are");
        let rows: u64 = rest.split(' ').next().and_then(|rows| rows.parse().ok()).expect("a number");
        let text = page(&offerit, &[&["--input", INPUT], more].concat());
        assert!(text.contains(&format!(" of {rows} rows")), "{rows}: {text}");
    }
}

#[test]
fn report_refuses_the_input_of_another_result_file_and_never_writes_into_it() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, table(1..=3));
    offerit.send(&[]).expect_code(0);
    offerit.input("short.csv", table(1..=2));
    let output = offerit.run(&["report", RESULT, "--input", "short.csv"]).expect_code(2);
    let why = "customers.result.csv has a result for row 3, but the input has only 2 rows";
    assert!(output.stderr.contains(why), "{}", output.stderr);
    assert!(!offerit.path("customers.result.html").exists());
    let output = offerit.run(&["report", RESULT, "--input", INPUT, "-o", INPUT]).expect_code(2);
    assert!(
        output.stderr.contains("would overwrite customers.csv, which this command reads"),
        "{}",
        output.stderr
    );
    offerit.run(&["report", RESULT, "--input", "missing.csv"]).expect_code(2);
    let output = offerit.run(&["report", RESULT, "--delimiter", ";"]).expect_code(2);
    assert!(output.stderr.contains("--input FILE"), "{}", output.stderr);
}

/// The same folder without the key: only ids can be compared.
fn without_key(offerit: &Offerit) -> Offerit {
    let keyless = Offerit::new();
    for entry in fs::read_dir(offerit.folder()).expect("a folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        keyless.input(&name, fs::read(offerit.path(&name)).expect("a file"));
    }
    keyless
}

#[test]
fn verify_refuses_the_result_file_of_another_input_and_names_the_first_row_that_differs() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, table(1..=6));
    offerit.send(&[]).expect_code(0);
    let inserted = table(1..=6).replace("2,City 2\n", "9,City 9\n2,City 2\n");
    for (name, input, why) in [
        (
            "other.csv",
            table(11..=16),
            "6 of its 6 rows in sync are of other customers, the first is row 1 (line 2)",
        ),
        (
            "inserted.csv",
            inserted,
            "5 of its 6 rows in sync are of other customers, the first is row 2 (line 3)",
        ),
        (
            "shorter.csv",
            table(4..=5),
            "2 of its 2 rows in sync are of other customers, the first is row 1 (line 2)",
        ),
    ] {
        offerit.input(name, input);
        for job in [&offerit, &without_key(&offerit)] {
            for more in [&[][..], &["--json"]] {
                let call = [&["verify", name, "--result", RESULT], more].concat();
                let output = job.run(&call).expect_code(2);
                assert_eq!(output.stdout, "", "an account without a ground");
                assert!(output.stderr.contains(why), "{name}: {}", output.stderr);
                assert!(output.stderr.contains("does not belong to this input"), "{}", output.stderr);
            }
        }
    }
}

#[test]
fn failures_refuses_the_result_file_of_another_input() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, table(1..=6));
    offerit.send(&[]).expect_code(0);
    offerit.input("other.csv", table(11..=16));
    let output =
        offerit.run(&["failures", "other.csv", "--result", RESULT, "-o", "failed.csv"]).expect_code(2);
    assert!(output.stderr.contains("does not belong to this input"), "{}", output.stderr);
    assert!(!offerit.path("failed.csv").exists());
}

#[test]
fn verify_counts_changed_rows_of_the_same_input() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, table(1..=6));
    offerit.send(&[]).expect_code(0);
    for (input, changed) in [
        // Other fields of the same customers, all of them; three corrected ids of six.
        (table(1..=6).replace("City", "Town"), 6),
        (table(1..=3) + "14,City 4\n15,City 5\n16,City 6\n", 3),
    ] {
        offerit.input(INPUT, input);
        let output = offerit.run(&["verify", INPUT]).expect_code(3);
        let counted = output.stdout.lines().find(|line| line.starts_with("changed")).expect("a line");
        assert!(counted.ends_with(&format!(" {changed}")), "{}", output.stdout);
    }
}

#[test]
fn verify_judges_each_result_file_of_several() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, table(1..=30));
    offerit.input("other.csv", table(101..=103));
    for index in ["0/2", "1/2"] {
        offerit.send(&["--shard", index]).expect_code(0);
    }
    offerit.run(&["run", "other.csv", "--rate", "unlimited"]).expect_code(0);
    let shards: Vec<String> =
        (0..2).map(|index| format!("customers.shard-{index}-of-2.result.csv")).collect();
    let results = ["--result", &shards[0], "--result", &shards[1]];
    offerit.run(&[&["verify", INPUT], &results[..]].concat()).expect_code(0);
    let with_other = [&["verify", INPUT], &results[..], &["--result", "other.result.csv"]].concat();
    let output = offerit.run(&with_other).expect_code(2);
    let why = "other.result.csv does not belong to this input: 3 of its 3 rows in sync";
    assert!(output.stderr.contains(why), "{}", output.stderr);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever ids were exchanged, rows were taken out or added: a result file is of another input if more than half of
    /// its rows in sync are of other customers there.
    #[test]
    fn verify_refuses_a_result_file_if_most_of_its_rows_name_other_customers(
        is_other in proptest::collection::vec(any::<bool>(), 1..16),
        is_keyed: bool,
    ) {
        let server = Server::start(|_, _| Reply::updated());
        let offerit = Offerit::job(&server, table(1..=8));
        offerit.send(&[]).expect_code(0);
        let row = |(number, is_other): (usize, &bool)| {
            let id = if *is_other { number + 100 } else { number };
            format!("{id},City {number}\n")
        };
        let rows: Vec<String> = (1..).zip(&is_other).map(row).collect();
        offerit.input(INPUT, "customer_id,city\n".to_owned() + &rows.concat());
        let in_both = &is_other[..is_other.len().min(8)];
        let others = in_both.iter().filter(|is_other| **is_other).count();
        let expected = match others {
            _ if others * 2 > in_both.len() => 2,
            0 if is_other.len() == 8 => 0,
            _ => 3,
        };
        let output = if is_keyed { offerit } else { without_key(&offerit) }.run(&["verify", INPUT]);
        prop_assert_eq!(output.code, Some(expected), "{}", output.stderr);
    }
}
