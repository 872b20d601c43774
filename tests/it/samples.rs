//! The samples hold: what they call exists, what they are for a validator accepts, and their exit codes are the
//! program's.

use crate::support::calls::{calls, commands, help, options};
use crate::support::{self, INPUT, Offerit, Reply, Server, tools};
use offerit_sync::exit::ExitCode;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use yaml_rust2::{Yaml, YamlLoader};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

fn sample(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The names of the samples with such an end.
fn named(end: &str) -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("samples").map(|entry| entry.expect("a sample").file_name());
    let names = entries.map(|name| name.into_string().expect("a name"));
    names.filter(|name| name.ends_with(end) && !name.starts_with('.')).collect()
}

fn documents(name: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(&sample(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Everything in a document that stands below a key, at whatever depth.
fn below<'yaml>(document: &'yaml Yaml, key: &str, found: &mut Vec<&'yaml Yaml>) {
    match document {
        Yaml::Hash(entries) => {
            for (name, value) in entries {
                if name.as_str() == Some(key) {
                    found.push(value);
                }
                below(value, key, found);
            }
        }
        Yaml::Array(items) => items.iter().for_each(|item| below(item, key, found)),
        _ => {}
    }
}

fn all_below<'yaml>(documents: &'yaml [Yaml], key: &str) -> Vec<&'yaml Yaml> {
    let mut found = Vec::new();
    documents.iter().for_each(|document| below(document, key, &mut found));
    found
}

/// The lines of a text without the marks of comments and code, those that end in a backslash joined with the next.
fn joined(text: &str) -> Vec<String> {
    let (mut lines, mut open) = (Vec::new(), String::new());
    for line in text.lines().map(|line| line.trim_start_matches(['#', ' '])) {
        match line.strip_suffix('\\') {
            Some(part) => open.push_str(part),
            None => lines.push(std::mem::take(&mut open) + line),
        }
    }
    lines
}

/// Whatever a sample says to type, or has typed.
fn lines(name: &str) -> Vec<String> {
    let mut lines = joined(&sample(name).replace('`', "\n"));
    if name.ends_with(".yaml") {
        for args in all_below(&documents(name), "args") {
            let words: Vec<_> =
                args.as_vec().expect("a list").iter().map(|word| word.as_str().expect("a word")).collect();
            lines.push(format!("offerit-sync {}", words.join(" ")));
        }
    }
    lines
}

#[test]
fn every_call_uses_options_that_the_command_has() {
    let known = commands();
    for (name, least) in [
        ("README.md", 3),
        ("nightly.sh", 2),
        ("crontab", 2),
        ("github-workflow.yml", 4),
        ("offerit-sync.toml", 2),
        ("kunden.toml", 2),
        ("offerit-sync.service", 1),
        ("Dockerfile", 1),
        ("kubernetes-cronjob.yaml", 1),
        ("kubernetes-indexed-job.yaml", 2),
    ] {
        let mut count = 0;
        for line in lines(name) {
            for (command, used) in calls(&line).into_iter().filter(|(command, _)| known.contains(command)) {
                let unknown: Vec<_> = used.difference(&options(&help(&command))).cloned().collect();
                assert!(unknown.is_empty(), "{name}: {command} has no {}: {line}", unknown.join(", "));
                count += 1;
            }
        }
        assert!(count >= least, "{name} calls the program: {count} times found");
    }
}

fn numbers(words: impl Iterator<Item = String>) -> Vec<u8> {
    words.map(|word| word.parse().unwrap_or_else(|_| panic!("'{word}' is no exit code"))).collect()
}

/// The codes of a setting of the service.
fn codes_of_service(key: &str) -> Vec<u8> {
    let service = sample("offerit-sync.service");
    let value =
        service.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).expect("a setting");
    numbers(value.split(' ').map(str::to_owned))
}

#[test]
fn exit_codes_are_those_of_the_program_and_no_trouble_is_taken_for_a_success() {
    let known: BTreeSet<u8> = ExitCode::ALL.map(ExitCode::number).into();
    let (fine, final_codes) =
        (codes_of_service("SuccessExitStatus"), codes_of_service("RestartPreventExitStatus"));
    assert!(fine.iter().chain(&final_codes).all(|code| known.contains(code)), "{fine:?} {final_codes:?}");
    for code in [
        ExitCode::Fault,
        ExitCode::Usage,
        ExitCode::NotInSync,
        ExitCode::Brake,
        ExitCode::Refused,
        ExitCode::Limit,
    ] {
        assert!(!fine.contains(&code.number()), "{code:?} must be seen");
    }
    for code in [ExitCode::Usage, ExitCode::NotInSync, ExitCode::Refused] {
        assert!(final_codes.contains(&code.number()), "{code:?} is not healed by trying again");
    }
    for name in named(".yaml") {
        let documents = documents(&name);
        let of_policy: BTreeSet<u8> = all_below(&documents, "values")
            .iter()
            .flat_map(|values| {
                numbers(
                    values
                        .as_vec()
                        .expect("a list")
                        .iter()
                        .map(|code| code.as_i64().expect("a code").to_string()),
                )
            })
            .collect();
        assert!(of_policy.is_subset(&known), "{name}: {of_policy:?}");
        assert_eq!(of_policy, BTreeSet::from([2, 3, 6, 7]), "{name}: what no retry heals");
        assert!(
            all_below(&documents, "restartPolicy").iter().all(|policy| policy.as_str() == Some("Never")),
            "{name}"
        );
    }
}

#[test]
fn every_yaml_file_can_be_read_and_pods_have_no_more_rights_than_they_need() {
    let (workflows, manifests) = (named(".yml"), named(".yaml"));
    assert!(workflows.len() == 2 && manifests.len() == 2, "{workflows:?} {manifests:?}");
    for name in &workflows {
        let documents = documents(name);
        assert!(!all_below(&documents, "steps").is_empty(), "{name}");
    }
    for name in &manifests {
        let documents = documents(name);
        for key in ["apiVersion", "kind"] {
            assert!(documents.iter().all(|document| document[key].as_str().is_some()), "{name} {key}");
        }
        for (key, wanted) in [
            ("readOnlyRootFilesystem", true),
            ("runAsNonRoot", true),
            ("allowPrivilegeEscalation", false),
            ("automountServiceAccountToken", false),
        ] {
            let found = all_below(&documents, key);
            assert!(
                !found.is_empty() && found.iter().all(|value| value.as_bool() == Some(wanted)),
                "{name} {key}"
            );
        }
        // The key is a file: it does not stand among the variables.
        let names = all_below(&documents, "name");
        assert!(!names.iter().any(|name| name.as_str() == Some("OFFERIT_API_KEY")), "{name}");
    }
}

/// The shards of the Indexed Job are as many as its pods, wherever the number stands.
#[test]
fn the_indexed_job_has_as_many_pods_as_shards() {
    let name = "kubernetes-indexed-job.yaml";
    let documents = documents(name);
    let job = &documents[0]["spec"];
    let count = job["completions"].as_i64().expect("a number");
    assert_eq!(job["completionMode"].as_str(), Some("Indexed"));
    let args = all_below(&documents, "args");
    let shard = format!("--shard=$(JOB_COMPLETION_INDEX)/{count}");
    assert!(args[0].as_vec().expect("a list").iter().any(|word| word.as_str() == Some(&shard)), "{shard}");
    // Each of its words is one that the program takes, once Kubernetes has put in the pod's number.
    for index in 0..count {
        assert!(sample(name).contains(&format!("customers.shard-{index}-of-{count}.result.csv")));
        let offerit = Offerit::new();
        offerit.input("customers.csv", support::table(1..=20));
        let part = shard.replace("$(JOB_COMPLETION_INDEX)", &index.to_string());
        offerit.run(&["run", "customers.csv", "--sandbox", "--rate=40/s", "--resume", &part]).expect_code(0);
        assert!(offerit.path(&format!("customers.shard-{index}-of-{count}.result.csv")).exists());
    }
}

/// Calls the nightly script as cron does.
fn night(offerit: &Offerit, date: &str, options: &[&str]) -> Option<i32> {
    let program = Path::new(env!("CARGO_BIN_EXE_offerit-sync")).parent().expect("the program's folder");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").expect("a PATH"));
    let plain = offerit.command(&[]);
    let mut script = Command::new("sh");
    script
        .arg(folder().join("nightly.sh"))
        .args([INPUT, "nights", "--rate", "unlimited", "-q"])
        .args(options);
    script.current_dir(offerit.folder()).env_clear();
    script.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    script.env("PATH", path).env("NIGHT", date).stderr(Stdio::null());
    script.status().expect("a shell").code()
}

#[test]
fn the_nightly_script_sends_what_changed_and_finishes_what_stopped_first() {
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, support::table(1..=20));
    fs::create_dir(offerit.path("nights")).expect("a folder");
    assert_eq!(night(&offerit, "2026-11-27", &[]), Some(0));
    assert_eq!(server.count(), 20, "the first night has nothing to compare with");
    assert_eq!(night(&offerit, "2026-11-27", &[]), Some(0));
    assert_eq!(server.count(), 20, "a finished night is not sent again");

    let changed = |rows: [u64; 2]| {
        let mut text = support::table(1..=20);
        for row in rows {
            text = text.replace(&format!("City {row}\n"), &format!("Town {row}\n"));
        }
        text
    };
    offerit.input(INPUT, changed([3, 7]));
    assert_eq!(night(&offerit, "2026-11-28", &["--limit", "1"]), Some(7));
    assert_eq!(server.count(), 21);
    // Row 3 was delivered last night and is as two nights ago now: compared with that night alone, it would be left out.
    offerit.input(INPUT, changed([7, 7]));
    assert_eq!(night(&offerit, "2026-11-29", &[]), Some(0));
    let sent: Vec<_> = support::rows(&server.requests()[21..]);
    assert_eq!(sent, [7, 3], "last night is finished, then what has changed since");

    offerit.input(INPUT, support::table(1..=20).replace("City", "Village"));
    assert_eq!(night(&offerit, "2026-11-30", &[]), Some(4), "every row has changed");
    assert_eq!(server.count(), 23);
}

/// Runs a validator on a sample, where there is one.
fn validated(program: &str, arguments: &[&str]) {
    if !tools::is_installed(program) {
        return;
    }
    let output = Command::new(program).args(arguments).current_dir(folder()).output().expect("the validator");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{program}: {}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn systemd_takes_the_service_and_its_timer() {
    let program = "systemd-analyze";
    validated(program, &["verify", "offerit-sync.service", "offerit-sync.timer"]);
    // 10 is no protection at all, 0 is all there is.
    validated(program, &["security", "--offline=yes", "--threshold=20", "offerit-sync.service"]);
}

#[test]
fn the_validators_of_others_take_the_rest() {
    validated("hadolint", &["Dockerfile"]);
    for name in named(".yaml") {
        validated("kubernetes-validate", &["--strict", &name]);
    }
    // The workflow calls actions that only GitHub has: actionlint knows them.
    if named(".yml") == ["github-workflow.yml"] {
        validated("actionlint", &["github-workflow.yml"]);
    }
}

/// What the image is built of, and no more, is enough for cargo to know the package.
#[test]
fn the_image_is_built_of_what_its_ignore_file_leaves() {
    let ignored = sample("Dockerfile.dockerignore");
    let kept: Vec<_> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let context = tempfile::tempdir().expect("a folder");
    for name in kept {
        let from = folder().join("..").join(name);
        assert!(from.exists(), "{name}");
        let status = Command::new("cp").arg("-R").arg(&from).arg(context.path()).status().expect("cp");
        assert!(status.success());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--locked", "--format-version=1"])
        .current_dir(context.path())
        .output()
        .expect("cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(sample("Dockerfile").contains("cargo build --release --locked"));
}
