//! A file system of the test's own, where the machine lets it mount one. It is seen by nobody else and goes away with
//! the process that holds it, whatever becomes of the test.

use super::say;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A mounted file system, as long as it is not dropped.
pub struct Mounted {
    /// A shell in a mount namespace of its own: it ends with its standard input.
    keeper: Child,
    answers: BufReader<ChildStdout>,
    path: PathBuf,
}

impl Mounted {
    /// A memory file system of so many bytes, `16k` or `1m`. Says so and gives none where it cannot be.
    #[track_caller]
    pub fn memory(at: &Path, size: &str) -> Option<Self> {
        Self::with(at, &format!("mount -t tmpfs -o size={size} tmpfs \"$at\""))
    }

    /// The ext4 file system in an image file. It is written to the image when somebody syncs, or some minutes later.
    #[track_caller]
    pub fn image(at: &Path, image: &Path) -> Option<Self> {
        let image = image.to_str().expect("a path in UTF-8");
        Self::with(at, &format!("mount -t ext4 -o loop,commit=300 '{image}' \"$at\""))
    }

    fn with(at: &Path, mount: &str) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a folder to mount at");
        // As root, or as a user who may have a namespace of their own.
        let found = ["-m", "-rm"].into_iter().find_map(|namespaces| Self::start(at, namespaces, mount));
        if found.is_none() {
            say(format_args!("SKIPPED: no file system can be mounted here ({mount})"));
        }
        found
    }

    fn start(at: &Path, namespaces: &str, mount: &str) -> Option<Self> {
        let script = format!(
            "at=$0; {mount} || exit; echo done; while read -r line; do eval \"$line\"; echo done; done"
        );
        let mut command = Command::new("unshare");
        command.args([namespaces, "sh", "-c", &script]).arg(at);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut keeper = command.spawn().ok()?;
        let answers = BufReader::new(keeper.stdout.take().expect("a pipe"));
        let path = format!("/proc/{}/root{}", keeper.id(), at.to_str().expect("a path in UTF-8")).into();
        let mut mounted = Self { keeper, answers, path };
        mounted.is_done().then_some(mounted)
    }

    /// Where everybody finds it.
    pub fn path(&self, name: &str) -> String {
        self.path.join(name).to_str().expect("a path in UTF-8").to_owned()
    }

    /// Runs a shell command that sees it at `$at`.
    #[track_caller]
    pub fn run(&mut self, command: &str) {
        let stdin = self.keeper.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "{command}").expect("a shell that reads");
        assert!(self.is_done(), "{command}: the shell is gone");
    }

    fn is_done(&mut self) -> bool {
        let mut line = String::new();
        self.answers.read_line(&mut line).is_ok_and(|_| line == "done\n")
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
