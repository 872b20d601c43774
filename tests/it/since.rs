//! `--since`: night after night only what changed is sent, and every customer ends with what the input says.

use crate::support::{self, INPUT, KEY, Offerit, Output, Reply, Server, customers, result, table};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Runs a night: its own result file, and yesterday's to go by.
fn night(offerit: &Offerit, number: u32, more: &[&str]) -> Output {
    let (own, since) = (format!("night-{number}.csv"), format!("night-{}.csv", number - 1));
    let arguments =
        ["run", INPUT, "--rate", "unlimited", "--concurrency", "1", "--result", &own, "--since", &since];
    offerit.run(&[&arguments[..], more].concat())
}

fn first_night(server: &Server, input: impl AsRef<[u8]>) -> Offerit {
    let offerit = Offerit::job(server, input);
    // Rows that fail at the end of a job get a minute, unless the patience is shorter.
    offerit.send(&["--result", "night-0.csv", "--concurrency", "1", "--max-outage", "1s"]);
    offerit
}

fn statuses(offerit: &Offerit, night: u32) -> Vec<String> {
    let records = result::read(offerit.path(&format!("night-{night}.csv")));
    result::last_by_row(&records).into_values().map(|record| record.status).collect()
}

fn sent_since(server: &Server, before: usize) -> Vec<String> {
    let mut sent = customers(&server.requests().split_off(before));
    sent.sort();
    sent
}

#[test]
fn only_what_changed_is_sent_and_each_result_file_is_the_next_nights() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = first_night(&server, table(1..=20));
    for (number, changed, expected) in [(1, "7", vec!["7"]), (2, "8", vec!["7", "8"]), (3, "8", vec![])] {
        let before = server.count();
        offerit.input(INPUT, table(1..=20).replace(&format!("City {changed}\n"), "Elsewhere\n"));
        let output = night(&offerit, number, &[]).expect_code(0);
        assert_eq!(sent_since(&server, before), expected, "night {number}");
        let said = format!("{} rows unchanged since night-{}.csv: not sent", 20 - expected.len(), number - 1);
        assert!(output.stderr.contains(&said), "{}", output.stderr);
        let updated = statuses(&offerit, number).iter().filter(|status| *status == "updated").count();
        assert_eq!(updated, expected.len());
    }
    let earlier = result::last_by_row(&result::read(offerit.path("night-2.csv")));
    let later = result::last_by_row(&result::read(offerit.path("night-3.csv")));
    assert!(
        later
            .iter()
            .all(|(row, record)| record.fingerprint == earlier[row].fingerprint && record.error.is_empty())
    );
    // Rows may stand anywhere, and customers may come and go.
    let before = server.count();
    offerit.input(INPUT, "city,customer_id\nCity 20,20\nCity 99,99\nCity 3,3\n");
    night(&offerit, 4, &[]).expect_code(0);
    assert_eq!(sent_since(&server, before), ["99"]);
}

#[test]
fn what_failed_last_time_is_sent_again() {
    support::apart();
    let is_healed = Arc::new(AtomicBool::new(false));
    let healed = Arc::clone(&is_healed);
    let server = Server::start(move |request, _| match request.field("customer_id").as_deref() {
        Some("2") if !healed.load(Ordering::SeqCst) => Reply::json(400, "{}"),
        Some("3") if !healed.load(Ordering::SeqCst) => Reply::json(500, "{}"),
        _ => Reply::updated(),
    });
    let offerit = first_night(&server, table(1..=4).replace("4,City 4", "4,"));
    assert_eq!(statuses(&offerit, 0), ["updated", "rejected", "failed", "invalid"]);
    is_healed.store(true, Ordering::SeqCst);
    offerit.input(INPUT, table(1..=4));
    let before = server.count();
    night(&offerit, 1, &[]).expect_code(0);
    assert_eq!(sent_since(&server, before), ["2", "3", "4"]);
    assert_eq!(statuses(&offerit, 1), ["unchanged", "updated", "updated", "updated"]);
}

#[test]
fn two_rows_of_one_customer_keep_their_meaning() {
    let server = Server::start(|_, _| Reply::updated());
    let rows = |cities: &[&str]| {
        "customer_id,city\n".to_owned() + &cities.iter().map(|city| format!("1,{city}\n")).collect::<String>()
    };
    let offerit = first_night(&server, rows(&["A"]));
    for (number, cities) in [(1, &["A", "B", "A"][..]), (2, &["A", "B"]), (3, &["A", "B"]), (4, &["B", "B"])]
    {
        offerit.input(INPUT, rows(cities));
        night(&offerit, number, &[]).expect_code(0);
        let last = server.requests().pop().and_then(|request| request.field("city"));
        assert_eq!(last.as_deref(), cities.last().copied(), "night {number}");
    }
    assert_eq!(statuses(&offerit, 1), ["unchanged", "updated", "updated"]);
    assert_eq!(statuses(&offerit, 4), ["unchanged", "unchanged"]);
}

#[test]
fn it_goes_together_with_resume() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = first_night(&server, table(1..=40));
    let changed = table(1..=40).replace("0\n", "0 changed\n");
    offerit.input(INPUT, &changed);
    let before = server.count();
    night(&offerit, 1, &["--limit", "2"]).expect_code(7);
    assert_eq!(sent_since(&server, before), ["10", "20"]);
    // What this job delivered is what counts, also when the input goes back to what it was.
    offerit.input(INPUT, changed.replace("City 10 changed", "City 10"));
    night(&offerit, 1, &["--resume"]).expect_code(0);
    assert_eq!(sent_since(&server, before), ["10", "10", "20", "30", "40"]);
    let before = server.count();
    offerit.input(INPUT, &changed);
    night(&offerit, 1, &["--overwrite"]).expect_code(0);
    assert_eq!(sent_since(&server, before), ["10"]);
}

#[test]
fn the_brake_on_changes_ends_the_run_with_4_before_anything_is_sent() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = first_night(&server, table(1..=50));
    let input: String = table(1..=50)
        .lines()
        .enumerate()
        .map(|(row, line)| match row {
            1..=31 => format!("{line} x\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    offerit.input(INPUT, input);
    for most in ["20%", "30"] {
        let output = night(&offerit, 1, &["--max-changes", most]).expect_code(4);
        let said =
            format!("31 of 50 rows would be sent (62.0%), more than --max-changes {most}. Nothing was sent.");
        assert!(output.stderr.contains(&said), "{}", output.stderr);
        assert!(server.count() == 50 && !offerit.path("night-1.csv").exists());
    }
    night(&offerit, 1, &["--max-changes", "62%"]).expect_code(0);
    assert_eq!(server.count(), 81);
}

#[test]
fn a_night_that_stopped_goes_on_under_the_same_limit() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = first_night(&server, table(1..=50));
    let changed = (43..=50).fold(table(1..=50), |text, row| text.replace(&format!("City {row}\n"), "Town\n"));
    offerit.input(INPUT, changed);
    let limit = ["--max-changes", "16%", "--resume"];
    night(&offerit, 1, &[&limit[..], &["--limit", "4"]].concat()).expect_code(7);
    night(&offerit, 1, &limit).expect_code(0);
    assert_eq!(server.count(), 58);
}

#[test]
fn the_rows_that_are_left_of_a_night_are_no_sign_of_another_key() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = first_night(&server, table(1..=100));
    let changed =
        (61..=100).fold(table(1..=100), |text, row| text.replace(&format!("City {row}\n"), "Town\n"));
    offerit.input(INPUT, changed);
    night(&offerit, 1, &["--limit", "4"]).expect_code(7);
    let output = night(&offerit, 1, &["--resume"]).expect_code(0);
    assert!(!output.stderr.contains("another API key"), "{}", output.stderr);
    assert_eq!(server.count(), 140);
}

#[test]
fn a_file_of_another_key_is_told_and_everything_sent() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = first_night(&server, table(1..=20)).env("OFFERIT_API_KEY", format!("{KEY}-rotated"));
    let output = night(&offerit, 1, &["--max-changes", "5"]).expect_code(4);
    let said = "20 of the 20 rows whose customers are in night-0.csv differ from what was delivered";
    assert!(output.stderr.contains(said) && output.stderr.contains("another API key"), "{}", output.stderr);
    let output = night(&offerit, 1, &[]).expect_code(0);
    assert!(output.stderr.contains(said), "{}", output.stderr);
    assert_eq!(server.count(), 40);
    let output = night(&offerit, 2, &[]).expect_code(0);
    assert!(!output.stderr.contains("another API key") && server.count() == 40, "{}", output.stderr);
}

#[test]
fn a_handful_of_changed_rows_is_not_taken_for_another_key() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = first_night(&server, table(1..=19));
    offerit.input(INPUT, table(1..=19).replace("City", "Town"));
    let output = night(&offerit, 1, &[]).expect_code(0);
    assert!(!output.stderr.contains("another API key") && server.count() == 38, "{}", output.stderr);
}

#[test]
fn it_is_said_what_delivered_the_rows_that_are_not_sent() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = first_night(&server, table(1..=1));
    offerit.input(INPUT, table(1..=2));
    for (more, said) in [
        (&[][..], "1 row unchanged since night-0.csv: "),
        (&["--overwrite"], "2 rows unchanged since night-0.csv and night-1.csv: "),
    ] {
        let output = night(&offerit, 1, more).expect_code(0);
        assert!(output.stderr.contains(said), "{}", output.stderr);
    }
    assert_eq!(server.count(), 2);
}

#[test]
fn what_cannot_be_a_delta_is_refused_before_anything_is_sent() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = first_night(&server, table(1..=3));
    offerit.input("other.csv", "a,b\n1,2\n");
    for (more, code, message) in [
        (&["--since", "absent.csv"][..], 2, "--since: absent.csv not found"),
        (&["--since", "other.csv"], 2, "--since: other.csv is not a result file"),
        (
            &["--since", "night-0.csv", "--result", "./night-0.csv", "--resume"],
            2,
            "the result file of this run",
        ),
        (&["--max-changes", "5%"], 2, "--since"),
        (&["--since", "night-0.csv", "--max-changes", "many"], 2, "--max-changes: cannot read 'many'"),
    ] {
        let output = offerit.send(more).expect_code(code);
        assert!(output.stderr.contains(message), "{}", output.stderr);
    }
    let output = offerit.run(&["run", "-", "--result", "r.csv", "--since", "night-0.csv"]).expect_code(2);
    assert!(output.stderr.contains("--since needs a file"), "{}", output.stderr);
    assert_eq!(server.count(), 3);
}
