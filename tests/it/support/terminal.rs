//! A real pseudo-terminal, and the screen that a person would see on it.

use super::command::Offerit;
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::ffi::{CString, OsStr};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long something may take to appear before the test is taken to hang.
const GUARD: Duration = Duration::from_secs(120);

/// The program on a terminal of its own. Dropping it kills the program.
pub struct Terminal {
    process: Child,
    controller: OwnedFd,
    /// The path of the other end, for others who write there.
    name: CString,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    /// Everything the program wrote so far.
    raw: Vec<u8>,
}

impl Terminal {
    /// Starts the program with standard error on a terminal of so many rows and columns; its other streams are closed.
    #[track_caller]
    pub fn start(offerit: &Offerit, arguments: &[&str], size: (u16, u16)) -> Self {
        let [rows, columns] = [size.0, size.1].map(|count| NonZero::new(count).expect("a size"));
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&controller).expect("access to it");
        unlockpt(&controller).expect("it unlocked");
        let size = Winsize { ws_row: rows.get(), ws_col: columns.get(), ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&controller, size).expect("its size");
        let name = ptsname(&controller, Vec::new()).expect("its name");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let user =
            rustix::fs::open(name.as_c_str(), flags, rustix::fs::Mode::empty()).expect("its other end");
        let mut command = offerit.command(arguments);
        if !command.get_envs().any(|(name, _)| name == "TERM") {
            command.env("TERM", "xterm-256color");
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::from(user));
        let process = command.spawn().expect("the program started");
        // The command holds the other end, too: only without it does reading come to an end.
        drop(command);
        let (sender, output) = channel();
        let mut reader = File::from(controller.try_clone().expect("a second handle"));
        thread::spawn(move || {
            let mut chunk = vec![0; 16 * 1024];
            // The end shows as an error on Linux.
            while let Ok(count @ 1..) = reader.read(&mut chunk) {
                if sender.send(chunk[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let screen = vt100::Parser::new(rows, columns, 1000);
        Self { process, controller, name, output, screen, raw: Vec::new() }
    }

    /// Gives the window another width. Lines flow anew as in most terminals, but for what has left the screen.
    #[track_caller]
    pub fn resize(&mut self, columns: u16) {
        let (rows, _) = self.screen.screen().size();
        let size = Winsize { ws_row: rows.get(), ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.controller, size).expect("its size");
        let text = self.screen.screen().contents().replace('\n', "\r\n");
        self.screen = vt100::Parser::new(rows, NonZero::new(columns).expect("a width"), 1000);
        self.screen.process(text.as_bytes());
    }

    /// Stops the program as Ctrl-Z does, has a shell write something, and lets the program go on.
    #[track_caller]
    pub fn stop_and_go_on(&mut self, shell: &str) {
        let id = Pid::from_child(&self.process);
        kill_process(id, Signal::STOP).expect("a signal sent");
        let stopped = waitpid(Some(id), WaitOptions::UNTRACED).expect("its state");
        assert!(stopped.is_some_and(|(_, status)| status.stopped()), "{stopped:?}");
        let other = OpenOptions::new().write(true).open(OsStr::from_bytes(self.name.as_bytes()));
        other.expect("the terminal").write_all(shell.as_bytes()).expect("that written");
        kill_process(id, Signal::CONT).expect("a signal sent");
    }

    /// Interrupts the program as Ctrl-C does: the terminal shows `^C` where the cursor is, and the signal is sent.
    #[track_caller]
    pub fn press_ctrl_c(&self) {
        let other = OpenOptions::new().write(true).open(OsStr::from_bytes(self.name.as_bytes()));
        other.expect("the terminal").write_all(b"^C").expect("an echo written");
        kill_process(Pid::from_child(&self.process), Signal::INT).expect("a signal sent");
    }

    /// What is on the screen, without blanks at the ends of lines and without empty lines at its end.
    pub fn text(&self) -> String {
        let screen = self.screen.screen();
        let lines = screen.rows(0, screen.size().1.get());
        lines.map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n").trim_end().to_owned()
    }

    /// Everything that was written, control sequences included.
    pub fn raw(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }

    /// Waits until the screen satisfies a condition, and gives what is on it then.
    #[track_caller]
    pub fn wait_for(&mut self, condition: impl Fn(&str) -> bool) -> String {
        let started = Instant::now();
        while !condition(&self.text()) {
            let left = GUARD.saturating_sub(started.elapsed());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.take(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("that never appeared:\n{}", self.text()),
                Err(RecvTimeoutError::Disconnected) => panic!("it ended without that:\n{}", self.text()),
            }
        }
        self.text()
    }

    /// Waits for the end of the program, and gives what is left on the screen.
    #[track_caller]
    pub fn end(&mut self) -> (ExitStatus, String) {
        loop {
            match self.output.recv_timeout(GUARD) {
                Ok(bytes) => self.take(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("it does not end:\n{}", self.text()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        (self.process.wait().expect("its end"), self.text())
    }

    fn take(&mut self, bytes: &[u8]) {
        self.raw.extend_from_slice(bytes);
        self.screen.process(bytes);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Both fail only where the process is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
