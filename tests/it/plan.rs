//! `plan`: only what differs from a baseline, and nothing half.

use crate::support::plan::read;
use crate::support::schema;
use crate::support::{INPUT, KEY, Offerit, Output, Reply, Server, customers};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

const BASE: &str = "base.csv";
const PLAN: &str = "changes.csv";

/// A folder with a baseline and an input.
fn offerit(base: &str, input: &str) -> Offerit {
    let offerit = Offerit::new();
    offerit.input(BASE, base);
    offerit.input(INPUT, input);
    offerit
}

fn plan(offerit: &Offerit, more: &[&str]) -> Output {
    offerit.run(&[&["plan", INPUT, "--baseline", BASE, "-o", PLAN], more].concat())
}

/// The rows of the plan: ids, what is set, what was there, and whether the customer is new.
#[track_caller]
fn planned(offerit: &Offerit, field: &str) -> Vec<[String; 4]> {
    let rows = read(&fs::read_to_string(offerit.path(PLAN)).expect("a plan"));
    let cell = |row: &crate::support::plan::Row, name: &str| row.get(name).cloned().unwrap_or_default();
    rows.iter()
        .map(|row| {
            let id = cell(row, "customer_id") + &cell(row, "subscription_id");
            [id, cell(row, &format!("set:{field}")), cell(row, &format!("was:{field}")), cell(row, "_change")]
        })
        .collect()
}

#[track_caller]
fn expect_planned(offerit: &Offerit, field: &str, expected: &[[&str; 4]]) {
    assert_eq!(
        planned(offerit, field),
        expected.iter().map(|row| row.map(str::to_owned)).collect::<Vec<_>>()
    );
}

#[test]
fn only_what_differs_is_planned_with_the_value_from_before() {
    let base = "customer_id,city,zip\n1,Riga,01067\n2,Oslo,\n3,Bonn,5\n5,Graz,\n";
    let input = "customer_id,city,zip\n1,Riga,1067\n2,Oslo,7\n3,REMOVE,5\n4,Wien,\n";
    let offerit = offerit(base, input);
    let output = plan(&offerit, &[]).expect_code(0);
    let text = fs::read_to_string(offerit.path(PLAN)).unwrap();
    let lines: Vec<&str> = text.lines().map(|line| line.rsplit_once(',').unwrap().0).collect();
    let expected = [
        "customer_id,subscription_id,set:city,set:zip,was:city,was:zip,_row,_line,_change",
        "1,,,1067,,01067,1,2,changed",
        "2,,,7,,,2,3,changed",
        "3,,REMOVE,,Bonn,,3,4,changed",
        "4,,Wien,,,,4,5,new",
    ];
    assert_eq!(lines, expected);
    for said in [
        "customers.csv: 4 rows: 1 new, 3 changed",
        "base.csv: 4 customers, 1 of them not in customers.csv",
        "customer 1 (line 2)  ~ zip 0… (5 characters) → 1… (4 characters)",
        "customer 3 (line 4)  - city removed",
        "base.csv are assumed to be delivered",
        "use customers.csv as the next baseline; otherwise keep base.csv",
    ] {
        assert!(output.stdout.contains(said), "{said}: {}", output.stdout);
    }
    assert_eq!(fs::metadata(offerit.path(PLAN)).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn rows_of_one_customer_are_planned_from_the_first_that_differs() {
    let base = "customer_id,city\n1,A\n2,A\n";
    let offerit = offerit(base, "customer_id,city\n1,A\n1,B\n1,A\n2,A\n2,A\n");
    plan(&offerit, &[]).expect_code(0);
    expect_planned(&offerit, "city", &[["1", "B", "A", "changed"], ["1", "A", "A", "changed"]]);
}

#[test]
fn an_empty_cell_of_a_baseline_is_unknown_or_no_value() {
    let (base, input) = ("customer_id,city\n1,\n2,Riga\n", "customer_id,city\n1,REMOVE\n2,Riga\n");
    let offerit = offerit(base, input);
    plan(&offerit, &[]).expect_code(0);
    expect_planned(&offerit, "city", &[["1", "REMOVE", "", "changed"]]);
    plan(&offerit, &["--overwrite", "--baseline-is-export"]).expect_code(0);
    expect_planned(&offerit, "city", &[]);
    // By its own configuration, the baseline has removed the field.
    offerit.input("remove.toml", "empty = \"remove\"\n");
    let output = plan(&offerit, &["--overwrite", "--baseline-config", "remove.toml"]).expect_code(0);
    expect_planned(&offerit, "city", &[]);
    assert!(output.stdout.contains("base.csv was read with the options in remove.toml"), "{}", output.stdout);
    // An export says that there is none.
    offerit.input(INPUT, "customer_id,city\n1,Oslo\n");
    plan(&offerit, &["--overwrite", "--baseline-is-export"]).expect_code(0);
    expect_planned(&offerit, "city", &[["1", "Oslo", "REMOVE", "changed"]]);
}

/// What a mapping adds to every row is no part of an export.
#[test]
fn constants_and_defaults_are_no_part_of_an_export() {
    let offerit = offerit("customer_id,city\n1,\n", "customer_id,city\n1,\n");
    offerit.input("job.toml", "[set]\ncustom1 = \"crm\"\n[columns.city]\ndefault = \"Riga\"\n");
    plan(&offerit, &["--config", "job.toml", "--baseline-is-export"]).expect_code(0);
    expect_planned(&offerit, "city", &[["1", "Riga", "REMOVE", "changed"]]);
    expect_planned(&offerit, "custom1", &[["1", "crm", "", "changed"]]);
    plan(&offerit, &["--config", "job.toml", "--overwrite"]).expect_code(0);
    expect_planned(&offerit, "city", &[]);
}

/// Nobody knows whose ids these are: where the row joins customers of the baseline, both are planned in full.
#[test]
fn a_row_with_ids_of_two_customers_is_not_planned() {
    let base = "customer_id,subscription_id,city\n1,a,Riga\n2,b,Oslo\n3,,Bonn\n4,d,Graz\n";
    let input = "customer_id,subscription_id,city\n1,b,X\n,a,Riga\n4,d,Y\n,d,REMOVE\n03,,Bonn\n";
    let offerit = offerit(base, input);
    let output = plan(&offerit, &[]).expect_code(3);
    let said = "2 new, 2 changed, 1 ambiguous, not planned";
    assert!(output.stdout.contains(said), "{}", output.stdout);
    let expected = [
        ["a", "Riga", "", "new"],
        ["4d", "Y", "Graz", "changed"],
        ["d", "REMOVE", "Graz", "changed"],
        ["03", "Bonn", "", "new"],
    ];
    expect_planned(&offerit, "city", &expected);
}

#[test]
fn invalid_rows_are_not_planned_and_those_of_the_baseline_are_not_believed() {
    let base = "customer_id,city\n1,Riga\n1,\0\n2,Oslo\n3,Bonn,x\n";
    let offerit = offerit(base, "customer_id,city\n1,Riga\n2,\n2,Oslo\n");
    let output = plan(&offerit, &[]).expect_code(3);
    expect_planned(&offerit, "city", &[["1", "Riga", "", "new"]]);
    for said in ["1 unchanged, 1 invalid, not planned", "2 rows of base.csv invalid: all fields"] {
        assert!(output.stdout.contains(said), "{said}: {}", output.stdout);
    }
}

#[test]
fn passwords_are_planned_and_never_shown() {
    let base = "customer_id,password,city\n1,s3cret-old,A\n2,s3cret-same,A\n";
    let input = "customer_id,password,city\n1,s3cret-new,A\n2,s3cret-same,A\n3,s3cret-x,\n";
    let offerit = offerit(base, input);
    for format in ["text", "json", "markdown"] {
        let output = plan(&offerit, &["--overwrite", "--show-values", "--format", format]).expect_code(0);
        assert!(!output.stdout.contains("s3cret") && !output.stderr.contains("s3cret"), "{}", output.stdout);
    }
    expect_planned(&offerit, "password", &[["1", "s3cret-new", "", "changed"], ["3", "s3cret-x", "", "new"]]);
    assert!(!fs::read_to_string(offerit.path(PLAN)).unwrap().contains("s3cret-old"));
}

#[test]
fn a_parameter_without_a_column_in_the_baseline_is_planned_counted_and_named() {
    let offerit = offerit("customer_id,city,Note\n1,Riga,x\n", "customer_id,city,zip\n1,Riga,5\n");
    let output = plan(&offerit, &[]).expect_code(0);
    for said in [
        "base.csv has no column for zip",
        "all values (1) are planned",
        "Ignored columns of base.csv: 'Note'",
    ] {
        assert!(output.stdout.contains(said), "{said}: {}", output.stdout);
    }
    let text = fs::read_to_string(offerit.path(PLAN)).unwrap();
    assert!(text.starts_with("customer_id,subscription_id,set:city,set:zip,was:city,_row"), "{text}");
}

#[test]
fn limits_stop_before_anything_is_written() {
    let base = "customer_id,city\n1,A\n2,A\n3,A\n4,A\n";
    let offerit = offerit(base, "customer_id,city\n1,B\n2,A\n3,A\n");
    for (limit, said) in [
        (["--max-changes", "0"], "1 of 3 rows would change (33.3%), more than --max-changes 0"),
        (["--max-changes", "33%"], "more than --max-changes 33%"),
        (["--max-missing", "0"], "1 of 4 customers in base.csv are not in customers.csv (25.0%)"),
        (["--max-missing", "24%"], "more than --max-missing 24%"),
    ] {
        let output = plan(&offerit, &limit).expect_code(4);
        assert!(output.stderr.contains(said), "{}", output.stderr);
        assert!(output.stdout.contains("No plan was written"), "{}", output.stdout);
        assert!(!offerit.path(PLAN).exists());
    }
    plan(&offerit, &["--max-changes", "1", "--max-missing", "25%"]).expect_code(0);
    let files = fs::read_dir(offerit.folder()).unwrap().count();
    assert_eq!(files, 3);
}

#[test]
fn drift_is_an_exit_code_of_its_own() {
    let offerit = offerit("customer_id,city\n1,A\n", "customer_id,city\n1,A\n1,A\n");
    let drift = ["plan", INPUT, "--baseline", BASE, "--baseline-is-export", "--exit-code"];
    offerit.run(&drift).expect_code(0);
    offerit.input(BASE, "customer_id,city\n1,B\n");
    let output = offerit.run(&drift).expect_code(3);
    assert!(
        output.stdout.contains("No plan was written") && output.stdout.contains("-o"),
        "{}",
        output.stdout
    );
}

#[test]
fn the_account_for_programs_keeps_to_its_schema() {
    let base = "customer_id,city,zip\n1,A,\n2,B,7\n9,C,\n";
    let offerit = offerit(base, "customer_id,city,zip,email\n1,X,,a@example.org\n2,B,REMOVE,\n3,,,\n");
    let schema =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/samples/plan.schema.json")).unwrap();
    let schema = serde_json::from_str(&schema).unwrap();
    for more in
        [&["--format", "json", "--overwrite"][..], &["--format", "json", "--overwrite", "--max-missing", "0"]]
    {
        let output = plan(&offerit, more);
        let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        assert_eq!(schema::faults(&document, &schema), Vec::<String>::new());
        assert_eq!(document["exit_code"].as_i64(), output.code.map(i64::from));
        assert_eq!(document["customers"], serde_json::json!({ "total": 3, "missing": 1 }));
        assert_eq!(document["first"][0]["fields"][0]["set"], "a… (13 characters)");
    }
}

#[test]
fn markdown_goes_to_the_page_of_the_job_and_holds_no_markup_from_outside() {
    let offerit = offerit("customer_id,city\n1,A\n", "customer_id,city\n1,<b>|@all\n");
    let offerit = offerit.env("GITHUB_STEP_SUMMARY", "summary.md");
    let output = plan(&offerit, &["--format", "markdown", "--show-values"]).expect_code(0);
    assert_eq!(fs::read_to_string(offerit.path("summary.md")).unwrap(), output.stdout);
    assert!(
        output.stdout.contains("| changed | 1 |") && output.stdout.contains("<details>"),
        "{}",
        output.stdout
    );
    assert!(!output.stdout.contains("<b>") && !output.stdout.contains("@all"), "{}", output.stdout);
}

#[test]
fn no_file_is_replaced_or_written_half() {
    let offerit = offerit("customer_id,city\n1,A\n", "customer_id,city\n1,B\n");
    offerit.input("export.csv", "customer_id,city\n5,X\n");
    symlink(offerit.path("export.csv"), offerit.path("link.csv")).unwrap();
    fs::create_dir(offerit.path("folder")).unwrap();
    plan(&offerit, &[]).expect_code(0);
    let before = fs::read(offerit.path(PLAN)).unwrap();
    offerit.input(INPUT, "customer_id,city\n1,C\n");
    for (path, said) in [
        (PLAN, "--overwrite"),
        ("export.csv", "is not a plan"),
        ("link.csv", "is not a regular file"),
        ("folder", "is not a regular file"),
        (INPUT, "which this command reads"),
        (BASE, "which this command reads"),
        ("missing/plan.csv", "cannot write missing/plan.csv"),
        ("/dev/full", "is not a regular file"),
        ("-", "--output: cannot be standard output"),
    ] {
        let overwrite = if path == PLAN { "--show-values" } else { "--overwrite" };
        let arguments = ["plan", INPUT, "--baseline", BASE, "-o", path, overwrite];
        let output = offerit.run(&arguments).expect_code(2);
        assert!(output.stderr.contains(said), "{path}: {}", output.stderr);
    }
    assert_eq!(fs::read(offerit.path(PLAN)).unwrap(), before);
    plan(&offerit, &["--overwrite"]).expect_code(0);
    assert_ne!(fs::read(offerit.path(PLAN)).unwrap(), before);
    assert_eq!(fs::read_dir(offerit.folder()).unwrap().count(), 6);
}

#[test]
fn what_cannot_be_compared_is_refused_with_what_to_do() {
    let offerit = offerit("customer_id,city\n1,A\n", "customer_id,city\n1,B\n");
    plan(&offerit, &[]).expect_code(0);
    for (name, text) in [
        ("no-id.csv", "Customer No,city\n1,A\n"),
        ("empty.csv", ""),
        ("no-rows.csv", "customer_id,city\n"),
        ("bad.toml", "[columns.city]\nparameter = \"town\"\n"),
    ] {
        offerit.input(name, text);
    }
    for (arguments, said) in [
        (&["plan", INPUT][..], "--baseline: missing"),
        (&["plan", INPUT, "--baseline", INPUT], "is the input itself"),
        (&["plan", INPUT, "--baseline", "./customers.csv"], "is the input itself"),
        (&["plan", INPUT, "--baseline", PLAN], "is a plan"),
        (&["plan", PLAN, "--baseline", BASE], "is a plan"),
        (&["plan", PLAN, "--baseline", BASE, "--set", "city=x"], "is a plan"),
        (&["plan", INPUT, "--baseline", "no-id.csv"], "no-id.csv: line 1: no column names the customer"),
        (&["plan", INPUT, "--baseline", "no-id.csv"], "--baseline-config"),
        (&["plan", INPUT, "--baseline", "empty.csv"], "empty.csv is empty"),
        (
            &["plan", INPUT, "--baseline", "no-rows.csv"],
            "no-rows.csv: line 1: the file has a header but no rows",
        ),
        (&["plan", INPUT, "--baseline", "missing.csv"], "missing.csv not found"),
        (&["plan", INPUT, "--baseline", BASE, "--baseline-config", "bad.toml"], "bad.toml:2"),
        (&["plan", "-", "--baseline", BASE], "to a file first"),
        (&["plan", INPUT, "--baseline", BASE, "--max-missing", "many"], "--max-missing: cannot read 'many'"),
    ] {
        let output = offerit.run(arguments).expect_code(2);
        assert!(output.stderr.contains(said), "{arguments:?}: {}", output.stderr);
    }
}

#[test]
fn a_baseline_may_be_of_another_encoding_compressed_or_a_stream() {
    let input = "customer_id,city\n1,Köln\n2,Łódź\n";
    let latin = b"customer_id;city\r\n1;K\xf6ln\r\n";
    let offerit = offerit("", input);
    offerit.input(BASE, latin);
    plan(&offerit, &[]).expect_code(0);
    expect_planned(&offerit, "city", &[["2", "Łódź", "", "new"]]);
    let offerit = offerit.stdin(input);
    let arguments = ["plan", INPUT, "--baseline", "-", "-o", PLAN, "--overwrite"];
    offerit.run(&arguments).expect_code(0);
    expect_planned(&offerit, "city", &[]);
    let wide: Vec<u8> = input.encode_utf16().flat_map(u16::to_le_bytes).collect();
    offerit.input(BASE, [&b"\xff\xfe"[..], &wide].concat());
    plan(&offerit, &["--overwrite"]).expect_code(0);
    expect_planned(&offerit, "city", &[]);
}

/// The options of the job read the plan as well.
#[test]
fn a_plan_has_the_delimiter_and_the_lines_above_the_header_of_its_input() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, "Kunden\n\ncustomer_id;city\n1;Riga\n");
    offerit.input(BASE, "x\n\ncustomer_id;city\n1;Oslo\n");
    offerit.input("job.toml", "delimiter = \";\"\nskip-lines = 2\n");
    plan(&offerit, &["--config", "job.toml"]).expect_code(0);
    offerit.run(&["run", PLAN, "--config", "job.toml"]).expect_code(0);
    assert_eq!(customers(&server.requests()), ["1"]);
}

#[test]
fn customers_whose_rows_failed_last_night_are_planned_in_full() {
    let table = "customer_id,city,zip\n1,A,5\n2,A,5\n3,A,5\n2,B,\n";
    let server = Server::start(|request, _| match request.field("city").as_deref() {
        Some("B") => Reply::new(400).body("no"),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table);
    offerit.send(&["--result", "r.csv"]).expect_code(3);
    fs::rename(offerit.path(INPUT), offerit.path(BASE)).unwrap();
    offerit.input(INPUT, "customer_id,city,zip\n1,A,5\n2,A,6\n3,B,5\n");
    let output = plan(&offerit, &["--baseline-result", "r.csv"]).expect_code(0);
    expect_planned(&offerit, "city", &[["2", "A", "", "new"], ["3", "B", "A", "changed"]]);
    assert!(output.stdout.contains("1 row of base.csv not in sync according to r.csv"), "{}", output.stdout);
    for (result, said) in [
        // A run that was stopped.
        (
            fs::read_to_string(offerit.path("r.csv")).unwrap().lines().take(4).collect::<Vec<_>>().join("\n")
                + "\n",
            "--resume",
        ),
        (
            fs::read_to_string(offerit.path("r.csv")).unwrap().replacen("\n2,3,2,", "\n2,3,7,", 1),
            "names another customer",
        ),
    ] {
        offerit.input("other.csv", result);
        let output = plan(&offerit, &["--overwrite", "--baseline-result", "other.csv"]).expect_code(2);
        assert!(output.stderr.contains(said), "{}", output.stderr);
    }
    // The result of a plan is not that of a baseline.
    offerit.run(&["run", PLAN, "--rate", "unlimited"]);
    let output = plan(&offerit, &["--overwrite", "--baseline-result", "changes.result.csv"]).expect_code(2);
    assert!(output.stderr.contains("plan"), "{}", output.stderr);
    assert!(!output.stderr.contains(KEY));
}
