//! What a person sees: the program on a real pseudo-terminal, its screen held against snapshots in which figures that
//! differ from run to run are normalised.

use crate::support::{self, INPUT, Offerit, Reply, Server, Terminal, table};
use std::time::Duration;

/// A job whose server answers the first rows, refuses one of them, and then lets the test decide.
fn held_at(number: usize, reply: &Reply) -> Server {
    let reply = reply.clone();
    Server::start(move |_, at| match at {
        1 => Reply::json(404, r#"{"message":"no such customer"}"#),
        at if at < number => Reply::updated(),
        at if at == number => reply.clone(),
        _ => Reply::updated(),
    })
}

const ARGUMENTS: [&str; 8] =
    ["run", INPUT, "--rate", "unlimited", "--concurrency", "1", "--no-adapt", "--drain-timeout=1s"];

/// The lines of the block: those below the last line that stays.
fn block(screen: &str, height: usize) -> Vec<String> {
    let lines: Vec<_> = screen.lines().collect();
    lines[lines.len().saturating_sub(height)..].iter().map(|line| normalised(line)).collect()
}

/// Figures that differ from run to run: speeds, times to go, and countdowns.
fn normalised(line: &str) -> String {
    let words = line.split(' ').map(|word| {
        let is_figure = word.trim_end_matches([':', ';', 's', 'm', 'h']).parse::<f64>().is_ok();
        let is_time = is_figure && word.contains(['s', 'm', 'h']) && !word.contains('/');
        let is_speed = is_figure && word.contains('.');
        if is_time || is_speed {
            "N".to_owned() + word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_hold_is_shown_in_a_steady_block() {
    support::alone();
    let server = held_at(40, &Reply::new(429).header("retry-after", "3000"));
    let offerit = Offerit::job(&server, table(1..=100));
    let mut terminal = Terminal::start(&offerit, &ARGUMENTS, (24, 80));
    // It counts down: one figure after the other.
    let screen = terminal.wait_for(|text| text.contains("on hold for 49m 58s"));
    let lines = block(&screen, 4);
    // A pause has no speed and no time to go.
    assert_eq!(lines[0], "████████████████░░░░░░░░░░░░░░░░░░░░░░░░  40.0%  40 of 100");
    assert_eq!(
        lines[1..],
        [
            "no limit",
            "39 updated  1 rejected",
            "on hold for Nm Ns: the server asks for a pause (Retry-After)",
        ],
        "{screen}"
    );
    assert!(terminal.raw().contains("\u{1b}[33m"), "a hold is yellow");
    // One block, not one below the other.
    assert_eq!(screen.matches("no limit").count(), 1, "{screen}");
    assert!(screen.contains("row 2 (line 3, customer 2): rejected: HTTP 404: no such customer"), "{screen}");
}

#[test]
fn the_bar_is_that_of_the_rows_to_send() {
    support::alone();
    let server = held_at(125, &Reply::new(429).header("retry-after", "3000"));
    let offerit = Offerit::job(&server, table(1..=100));
    offerit.run(&[&ARGUMENTS[..], &["--result", "night-0.csv"]].concat()).expect_code(3);
    // The hundred were sent once. Of the fifty that have changed forty are the limit, and row 2 is refused no more.
    let changed = table(1..=100)
        .lines()
        .enumerate()
        .fold(String::new(), |text, (row, line)| text + line + if row > 50 { " changed\n" } else { "\n" });
    offerit.input(INPUT, changed);
    let since = ["--result", "night-1.csv", "--since", "night-0.csv", "--limit", "40"];
    let mut terminal = Terminal::start(&offerit, &[&ARGUMENTS[..], &since].concat(), (24, 200));
    let screen = terminal.wait_for(|text| text.contains("on hold for 49m 58s"));
    let lines = block(&screen, 4);
    assert!(lines[0].ends_with("  62.5%  25 of 40"), "{screen}");
    assert_eq!(lines[2], "25 updated  49 unchanged", "{screen}");
    let announced = "sending 40 of 100 rows to ";
    assert!(screen.replace('\n', "").contains(announced), "{screen}");
}

/// The seconds of the countdown that is drawn last, of a hold of less than 50 minutes.
fn countdown(screen: &str) -> Option<u32> {
    screen.rsplit("on hold for 49m ").next()?.split('s').next()?.parse().ok()
}

/// Waits for two drawings more. Each second has one.
fn drawn_again(terminal: &mut Terminal) -> String {
    let before = countdown(&terminal.text()).expect("a countdown");
    terminal.wait_for(|text| countdown(text).is_some_and(|now| now + 2 <= before))
}

#[test]
fn nothing_of_the_block_stays_behind_when_the_window_is_made_narrower_or_wider() {
    let server = held_at(40, &Reply::new(429).header("retry-after", "3000"));
    let offerit = Offerit::job(&server, table(1..=100));
    let mut terminal = Terminal::start(&offerit, &ARGUMENTS, (24, 80));
    let first = terminal.wait_for(|text| countdown(text).is_some());
    let words = |text: &str| text.split_whitespace().collect::<String>();
    let above = words(first.split('█').next().unwrap_or_default());
    for columns in [79, 70, 60, 45, 61, 80] {
        terminal.resize(columns);
        let screen = drawn_again(&mut terminal);
        for part in [" 40 of 100", "no limit", "39 updated", "on hold"] {
            assert_eq!(screen.matches(part).count(), 1, "{part} at {columns}: {screen}");
        }
        // Nor does it take away what stands above it.
        assert!(words(&screen).starts_with(&above), "{above} at {columns}: {screen}");
    }
}

#[test]
fn what_a_shell_has_written_while_the_run_was_stopped_stays() {
    let server = held_at(40, &Reply::new(429).header("retry-after", "3000"));
    let offerit = Offerit::job(&server, table(1..=100));
    let mut terminal = Terminal::start(&offerit, &ARGUMENTS, (24, 80));
    terminal.wait_for(|text| countdown(text).is_some());
    let shell = ["[1]+  Stopped", "$ echo hello", "hello", "$ fg", "offerit-sync run"];
    terminal.stop_and_go_on(&("\n".to_owned() + &shell.map(|line| line.to_owned() + "\n").concat()));
    let screen = drawn_again(&mut terminal);
    let lines: Vec<_> = screen.lines().collect();
    assert_eq!(lines[lines.len() - 9..lines.len() - 4], shell, "{screen}");
    assert!(lines[lines.len() - 4].starts_with('█'), "{screen}");
}

#[test]
fn the_block_goes_away_and_the_lines_stay() {
    let server = held_at(50, &Reply::updated());
    let offerit = Offerit::job(&server, table(1..=60));
    let mut terminal = Terminal::start(&offerit, &ARGUMENTS, (24, 200));
    let (status, screen) = terminal.end();
    assert_eq!(status.code(), Some(3), "{screen}");
    assert!(!screen.contains("no limit") && !screen.contains('█'), "{screen}");
    for line in ["row 2 (line 3, customer 2): rejected", "59 updated, 1 rejected (60 requests)", "--resume"] {
        assert!(screen.contains(line), "{line}: {screen}");
    }
}

/// As a person stops the run: the terminal echoes `^C` behind the block, and the signal comes.
#[test]
fn ctrl_c_leaves_nothing_of_the_block_at_any_width() {
    // The hold's line is 62 columns long: at 63 to 65 an echo behind all of it would wrap.
    for columns in [12, 20, 33, 40, 59, 60, 62, 63, 64, 65, 80, 200] {
        let server = held_at(40, &Reply::new(429).header("retry-after", "3000"));
        let offerit = Offerit::job(&server, table(1..=100));
        let mut terminal = Terminal::start(&offerit, &ARGUMENTS, (40, columns));
        terminal.wait_for(|text| text.contains("on hold"));
        terminal.press_ctrl_c();
        let (status, screen) = terminal.end();
        assert_eq!(status.code(), Some(130), "{columns}: {screen}");
        for part in ["█", "░", "%", "no limit", "39 updated  1", "on hold", "^C"] {
            let is_left = screen.split("no such customer").last().unwrap_or_default().contains(part);
            assert!(!is_left, "{part} at {columns}: {screen}");
        }
        assert!(screen.replace('\n', "").contains("--resume"), "{columns}: {screen}");
    }
}

#[test]
fn forty_columns_and_no_colour_are_honoured() {
    support::alone();
    let server = held_at(40, &Reply::new(429).header("retry-after", "3000"));
    let offerit = Offerit::job(&server, table(1..=100)).env("NO_COLOR", "1");
    let mut terminal = Terminal::start(&offerit, &ARGUMENTS, (40, 40));
    let screen = terminal.wait_for(|text| text.contains("on hold for 49m 58s"));
    let lines = block(&screen, 5);
    assert!(lines[0].ends_with("40.0%  40 of 100"), "{screen}");
    assert_eq!(
        lines[1..],
        ["no limit", "39 updated  1 rejected", "", "on hold for Nm Ns (Retry-After)"],
        "{screen}"
    );
    assert!(
        !terminal.raw().contains("\u{1b}[3") && !terminal.raw().contains("\u{1b}[0m"),
        "{:?}",
        terminal.raw()
    );
}

#[test]
fn an_outage_is_shown_with_the_next_probe() {
    let server = Server::start(|_, number| if number < 20 { Reply::updated() } else { Reply::new(503) });
    let offerit = Offerit::job(&server, table(1..=100));
    let mut terminal = Terminal::start(&offerit, &ARGUMENTS, (24, 80));
    let screen = terminal.wait_for(|text| text.contains("paused: server unreachable, next try in 3s"));
    // Whether the status stands before the reason depends on which attempt was taken for an outage.
    let lines = block(&screen.replace("HTTP 503: ", ""), 4);
    let expected = ["20 updated", "paused: server unreachable, next try in Ns (Service Unavailable)"];
    assert_eq!(lines[2..], expected, "{screen}");
}

#[test]
fn a_terminal_that_only_writes_lines_gets_no_block() {
    let server = held_at(40, &Reply::new(429).header("retry-after", "1"));
    let offerit = Offerit::job(&server, table(1..=100)).env("TERM", "dumb");
    let mut terminal = Terminal::start(&offerit, &ARGUMENTS, (24, 120));
    let (_, screen) = terminal.end();
    assert!(!terminal.raw().contains('\u{1b}'), "{:?}", terminal.raw());
    assert!(screen.contains("99 updated, 1 rejected"), "{screen}");
}

#[test]
fn log_lines_do_not_disturb_the_block() {
    let server = Server::start(|_, number| match number % 2 {
        0 => Reply::json(404, r#"{"message":"no such customer"}"#).after(Duration::from_millis(2)),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, table(1..=400));
    let mut terminal = Terminal::start(&offerit, &[&ARGUMENTS[..], &["-v"]].concat(), (50, 100));
    let (status, screen) = terminal.end();
    assert_eq!(status.code(), Some(3), "{screen}");
    assert_eq!(screen.matches("): rejected").count(), 3, "{screen}");
    assert!(screen.contains("… and 197 more: rejected: HTTP 404: no such customer"), "{screen}");
    assert!(!screen.contains("no limit"), "{screen}");
}
