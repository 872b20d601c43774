//! The page and its figures against what can be counted by hand.

use super::scale::percent;
use super::survey::{PageError, Survey};
use super::{OPENING, page};
use crate::customer::Fingerprint;
use crate::journal::{HEADER, Record, Records, Status};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// When the records of these tests begin, in seconds since 1970.
const START: u64 = 1_795_000_000;

/// A record of a made-up file.
#[derive(Debug, Clone)]
struct Line {
    row: u64,
    status: Status,
    attempts: u32,
    duration: u64,
    /// Milliseconds after [`START`].
    at: u64,
    error: String,
}

impl Line {
    fn updated(row: u64, at: u64) -> Line {
        Line { row, status: Status::Updated, attempts: 1, duration: 40, at, error: String::new() }
    }

    fn rejected(row: u64, at: u64, error: &str) -> Line {
        Line { status: Status::Rejected, error: error.to_owned(), ..Line::updated(row, at) }
    }
}

fn file(lines: &[Line]) -> Vec<u8> {
    let mut file = HEADER.as_bytes().to_vec();
    for line in lines {
        let record = Record {
            row: line.row,
            line: line.row + 1,
            customer_id: &format!("C{}", line.row),
            subscription_id: "",
            status: line.status,
            http_status: None,
            attempts: line.attempts,
            duration: Duration::from_millis(line.duration),
            finished_at: SystemTime::UNIX_EPOCH + Duration::from_millis(START * 1000 + line.at),
            error: &line.error,
            fingerprint: Fingerprint(line.row),
        };
        record.write(&mut file);
    }
    file
}

fn survey(file: &[u8]) -> Survey {
    Survey::of(Path::new("in.result.csv"), || Ok(Records::new(Path::new("in.result.csv"), file))).unwrap()
}

fn html(file: &[u8]) -> String {
    let path = Path::new("in.result.csv");
    page(path, None, || Ok(Records::new(path, file))).unwrap().html
}

fn line() -> impl Strategy<Value = Line> {
    let status = proptest::sample::select(Status::ALL.to_vec());
    let error = proptest::sample::select(vec![
        "",
        "gone",
        "customer 12 is gone",
        "customer 7 is gone",
        "no 'x'",
        "no 'y'",
    ]);
    (1..40_u64, status, 0..12_u32, 0..100_000_u64, 0..20_000_u64, error).prop_map(
        |(row, status, attempts, duration, at, error)| {
            let error = if status.is_in_sync() { "" } else { error };
            Line { row, status, attempts, duration, at, error: error.to_owned() }
        },
    )
}

/// Lines whose times mostly go on, with pauses and steps back of every size.
fn lines() -> impl Strategy<Value = Vec<Line>> {
    proptest::collection::vec((line(), 0..12_u32), 0..120).prop_map(|lines| {
        let mut now = 200_000_u64;
        let mut next = |(mut line, power): (Line, u32)| {
            let step = line.at % 3_u64.pow(power).max(1);
            now = if line.at % 50 == 0 { now.saturating_sub(step) } else { now + step };
            line.at = now;
            line
        };
        lines.into_iter().map(&mut next).collect()
    })
}

proptest! {
    #[test]
    fn everything_adds_up(lines in lines()) {
        let survey = survey(&file(&lines));
        let last: BTreeMap<u64, &Line> = lines.iter().map(|line| (line.row, line)).collect();
        for (status, number) in survey.rows.iter() {
            prop_assert_eq!(number, last.values().filter(|line| line.status == status).count() as u64);
        }
        let tally = &survey.tally;
        let records = lines.len() as u64;
        prop_assert_eq!(survey.tail.records, records);
        prop_assert_eq!(tally.runs.iter().map(|run| run.records.total()).sum::<u64>(), records);
        prop_assert_eq!(tally.attempts.iter().sum::<u64>(), records);
        let attempts: u64 = lines.iter().map(|line| u64::from(line.attempts)).sum();
        prop_assert_eq!(tally.total_attempts(), attempts);
        for run in tally.runs.iter().skip(tally.drawn_from()) {
            prop_assert_eq!(run.bars.iter().map(|bar| bar.records()).sum::<u64>(), run.records.total());
            prop_assert_eq!(run.bars.iter().map(|bar| bar.in_sync).sum::<u64>(), run.records.in_sync());
        }
        let sent = lines.iter().filter(|line| line.attempts > 0).count() as u64;
        prop_assert_eq!(tally.replies().map_or(0, |replies| replies.len()), sent);
        let bars: usize = tally.runs.iter().map(|run| run.bars.len()).sum();
        prop_assert!(bars < 120, "{bars} bars");
        let _ = html(&file(&lines));
    }

    #[test]
    fn no_run_has_a_row_twice(lines in lines()) {
        let survey = survey(&file(&lines));
        let starts: Vec<_> = survey.runs.iter().map(|run| run.first as usize).collect();
        for (number, start) in starts.iter().enumerate() {
            let end = starts.get(number + 1).copied().unwrap_or(lines.len());
            let rows: BTreeSet<_> = lines[*start..end].iter().map(|line| line.row).collect();
            prop_assert_eq!(rows.len(), end - start);
        }
    }

    #[test]
    fn reasons_are_those_of_the_last_records(lines in lines()) {
        let survey = survey(&file(&lines));
        let last: BTreeMap<u64, &Line> = lines.iter().map(|line| (line.row, line)).collect();
        let (shown, others) = survey.shown_reasons();
        let rows: u64 = shown.iter().map(|(_, reason)| reason.rows).sum();
        prop_assert_eq!(rows + others, survey.rows.total() - survey.rows.in_sync());
        for (number, reason) in shown {
            let named = &survey.named[&number];
            prop_assert_eq!(named.len() as u64, reason.rows.min(5));
            for row in named {
                let line = last[&row.row];
                prop_assert_eq!((&row.error, reason.status, row.line), (&line.error, line.status, line.row + 1));
            }
            // They are the first ones.
            let kind = |line: &Line| (line.status, line.error.chars().filter(|letter| !letter.is_ascii_digit()).collect::<String>());
            let of_kind = last.values().filter(|line| kind(line) == kind(last[&named[0].row]));
            let first: Vec<_> = of_kind.map(|line| line.row).take(5).collect();
            prop_assert_eq!(named.iter().map(|row| row.row).collect::<Vec<_>>(), first);
        }
    }

    #[test]
    fn percentiles_are_exact_to_a_thousandth(durations in proptest::collection::vec(0..3_600_000_u64, 1..400)) {
        let with = |(row, duration): (u64, &u64)| Line { duration: *duration, ..Line::updated(row, row) };
        let lines: Vec<_> = (1..).zip(&durations).map(with).collect();
        let survey = survey(&file(&lines));
        let replies = survey.tally.replies().unwrap();
        let mut sorted = durations;
        sorted.sort_unstable();
        for quantile in [0.5, 0.9, 0.95, 0.99, 0.999] {
            let exact = sorted[((sorted.len() as f64 * quantile).ceil() as usize).max(1) - 1];
            let found = replies.value_at_quantile(quantile);
            prop_assert!(found.abs_diff(exact) as f64 <= exact as f64 / 1000.0 + 1e-9, "{quantile}: {found} for {exact}");
        }
    }
}

#[test]
fn a_file_of_two_runs_is_told_in_figures() {
    let mut lines: Vec<_> = (1..=100).map(|row| Line::updated(row, row * 100)).collect();
    lines[9] = Line::rejected(10, 1000, "customer 10 not found");
    lines[19] = Line::rejected(20, 2000, "customer 20 not found");
    lines[29] = Line::rejected(30, 3000, "no such country");
    lines.push(Line::updated(10, 70_000));
    lines.push(Line::rejected(20, 70_100, "customer 20 not found"));
    lines.push(Line::rejected(30, 70_200, "customer 30 not found"));
    let file = file(&lines);
    let survey = survey(&file);
    assert_eq!((survey.runs.len(), survey.reasons.resolved()), (2, 1));
    let measured: Vec<_> = survey
        .tally
        .runs
        .iter()
        .map(|run| (run.records.total(), run.records.in_sync(), run.attempts))
        .collect();
    assert_eq!(measured, [(100, 97, 100), (3, 1, 3)]);
    let (shown, others) = survey.shown_reasons();
    assert_eq!((shown.len(), others), (1, 0));
    assert_eq!((shown[0].1.rows, shown[0].1.records), (2, 4));
    assert_eq!(shown[0].1.text, "customer … not found");
    let html = html(&file);
    for text in [
        "98 of 100 rows so far are in sync; 2 were rejected.",
        "103 records of 2 runs, 2026-11-18 11:06:40 to 11:07:50 UTC",
        "row 20</b>, line 21, customer <span class=\"id\">C20</span>",
        "Break before\">1m</td>",
    ] {
        assert!(html.contains(text), "{text}\n{html}");
    }
}

#[test]
fn beyond_the_bound_reasons_are_counted_and_not_told_apart() {
    let word = |mut number: u64| {
        let mut word = String::new();
        while number > 0 {
            word.push(char::from(b'k' + (number % 10) as u8));
            number /= 10;
        }
        word
    };
    let lines: Vec<_> = (1..=3000).map(|row| Line::rejected(row, row, &word(row))).collect();
    let mut again = lines.clone();
    again.extend((2900..=3000).map(|row| Line::updated(row, 10_000 + row)));
    let survey = survey(&file(&again));
    let (shown, others) = survey.shown_reasons();
    assert_eq!((shown.len(), others, survey.reasons.others()), (20, 2899 - 20, 899));
}

/// The tags of a document with the names of their attributes, as any parser would see them.
fn tags(html: &str) -> Vec<String> {
    let inside = html.split('<').skip(1).map(|part| part.split('>').next().unwrap_or_default());
    let names = |tag: &str| {
        let mut names = String::new();
        let mut is_value = false;
        for letter in tag.chars() {
            is_value ^= letter == '"';
            if !is_value && letter != '"' {
                names.push(letter);
            }
        }
        names
    };
    inside.map(names).collect()
}

#[test]
fn nothing_from_the_file_becomes_markup() {
    let hostile = [
        "<script>alert(1)</script>",
        "</style><img src=x onerror=alert(1)>",
        "\"\" onload=\"\"alert(1)",
        "' onmouseover='alert(1)",
        "&lt;b&gt;&#60;b>",
        "<!--",
        "]]><svg onload=alert(1)>",
        "\u{202e}txt.exe\u{2028}\u{200b}",
        "{{7*7}}${7*7}",
    ];
    let file = |texts: &[&str]| {
        let mut file = HEADER.to_owned();
        for (row, text) in (1..).zip(texts) {
            // Not as this program would write it: as somebody who edits the file could.
            let line = row + 1;
            file += &format!(
                "{row},{line},\"{text}\",\"{text}\",rejected,400,1,5,2026-11-23T01:30:0{row}.000Z,\"{text}\",{row:016x}\n"
            );
        }
        file
    };
    let (path, tame) = (Path::new("<i>.csv"), ["word"; 9].map(|word| word.to_owned()));
    // As many reasons as hostile texts, so that the pages have the same form.
    let tame: Vec<_> = tame.iter().zip('a'..).map(|(word, letter)| format!("{word}{letter}")).collect();
    let tame: Vec<&str> = tame.iter().map(String::as_str).collect();
    let page = |file: &str| page(path, None, || Ok(Records::new(path, file.as_bytes()))).unwrap().html;
    let (bad, good) = (page(&file(&hostile)), page(&file(&tame)));
    // A reason whose numbers are left blank is followed by the record's own words.
    let own = "<span class=\"own\">";
    let without_own = bad.split(own).enumerate().map(|(number, part)| match number {
        0 => part.to_owned(),
        _ => part.split_once("</span>").unwrap().1.to_owned(),
    });
    assert_eq!(tags(&without_own.collect::<String>()), tags(&good));
    for raw in ["<script", "<img", "<!--", "<i>", "onload=\"", "\u{202e}", "\u{2028}", "\u{200b}"] {
        assert!(!bad.contains(raw), "{raw}");
    }
    for shown in ["&lt;script&gt;alert(", "\\u{202e}txt.exe", "&lt;i&gt;.csv"] {
        assert!(bad.contains(shown), "{shown}");
    }
}

#[test]
fn the_page_needs_nothing_from_anywhere() {
    let html = html(&file(&[Line::updated(1, 0), Line::rejected(2, 100, "no")]));
    assert!(html.starts_with(OPENING));
    assert!(html.contains(
        "content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\""
    ));
    for bad in
        ["<script", "<link", "<img", "<iframe", "src=", "href=", "@import", "http://", "https://", " style="]
    {
        assert!(!html.contains(bad), "{bad}");
    }
    let lonely: Vec<_> = html.match_indices("url(").map(|(at, _)| &html[at..at + 5]).collect();
    assert!(lonely.iter().all(|place| *place == "url(#"), "{lonely:?}");
}

#[test]
fn the_same_file_gives_the_same_page() {
    let lines: Vec<_> =
        (1..200).map(|row| Line::rejected(row, row * 100, &"x".repeat(row as usize % 30))).collect();
    assert_eq!(html(&file(&lines)), html(&file(&lines)));
}

#[test]
fn a_file_without_a_record_is_a_page_too() {
    for start in [HEADER, "", "row,li"] {
        let html = html(start.as_bytes());
        assert!(html.contains("<h1>No rows are recorded yet.</h1>"), "{html}");
        assert!(!html.contains("<section"));
    }
}

#[test]
fn a_torn_tail_is_said_and_not_counted() {
    let mut torn = file(&[Line::updated(1, 0), Line::updated(4, 100)]);
    torn.extend_from_slice(b"5,6,C5,,upd");
    let html = html(&torn);
    assert!(html.contains("The last record is incomplete (11 bytes)"), "{html}");
    assert!(html.contains("Row numbers go up to 4, but 2 rows below that have no record"), "{html}");
    assert!(html.contains("All 2 rows so far are in sync."));
}

#[test]
fn a_file_that_is_replaced_meanwhile_gives_no_page() {
    let (long, short) = (file(&[Line::updated(1, 0), Line::updated(2, 100)]), file(&[Line::updated(1, 0)]));
    let mut files = [&long, &short].into_iter();
    let path = Path::new("in.result.csv");
    let again = page(path, None, || Ok(Records::new(path, files.next().unwrap().as_slice())));
    assert!(matches!(again, Err(PageError::Changed { .. })));
    // One that grew is read as far as it was.
    let mut files = [&short, &long].into_iter();
    let grown = page(path, None, || Ok(Records::new(path, files.next().unwrap().as_slice())));
    assert!(grown.unwrap().html.contains("up to record 1 "));
}

#[test]
fn a_time_that_cannot_be_is_damage() {
    let good = String::from_utf8(file(&[Line::updated(1, 0)])).unwrap();
    let bad = good.replace("2026-11-18T", "2026-13-45T");
    let path = Path::new("in.result.csv");
    let refused = page(path, None, || Ok(Records::new(path, bad.as_bytes()))).unwrap_err();
    assert!(refused.to_string().contains("line 2 (byte 107): the field 'finished_at'"), "{refused}");
}

#[test]
fn a_few_are_not_none() {
    assert_eq!(
        [(0, 5000), (1, 5000), (5, 5000), (4999, 5000)].map(|(part, whole)| percent(part, whole)),
        ["0.0%", "<0.1%", "0.1%", "99.9%"]
    );
}
