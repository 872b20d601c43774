//! Finds the commit for `--version`: `0.1.0 (abc1234 2026-11-23)`. Everything works without one.
//!
//! - `OFFERIT_SYNC_COMMIT` says it where there is no repository, as in a container build.
//! - A package that cargo made holds `.cargo_vcs_info.json`.
//! - Otherwise git is asked, for release builds only: others would be built anew after every commit.
//!
//! The same sources and the same commit always give the same text.
#![allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const VARIABLE: &str = "OFFERIT_SYNC_COMMIT";
const PACKAGED: &str = ".cargo_vcs_info.json";

/// How much of a commit's hash is shown. Git's own abbreviation depends on what else is in the repository.
const DIGITS: usize = 7;

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed={VARIABLE}");
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let from_git = || is_release.then(|| of_repository(&root)).flatten();
    let built_of = match said().or_else(|| of_package(&root)).or_else(from_git) {
        Some(commit) => format!(" ({commit})"),
        None if !is_release => " (debug build)".to_owned(),
        None => String::new(),
    };
    println!("cargo:rustc-env=OFFERIT_SYNC_VERSION={version}{built_of}");
}

/// What the variable says, on one line: a line feed would be another word to cargo.
fn said() -> Option<String> {
    let words = env::var(VARIABLE).ok()?.split_whitespace().collect::<Vec<_>>().join(" ");
    (!words.is_empty()).then_some(words)
}

/// The commit that a package was made of.
fn of_package(root: &Path) -> Option<String> {
    let text = fs::read_to_string(root.join(PACKAGED)).ok()?;
    let (_, rest) = text.split_once("\"sha1\"")?;
    short(rest.trim_start_matches([' ', ':', '"']))
}

/// The commit that is checked out, with its date, if the package is the top of a repository: one that only lies in
/// somebody's repository is not of its commit.
fn of_repository(root: &Path) -> Option<String> {
    let top = git(root, &["rev-parse", "--show-toplevel"])?;
    if fs::canonicalize(top).ok()? != fs::canonicalize(root).ok()? {
        return None;
    }
    // HEAD moves with a checkout, its log and the branch's with a commit; in a worktree they are elsewhere.
    let branch = git(root, &["symbolic-ref", "-q", "HEAD"]);
    for name in [Some("HEAD".to_owned()), branch, Some("packed-refs".to_owned())].into_iter().flatten() {
        let path = root.join(git(root, &["rev-parse", "--git-path", &name])?);
        if path.exists() {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }
    let commit = git(root, &["log", "-1", "--format=%H %cs"])?;
    let (hash, date) = commit.split_once(' ')?;
    Some(format!("{} {date}", short(hash)?))
}

fn short(hash: &str) -> Option<String> {
    let digits = hash.get(..DIGITS)?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| digits.to_owned())
}

fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.trim_end();
    (output.status.success() && !line.is_empty()).then(|| line.to_owned())
}
