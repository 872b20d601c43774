//! The key and the values of a row never show, whatever the server echoes.

use crate::support::{self, KEY, Offerit, Output, RESULT, Reply, Request, Server, USERNAME, table};
use std::fs;

/// The fields of a row with values that are easy to find again, however they are spelt.
const VALUES: [(&str, &str); 16] = [
    ("firstname", "Grégoire-Ünique"),
    ("lastname", "O'Neil & <Söhne>"),
    ("email", "Private.Person@example.org"),
    ("address1", "12/3 Rue \"Haute\""),
    ("address2", "c/o Žižka, Flat 7"),
    ("city", "Łódź-Śródmieście"),
    ("state", "Île-de-France"),
    ("country", "Côte d'Ivoire"),
    ("zip", "01067-8842"),
    ("custom1", "東京都千代田区"),
    ("custom2", "+49 30 23125 524"),
    ("custom3", "100% & more = 1+1"),
    ("custom4", "back\\slash\\value"),
    ("custom5", "🙂 smile 🙂"),
    ("password", "p&ss w%rd+1\"ö</"),
    ("username", "gregoire_unique"),
];

/// How a server may spell a value that it echoes: as it is, in capitals, as in a form, a URL, HTML, JSON, and as
/// languages and their libraries do.
const SPELLINGS: [fn(&str) -> String; 14] = [
    str::to_owned,
    str::to_uppercase,
    form,
    url,
    html,
    json,
    python_quote,
    encode_uri_component,
    form_twice,
    go_html,
    references,
    escaped_bytes,
    spaced_hex,
    json_twice,
];

fn form(value: &str) -> String {
    let letter = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        _ if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(letter).collect()
}

fn url(value: &str) -> String {
    form(value).replace('+', "%20").to_lowercase()
}

/// Percent-encoded but for these and for letters and digits of ASCII.
fn percent(value: &str, bare: &[u8]) -> String {
    let letter = |byte: u8| match byte {
        _ if byte.is_ascii_alphanumeric() || bare.contains(&byte) => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(letter).collect()
}

fn python_quote(value: &str) -> String {
    percent(value, b"-._~/")
}

fn encode_uri_component(value: &str) -> String {
    percent(value, b"-._~!*'()")
}

fn form_twice(value: &str) -> String {
    form(&form(value))
}

fn go_html(value: &str) -> String {
    html(value).replace("&quot;", "&#34;").replace('\'', "&#39;")
}

fn references(value: &str) -> String {
    value.chars().map(|letter| format!("&#x{:X};", u32::from(letter))).collect()
}

fn escaped_bytes(value: &str) -> String {
    value.bytes().map(|byte| format!("\\x{byte:02x}")).collect()
}

fn spaced_hex(value: &str) -> String {
    value.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

fn json_twice(value: &str) -> String {
    json(&json(value))
}

fn json(value: &str) -> String {
    let quoted = serde_json::to_string(value).expect("JSON");
    quoted[1..quoted.len() - 1].to_owned()
}

fn html(value: &str) -> String {
    value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// As PHP's `json_encode` writes it unless told otherwise: ASCII only, slashes escaped.
fn php_json(value: &str) -> String {
    let letter = |letter: char| match letter {
        '"' | '\\' | '/' => format!("\\{letter}"),
        ' '..='~' => letter.to_string(),
        _ => letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
    };
    value.chars().map(letter).collect()
}

/// A table of so many rows that all have the values above.
fn full_table(rows: usize) -> String {
    let names: Vec<&str> = VALUES.iter().map(|(name, _)| *name).collect();
    let cells: Vec<String> =
        VALUES.iter().map(|(_, value)| format!("\"{}\"", value.replace('"', "\"\""))).collect();
    let row = |number| format!("{number},{}\n", cells.join(","));
    format!("customer_id,{}\n", names.join(",")) + &(1..=rows).map(row).collect::<String>()
}

fn row(request: &Request) -> usize {
    request.field("customer_id").and_then(|id| id.parse().ok()).expect("a row of the table")
}

/// Asserts that nothing people may see or keep holds the key or a value, in any spelling.
#[track_caller]
fn assert_silent(offerit: &Offerit, output: &Output) {
    let result = fs::read_to_string(offerit.path(RESULT)).unwrap_or_default();
    // A quote is doubled in the file: what was meant is looked at too.
    let meant = result.replace("\"\"", "\"");
    let texts =
        [("result", &result), ("result", &meant), ("stdout", &output.stdout), ("stderr", &output.stderr)];
    for (place, text) in texts {
        let text = text.to_lowercase();
        for (name, value) in VALUES.into_iter().chain([("api-key", KEY)]) {
            let spellings = SPELLINGS.iter().map(|spell| spell(value)).chain([php_json(value)]);
            for spelling in spellings {
                assert!(
                    !text.contains(&spelling.to_lowercase()),
                    "{place} shows {name} as {spelling}: {text}"
                );
            }
        }
    }
}

/// Runs a job against a server that echoes to every other row one value in one spelling, through `reply`.
#[track_caller]
fn assert_echoes_are_redacted(status: &str, reply: fn(&str) -> Reply) {
    let echoes: Vec<String> = SPELLINGS
        .iter()
        .flat_map(|spell| VALUES.iter().chain([&("api-key", KEY)]).map(|(_, value)| spell(value)))
        .collect();
    let count = echoes.len();
    let server = Server::start(move |request, _| match row(request) {
        row if row % 2 == 1 => reply(&format!("not valid >{}< here", echoes[row / 2])),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, full_table(2 * count));
    // One at a time: the row after each of them shows that it is at fault.
    let output = offerit.send(&["--max-attempts", "1", "--concurrency", "1"]).expect_code(3);
    assert_silent(&offerit, &output);
    let outcomes = offerit.outcomes();
    assert_eq!((outcomes.len(), server.count()), (2 * count, 2 * count));
    for record in outcomes.values().filter(|record| record.row % 2 == 1) {
        assert_eq!(record.status, status, "{record:?}");
        assert!(record.error.contains("not valid >"), "the server's own words are kept: {record:?}");
    }
}

#[test]
fn what_a_refusal_echoes_in_plain_text_is_redacted() {
    assert_echoes_are_redacted("rejected", |echo| Reply::new(400).body(echo));
}

#[test]
fn what_a_refusal_echoes_in_its_message_is_redacted() {
    assert_echoes_are_redacted("rejected", |echo| {
        Reply::json(200, serde_json::json!({"result": "error", "message": echo}).to_string())
    });
}

#[test]
fn what_a_refusal_echoes_deep_in_its_data_is_redacted() {
    assert_echoes_are_redacted("rejected", |echo| {
        Reply::json(422, serde_json::json!({"data": {"errors": [{"field": [echo]}]}}).to_string())
    });
}

#[test]
fn what_a_page_that_confirms_nothing_echoes_is_redacted() {
    assert_echoes_are_redacted("unknown", |echo| Reply::new(200).body(format!("<html>{echo}</html>")));
}

#[test]
fn what_an_overloaded_server_echoes_is_redacted() {
    let server = Server::start(|request, _| match row(request) {
        7 => Reply::new(500).body(format!("cannot store >{}< at {KEY}", VALUES[14].1)),
        _ => Reply::updated(),
    });
    let offerit = Offerit::job(&server, full_table(20));
    let output = offerit.send(&["--max-attempts", "1", "--concurrency", "1"]).expect_code(3);
    assert_silent(&offerit, &output);
    assert!(offerit.outcomes()[&7].error.contains("cannot store >"), "{:?}", offerit.outcomes()[&7]);
}

#[test]
fn what_a_json_echo_cut_in_two_shows_is_redacted() {
    // Cut off, it is no JSON any more: its escapes stand there as text.
    let server = Server::start(|request, _| {
        let (_, value) = VALUES[row(request) - 1];
        Reply::json(400, format!("{{\"message\":\"not valid >{}<", php_json(value)))
    });
    let offerit = Offerit::job(&server, full_table(VALUES.len()));
    let output = offerit.send(&[]).expect_code(3);
    assert_silent(&offerit, &output);
    assert!(offerit.outcomes().values().all(|record| record.error.contains("not valid >")));
}

#[test]
fn what_a_body_echoed_whole_shows_is_redacted() {
    let server = Server::start(|request, _| {
        let headers: String =
            request.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        let half = |part: &[u8]| [headers.as_bytes(), part].concat();
        let middle = request.body.len() / 2;
        match row(request) {
            1 => Reply::new(400).body(half(&request.body)),
            2 => Reply::new(400).body(&request.body),
            _ => Reply::new(400).body(&request.body[middle..]),
        }
    });
    let offerit = Offerit::job(&server, full_table(3));
    let output = offerit.send(&[]).expect_code(3);
    assert_silent(&offerit, &output);
}

#[test]
fn what_ends_the_run_shows_no_secret_either() {
    let all = VALUES.map(|(_, value)| value).join(" / ");
    let denied = all.clone();
    for reply in [
        Reply::new(401).body(format!("key {KEY} of {denied}")),
        Reply::json(403, serde_json::json!({"message": format!("{KEY} {denied}")}).to_string()),
        Reply::new(407).body(&denied),
        Reply::new(302).header("location", format!("https://a.example/{KEY}?api-key={KEY}")),
        Reply::new(307).header("location", format!("https://a.example/?password={}", form(VALUES[14].1))),
    ] {
        let server = Server::start(move |_, _| reply.clone());
        let offerit = Offerit::job(&server, full_table(2));
        let output = offerit.send(&[]).expect_code(6);
        assert_silent(&offerit, &output);
    }
}

#[test]
fn short_passwords_are_redacted_too() {
    let server = Server::start(|_, _| Reply::json(400, r#"{"message":"the new password 'x1' is weak"}"#));
    let offerit = Offerit::job(&server, "customer_id,password\n1,x1\n");
    offerit.send(&[]).expect_code(3);
    let record = &offerit.records()[0];
    assert!(record.error.contains("the new password '") && !record.error.contains("x1"), "{record:?}");
}

#[test]
fn invalid_rows_show_no_value() {
    let server = Server::start(|_, _| Reply::updated());
    let names: Vec<&str> = VALUES.iter().map(|(name, _)| *name).collect();
    let cells = VALUES.map(|(_, value)| format!("\"{}\"", value.replace('"', "\"\""))).join(",");
    let header = format!("customer_id,subscription_id,{}", names.join(","));
    // No id; a control character in an id; a column too many.
    let offerit = Offerit::job(&server, format!("{header}\n,,{cells}\n\"1\n1\",,{cells}\n3,,{cells},x\n"));
    let output = offerit.send(&[]).expect_code(3);
    assert_silent(&offerit, &output);
    assert_eq!((offerit.records().len(), server.count()), (3, 0));
    let checked = offerit.run(&["check", support::INPUT]).expect_code(3);
    assert_silent(&offerit, &checked);
}

#[test]
fn the_key_is_in_no_argument_list_and_goes_to_its_header_only() {
    let gate = support::Gate::new();
    let at_the_door = gate.clone();
    let server = Server::start(move |_, _| Reply::updated().gated(&at_the_door));
    let offerit = Offerit::job(&server, table(1..=1));
    let child = offerit.start_sending(&[]);
    server.wait_for(1);
    let arguments = fs::read(format!("/proc/{}/cmdline", child.pid())).expect("the argument list");
    assert!(!String::from_utf8_lossy(&arguments).contains(KEY));
    gate.open();
    let output = child.wait().expect_code(0);
    assert!(!output.stderr.contains(KEY));
    let request = &server.requests()[0];
    assert_eq!((request.header("api-key"), request.header("api-username")), (Some(KEY), Some(USERNAME)));
    let others = request.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("api-key"));
    assert!(others.map(|(_, value)| value).all(|value| !value.contains(KEY)) && !request.path.contains(KEY));
}

#[test]
fn a_proxy_of_the_environment_gets_nothing_that_is_for_this_machine() {
    let (server, proxy) = (Server::start(|_, _| Reply::updated()), Server::start(|_, _| Reply::updated()));
    let mut offerit = Offerit::job(&server, table(1..=3));
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        offerit = offerit.env(name, proxy.url());
    }
    offerit.send(&[]).expect_code(0);
    assert_eq!((server.count(), proxy.count()), (3, 0));
}

#[test]
fn the_text_of_a_reply_is_shown_on_request_and_never_kept() {
    let text = format!("La ville «Rīga» de {KEY} n'est pas valide, pw-9\n\u{1b}[2J");
    let server =
        Server::start(move |_, _| Reply::json(400, serde_json::json!({"message": text}).to_string()));
    let offerit = Offerit::job(&server, "customer_id,city,password\n7,Rīga,pw-9\n");
    let shown = offerit.send(&["-v", "--show-values"]).expect_code(3);
    let line = shown.stderr.lines().find(|line| line.contains("the server replied")).expect("a line");
    assert!(line.contains("DEBUG customer 7: the server replied with HTTP 400: "), "{line}");
    assert!(line.contains("La ville «Rīga» de *** n'est pas valide, ***"), "{line}");
    let kept = fs::read_to_string(offerit.path(RESULT)).expect("the result file");
    for secret in ["Rīga", "ville", KEY, "pw-9"] {
        assert!(!kept.contains(secret), "{kept}");
    }
    for option in ["-v", "--show-values"] {
        let masked = offerit.send(&[option, "--overwrite"]).expect_code(3);
        for secret in ["Rīga", "ville", KEY, "pw-9", "\u{1b}"] {
            assert!(!masked.stderr.contains(secret), "{option}: {}", masked.stderr);
        }
    }
}

#[test]
fn a_value_that_is_cut_shows_nothing_of_itself() {
    let server = Server::start(|request, _| {
        let (_, value) = VALUES[row(request) - 1];
        let cut: String = value.chars().take(value.chars().count() * 2 / 3).collect();
        Reply::json(400, serde_json::json!({"message": format!("not valid >{cut}")}).to_string())
    });
    let offerit = Offerit::job(&server, full_table(VALUES.len()));
    offerit.send(&[]).expect_code(3);
    for record in offerit.outcomes().values() {
        let rest = record.error.strip_prefix("HTTP 400: not valid >");
        assert!(rest.is_some_and(|rest| !rest.contains(char::is_alphanumeric)), "{record:?}");
    }
}
