//! A row that breaks a rule costs no request and nobody else; its record says where it is and why.

use crate::support::{self, Offerit, Record, Reply, Server, customers};

fn happy() -> Server {
    Server::start(|_, _| Reply::updated())
}

/// Asserts that a row was never sent, and that its record names the line and what is told besides.
#[track_caller]
fn assert_invalid(record: &Record, line: u64, told: &str) {
    assert_eq!((record.status.as_str(), record.line), ("invalid", line), "{record:?}");
    assert_eq!((record.http_status, record.attempts), (None, 0), "{record:?}");
    let place = format!("line {line}: ");
    assert!(record.error.contains(&place) && record.error.contains(told), "{told}: {record:?}");
}

#[test]
fn every_kind_of_mistake_is_recorded_with_its_line_and_column() {
    let mut bytes = b"email,customer_id,password,subscription_id\n".to_vec();
    // The customer's id is the row's number where there is one.
    let rows: [(&[u8], &str); 13] = [
        (b"good@example.org,1,,", ""),
        (b"a@example.org,,,", "customer_id"),
        (b",3,,", "nothing to send"),
        (b"a@example.org,4,REMOVE,", "column 3 (password)"),
        (b"a@example.org,5,,\"S\t5\"", "column 4 (subscription_id)"),
        (b"a@example.org,\"6\n6\",,", "column 2 (customer_id)"),
        (b"a@example.org,   ,,", "no customer"),
        (b"a@example.org,8,", "3 cells"),
        (b"a@example.org,9,,,", "5 cells"),
        (b"a\0b@example.org,10,,", "column 1 (email)"),
        (b"a\xff@example.org,11,,", "column 1 (email)"),
        (b",,REMOVE,", "column 3 (password)"),
        (b"good@example.org,13,remove,", ""),
    ];
    for (row, _) in rows {
        bytes.extend_from_slice(row);
        bytes.push(b'\n');
    }
    let server = happy();
    let offerit = Offerit::job(&server, bytes);
    // Alone among ASCII, a byte such as ff would be taken for Windows-1252.
    let output = offerit.send(&["--encoding", "utf-8"]).expect_code(3);
    assert!(output.stderr.contains("11 invalid"), "{}", output.stderr);

    assert_eq!(customers(&server.requests()).len(), 2);
    let outcomes = offerit.outcomes();
    assert_eq!((offerit.records().len(), outcomes.len()), (rows.len(), rows.len()));
    for ((row, record), (_, told)) in outcomes.iter().zip(rows) {
        // Row 6 takes two lines.
        let line = if *row <= 6 { row + 1 } else { row + 2 };
        if told.is_empty() {
            assert_eq!((record.status.as_str(), record.line), ("updated", line));
        } else {
            assert_invalid(record, line, told);
        }
    }
    let all_wrong = &outcomes[&12].error;
    assert!(all_wrong.contains("no customer"), "every fault of a row is told: {all_wrong}");
}

#[test]
fn lines_are_those_of_the_file_whatever_stands_in_it() {
    let text = "customer_id,city,password\n\
                1,Riga,\n\
                2,\"two\nlines\",REMOVE\n\
                \n\
                \n\
                3,,\n\
                4,\"three\n\nlines\",\n\
                5,Riga\n";
    let expected = [(1, 2), (2, 3), (3, 7), (4, 8), (5, 11)];
    for line_end in ["\n", "\r\n"] {
        let server = happy();
        let offerit = Offerit::job(&server, text.replace('\n', line_end));
        offerit.send(&[]).expect_code(3);
        let outcomes = offerit.outcomes();
        let lines: Vec<(u64, u64)> = outcomes.values().map(|record| (record.row, record.line)).collect();
        assert_eq!(lines, expected, "with {line_end:?}");
        assert_invalid(&outcomes[&2], 3, "column 3 (password)");
        assert_invalid(&outcomes[&3], 7, "nothing to send");
        assert_invalid(&outcomes[&5], 11, "2 cells");
        assert_eq!(server.count(), 2);
    }
}

/// Asserts that row 2 of a table is invalid for its quotes, and that nothing it swallowed was sent.
#[track_caller]
fn assert_swallows_nothing(second_row_and_more: &str) {
    let server = happy();
    let offerit = Offerit::job(&server, format!("customer_id,city\n1,a\n{second_row_and_more}"));
    offerit.send(&[]).expect_code(3);
    assert_invalid(&offerit.outcomes()[&2], 3, "quote");
    for request in server.requests() {
        let city = request.field("city").unwrap_or_default();
        assert!(!city.contains(['\n', ',', '"']), "{city:?} was sent as a city");
    }
}

#[test]
fn a_quote_that_is_never_closed_sends_nothing_of_what_it_swallows() {
    assert_swallows_nothing("2,\"b\n3,c\n4,d\n5,e\n");
    assert_swallows_nothing("2,b\" c\n3,d\n");
}

#[test]
fn a_quote_that_a_later_stray_one_closes_sends_nothing_of_what_it_swallows() {
    assert_swallows_nothing("2,\"b\n3,c\n4,d\"e\n5,f\n");
    assert_swallows_nothing("2,\"b\n3,c\n4,\"d\n5,\"e\"\n");
}

#[test]
fn corrected_rows_are_sent_on_resume() {
    let server = happy();
    let offerit = Offerit::job(&server, "customer_id,city\n1,a\n,b\n3\n4,d\n");
    offerit.send(&[]).expect_code(3);
    offerit.input(support::INPUT, "customer_id,city\n1,a\n2,b\n3,c\n4,d\n");
    offerit.send(&["--resume"]).expect_code(0);
    let mut sent = customers(&server.requests());
    sent.sort();
    assert_eq!(sent, ["1", "2", "3", "4"]);
}

#[test]
fn rows_that_stay_invalid_are_recorded_anew_and_still_cost_nothing() {
    let server = happy();
    let offerit = Offerit::job(&server, "customer_id,city\n1,a\n,b\n");
    offerit.send(&[]).expect_code(3);
    offerit.send(&["--resume"]).expect_code(3);
    assert_eq!(server.count(), 1);
    assert_invalid(&offerit.outcomes()[&2], 3, "customer_id");
}
