//! Rows of one customer go out one at a time and in input order, while other customers go on.

use crate::support::{Gate, Offerit, Reply, Request, Server, Visits, customers};
use proptest::prelude::*;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// Both ids of a request, told apart.
fn both_ids(request: &Request) -> Vec<String> {
    let id = |name| request.field(name).map(|id| format!("{name} {id}"));
    ["customer_id", "subscription_id"].into_iter().filter_map(id).collect()
}

/// The row that a request is for: the tables here hold it in a field.
fn row(request: &Request) -> u64 {
    request.field("custom1").and_then(|row| row.parse().ok()).expect("a row's number")
}

/// Asserts that every id saw its rows in order; an attempt that was repeated is no step back.
#[track_caller]
fn assert_in_order(requests: &[Request]) {
    let mut last = HashMap::new();
    for request in requests {
        for id in both_ids(request) {
            let before = last.insert(id.clone(), row(request)).unwrap_or(0);
            assert!(before <= row(request), "{id}: row {} after row {before}", row(request));
        }
    }
}

#[test]
fn a_customer_that_waits_for_an_answer_holds_up_nobody_else() {
    let gate = Gate::new();
    let at_the_door = gate.clone();
    let server = Server::start(move |request, _| {
        let reply = Reply::updated();
        if request.field("customer_id").as_deref() == Some("slow") {
            reply.gated(&at_the_door)
        } else {
            reply
        }
    });
    let rows = |id: u64| format!("slow,{}\nquick {id},{}\n", 2 * id - 1, 2 * id);
    let offerit =
        Offerit::job(&server, "customer_id,custom1\n".to_owned() + &(1..=8).map(rows).collect::<String>());
    let child = offerit.start_sending(&["--concurrency", "4"]);
    // The slow customer's first row and everybody else: its other rows come before the last of them.
    server.wait_for(9);
    let slow = customers(&server.requests()).iter().filter(|id| *id == "slow").count();
    assert_eq!((slow, server.count()), (1, 9));
    gate.open();
    child.wait().expect_code(0);
    assert_eq!((server.count(), server.overlaps_of(both_ids)), (16, 0));
    assert_in_order(&server.requests());
}

#[test]
fn a_row_that_is_tried_again_keeps_its_place() {
    let visits = Visits::default();
    let server = Server::start(move |request, _| match visits.before(request) {
        0 => Reply::json(503, "{}"),
        _ => Reply::updated(),
    });
    let rows = (1..=30).map(|row| format!("{},{row}\n", row % 3));
    let offerit = Offerit::job(&server, "customer_id,custom1\n".to_owned() + &rows.collect::<String>());
    offerit.send(&[]).expect_code(0);
    assert_eq!((server.count(), server.overlaps_of(both_ids)), (33, 0));
    assert_in_order(&server.requests());
}

#[test]
fn a_row_with_both_ids_waits_for_either() {
    for first in ["7,", ",S"] {
        let gate = Gate::new();
        let at_the_door = gate.clone();
        let server = Server::start(move |request, _| {
            let reply = Reply::updated();
            if row(request) == 1 { reply.gated(&at_the_door) } else { reply }
        });
        let table = format!("customer_id,subscription_id,custom1\n{first},1\n7,S,2\n7,,3\n,S,4\n8,T,5\n");
        let offerit = Offerit::job(&server, table);
        let child = offerit.start_sending(&["--concurrency", "2"]);
        // One of two places is taken by the first row: the other goes to the oldest that need not wait.
        server.wait_for(2);
        let sent: BTreeSet<u64> = server.requests().iter().map(row).collect();
        assert_eq!(
            sent,
            BTreeSet::from([1, 5]),
            "the row with both ids waits for {first}, and the others wait for it"
        );
        gate.open();
        child.wait().expect_code(0);
        assert_eq!((server.count(), server.overlaps_of(both_ids)), (5, 0));
        assert_in_order(&server.requests());
    }
}

/// All that names one customer is `7` or `S`.
fn the_one(_: &Request) -> Vec<String> {
    vec!["the one".to_owned()]
}

/// A server that is busy when the second request comes.
fn that_is_busy_once() -> Server {
    Server::start(move |_, number| match number {
        1 => Reply::json(503, "{}"),
        _ => Reply::updated().after(Duration::from_millis(20)),
    })
}

#[test]
fn a_customer_that_a_row_names_with_its_subscription_is_one_with_it_wherever_that_row_stands() {
    let header = "customer_id,subscription_id,custom1\n";
    for rows in ["7,S,1\n7,,2\n,S,3\n", ",S,1\n7,,2\n,S,3\n7,S,4\n", "7,,1\n,s,2\n07,,3\n,S ,4\n7,S,5\n"] {
        let server = that_is_busy_once();
        let offerit = Offerit::job(&server, format!("{header}{rows}"));
        offerit.send(&["--concurrency", "4"]).expect_code(0);
        assert_eq!((server.count(), server.overlaps_of(the_one)), (rows.lines().count() + 1, 0), "{rows}");
        assert!(server.requests().iter().map(row).is_sorted(), "{rows}");
    }
}

#[test]
fn what_an_earlier_run_has_dealt_with_still_tells_which_rows_are_of_one_customer() {
    let server = that_is_busy_once();
    let table = "customer_id,subscription_id,custom1\n7,S,1\n7,,2\n,S,3\n";
    let offerit = Offerit::job(&server, table);
    offerit.send(&["--limit", "1"]).expect_code(7);
    offerit.send(&["--resume", "--concurrency", "4"]).expect_code(0);
    assert_eq!((server.count(), server.overlaps_of(the_one)), (4, 0));
    assert!(server.requests().iter().map(row).is_sorted());
}

#[test]
fn an_invalid_row_does_not_hold_up_its_customer() {
    let server = Server::start(|_, _| Reply::updated());
    let table = "customer_id,password,custom1\n7,,1\n7,REMOVE,2\n7,,3\n";
    let offerit = Offerit::job(&server, table);
    offerit.send(&[]).expect_code(3);
    assert_eq!(server.requests().iter().map(row).collect::<Vec<_>>(), [1, 3]);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 8, max_shrink_iters: 40, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn order_holds_for_any_table(
        ids in proptest::collection::vec((0_u8..4, 0_u8..4), 1..80),
        pauses in proptest::collection::vec(0_u64..4, 5),
    ) {
        // Answers that take unequally long let a row overtake another where nothing keeps it back.
        let pause = move |number: usize| Duration::from_millis(pauses[number % pauses.len()]);
        let server = Server::start(move |_, number| Reply::updated().after(pause(number)));
        let id = |prefix: &str, number: u8| if number == 0 { String::new() } else { format!("{prefix}{number}") };
        let mut table = "subscription_id,custom1,customer_id\n".to_owned();
        for (index, (customer, subscription)) in ids.iter().enumerate() {
            // A row without any id is not sent.
            let customer = if *subscription == 0 { (*customer).max(1) } else { *customer };
            table += &format!("{},{},{}\n", id("S", *subscription), index + 1, id("C", customer));
        }
        let offerit = Offerit::job(&server, table);
        offerit.send(&["--concurrency", "8"]).expect_code(0);
        prop_assert_eq!((server.count(), server.overlaps_of(both_ids)), (ids.len(), 0));
        assert_in_order(&server.requests());
    }
}
