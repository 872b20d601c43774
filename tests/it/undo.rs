//! A plan that was sent can be taken back: the server's own account says so.

use crate::support::plan::{read, row};
use crate::support::{Gate, INPUT, Offerit, Reply, Request, Server, plan as plans};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const BASE: &str = "base.csv";
const PLAN: &str = "changes.csv";
const RESULT: &str = "changes.result.csv";
const UNDO: &str = "undo.csv";

/// What a server holds: the fields of customers.
type Account = BTreeMap<String, BTreeMap<String, String>>;

fn apply(account: &mut Account, request: &Request) {
    let fields =
        request.fields().into_iter().map(|(name, value)| (name, String::from_utf8(value).expect("text")));
    let (ids, fields): (Vec<_>, Vec<_>) =
        fields.partition(|(name, _): &(String, String)| name.ends_with("_id"));
    // The subscription s1 is customer 1's.
    let customer = account.entry(ids[0].1.trim_start_matches('s').to_owned()).or_default();
    for (name, value) in fields {
        match value.as_str() {
            "REMOVE" => drop(customer.remove(&name)),
            _ => drop(customer.insert(name, value)),
        }
    }
}

/// What a server holds after these files were sent, one after the other.
#[track_caller]
fn account_after(offerit: &Offerit, server: &Server, files: &[&str]) -> Account {
    let before = server.count();
    for file in files {
        let result = format!("{file}.result");
        offerit.run(&["run", file, "--rate", "unlimited", "--result", &result, "--overwrite"]).expect_code(0);
    }
    let mut account = Account::new();
    server.requests()[before..].iter().for_each(|request| apply(&mut account, request));
    account
}

fn plan(offerit: &Offerit, more: &[&str]) {
    offerit.run(&[&["plan", INPUT, "--baseline", BASE, "-o", PLAN], more].concat()).expect_code(0);
}

fn undo<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["undo", PLAN, "--result", RESULT, "-o", UNDO], more].concat()
}

fn server() -> Server {
    Server::start(|_, _| Reply::updated())
}

/// A row: its customer, how it is named, and two fields.
type Row = (u8, u8, &'static str, &'static str);

/// A table of rows. Its first rows name each customer by both ids: what a run needs to keep the order of its rows.
fn table(rows: &[Row]) -> String {
    let link = |id: u8| format!("{id},s{id},,,x\n");
    let row = |(id, form, city, zip): &Row| match form {
        0 => format!("{id},,{city},{zip},x\n"),
        1 => format!(",s{id},{city},{zip},x\n"),
        _ => format!("{id},s{id},{city},{zip},x\n"),
    };
    let links = (1..5).map(link).collect::<String>();
    "customer_id,subscription_id,city,zip,custom1\n".to_owned()
        + &links
        + &rows.iter().map(row).collect::<String>()
}

fn row_of_table() -> impl Strategy<Value = Row> {
    let cell = || prop::sample::select(vec!["", "A", "B", "REMOVE"]);
    (1_u8..5, 0_u8..3, cell(), cell())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_plan_ends_where_its_input_ends_and_undo_leads_back(
        base in prop::collection::vec(row_of_table(), 1..8), input in prop::collection::vec(row_of_table(), 1..8),
    ) {
        let server = server();
        let offerit = Offerit::job(&server, table(&input));
        offerit.input(BASE, table(&base));
        let of_base = account_after(&offerit, &server, &[BASE]);
        let of_input = account_after(&offerit, &server, &[BASE, INPUT]);
        plan(&offerit, &[]);
        let of_plan = account_after(&offerit, &server, &[BASE, PLAN]);
        prop_assert_eq!(&of_plan, &of_input);
        let undone = offerit.run(&["undo", PLAN, "--result", "changes.csv.result", "-o", UNDO]);
        prop_assert!(matches!(undone.code, Some(0 | 3)), "{}", undone.stderr);
        let of_undo = account_after(&offerit, &server, &[BASE, PLAN, UNDO]);
        for (customer, fields) in &of_base {
            let sets = |name: &str| {
                let mut rows = base.iter().filter(|(id, ..)| id.to_string() == *customer);
                rows.any(|(_, _, city, zip)| !(if name == "city" { city } else { zip }).is_empty())
            };
            for name in ["city", "zip"].into_iter().filter(|name| sets(name)) {
                prop_assert_eq!(of_undo[customer].get(name), fields.get(name), "{} {}", customer, name);
            }
        }
    }
}

#[test]
fn undo_has_one_row_a_customer_and_names_what_it_cannot_undo() {
    let server = server();
    let offerit = Offerit::job(
        &server,
        "customer_id,city,email,password\n1,B,,s3cret\n1,C,x@example.org,\n2,B,,\n3,A,,\n",
    );
    offerit.input(BASE, "customer_id,city,email,password\n1,A,,old\n2,A,,\n9,A,,\n");
    plan(&offerit, &[]);
    offerit.run(&["run", PLAN]).expect_code(0);
    let output = offerit.run(&undo(&[])).expect_code(3);
    for said in [
        "undo.csv: the old values of 2 customers",
        "Fields to restore: city 2",
        "Cannot be undone: 1 customer",
        "unknown old value: email 1",
        "Cannot be undone: 1 password",
        "overwrites later changes",
    ] {
        assert!(output.stdout.contains(said), "{said}: {}", output.stdout);
    }
    let rows = read(&fs::read_to_string(offerit.path(UNDO)).unwrap());
    let cells =
        |row: &plans::Row| ["customer_id", "set:city", "was:city", "_row"].map(|name| row[name].clone());
    assert_eq!(rows.iter().map(cells).collect::<Vec<_>>(), [["1", "A", "C", "1"], ["2", "A", "B", "2"]]);
    assert!(!output.stdout.contains("s3cret"));
    let output = offerit.run(&undo(&[])).expect_code(2);
    assert!(output.stderr.contains("undo.csv already exists"), "{}", output.stderr);
    offerit.run(&undo(&["--overwrite"])).expect_code(3);
    offerit.run(&["check", UNDO]).expect_code(0);
}

/// A row that was refused left nothing to undo; one that nobody confirmed may have.
#[test]
fn only_what_may_have_been_applied_is_undone() {
    let server = Server::start(|request, _| match request.field("customer_id").as_deref() {
        Some("1") => Reply::new(200).body("<html>"),
        Some("2") => Reply::new(400).body("no"),
        _ => Reply::updated(),
    });
    let table = |city: &str| format!("customer_id,city\n1,{city}\n2,{city}\n3,{city}\n4,{city}\n");
    let offerit = Offerit::job(&server, table("B"));
    offerit.input(BASE, table("A"));
    plan(&offerit, &[]);
    offerit.run(&["run", PLAN, "--rate", "unlimited", "--concurrency", "1"]).expect_code(3);
    offerit.run(&undo(&[])).expect_code(0);
    let rows = read(&fs::read_to_string(offerit.path(UNDO)).unwrap());
    let cells = |row: &plans::Row| ["customer_id", "set:city", "was:city"].map(|name| row[name].clone());
    let expected = [["1", "A", ""], ["3", "A", "B"], ["4", "A", "B"]];
    assert_eq!(rows.iter().map(cells).collect::<Vec<_>>(), expected);
}

/// Nobody confirmed the row in the first run, and the second one was refused: the first may have been applied.
#[test]
fn a_row_that_was_refused_at_last_is_undone_if_an_earlier_run_may_have_applied_it() {
    let is_over = Arc::new(AtomicBool::new(false));
    let is_refused = Arc::clone(&is_over);
    let server = Server::start(move |request, _| match request.field("customer_id").as_deref() {
        Some("1") if is_refused.load(Ordering::SeqCst) => Reply::new(400).body("no"),
        Some("1") => Reply::new(200).body("<html>"),
        _ => Reply::updated(),
    });
    let table = |city: &str| format!("customer_id,city\n1,{city}\n2,{city}\n3,{city}\n");
    let offerit = Offerit::job(&server, table("B"));
    offerit.input(BASE, table("A"));
    plan(&offerit, &[]);
    let run = ["run", PLAN, "--rate", "unlimited", "--concurrency", "1", "--resume"];
    offerit.run(&run).expect_code(3);
    is_over.store(true, Ordering::SeqCst);
    offerit.run(&run).expect_code(3);
    offerit.run(&undo(&[])).expect_code(0);
    let rows = read(&fs::read_to_string(offerit.path(UNDO)).unwrap());
    let ids: Vec<_> = rows.iter().map(|row| row["customer_id"].as_str()).collect();
    assert_eq!(ids, ["1", "2", "3"]);
}

#[test]
fn a_run_that_was_killed_is_resumed_before_it_is_undone() {
    let closed = Gate::new();
    let gate = closed.clone();
    let server = Server::start(
        move |_, number| {
            if number == 3 { Reply::updated().gated(&gate) } else { Reply::updated() }
        },
    );
    let table = |city: &str| {
        "customer_id,city\n".to_owned() + &(1..=6).map(|id| format!("{id},{city}\n")).collect::<String>()
    };
    let offerit = Offerit::job(&server, table("B"));
    offerit.input(BASE, table("A"));
    plan(&offerit, &[]);
    let run = ["run", PLAN, "--rate", "unlimited", "--concurrency", "1", "--resume"];
    let child = offerit.spawn(&run);
    server.wait_for(4);
    let _ = child.kill();
    closed.open();
    let output = offerit.run(&undo(&[])).expect_code(2);
    assert!(output.stderr.contains("--resume") && output.stderr.contains("--all"), "{}", output.stderr);
    assert!(!offerit.path(UNDO).exists());
    offerit.run(&undo(&["--all"])).expect_code(0);
    assert_eq!(read(&fs::read_to_string(offerit.path(UNDO)).unwrap()).len(), 6);
    offerit.run(&run).expect_code(0);
    offerit.run(&undo(&["--overwrite"])).expect_code(0);
    offerit.run(&["run", UNDO, "--rate", "unlimited"]).expect_code(0);
    let mut account = Account::new();
    server.requests().iter().for_each(|request| apply(&mut account, request));
    assert!(account.values().all(|fields| fields["city"] == "A"), "{account:?}");
}

#[test]
fn the_result_of_another_plan_is_refused() {
    let server = server();
    let offerit = Offerit::job(&server, "customer_id,city\n1,B\n2,B\n");
    offerit.input(BASE, "customer_id,city\n1,A\n2,A\n");
    plan(&offerit, &[]);
    offerit.run(&["run", PLAN]).expect_code(0);
    let whole = fs::read_to_string(offerit.path(PLAN)).unwrap();
    let other = |rows: &[(&str, &str)]| {
        let rows: Vec<_> =
            rows.iter().map(|(id, city)| row(&[("customer_id", id), ("set:city", city)])).collect();
        plans::plan(&["customer_id", "set:city", "was:city"], &rows)
    };
    for (plan, said) in [
        (other(&[("1", "B"), ("3", "B")]), "1 row changed after the plan was sent, the first is row 2"),
        (other(&[("1", "B")]), "it has a result for row 2, but the plan has only 1 row"),
        // With the key, other values are noticed.
        (other(&[("1", "B"), ("2", "C")]), "the first is row 2"),
    ] {
        offerit.input(PLAN, plan);
        let output = offerit.run(&undo(&[])).expect_code(2);
        assert!(output.stderr.contains(said), "{}", output.stderr);
    }
    offerit.input(PLAN, whole);
    for (arguments, said) in [
        (["undo", INPUT, "--result", RESULT, "-o", UNDO], "is not a plan"),
        (["undo", PLAN, "--result", "missing.csv", "-o", UNDO], "missing.csv not found"),
        (["undo", PLAN, "--result", RESULT, "-o", PLAN], "which this command reads"),
        (["undo", PLAN, "--result", RESULT, "-o", "-"], "--output: cannot be standard output"),
        (["undo", "-", "--result", RESULT, "-o", UNDO], "Name the plan that was sent"),
    ] {
        let output = offerit.run(&arguments).expect_code(2);
        assert!(output.stderr.contains(said), "{arguments:?}: {}", output.stderr);
    }
    assert!(!offerit.path(UNDO).exists());
}

/// Excel took the zeros from an id and a zip code, and wrote a date of a custom field.
#[test]
fn damage_by_a_spreadsheet_reaches_no_other_customer() {
    let server = server();
    let offerit = Offerit::job(&server, "customer_id,zip\n007,2\n2,3\n3,4\n");
    offerit.input(BASE, "customer_id,zip\n007,1\n2,01067\n3,1\n");
    plan(&offerit, &[]);
    let text = fs::read_to_string(offerit.path(PLAN)).unwrap();
    offerit.input(PLAN, text.replace("007,", "7,").replace("01067", "1067"));
    offerit.run(&["run", PLAN, "--rate", "unlimited"]).expect_code(3);
    assert_eq!(crate::support::customers(&server.requests()), ["3"]);
    offerit.run(&undo(&[])).expect_code(0);
    let rows = read(&fs::read_to_string(offerit.path(UNDO)).unwrap());
    assert_eq!(rows.iter().map(|row| row["customer_id"].as_str()).collect::<Vec<_>>(), ["3"]);
    // Damaged only after it was sent: counted, and left out.
    offerit.input(PLAN, text);
    offerit.run(&["run", PLAN, "--rate", "unlimited", "--overwrite"]).expect_code(0);
    let damaged = fs::read_to_string(offerit.path(PLAN)).unwrap().replace("01067", "1067");
    offerit.input(PLAN, damaged);
    let output = offerit.run(&undo(&["--overwrite"])).expect_code(2);
    assert!(output.stderr.contains("changed after"), "{}", output.stderr);
}
