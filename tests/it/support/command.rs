//! Runs the real binary in a folder and an environment of its own, and never waits for ever.

use super::turn;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a process may take before the test is taken to hang: it fails then, with the output so far.
const GUARD: Duration = Duration::from_secs(120);
/// How often a process is asked whether it has ended.
const GLANCE: Duration = Duration::from_millis(2);

/// The program, in a new empty folder, with nothing of the caller's environment but `PATH`.
pub struct Offerit {
    folder: TempDir,
    environment: Vec<(String, String)>,
    stdin: Option<Vec<u8>>,
}

impl Offerit {
    /// A new empty folder and a clean environment: no credentials, no proxy.
    pub fn new() -> Self {
        turn::beside_others();
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { folder, environment: Vec::new(), stdin: None }
    }

    /// Sets an environment variable for what runs from now on.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Gives what runs from now on these bytes to read; without it, standard input is empty.
    pub fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = Some(bytes.as_ref().to_vec());
        self
    }

    /// Writes a file into the folder.
    #[track_caller]
    pub fn input(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("a file written");
        path
    }

    /// The folder, which is the program's working directory.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The path of a file in the folder, there or not.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the program to its end.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.spawn(arguments).wait()
    }

    /// Starts the program. Its output is read all the while, so that it never blocks on a full pipe.
    #[track_caller]
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Child::start(command);
        if let (Some(mut pipe), Some(bytes)) = (child.stdin(), self.stdin.clone()) {
            // A program that does not read to the end is no fault of the test.
            thread::spawn(move || pipe.write_all(&bytes));
        }
        child
    }

    /// The program behind a shell's words, for limits and streams that only a shell can set.
    pub fn command_in_shell(&self, words: &str, arguments: &[&str]) -> Command {
        let plain = self.command(arguments);
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{words} exec \"$0\" \"$@\"")]);
        command.arg(plain.get_program()).args(plain.get_args()).current_dir(self.folder()).env_clear();
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
    }

    /// The program, not started and its standard streams not set: for tests that need their own.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_offerit-sync"));
        command.args(arguments).current_dir(self.folder()).env_clear();
        // The second one lets a coverage run find what the program wrote.
        for kept in ["PATH", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// What a process left behind.
#[derive(Clone, Debug)]
pub struct Output {
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Asserts the exit code, and shows what the program said where it is another one.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        let Self { stdout, stderr, .. } = &self;
        assert_eq!(self.code, Some(code), "exit code\nstdout:\n{stdout}\nstderr:\n{stderr}");
        self
    }
}

/// A running program; dropping it kills it.
pub struct Child {
    process: std::process::Child,
    stdout: Capture,
    stderr: Capture,
}

impl Child {
    /// Starts any command; of its output what is piped is kept.
    #[track_caller]
    pub fn start(mut command: Command) -> Self {
        let mut process = command.spawn().expect("the program started");
        let stdout = process.stdout.take().map_or_else(|| Capture::of(io::empty()), Capture::of);
        let stderr = process.stderr.take().map_or_else(|| Capture::of(io::empty()), Capture::of);
        Self { process, stdout, stderr }
    }

    /// Its standard input, if that is piped and was not taken yet.
    pub fn stdin(&mut self) -> Option<ChildStdin> {
        self.process.stdin.take()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends a signal, by its name without `SIG` or its number.
    #[track_caller]
    pub fn signal(&self, signal: &str) {
        // The shell's own `kill` is there where no such program is installed.
        let script = "kill -s \"$0\" \"$1\"";
        let sent = Command::new("sh").args(["-c", script, signal, &self.pid().to_string()]).status();
        assert!(sent.expect("a shell").success(), "cannot send {signal}");
    }

    /// Waits until the program catches a signal, given by its number, as the kernel reports it.
    #[track_caller]
    pub fn wait_until_caught(&mut self, signal: u32) {
        let status = format!("/proc/{}/status", self.pid());
        let is_caught = || {
            let status = fs::read_to_string(&status).expect("the state of the process");
            let mask =
                status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a mask of signals");
            u64::from_str_radix(mask.trim(), 16).expect("a mask") >> (signal - 1) & 1 == 1
        };
        while !is_caught() {
            assert!(self.is_running(), "it has ended");
            thread::yield_now();
        }
    }

    /// Waits for the first line of standard output, and gives it without its end.
    #[track_caller]
    pub fn first_line(&self) -> String {
        let has_line = |text: &str| text.contains('\n');
        let text = self.stdout.wait_until(has_line).unwrap_or_else(|| self.give_up("no first line"));
        text.lines().next().unwrap_or_default().to_owned()
    }

    /// Waits until standard error satisfies a condition, and gives what it is then.
    #[track_caller]
    pub fn wait_for_stderr(&self, condition: impl Fn(&str) -> bool) -> String {
        self.stderr.wait_until(condition).unwrap_or_else(|| self.give_up("that was never said"))
    }

    /// Waits for the end of the process and of its output.
    #[track_caller]
    pub fn wait(mut self) -> Output {
        let status = self.ended();
        self.output(status)
    }

    /// Kills the process with SIGKILL and waits until it is gone.
    #[track_caller]
    pub fn kill(mut self) -> Output {
        self.process.kill().expect("the process killed");
        let status = self.ended();
        self.output(status)
    }

    /// Whether the process is still there.
    pub fn is_running(&mut self) -> bool {
        self.process.try_wait().expect("the process's state").is_none()
    }

    #[track_caller]
    fn ended(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().expect("the process's state") {
                return status;
            }
            if started.elapsed() > GUARD {
                self.give_up("it does not end");
            }
            thread::sleep(GLANCE);
        }
    }

    #[track_caller]
    fn output(&mut self, status: ExitStatus) -> Output {
        let (stdout, stderr) = (self.stdout.finish(), self.stderr.finish());
        Output {
            code: status.code(),
            signal: status.signal(),
            stdout: String::from_utf8(stdout).expect("standard output in UTF-8"),
            stderr: String::from_utf8(stderr).expect("standard error in UTF-8"),
        }
    }

    #[track_caller]
    fn give_up(&self, what: &str) -> ! {
        let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
        panic!("{what} (waited at most {GUARD:?})\nstdout:\n{stdout}\nstderr:\n{stderr}");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail only where the process is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One stream of a process, read by a thread as it comes.
struct Capture {
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    so_far: Mutex<SoFar>,
    changed: Condvar,
}

#[derive(Default)]
struct SoFar {
    bytes: Vec<u8>,
    ended: bool,
}

impl Shared {
    fn so_far(&self) -> MutexGuard<'_, SoFar> {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SoFar {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl Capture {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let shared = Arc::new(Shared::default());
        let for_reader = Arc::clone(&shared);
        let reader = thread::spawn(move || {
            let mut chunk = vec![0; 16 * 1024];
            loop {
                let count = pipe.read(&mut chunk).unwrap_or(0);
                let mut so_far = for_reader.so_far();
                so_far.bytes.extend_from_slice(&chunk[..count]);
                so_far.ended = count == 0;
                for_reader.changed.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        Self { shared, reader: Some(reader) }
    }

    /// The text once it satisfies a condition; `None` where it ended or took too long without.
    fn wait_until(&self, condition: impl Fn(&str) -> bool) -> Option<String> {
        let goes_on = |so_far: &mut SoFar| !so_far.ended && !condition(&so_far.text());
        let waited = self.shared.changed.wait_timeout_while(self.shared.so_far(), GUARD, goes_on);
        let text = waited.unwrap_or_else(PoisonError::into_inner).0.text();
        condition(&text).then_some(text)
    }

    fn text(&self) -> String {
        self.shared.so_far().text()
    }

    /// Everything, once the stream has ended.
    fn finish(&mut self) -> Vec<u8> {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reading thread");
        }
        std::mem::take(&mut self.shared.so_far().bytes)
    }
}
