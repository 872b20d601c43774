//! `--version` names the commit where there is one; the build script is tried in folders of every kind.

use crate::support::{self, Offerit};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[test]
fn the_long_one_tells_more_than_the_short_one() {
    let offerit = Offerit::new();
    assert_eq!(offerit.run(&["-V"]).expect_code(0).stdout, format!("offerit-sync {VERSION}\n"));
    let long = offerit.run(&["--version"]).expect_code(0).stdout;
    let rest = long.strip_prefix(&format!("offerit-sync {VERSION}")).expect("the version").trim_end();
    let words: Vec<_> = rest.trim().trim_matches(['(', ')']).split(' ').collect();
    let is_commit = words[0].len() == 7 && words[0].bytes().all(|digit| digit.is_ascii_hexdigit());
    assert!(rest.is_empty() || words == ["debug", "build"] || is_commit, "{long}");
}

/// The build script, compiled, and a folder to try it in.
struct Built {
    folder: TempDir,
    script: PathBuf,
}

impl Built {
    fn new() -> Built {
        support::beside_others();
        let folder = tempfile::tempdir().expect("a folder");
        let script = folder.path().join("build-script");
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("build.rs");
        let status = Command::new(rustc).args(["--edition", "2024", "-o"]).arg(&script).arg(source).status();
        assert!(status.expect("rustc").success());
        Built { folder, script }
    }

    fn path(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(&path).expect("a folder made");
        path
    }

    /// What it says of a package in a folder: the version, and the files that are watched.
    fn run(&self, root: &Path, profile: &str, commit: Option<&str>) -> (String, Vec<String>) {
        let mut command = Command::new(&self.script);
        command.env("CARGO_MANIFEST_DIR", root).env("CARGO_PKG_VERSION", "1.2.3").env("PROFILE", profile);
        command.env_remove("OFFERIT_SYNC_COMMIT").env("GIT_CEILING_DIRECTORIES", env::temp_dir());
        command.envs(commit.map(|commit| ("OFFERIT_SYNC_COMMIT", commit)));
        let output = command.output().expect("the build script");
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).expect("text");
        let lines = |prefix: &str| {
            text.lines().filter_map(|line| Some(line.strip_prefix(prefix)?.to_owned())).collect()
        };
        let versions: Vec<String> = lines("cargo:rustc-env=OFFERIT_SYNC_VERSION=");
        assert_eq!(versions.len(), 1, "{text}");
        (versions[0].clone(), lines("cargo:rerun-if-changed="))
    }
}

#[track_caller]
fn git(root: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .env("GIT_COMMITTER_DATE", "2026-11-23T01:00:00Z")
        .output()
        .expect("git");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

#[test]
fn the_commit_is_that_of_the_package_itself_and_of_nothing_around_it() {
    let built = Built::new();
    let plain = built.path("plain");
    assert_eq!(built.run(&plain, "release", None).0, "1.2.3");
    assert_eq!(built.run(&plain, "debug", None).0, "1.2.3 (debug build)");
    assert_eq!(built.run(&plain, "debug", Some(" abc1234\n 2026-01-02")).0, "1.2.3 (abc1234 2026-01-02)");
    assert_eq!(
        built.run(&plain, "release", Some("")).0,
        "1.2.3",
        "a build argument that is not given is empty"
    );

    let repository = built.path("repository");
    git(&repository, &["init", "-q"]);
    assert_eq!(built.run(&repository, "release", None).0, "1.2.3", "no commit yet");
    git(&repository, &["commit", "-q", "--allow-empty", "-m", "one"]);
    let hash = git(&repository, &["rev-parse", "HEAD"]);
    let (version, watched) = built.run(&repository, "release", None);
    assert_eq!(version, format!("1.2.3 ({} 2026-11-23)", &hash[..7]));
    assert!(watched.iter().any(|path| path.ends_with(".git/refs/heads/main")), "{watched:?}");
    // A debug build is not built anew for a commit.
    assert_eq!(
        built.run(&repository, "debug", None),
        ("1.2.3 (debug build)".to_owned(), vec!["build.rs".to_owned()])
    );
    // A package within somebody's repository is not of its commit.
    assert_eq!(built.run(&built.path("repository/vendor"), "release", None).0, "1.2.3");

    let worktree = built.folder.path().join("worktree");
    git(&repository, &["worktree", "add", "-q", "-b", "other", &worktree.display().to_string()]);
    git(&worktree, &["commit", "-q", "--allow-empty", "-m", "two"]);
    let (version, watched) = built.run(&worktree, "release", None);
    assert!(version.contains(&git(&worktree, &["rev-parse", "HEAD"])[..7]), "{version}");
    assert!(watched.iter().all(|path| path == "build.rs" || Path::new(path).exists()), "{watched:?}");
    assert!(watched.iter().any(|path| path.ends_with("refs/heads/other")), "{watched:?}");

    let packaged = built.path("packaged");
    let info = "{\n  \"git\": {\n    \"sha1\": \"0123456789abcdef0123456789abcdef01234567\"\n  }\n}";
    fs::write(packaged.join(".cargo_vcs_info.json"), info).expect("a file written");
    assert_eq!(built.run(&packaged, "release", None).0, "1.2.3 (0123456)");
    fs::write(packaged.join(".cargo_vcs_info.json"), "{\"sha1\": \"none\"}").expect("a file written");
    assert_eq!(built.run(&packaged, "release", None).0, "1.2.3");
}
