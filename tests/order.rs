//! Rows of one customer go out one at a time and in input order, while other customers go on.

mod support;

use proptest::prelude::*;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;
use support::{Gate, Offerit, Reply, Request, Server, Visits, customers};

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
