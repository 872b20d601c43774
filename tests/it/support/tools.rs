//! Tools that a machine may lack: a test that needs one is skipped there, unless the tool is promised.

use super::say;
use std::env;
use std::process::{Command, Stdio};

/// The promised tools, blanks between them: a test that needs one of them fails without it. `.ci/run` sets this.
const PROMISED: &str = "OFFERIT_TESTS_REQUIRE";

/// Whether a test that needs a tool can go on, by whether the tool was found to work. Reports a test that is skipped.
#[track_caller]
pub fn can_use(tool: &str, works: bool) -> bool {
    if !works {
        let promised = env::var(PROMISED).unwrap_or_default();
        let is_promised = promised.split_whitespace().any(|promised| promised == tool);
        assert!(!is_promised, "{tool} cannot be used here, and {PROMISED} promises it");
        say(format_args!("SKIPPED: {tool} cannot be used here"));
    }
    works
}

/// The same of a program, which works if it can be started.
#[track_caller]
pub fn is_installed(program: &str) -> bool {
    let mut trial = Command::new(program);
    trial.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    can_use(program, trial.status().is_ok())
}
