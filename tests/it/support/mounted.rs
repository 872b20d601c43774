//! A file system of the test's own, where the machine lets it mount one. It is seen by nobody else and goes away with
//! the process that holds it, whatever becomes of the test.

use super::tools;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A mounted file system, as long as it is not dropped.
pub struct Mounted {
    /// A shell in a mount namespace of its own: it ends with its standard input.
    keeper: Child,
    path: PathBuf,
}

impl Mounted {
    /// A memory file system of so many bytes, `16k` or `1m`; `None` where it cannot be mounted.
    #[track_caller]
    pub fn memory(at: &Path, size: &str) -> Option<Self> {
        Self::with(at, "tmpfs", &format!("mount -t tmpfs -o size={size} tmpfs \"$at\""))
    }

    /// The ext4 file system in an image file. It is written to the image when somebody syncs, or some minutes later.
    #[track_caller]
    pub fn image(at: &Path, image: &Path) -> Option<Self> {
        let image = image.to_str().expect("a path in UTF-8");
        Self::with(at, "ext4", &format!("mount -t ext4 -o loop,commit=300 '{image}' \"$at\""))
    }

    fn with(at: &Path, kind: &str, mount: &str) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a folder to mount at");
        // As root, or as a user who may have a namespace of their own.
        let found = ["-m", "-rm"].into_iter().find_map(|namespaces| Self::start(at, namespaces, mount));
        tools::can_use(kind, found.is_some());
        found
    }

    fn start(at: &Path, namespaces: &str, mount: &str) -> Option<Self> {
        let script = format!("at=$0; {mount} || exit; echo done; read -r _");
        let mut command = Command::new("unshare");
        command.args([namespaces, "sh", "-c", &script]).arg(at);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut keeper = command.spawn().ok()?;
        let mut answer = String::new();
        let _ = BufReader::new(keeper.stdout.take().expect("a pipe")).read_line(&mut answer);
        let path = format!("/proc/{}/root{}", keeper.id(), at.to_str().expect("a path in UTF-8")).into();
        let mounted = Self { keeper, path };
        (answer == "done\n").then_some(mounted)
    }

    /// Where everybody finds it.
    pub fn path(&self, name: &str) -> String {
        self.path.join(name).to_str().expect("a path in UTF-8").to_owned()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
