//! `--shard`: a file that several machines send, each a part of the customers.

use crate::support::{self, INPUT, Offerit, RESULT, Record, Reply, Server, customers, result, rows, table};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

const SHARDS: u32 = 3;

fn shard(index: u32) -> String {
    format!("{index}/{SHARDS}")
}

/// The name of a shard's result file, where no other is given.
fn result_of(index: u32) -> String {
    format!("customers.shard-{index}-of-{SHARDS}.result.csv")
}

fn updating() -> Server {
    Server::start(|_, _| Reply::updated())
}

/// Sends every shard, one after the other, and gives the rows that each sent.
#[track_caller]
fn send_all(server: &Server, offerit: &Offerit) -> Vec<Vec<u64>> {
    let mut sent = Vec::new();
    for index in 0..SHARDS {
        let before = server.count();
        offerit.send(&["--shard", &shard(index)]).expect_code(0);
        sent.push(rows(&server.requests()[before..]));
    }
    sent
}

/// `verify` of all shards' files together, with these arguments besides.
fn verify_all(offerit: &Offerit, more: &[&str]) -> support::Output {
    let names: Vec<String> = (0..SHARDS).map(result_of).collect();
    let results = names.iter().flat_map(|name| ["--result", name]);
    offerit.run(&["verify", INPUT].into_iter().chain(results).chain(more.iter().copied()).collect::<Vec<_>>())
}

#[test]
fn every_row_is_sent_by_one_shard_and_recorded_with_its_own_number_and_line() {
    let server = updating();
    let offerit = Offerit::job(&server, table(1..=90));
    let sent = send_all(&server, &offerit);
    assert!(sent.iter().all(|rows| rows.len() > 15), "{sent:?}");
    let all: BTreeSet<u64> = sent.iter().flatten().copied().collect();
    assert_eq!((all.len(), server.count()), (90, 90));
    for (index, sent) in (0..).zip(&sent) {
        let records = result::read(offerit.path(&result_of(index)));
        let recorded: BTreeSet<u64> = records.iter().map(|record| record.row).collect();
        assert_eq!(recorded, sent.iter().copied().collect());
        for Record { row, line, customer_id, .. } in &records {
            assert_eq!((*line, customer_id), (row + 1, &row.to_string()));
        }
    }
    assert!(!offerit.path(RESULT).exists());

    let output = verify_all(&offerit, &[]).expect_code(0);
    assert!(output.stdout.contains("updated              90") && output.stderr.is_empty(), "{output:?}");
    for index in 0..SHARDS {
        let output = offerit.run(&["verify", INPUT, "--shard", &shard(index)]).expect_code(0);
        let count = sent[index as usize].len();
        assert!(output.stdout.ends_with(&format!("rows         {count:>10}\n")), "{}", output.stdout);
    }
    // One alone is not the whole job.
    let output = offerit.run(&["verify", INPUT, "--result", &result_of(0)]).expect_code(3);
    assert!(output.stdout.contains(&format!("not sent yet {:>10}", 90 - sent[0].len())), "{}", output.stdout);
}

#[test]
fn rows_of_one_customer_are_in_one_shard_however_the_id_is_spelt() {
    let server = updating();
    let mut input = "customer_id,subscription_id,city\n".to_owned();
    for id in 1..=30 {
        input += &format!("a{id},,first\n00a{id},s{id},second\nA{id},S{id},third\n");
    }
    let offerit = Offerit::job(&server, input);
    for index in 0..SHARDS {
        offerit.send(&["--shard", &shard(index), "--concurrency", "8"]).expect_code(0);
    }
    let mut cities: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for request in server.requests() {
        let id = request.field("customer_id").unwrap_or_default();
        let id = id.trim_start_matches('0').to_lowercase();
        cities.entry(id).or_default().push(request.field("city").unwrap_or_default());
    }
    assert_eq!(cities.len(), 30);
    assert!(cities.values().all(|cities| *cities == ["first", "second", "third"]), "{cities:?}");
    for index in 0..SHARDS {
        assert_eq!(result::read(offerit.path(&result_of(index))).len() % 3, 0);
    }
}

/// The rows of one customer that nobody could keep in order: the file is refused by every shard alike.
#[test]
fn a_file_whose_customers_cannot_be_split_is_refused_with_the_lines() {
    let alone = "customer_id,subscription_id,city\n1,s1,a\n,s2,b\n,s1,c\n2,s9,d\n";
    let other = "customer_id,subscription_id,city\n1,s1,a\n2,,b\n,s7,c\n4,s1,d\n";
    let later = "customer_id,subscription_id,city\n,s1,a\n,s2,b\n3,s3,c\n1,S1,d\n";
    for (input, lines) in [(alone, (2, 4)), (other, (2, 5)), (later, (2, 5))] {
        let server = updating();
        let offerit = Offerit::job(&server, input);
        // Of many shards, so that no two ids fall into one by chance.
        for part in ["0/1000", "17/1000"] {
            for command in [
                &["run", INPUT, "--rate", "unlimited", "--shard", part][..],
                &["check", INPUT, "--rate", "unlimited", "--shard", part],
            ] {
                let told = offerit.run(command).expect_code(2).stderr;
                let rows =
                    format!("rows {} (line {}) and {} (line {})", lines.0 - 1, lines.0, lines.1 - 1, lines.1);
                assert!(told.contains("cannot be split into 1000 shards") && told.contains(&rows), "{told}");
            }
        }
        assert_eq!(server.count(), 0);
        assert!(!offerit.path("customers.shard-0-of-1000.result.csv").exists());
        offerit.send(&["--shard", "0/1"]).expect_code(0);
        assert_eq!(server.count(), 4, "one shard is the whole file");
    }
}

#[test]
fn rows_that_are_not_sent_do_not_tie_customers_and_have_one_shard_too() {
    let server = updating();
    // A row with both ids that is wrong, one without an id, and one that is too short.
    let input = "customer_id,subscription_id,city\n1,s1,\n,s1,c\n,,d\n5\n";
    let offerit = Offerit::job(&server, input);
    let mut recorded = Vec::new();
    for index in 0..1000 {
        let part = format!("{index}/1000");
        if index < 20 || [115, 888].contains(&index) {
            offerit.send(&["--shard", &part, "-q"]);
            let path = offerit.path(&format!("customers.shard-{index}-of-1000.result.csv"));
            recorded.extend(result::read(path).into_iter().map(|record| record.row));
        }
    }
    recorded.sort_unstable();
    assert!(recorded.starts_with(&[3, 4]), "{recorded:?}: by their numbers");

    let offerit = Offerit::job(&server, fs::read(offerit.path(INPUT)).expect("the input"));
    let invalid: usize = (0..SHARDS)
        .map(|index| {
            offerit.send(&["--shard", &shard(index)]);
            result::read(offerit.path(&result_of(index))).len()
        })
        .sum();
    assert_eq!(invalid, 4);
    verify_all(&offerit, &[]).expect_code(3);
}

#[test]
fn a_shard_resumes_and_leaves_the_rows_of_others_alone() {
    let server = updating();
    let offerit = Offerit::job(&server, table(1..=60).replace("City", "no"));
    offerit.send(&["--shard", "1/3"]).expect_code(0);
    let first = rows(&server.requests());
    let input = table(1..=60).replace("City", "no");
    let changed = input.replace(&format!("no {}\n", first[0]), "Riga\n").replace("no ", "Other ");
    offerit.input(INPUT, input.replace(&format!("no {}\n", first[0]), "Riga\n"));
    offerit.send(&["--shard", "1/3"]).expect_code(2);
    let output = offerit.send(&["--shard", "1/3", "--resume"]).expect_code(0);
    assert_eq!(rows(&server.requests()[first.len()..]), [first[0]]);
    assert!(output.stderr.contains(&format!("holds {} of 60 rows", first.len())), "{}", output.stderr);

    // All rows changed: refused, as it is without shards.
    offerit.input(INPUT, changed);
    let told = offerit.send(&["--shard", "1/3", "--resume"]).expect_code(2).stderr;
    assert!(told.contains("do not match the input"), "{told}");
    // Rows taken out at the end.
    offerit.input(INPUT, table(1..=3));
    let told = offerit.send(&["--shard", "1/3", "--resume"]).expect_code(2).stderr;
    assert!(told.contains("but the input has only 3 rows"), "{told}");
}

#[test]
fn the_result_file_of_another_shard_is_refused() {
    let server = updating();
    let offerit = Offerit::job(&server, table(1..=60));
    offerit.send(&["--shard", "0/3", "--result", "r.csv"]).expect_code(0);
    let count = server.count();
    let told = offerit.send(&["--shard", "1/3", "--result", "r.csv", "--resume"]).expect_code(2).stderr;
    assert!(told.contains("belong to other shards") && told.contains("r.csv"), "{told}");
    assert_eq!(server.count(), count);
    offerit
        .send(&["--shard", "1/3", "--result", "r.csv", "--resume", "--accept-changed-input"])
        .expect_code(0);
    // It has the records of two now, and each is accounted for.
    for part in ["0/3", "1/3"] {
        let output = offerit.run(&["verify", INPUT, "--shard", part, "--result", "r.csv"]).expect_code(0);
        assert!(output.stderr.contains("rows of other shards have results too"), "{}", output.stderr);
    }
    offerit.run(&["verify", INPUT, "--shard", "2/3", "--result", "r.csv"]).expect_code(3);
}

#[test]
fn several_result_files_are_one_account() {
    let server = updating();
    let offerit = Offerit::job(&server, table(1..=30));
    send_all(&server, &offerit);
    // A record torn in one, a row beyond the input in another.
    let torn = offerit.path(&result_of(1));
    let mut bytes = fs::read(&torn).expect("a result file");
    bytes.truncate(bytes.len() - 5);
    fs::write(&torn, bytes).expect("the file written");
    let output = verify_all(&offerit, &["--json"]).expect_code(3);
    let account: serde_json::Value = serde_json::from_str(&output.stdout).expect("a JSON object");
    assert_eq!(
        (&account["rows"], &account["records"], &account["counts"]["no_record"]),
        (&30.into(), &29.into(), &1.into())
    );
    assert_eq!((&account["result"], account["results"][2].as_str()), (&().into(), Some(&*result_of(2))));
    assert!(
        output.stderr.contains(&format!("The last record of {} is incomplete", result_of(1))),
        "{}",
        output.stderr
    );
    offerit.send(&["--shard", "1/3", "--resume"]).expect_code(0);
    verify_all(&offerit, &[]).expect_code(0);

    offerit.input(INPUT, table(1..=29));
    let output = verify_all(&offerit, &[]).expect_code(3);
    let holder = (0..SHARDS)
        .find(|index| result::read(offerit.path(&result_of(*index))).iter().any(|record| record.row == 30));
    let expected = format!("{} has a result for row 30", result_of(holder.expect("one of them")));
    assert!(output.stderr.contains(&expected), "{}", output.stderr);

    let told = verify_all(&offerit, &["--result", &format!("./{}", result_of(0))]).expect_code(2).stderr;
    assert!(told.contains("is given twice"), "{told}");
    let told = verify_all(&offerit, &["--result", "missing.csv"]).expect_code(2).stderr;
    assert!(told.contains("missing.csv not found"), "{told}");
}

/// An id that is corrected may move its row to another shard, whose file has the newer record then.
#[test]
fn a_row_that_moved_to_another_shard_counts_once_and_is_said() {
    let server = updating();
    let offerit = Offerit::job(&server, table(1..=30).replace("\n7,City 7", "\n7,"));
    let codes: Vec<_> = (0..SHARDS).map(|index| offerit.send(&["--shard", &shard(index)]).code).collect();
    let from = codes.iter().position(|code| *code == Some(3)).expect("row 7 is invalid");
    // Such an id that the row moves.
    let moved = (100..).find(|id| {
        offerit.input(INPUT, table(1..=30).replace("\n7,", &format!("\n{id},")));
        let output = offerit.run(&["verify", INPUT, "--shard", &shard(from as u32)]);
        output.code == Some(0)
    });
    for index in 0..SHARDS {
        offerit.send(&["--shard", &shard(index), "--resume"]).expect_code(0);
    }
    assert_eq!(customers(&server.requests()).last(), moved.map(|id| id.to_string()).as_ref());
    let output = verify_all(&offerit, &[]).expect_code(0);
    assert!(output.stderr.contains("1 row has results in more than one"), "{}", output.stderr);
    assert!(output.stdout.contains("updated              30"), "{}", output.stdout);
}

#[test]
fn the_rate_is_divided_and_what_cannot_be_is_refused() {
    let server = updating();
    let offerit = Offerit::job(&server, table(1..=2));
    let pace = |rate: &str, part: &str| {
        let name = format!("{}.csv", part.replace('/', "-"));
        offerit.run(&["run", INPUT, "--shard", part, "--rate", rate, "--result", &name, "--overwrite"]).stderr
    };
    for (rate, part, expected) in [
        ("10", "0/4", "at up to 2/s"),
        ("12/s", "3/4", "at up to 3/s"),
        ("10", "5/16", "at up to 37/m"),
        ("unlimited", "0/4", "as fast as it answers"),
    ] {
        let told = pace(rate, part);
        assert!(told.contains(expected), "{rate} {part}: {told}");
    }
    let refused = pace("3/m", "0/4");
    for words in ["--rate: ", "3/m", "4 shards"] {
        assert!(refused.contains(words), "{words}: {refused}");
    }
}

#[test]
fn what_is_no_shard_is_refused() {
    let server = updating();
    let offerit = Offerit::job(&server, table(1..=2)).stdin(table(1..=2));
    for (part, expected) in [("4/4", "0/4 to 3/4"), ("1", "such as 0/4"), ("0/5000", "maximum is 1000")] {
        for command in ["run", "check", "verify"] {
            let told = offerit.run(&[command, INPUT, "--shard", part]).expect_code(2).stderr;
            let is_named = told.contains(&format!("--shard: '{part}' "));
            assert!(is_named && told.contains(expected), "{command} {part}: {told}");
        }
    }
    let told = offerit.run(&["run", "-", "--result", "r.csv", "--shard", "0/2"]).expect_code(2).stderr;
    assert!(told.contains("--shard needs a file"), "{told}");
    assert_eq!(server.count(), 0);
}

#[test]
fn check_looks_at_the_rows_of_its_shard() {
    let offerit = Offerit::new();
    offerit.input(INPUT, table(1..=30).replace(",City 7\n", ",\n"));
    let outputs: Vec<_> =
        (0..SHARDS).map(|index| offerit.run(&["check", INPUT, "--shard", &shard(index)])).collect();
    assert_eq!(outputs.iter().filter(|output| output.code == Some(3)).count(), 1);
    let problems: Vec<_> = outputs.iter().flat_map(|output| output.stdout.lines()).collect();
    assert_eq!(problems.iter().filter(|line| line.contains("line 8, row 7")).count(), 1);
    let total: u64 = outputs
        .iter()
        .filter_map(|output| {
            output.stdout.lines().find_map(|line| line.split_once(" rows: ")?.0.parse::<u64>().ok())
        })
        .sum();
    assert_eq!(total, 30);
}

/// An invalid row of another shard stops nobody.
#[test]
fn only_the_shard_of_an_invalid_row_is_stopped_by_it() {
    let server = updating();
    let offerit = Offerit::job(&server, table(1..=30).replace(",City 7\n", ",\n"));
    let ends = |index| {
        let arguments = ["run", INPUT, "--rate", "unlimited", "--max-invalid", "0", "--shard", &shard(index)];
        offerit.run(&arguments).code
    };
    let codes: Vec<_> = (0..SHARDS).map(ends).collect();
    assert_eq!(codes.iter().filter(|code| **code != Some(0)).count(), 1, "{codes:?}");
}

#[test]
fn the_failures_of_a_shard_are_its_own() {
    let server = Server::start(|_, _| Reply::json(400, "{}"));
    let offerit = Offerit::job(&server, table(1..=30));
    let mut taken = 0;
    for index in 0..SHARDS {
        offerit.send(&["--shard", &shard(index)]).expect_code(3);
        let output = offerit.run(&["failures", INPUT, "--shard", &shard(index)]).expect_code(0);
        let records = result::read(offerit.path(&result_of(index)));
        assert_eq!(output.stdout.lines().count(), records.len() + 1, "{}", output.stdout);
        // Rows of other shards are not missing here.
        assert!(!output.stderr.contains("not sent yet"), "{}", output.stderr);
        taken += records.len();
    }
    assert_eq!(taken, 30);
}
