//! What the system allows the program: open files and core dumps.

use crate::support::{Child, INPUT, Offerit, Output, Reply, Server, result, table};
use std::fs;
use std::process::Stdio;

/// Sends 200 rows with up to 64 requests in flight, after `ulimit` was set as said.
fn send_limited(ulimit: &str) -> (Offerit, Output) {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, table(1..=200));
    let arguments = ["run", INPUT, "--rate", "unlimited", "--concurrency", "64"];
    let mut limited = offerit.command_in_shell(ulimit, &arguments);
    limited.stderr(Stdio::piped());
    let output = Child::start(limited).wait().expect_code(0);
    assert_eq!(server.count(), 200, "{ulimit}: {}", output.stderr);
    (offerit, output)
}

#[test]
fn too_few_descriptors_lower_the_concurrency_and_look_like_no_outage() {
    for limit in [14, 20, 30, 40] {
        let (offerit, Output { stderr, .. }) = send_limited(&format!("ulimit -n {limit};"));
        assert_eq!(stderr.matches("raise ulimit -n").count(), 1, "{limit}: {stderr}");
        assert!(!stderr.contains("unreachable") && !stderr.contains("64 at once"), "{limit}: {stderr}");
        assert!(offerit.outcomes().values().all(result::Record::is_in_sync), "{limit}");
    }
}

#[test]
fn a_soft_limit_of_descriptors_is_raised() {
    let (_, Output { stderr, .. }) = send_limited("ulimit -S -n 30;");
    assert!(!stderr.contains("raise ulimit -n") && stderr.contains("64 at once"), "{stderr}");
}

/// It would hold the key and passwords. Where the system names its dumps otherwise than `core…`, this proves nothing.
#[test]
fn a_crash_leaves_no_core_dump() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, table(1..=200));
    let mut command = offerit.command_in_shell("ulimit -c unlimited;", &["run", INPUT, "--rate", "1/m"]);
    command.stderr(Stdio::piped());
    let child = Child::start(command);
    child.wait_for_stderr(|text| text.contains("sending"));
    child.signal("ABRT");
    assert_eq!(child.wait().signal, Some(6));
    let names = fs::read_dir(offerit.folder()).unwrap().map(|entry| entry.unwrap().file_name());
    let dumps: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with("core")).collect();
    assert_eq!(dumps, Vec::<std::ffi::OsString>::new());
}
