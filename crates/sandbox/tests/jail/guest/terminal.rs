//! A guest on a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use bulkhead_sandbox::{Change, Command, Exit, Guest, SpawnError};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::time::timeout;

use super::{command, jail, said, system, wait};
use crate::Check;
use crate::stage::{Folders, roster, run};

pub(super) const CHECKS: &[Check] = &[
    ("guest: its terminal is a terminal", its_terminal_is_a_terminal),
    ("guest: job control", job_control),
    ("guest: stopped and continued", stopped_and_continued),
    ("guest: a program that stops itself again and again", stops_itself),
    ("guest: stops that were told together are one", stops_told_together),
    ("guest: one that left its group is continued and ended all the same", left_its_group),
    ("guest: a window that changes", a_window_that_changes),
    ("guest: terminals of its own", terminals_of_its_own),
    ("guest: nothing is typed in another's name", nothing_is_typed),
    ("guest: a terminal that is none", a_terminal_that_is_none),
];

const PATIENCE: Duration = Duration::from_secs(180);

/// The most pieces of what is shown that wait to be looked at.
const MAX_CHUNKS: usize = 1024;

/// The outer end of a terminal, and all that came out so far.
struct Screen {
    keys: File,
    chunks: Receiver<Vec<u8>>,
    shown: String,
}

impl Screen {
    /// A terminal, and a command on it.
    fn with(words: &[&str], folders: &Folders) -> (Self, Command) {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let outer = openpt(flags).unwrap();
        grantpt(&outer).unwrap();
        unlockpt(&outer).unwrap();
        let inner = ioctl_tiocgptpeer(&outer, flags).unwrap();
        let mut command = command(words, &folders.path("work"));
        command.stdio = [inner.try_clone().unwrap(), inner.try_clone().unwrap(), inner];
        command.env.push(("TERM".into(), "dumb".into()));
        command.terminal = true;
        let keys = File::from(outer);
        let mut screen = keys.try_clone().unwrap();
        let (sender, chunks) = sync_channel(MAX_CHUNKS);
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            // A terminal that nobody has open any more reads as an error.
            while let Ok(count @ 1..) = screen.read(&mut chunk) {
                if sender.send(chunk[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        (Self { keys, chunks, shown: String::new() }, command)
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Whether a text is shown, now or in a moment.
    fn comes(&mut self, text: &str) -> bool {
        if let Ok(chunk) = self.chunks.recv_timeout(Duration::from_millis(20)) {
            self.shown.push_str(&String::from_utf8_lossy(&chunk));
        }
        self.shown.contains(text)
    }

    /// Waits until a text is shown, and forgets all up to it.
    fn until(&mut self, text: &str) -> String {
        let begun = Instant::now();
        loop {
            if let Some(at) = self.shown.find(text) {
                let rest = self.shown.split_off(at + text.len());
                return std::mem::replace(&mut self.shown, rest);
            }
            let left = PATIENCE.saturating_sub(begun.elapsed());
            match self.chunks.recv_timeout(left) {
                Ok(chunk) => self.shown.push_str(&String::from_utf8_lossy(&chunk)),
                Err(_) => panic!("never shown: {text:?}, but {:?}", self.shown),
            }
        }
    }
}

/// Plays with a command on a terminal, and waits for its end.
fn play(words: &[&str], act: impl FnOnce(&mut Screen, &mut Guest)) -> Exit {
    let folders = Folders::new();
    let (mut screen, command) = Screen::with(words, &folders);
    run(async {
        let mut guest = roster().launch("a", &jail(&folders, system()), command).await.unwrap();
        act(&mut screen, &mut guest);
        wait(&mut guest).await
    })
}

fn its_terminal_is_a_terminal() {
    let line = "test -t 0 && test -t 1 && test -t 2 && stty size < /dev/tty && echo by-name > /dev/stdout \
        && echo tty > /dev/tty && read x && echo got-$x && exit 5";
    let exit = play(&["sh", "-c", line], |screen, _| {
        screen.until("by-name");
        screen.until("tty\r\n");
        screen.press("word\n");
        screen.until("got-word");
    });
    assert_eq!(exit, Exit::Code(5));
}

fn job_control() {
    let exit = play(&["bash", "--norc", "--noprofile", "-i"], |screen, _| {
        screen.press("PS1='ready> '\n");
        screen.until("\nready> ");
        // It says itself that it has the terminal: a shell hands that over before it has its job go on.
        screen.press("bash -c \"trap 'echo ag''ain' CONT; echo beg''un; while :; do sleep 0.05; done\"\n");
        screen.until("begun");
        screen.press("\x1a");
        screen.until("Stopped");
        screen.press("fg\n");
        screen.until("again");
        screen.press("\x03");
        screen.until("ready> ");
        screen.press("echo code $?\n");
        screen.until("code 130");
        screen.press("exit 6\n");
    });
    assert_eq!(exit, Exit::Code(6));
}

fn stopped_and_continued() {
    let folders = Folders::new();
    let line = "trap 'echo again' CONT; echo ready; until test \"$x\" = 9; do read x; done; exit 9";
    let (mut screen, command) = Screen::with(&["sh", "-c", line], &folders);
    run(async {
        let mut guest = roster().launch("a", &jail(&folders, system()), command).await.unwrap();
        screen.until("ready");
        for _ in 0..3 {
            screen.press("\x1a");
            assert_eq!(timeout(PATIENCE, guest.change()).await.unwrap().unwrap(), Change::Stopped);
            guest.signal(18).await.unwrap();
            screen.until("again");
        }
        screen.press("9\n");
        assert_eq!(wait(&mut guest).await, Exit::Code(9));
    });
}

fn stops_itself() {
    let folders = Folders::new();
    let line = "(i=0; while test $i -lt 500; do kill -STOP $$; kill -CONT $$; i=$((i+1)); done; kill -KILL $$) & \
        while :; do wait; done";
    let command = command(&["sh", "-c", line], &folders.path("work"));
    run(async {
        let mut guest = roster().launch("a", &jail(&folders, system()), command).await.unwrap();
        let mut changes = Vec::new();
        while !matches!(changes.last(), Some(Change::Ended(_))) {
            changes.push(timeout(PATIENCE, guest.change()).await.unwrap().unwrap());
        }
        // None of the stops may have been seen before it was over.
        let stops = changes.iter().filter(|change| **change == Change::Stopped).count();
        assert!(stops <= 1, "{changes:?}");
        assert_eq!(changes.last(), Some(&Change::Ended(Exit::Signal(9))));
    });
}

fn stops_told_together() {
    let folders = Folders::new();
    let line = "i=0; while test $i -lt 20; do kill -STOP $$; i=$((i+1)); echo again-$i.; done; exit 9";
    let (mut screen, command) = Screen::with(&["sh", "-c", line], &folders);
    run(async {
        let mut guest = roster().launch("a", &jail(&folders, system()), command).await.unwrap();
        // Each stop is told and continued before the first is heard of.
        for nth in 1..=20 {
            while !screen.comes(&format!("again-{nth}.")) {
                guest.signal(18).await.unwrap();
            }
        }
        let first = timeout(PATIENCE, guest.change()).await.unwrap().unwrap();
        assert_eq!(first, Change::Stopped);
        assert_eq!(timeout(PATIENCE, guest.change()).await.unwrap().unwrap(), Change::Ended(Exit::Code(9)));
    });
}

fn left_its_group() {
    let folders = Folders::new();
    let code = "import os, signal, time
os.setpgid(0, os.getppid())
print('left', flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
print('again', flush=True)
time.sleep(1000)";
    let (mut screen, command) = Screen::with(&["python3", "-c", code], &folders);
    run(async {
        let mut guest = match roster().launch("a", &jail(&folders, system()), command).await {
            Ok(guest) => guest,
            Err(SpawnError::Command { .. }) => return eprintln!("SKIPPED: no python3"),
            Err(other) => panic!("{other}"),
        };
        screen.until("left");
        assert_eq!(timeout(PATIENCE, guest.change()).await.unwrap().unwrap(), Change::Stopped);
        guest.signal(18).await.unwrap();
        screen.until("again");
        guest.signal(15).await.unwrap();
        assert_eq!(wait(&mut guest).await, Exit::Signal(15));
    });
}

fn a_window_that_changes() {
    let line = "trap 'stty size; exit 8' WINCH; echo waiting; while :; do sleep 0.02; done";
    let exit = play(&["sh", "-c", line], |screen, _| {
        screen.until("waiting");
        let size = Winsize { ws_row: 33, ws_col: 111, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&screen.keys, size).unwrap();
        screen.until("33 111");
    });
    assert_eq!(exit, Exit::Code(8));
}

fn terminals_of_its_own() {
    let folders = Folders::new();
    let code = "import pty; raise SystemExit(pty.spawn(['sh', '-c', 'test -t 0 && tty']) >> 8)";
    match said(&roster(), &jail(&folders, system()), command(&["python3", "-c", code], &folders.path("work")))
    {
        Ok(said) => assert_eq!((said.exit, said.out.trim()), (Exit::Code(0), "/dev/pts/0")),
        Err(SpawnError::Command { .. }) => eprintln!("SKIPPED: no python3"),
        Err(other) => panic!("{other}"),
    }
}

fn nothing_is_typed() {
    let code = "import fcntl, sys
for request in (0x5412, 0x541C):
    try: fcntl.ioctl(0, request, b'x'); print('typed')
    except PermissionError: print('refused')
print('end')";
    let exit = play(&["python3", "-c", code], |screen, _| {
        let shown = screen.until("end");
        assert!(shown.matches("refused").count() == 2 && !shown.contains("typed"), "{shown}");
    });
    assert_eq!(exit, Exit::Code(0));
}

fn a_terminal_that_is_none() {
    let folders = Folders::new();
    let mut pipe = command(&["true"], &folders.path("work"));
    pipe.stdio[0] = OwnedFd::from(std::io::pipe().unwrap().0);
    pipe.terminal = true;
    match said(&roster(), &jail(&folders, system()), pipe) {
        Err(SpawnError::Command { code: 126, why }) => assert!(why.contains("no terminal"), "{why}"),
        other => panic!("{other:?}"),
    }
}
