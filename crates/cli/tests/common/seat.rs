//! A person's terminal, with a command of ours in it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize};

use super::{Home, end_of, eventually_or};

const BULKHEAD: &str = env!("CARGO_BIN_EXE_bulkhead");

/// A person's terminal with a command running in it.
pub(crate) struct Seat {
    pub(crate) child: Child,
    pub(crate) keyboard: File,
    /// The end that the command holds, to look at its modes.
    own: OwnedFd,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Seat {
    /// Sits down and runs a program as `coder`.
    pub(crate) fn new(home: &Home, program: &[&str]) -> Self {
        Self::with(home, program, None)
    }

    pub(crate) fn with(home: &Home, program: &[&str], stdin: Option<Stdio>) -> Self {
        let args: Vec<&str> = ["run", "-q", "coder", "--"].iter().chain(program).copied().collect();
        Self::at(home, &args, &[], stdin)
    }

    /// Sits down at a shell, which runs our command as `$B`.
    pub(crate) fn shell(home: &Home) -> Self {
        let seat = Self::before(home, "bash", &["--norc", "--noprofile", "-i"], &[("B", BULKHEAD)], None);
        seat.until("bash");
        seat
    }

    /// Sits down and gives any command, with these variables besides.
    pub(crate) fn at(home: &Home, args: &[&str], vars: &[(&str, &str)], stdin: Option<Stdio>) -> Self {
        Self::before(home, BULKHEAD, args, vars, stdin)
    }

    fn before(
        home: &Home,
        program: &str,
        args: &[&str],
        vars: &[(&str, &str)],
        stdin: Option<Stdio>,
    ) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let terminal = openpt(flags).unwrap();
        unlockpt(&terminal).unwrap();
        let own = ioctl_tiocgptpeer(&terminal, flags).unwrap();
        size(&terminal, 33, 111);
        let end = || Stdio::from(own.try_clone().unwrap());
        let mut command = Command::new("setsid");
        if stdin.is_none() {
            command.arg("--ctty");
        }
        let child = command
            .arg(program)
            .args(args)
            .env("BULKHEAD_HOME", home.path())
            .env_remove("NO_COLOR")
            .env("TERM", "xterm")
            .envs(vars.iter().copied())
            .stdin(stdin.unwrap_or_else(end))
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (screen, mut reader) = (Arc::clone(&seen), File::from(terminal.try_clone().unwrap()));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                screen.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Self { child, keyboard: terminal.into(), own, seen }
    }

    pub(crate) fn type_in(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn screen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }

    #[track_caller]
    pub(crate) fn until(&self, words: &str) {
        self.comes(&format!("`{words}` is on the screen"), || self.screen().contains(words));
    }

    /// Waits until `holds`, and fails with what is on the screen.
    #[track_caller]
    pub(crate) fn comes(&self, what: &str, holds: impl FnMut() -> bool) {
        let seen = || {
            let raw = if self.is_raw() { "raw" } else { "not raw" };
            format!("(the terminal is {raw}); the screen: {:?}", end_of(&self.screen()))
        };
        eventually_or(what, holds, seen);
    }

    /// No key acts on the person's terminal: all go to the program's.
    pub(crate) fn is_raw(&self) -> bool {
        !self.modes().local_modes.intersects(LocalModes::ISIG | LocalModes::ICANON | LocalModes::ECHO)
    }

    pub(crate) fn modes(&self) -> Termios {
        tcgetattr(&self.own).unwrap()
    }

    /// Waits for the end: the code, and all that was on the screen.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let mut status = None;
        let screen = Arc::clone(&self.seen);
        let ends = || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        };
        eventually_or("the command ends; the screen:", ends, || {
            format!("{:?}", end_of(&String::from_utf8_lossy(&screen.lock().unwrap())))
        });
        let code = status.and_then(|status| status.code());
        // All that the command wrote is read once a mark behind it is.
        File::from(self.own.try_clone().unwrap()).write_all(b"<END>").unwrap();
        self.until("<END>");
        assert!(
            self.modes().local_modes.contains(LocalModes::ECHO | LocalModes::ICANON),
            "it is left as it was"
        );
        (code, self.screen().trim_end_matches("<END>").to_owned())
    }
}

pub(crate) fn size(terminal: &OwnedFd, rows: u16, columns: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).unwrap();
}
