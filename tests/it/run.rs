//! `run`: what reaches the server is what stands in the table, once a row, and the exit code says so.

use crate::support::{self, Gate, INPUT, KEY, Offerit, Reply, Request, Server, USERNAME, customers, table};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// The parameters of the API page, in its order.
const PARAMETERS: [&str; 18] = [
    "customer_id",
    "subscription_id",
    "firstname",
    "lastname",
    "email",
    "address1",
    "address2",
    "city",
    "state",
    "country",
    "zip",
    "custom1",
    "custom2",
    "custom3",
    "custom4",
    "custom5",
    "password",
    "username",
];

type Fields = BTreeMap<String, Vec<u8>>;

fn happy() -> Server {
    Server::start(|_, _| Reply::updated())
}

/// The fields of a request; a name that comes twice fails the test.
#[track_caller]
fn fields(request: &Request) -> Fields {
    let pairs = request.fields();
    let count = pairs.len();
    let fields: Fields = pairs.into_iter().collect();
    assert_eq!(fields.len(), count, "a field was sent twice");
    fields
}

/// The fields that a row of cells is to become: blanks around a value are dropped, but for those of a password with
/// something else in it, and empty ones are left out.
fn expected(columns: &[&str], cells: &[String]) -> Fields {
    let trimmed = |name: &str, cell: &String| match name {
        "password" => cell.clone(),
        _ => cell.trim().to_owned(),
    };
    let cells: Vec<(&str, String)> =
        columns.iter().zip(cells).map(|(name, cell)| (*name, trimmed(name, cell))).collect();
    expected_exactly(cells.iter().map(|(name, cell)| (*name, cell)))
}

/// The fields that a row of cells is to become where nothing is trimmed. A password of blanks is none all the same.
fn expected_exactly<'a>(cells: impl Iterator<Item = (&'a str, &'a String)>) -> Fields {
    let is_filled =
        |name: &str, cell: &str| if name == "password" { cell.trim() != "" } else { !cell.is_empty() };
    let filled = cells.filter(|(name, cell)| is_filled(name, cell));
    filled.map(|(name, cell)| (name.to_owned(), cell.clone().into_bytes())).collect()
}

/// A configuration by which nothing of these columns is trimmed.
fn exact(columns: &[&str]) -> String {
    columns.iter().map(|column| format!("[columns.{column}]\ntrim = false\n")).collect()
}

fn strings(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

#[test]
fn every_row_becomes_one_request_and_one_record() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=200));
    let output = offerit.send(&[]).expect_code(0);
    assert_eq!(output.stdout, "", "standard output is for data");
    assert!(output.stderr.contains("200 updated"), "{}", output.stderr);

    let requests = server.requests();
    for request in &requests {
        assert_eq!(request.method, "PATCH");
        assert_eq!(request.path, "/api/customer/set_customer_details");
        assert_eq!(request.header("api-key"), Some(KEY));
        assert_eq!(request.header("api-username"), Some(USERNAME));
        assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
        let customer = request.field("customer_id").expect("a customer");
        assert_eq!(request.field("city"), Some(format!("City {customer}")));
    }
    let different: BTreeSet<String> = customers(&requests).into_iter().collect();
    assert_eq!((requests.len(), different.len()), (200, 200));

    let records = offerit.records();
    assert_eq!(records.len(), 200);
    for (row, record) in offerit.outcomes() {
        assert_eq!((record.line, record.customer_id.as_str()), (row + 1, row.to_string().as_str()));
        assert_eq!((record.status.as_str(), record.http_status), ("updated", Some(200)));
        assert_eq!((record.attempts, record.error.as_str()), (1, ""));
        assert!(record.subscription_id.is_empty());
    }
}

#[test]
fn the_path_of_the_call_is_appended_to_any_base() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=1));
    let base = format!("{}/under/here/", server.url());
    offerit.send(&["--url", &base]).expect_code(0);
    assert_eq!(server.requests()[0].path, "/under/here/api/customer/set_customer_details");
}

#[test]
fn values_reach_the_server_byte_for_byte() {
    let columns = ["customer_id", "zip", "custom1"];
    let rows: Vec<Vec<String>> = [
        ["007", "01067", "+4930901820"],
        ["8", "=1+1", "@SUM(A1)"],
        ["9", "a&b=c&d", "100 % of 5 + 5"],
        ["10", "%41%zz", "a+b c"],
        ["11", "🙂👩\u{200d}👧", "e\u{301} and \u{e9} differ"],
        ["12", "first\nsecond", "first\r\nsecond\r\n"],
        ["13", "  blanks around\t", "\u{a0}no break\u{a0}"],
        ["14", "say \"a,b\"", "'; DROP TABLE --"],
        ["15", "\u{1}\u{7f}\u{85}\u{2028}", "\u{feff}mark \u{202e}inside"],
        ["16", "remove", " REMOVE"],
        ["17 a/b?c#d", "null", "\\n\\u0041"],
    ]
    .iter()
    .map(|row| strings(row))
    .collect();
    let mut text = columns.join(",") + "\n";
    for row in &rows {
        text += &(row.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\n");
    }

    let trimmed: BTreeSet<Fields> = rows.iter().map(|row| expected(&columns, row)).collect();
    let as_they_stand: BTreeSet<Fields> =
        rows.iter().map(|row| expected_exactly(columns.into_iter().zip(row))).collect();
    for (more, sent) in [(&[][..], trimmed), (&["--config", "exact.toml"], as_they_stand)] {
        let server = happy();
        let offerit = Offerit::job(&server, &text);
        offerit.input("exact.toml", exact(&columns));
        offerit.send(more).expect_code(0);
        let arrived: BTreeSet<Fields> = server.requests().iter().map(fields).collect();
        assert_eq!((server.count(), arrived), (rows.len(), sent));
    }
}

#[test]
fn all_parameters_arrive_under_their_names_whatever_the_order_of_the_columns() {
    let server = happy();
    let columns: Vec<&str> = PARAMETERS.into_iter().rev().collect();
    let cells: Vec<String> = columns.iter().map(|name| format!("value of {name}")).collect();
    let offerit = Offerit::job(&server, format!("{}\n{}\n", columns.join(","), cells.join(",")));
    offerit.send(&[]).expect_code(0);
    assert_eq!(fields(&server.requests()[0]), expected(&columns, &cells));
    let record = &offerit.records()[0];
    assert_eq!(record.customer_id, "value of customer_id");
    assert_eq!(record.subscription_id, "value of subscription_id");
}

#[test]
fn remove_is_sent_as_it_stands_and_empty_cells_are_not_sent() {
    let server = happy();
    let columns: Vec<&str> = PARAMETERS.into_iter().filter(|name| *name != "password").collect();
    let removed = |name: &&str| if name.ends_with("_id") { "5" } else { "REMOVE" }.to_owned();
    let cells: Vec<String> = columns.iter().map(removed).collect();
    let mut sparse = vec![String::new(); columns.len()];
    (sparse[1], sparse[10]) = ("S-6".to_owned(), "0".to_owned());
    let lines = [columns.join(","), cells.join(","), sparse.join(","), String::new()];
    let offerit = Offerit::job(&server, lines.join("\n"));
    offerit.send(&[]).expect_code(0);
    let arrived: BTreeSet<Fields> = server.requests().iter().map(fields).collect();
    assert_eq!(arrived, BTreeSet::from([expected(&columns, &cells), expected(&columns, &sparse)]));
}

#[test]
fn a_header_is_forgiven_its_mark_case_and_blanks() {
    let server = happy();
    let text = "\u{feff} ZIP ,Customer_ID,\"  FirstName\t\"\r\n01067, 5 ,Ann\r\n";
    let offerit = Offerit::job(&server, text);
    offerit.send(&[]).expect_code(0);
    let expected = expected(&["zip", "customer_id", "firstname"], &strings(&["01067", "5", "Ann"]));
    assert_eq!(fields(&server.requests()[0]), expected);
}

#[test]
fn a_last_line_without_an_end_is_a_row() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=3).trim_end());
    offerit.send(&[]).expect_code(0);
    assert_eq!(server.count(), 3);
}

#[test]
fn a_long_value_arrives_whole() {
    let server = happy();
    let long = "Tromsø, \"byen\" 🙂 & mer =".repeat(20_000);
    let offerit = Offerit::job(&server, format!("customer_id,custom1\n1,{}\n2,short\n", quoted(&long)));
    offerit.send(&[]).expect_code(0);
    let values: BTreeSet<_> = server.requests().iter().map(|request| request.field("custom1")).collect();
    assert_eq!(values, BTreeSet::from([Some(long), Some("short".to_owned())]));
}

/// Lets an input change when the run has read its beginning for the second time and waits for an answer.
#[track_caller]
fn run_over_changing_input(change: fn(&str) -> String) -> (Server, Offerit) {
    let gate = Gate::new();
    let at_the_door = gate.clone();
    let server = Server::start(move |_, number| match number {
        0 => Reply::updated().gated(&at_the_door),
        _ => Reply::updated(),
    });
    // Longer than what is read ahead.
    let rows: String = (1..=500).map(|row| format!("{row},{}\n", " city".repeat(400).trim_start())).collect();
    let text = format!("customer_id,custom1\n{rows}");
    let offerit = Offerit::job(&server, &text);
    let child = offerit.start_sending(&["--concurrency", "1"]);
    server.wait_for(1);
    offerit.input(INPUT, change(&text));
    gate.open();
    let output = child.wait().expect_code(1);
    assert!(output.stderr.contains(INPUT) && output.stderr.contains("changed"), "{}", output.stderr);
    (server, offerit)
}

#[test]
fn an_input_that_grows_while_it_is_read_is_no_success() {
    let (server, offerit) = run_over_changing_input(|text| format!("{text}501,one more\n"));
    offerit.send(&["--resume"]).expect_code(0);
    assert_eq!((server.count(), offerit.outcomes().len()), (501, 501));
}

#[test]
fn an_input_that_shrinks_while_it_is_read_is_no_success() {
    let (server, offerit) = run_over_changing_input(|text| text[..text.len() - 700_000].to_owned());
    // It ends in the middle of a value: a part of one must not pass for the whole.
    let whole = " city".repeat(400).trim_start().to_owned();
    let lengths: BTreeSet<_> = server.requests().iter().filter_map(|one| one.field("custom1")).collect();
    assert_eq!(lengths, BTreeSet::from([whole]));
    assert!(offerit.outcomes().len() < 500);
}

#[test]
fn no_more_requests_are_open_than_allowed() {
    let gate = Gate::new();
    let at_the_door = gate.clone();
    let server = Server::start(move |_, _| Reply::updated().gated(&at_the_door));
    let offerit = Offerit::job(&server, table(1..=50));
    let child = offerit.start_sending(&["--concurrency", "3"]);
    server.wait_for(3);
    gate.open();
    child.wait().expect_code(0);
    assert_eq!((server.most_in_flight(), server.count()), (3, 50));
}

#[test]
fn quiet_says_nothing_of_a_run_that_went_well() {
    let server = happy();
    let offerit = Offerit::job(&server, table(1..=3));
    let output = offerit.send(&["--quiet"]).expect_code(0);
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
    assert_eq!(server.count(), 3);
}

#[test]
fn an_input_without_an_extension_has_its_result_beside_it() {
    let server = happy();
    let offerit = Offerit::with_credentials(&server.url());
    offerit.input("export", table(1..=1));
    offerit.run(&["run", "export"]).expect_code(0);
    assert_eq!(support::result::read(offerit.path("export.result.csv")).len(), 1);
}

/// A table of any cells, as the test means it and as it stands in the file.
#[derive(Clone, Debug)]
struct AnyTable {
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// Which cells are quoted without need.
    quotes: Vec<bool>,
    line_end: &'static str,
}

impl AnyTable {
    /// The file, and the line each row starts on.
    fn file(&self) -> (String, Vec<u64>) {
        let mut text = self.columns.join(",") + self.line_end;
        let mut lines = Vec::new();
        let mut whims = self.quotes.iter().cycle();
        for row in &self.rows {
            lines.push(1 + line_breaks(&text));
            let cells: Vec<String> =
                row.iter().map(|cell| write(cell, whims.next() == Some(&true))).collect();
            text += &(cells.join(",") + self.line_end);
        }
        (text, lines)
    }
}

fn write(cell: &str, anyway: bool) -> String {
    let needs = |letter: char| matches!(letter, ',' | '"' | '\r' | '\n');
    if anyway || cell.contains(needs) { quoted(cell) } else { cell.to_owned() }
}

/// How many lines end in a text: CRLF ends one, a CR or LF alone does too.
fn line_breaks(text: &str) -> u64 {
    let count = |pattern: &str| text.matches(pattern).count() as u64;
    count("\n") + count("\r") - count("\r\n")
}

/// Any text without NUL, with more than its share of what CSV and forms treat specially.
fn any_cell() -> impl Strategy<Value = String> {
    let special = proptest::sample::select(vec![
        ',', '"', '\n', '\r', '&', '=', '%', '+', ' ', '\t', ';', '\'', '\\', '#', '0', '\u{301}',
        '\u{feff}', '\u{202e}', '🙂', 'é', '\u{85}', '\u{7f}', '~', '*',
    ]);
    let letter = prop_oneof![3 => special, 1 => any::<char>()];
    let text = proptest::collection::vec(letter, 0..12).prop_map(|text| text.into_iter().collect::<String>());
    text.prop_map(|text| text.replace('\0', "")).prop_filter("no password", |text| text.trim() != "REMOVE")
}

/// An id that no other row has, with any text behind its number.
fn any_id(number: usize, text: &str) -> String {
    format!("{number}-{}", text.replace(char::is_control, ""))
}

fn any_table() -> impl Strategy<Value = AnyTable> {
    let columns = proptest::sample::subsequence(PARAMETERS[2..].to_vec(), 1..=16)
        .prop_flat_map(|fields| {
            let lookups = proptest::sample::subsequence(PARAMETERS[..2].to_vec(), 1..=2);
            lookups.prop_map(move |lookups| [lookups, fields.clone()].concat())
        })
        .prop_shuffle();
    let rows = columns.prop_flat_map(|columns| {
        let row = proptest::collection::vec(any_cell(), columns.len());
        (Just(columns), proptest::collection::vec(row, 1..60))
    });
    let line_end = proptest::sample::select(vec!["\n", "\r\n"]);
    let quotes = proptest::collection::vec(any::<bool>(), 7);
    (rows, quotes, line_end).prop_map(|((columns, mut rows), quotes, line_end)| {
        for (number, row) in rows.iter_mut().enumerate() {
            let mut has_field = false;
            for (name, cell) in columns.iter().zip(row.iter_mut()) {
                if name.ends_with("_id") {
                    *cell = any_id(number, cell);
                } else {
                    has_field |= !cell.trim().is_empty();
                }
            }
            let field = columns.iter().position(|name| !name.ends_with("_id"));
            if let Some(field) = field.filter(|_| !has_field) {
                "x".clone_into(&mut row[field]);
            }
        }
        AnyTable { columns, rows, quotes, line_end }
    })
}

proptest! {
    // Each case runs the program once over many rows.
    #![proptest_config(ProptestConfig {
        cases: 12, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn any_table_arrives_as_it_stands(table in any_table(), is_exact in any::<bool>()) {
        let server = happy();
        let (text, lines) = table.file();
        let offerit = Offerit::job(&server, text);
        offerit.input("exact.toml", exact(&table.columns));
        offerit.send(if is_exact { &["--config", "exact.toml"] } else { &[] }).expect_code(0);
        let mut arrived: Vec<Fields> = server.requests().iter().map(fields).collect();
        let columns = &table.columns;
        let sent = |row: &Vec<String>| match is_exact {
            true => expected_exactly(columns.iter().copied().zip(row)),
            false => expected(columns, row),
        };
        let mut sent: Vec<Fields> = table.rows.iter().map(sent).collect();
        arrived.sort();
        sent.sort();
        prop_assert_eq!(arrived, sent);
        let recorded: Vec<u64> = offerit.outcomes().into_values().map(|record| record.line).collect();
        prop_assert_eq!(recorded, lines);
    }
}
