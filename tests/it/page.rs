//! The page of `report` in a real browser: headless Chromium, as Debian packages it. Where there is none the tests
//! are skipped.

use crate::support::{self, Child, Offerit, RESULT, tools};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// A page of a file with several runs, a hold, and every kind of outcome.
fn page() -> (Offerit, String) {
    let program = Offerit::new();
    let mut file = support::result::HEADER.to_owned() + "\n";
    let mut push = |row: u64, second: u64, (status, http, attempts): (&str, &str, u32), error: &str| {
        let (line, minute, second) = (row + 1, second / 60, second % 60);
        file += &format!(
            "{row},{line},C{row},,{status},{http},{attempts},{},2026-11-23T01:{minute:02}:{second:02}.{:03}Z,\"{error}\",{row:016x}\n",
            // Some take a thousand times as long as others.
            5_u64 << (row * 7919 % 12),
            row % 10 * 100,
        );
    };
    for row in 1..=300_u64 {
        let second = row / 10 + if row > 150 { 40 } else { 0 };
        let outcome = match row {
            151 => ("updated", "200", 2),
            _ if row % 37 == 0 => ("rejected", "404", 1),
            _ if row % 91 == 0 => ("failed", "503", 5),
            _ => ("updated", "200", 1),
        };
        push(
            row,
            second,
            outcome,
            if outcome.0 == "updated" { "" } else { "<img src=x onerror=alert(1)> & <script>" },
        );
    }
    (1..=8).for_each(|row| push(row * 37, 900, ("unknown", "", 1), "no reply within 30s"));
    program.input(RESULT, file);
    program.run(&["report", RESULT]).expect_code(0);
    let html = fs::read_to_string(program.path("customers.result.html")).expect("a page");
    (program, html)
}

/// Chromium with a profile of its own, or `None` where there is none.
fn chromium(program: &Offerit, arguments: &[&str]) -> Option<Child> {
    if !tools::is_installed("chromium") {
        return None;
    }
    let mut command = Command::new("chromium");
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        "--enable-logging=stderr",
    ]);
    let profile = program.path("profile");
    let page = program.path("customers.result.html");
    command.arg(format!("--user-data-dir={}", profile.display())).args(arguments);
    command
        .arg(format!("file://{}", page.display()))
        .env("HOME", program.folder())
        .current_dir(program.folder());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(Child::start(command))
}

/// The names of a document's elements in order, without the closing tags.
fn elements(html: &str) -> Vec<&str> {
    let tags =
        html.split('<').skip(1).filter(|tag| tag.starts_with(|letter: char| letter.is_ascii_alphabetic()));
    tags.map(|tag| tag.split(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap_or_default())
        .collect()
}

#[test]
fn a_browser_reads_the_very_elements_that_were_written() {
    let (program, html) = page();
    let Some(browser) = chromium(&program, &["--dump-dom"]) else { return };
    let output = browser.wait().expect_code(0);
    // What is not nested as HTML wants it is moved, closed or made anew by the browser's parser.
    assert_eq!(elements(&output.stdout), elements(&html));
    assert!(elements(&html).contains(&"svg") && !elements(&html).contains(&"script"));
    for text in ["hold ", "Run 2", "&lt;img src=x onerror=alert(1)&gt; &amp; &lt;script&gt;"] {
        assert!(output.stdout.contains(text) || text == "{text}");
    }
    // The policy had nothing to forbid, and nothing was loaded or run.
    for complaint in ["Refused to", "Content Security Policy", "CONSOLE"] {
        assert!(!output.stderr.contains(complaint), "{}", output.stderr);
    }
}

/// Looks at a page in frames of many widths, tables opened: which are narrower than what is in them, and where a text of
/// a drawing lies on another.
const MEASURE: &str = r#"<!DOCTYPE html><meta charset="utf-8"><body><script>
const page = PAGE, found = [];
const lieOnEachOther = (a, b) =>
  a.left < b.right - .5 && b.left < a.right - .5 && a.top < b.bottom - 3 && b.top < a.bottom - 3;
const look = async width => {
  const frame = document.createElement("iframe");
  frame.style.cssText = `width:${width}px;height:900px;border:0`;
  const loaded = new Promise(done => { frame.onload = done; });
  frame.srcdoc = page;
  document.body.append(frame);
  await loaded;
  const inside = frame.contentDocument, root = inside.documentElement;
  inside.querySelectorAll("details").forEach(details => { details.open = true; });
  if (root.scrollWidth > root.clientWidth) found.push(`${width}: ${root.scrollWidth} wide`);
  for (const drawing of inside.querySelectorAll("svg")) {
    const texts = [...drawing.querySelectorAll("text")].map(text => [text.getBoundingClientRect(), text.textContent]);
    const shown = texts.filter(([place]) => place.width > 0);
    shown.forEach(([a, one], index) => shown.slice(index + 1).forEach(([b, other]) => {
      if (lieOnEachOther(a, b)) found.push(`${width}: "${one}" on "${other}"`);
    }));
  }
  frame.remove();
  return 1;
};
(async () => {
  let looks = 0;
  for (let width = 320; width <= 1240; width += 20) looks += await look(width);
  document.body.replaceChildren(`looked ${looks} times: ${found.join("; ") || "nothing found"}`);
})();
</script>"#;

#[test]
fn nothing_is_wider_than_the_window_and_no_text_lies_on_another() {
    let (program, html) = page();
    let text = serde_json::to_string(&html).expect("a text").replace('<', "\\u003c");
    program.input("customers.result.html", MEASURE.replacen("PAGE", &text, 1));
    let arguments = ["--dump-dom", "--virtual-time-budget=60000", "--window-size=1300,1000"];
    let Some(browser) = chromium(&program, &arguments) else { return };
    let output = browser.wait().expect_code(0);
    assert!(output.stdout.contains("looked 47 times: nothing found"), "{}", output.stdout);
}

#[test]
fn it_is_drawn_light_and_dark_and_printed() {
    let (program, _) = page();
    let picture = |name: &str, more: &[&str]| -> Option<Vec<u8>> {
        let place = program.path(name);
        let wanted = format!("--screenshot={}", place.display());
        let browser = chromium(&program, &[&[wanted.as_str(), "--window-size=1200,1600"], more].concat())?;
        browser.wait().expect_code(0);
        Some(fs::read(place).expect("a picture"))
    };
    let Some(light) = picture("light.png", &["--blink-settings=preferredColorScheme=1"]) else { return };
    let dark = picture("dark.png", &["--blink-settings=preferredColorScheme=0"]).expect("a picture");
    assert!(light.starts_with(b"\x89PNG") && light.len() > 20_000, "{} bytes", light.len());
    assert!(dark.len() > 20_000 && dark != light, "it does not follow the scheme");
    let place = program.path("page.pdf");
    let printed = chromium(&program, &[&format!("--print-to-pdf={}", place.display())]).expect("chromium");
    printed.wait().expect_code(0);
    assert!(starts_with(&place, b"%PDF"));
}

fn starts_with(path: &Path, start: &[u8]) -> bool {
    fs::read(path).is_ok_and(|bytes| bytes.starts_with(start))
}
