//! The real binary under `strace`, which kills it at a system call or makes the call fail.
//!
//! strace counts the calls of each kind and of each thread by themselves: with `when=3`, what comes first of any
//! thread's third call of the kind is tampered with. A killing signal comes before the call is carried out.

use super::command::{Child, Offerit, Output};
use super::job::{INPUT, RESULT};
use super::tools;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Whether strace is installed and may trace.
#[track_caller]
pub fn is_there() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    let answer = *ANSWER.get_or_init(|| {
        let mut trial = Command::new("strace");
        trial.args(["-f", "-o", "/dev/null", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
        trial.status().is_ok_and(|status| status.success())
    });
    tools::can_use("strace", answer)
}

impl Offerit {
    /// Sends the table while calls on the result file, its folder and what is saved beside it are tampered with:
    /// `injection` is what strace's `inject` takes, as `fdatasync:error=EIO:when=3`.
    #[track_caller]
    pub fn send_under_strace(&self, injection: &str, more: &[&str]) -> Output {
        let torn = format!("{RESULT}.torn");
        let folder = self.folder().canonicalize().expect("the folder's path");
        // What strace is told are paths as they are typed and as they are known of an open file.
        let known = [folder.clone(), folder.join(RESULT), folder.join(&torn)];
        let paths = known.into_iter().chain([".".into(), RESULT.into(), torn.into()]);
        let mut options = Vec::new();
        for path in paths {
            options.extend(["-P".to_owned(), path.to_str().expect("a path in UTF-8").to_owned()]);
        }
        self.under_strace(&options, injection, more)
    }

    /// Sends the table while any of its calls are tampered with.
    #[track_caller]
    pub fn send_under_strace_anywhere(&self, injection: &str, more: &[&str]) -> Output {
        self.under_strace(&[], injection, more)
    }

    #[track_caller]
    fn under_strace(&self, options: &[String], injection: &str, more: &[&str]) -> Output {
        let plain = self.command(&[&["run", INPUT, "--rate", "unlimited"], more].concat());
        let calls = injection.split(':').next().unwrap_or_default();
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null"]).args(options);
        command.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={injection}"), "--"]);
        command.arg(plain.get_program()).args(plain.get_args()).current_dir(self.folder()).env_clear();
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Child::start(command).wait()
    }
}
