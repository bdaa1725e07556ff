//! The first process of a jail that does not speak as ours does: the program counts as not started or as lost, and the process is
//! ended.

use std::io::Write;
use std::net::{Shutdown, UdpSocket};
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child as Process, Command as Program};
use std::time::Instant;

use vocab::frame::{self, FRAME_VERSION};
use vocab::limits::MAX_FRAME_BYTES;

use super::*;
use crate::owner::Lease;

/// The longest that something is waited for that must happen.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(180);

/// Text that fits in a frame and in nothing that a person reads.
const HUGE_BYTES: usize = 3 * 1024 * 1024;

/// Whether a refusal is the one that belongs to what was said.
type IsRight = fn(&SpawnError) -> bool;

fn of(json: &[u8]) -> Vec<u8> {
    let length = u32::try_from(json.len() + 1).unwrap().to_be_bytes();
    [length.as_slice(), &[FRAME_VERSION], json].concat()
}

fn told(what: &Told) -> Vec<u8> {
    frame::encode(what).unwrap()
}

/// A process that is spoken for by `said`, with descriptors beside its first byte; what became of its program.
async fn begun(said: &[u8], with: &[BorrowedFd<'_>], listens: bool) -> (Result<Guest, SpawnError>, Process) {
    let process = Program::new("sleep").arg("1000").spawn().unwrap();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let child = Child::new(Lease::of(&process), ours).unwrap();
    let (first, rest) = said.split_at(said.len().min(1));
    if !first.is_empty() {
        assert_eq!(handoff::send(&theirs, first, with).unwrap(), 1);
    }
    let rest = rest.to_vec();
    // More than a socket holds waits for its reader, who may have enough before that.
    let speaker = std::thread::spawn(move || {
        if theirs.write_all(&rest).is_ok() {
            theirs.shutdown(Shutdown::Write).unwrap();
        }
        theirs
    });
    let null = || OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
    let command = Command {
        program: "true".into(),
        args: vec![],
        env: vec![],
        folder: "/".into(),
        stdio: [null(), null(), null()],
        terminal: false,
    };
    let guest = Guest::start(child, command, listens).await;
    drop(speaker.join().unwrap());
    (guest, process)
}

/// Waits until the process is gone.
fn gone(mut process: Process, said: &str) {
    let stat = format!("/proc/{}/stat", process.id());
    let lives = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
    let begun = Instant::now();
    while lives() {
        assert!(begun.elapsed() < PATIENCE, "{said}: its process goes on");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    // The lease may have reaped it.
    drop(process.wait());
}

#[tokio::test]
async fn a_first_word_that_is_none_of_ours_starts_nothing() {
    let running = told(&Told::Running);
    let cases: Vec<(&str, Vec<u8>, IsRight)> = vec![
        ("nothing", vec![], |why| matches!(why, SpawnError::Ended)),
        ("truncated", running[..running.len() - 1].to_vec(), |why| matches!(why, SpawnError::Ended)),
        ("half a length", vec![0, 0], |why| matches!(why, SpawnError::Ended)),
        ("too long", u32::try_from(MAX_FRAME_BYTES + 1).unwrap().to_be_bytes().to_vec(), is_frame),
        ("longest", vec![0xff; 4], is_frame),
        ("empty", vec![0; 4], is_frame),
        ("version", vec![0, 0, 0, 2, FRAME_VERSION + 1, b'1'], is_frame),
        ("not UTF-8", of(b"{\"told\":\"not\",\"code\":1,\"why\":\"\xff\xfe\"}"), is_frame),
        ("wrong type", of(br#"{"told":"not","code":"1","why":7}"#), is_frame),
        ("out of range", of(br#"{"told":"exited","code":256}"#), is_frame),
        ("unknown", of(br#"{"told":"flying"}"#), is_frame),
        ("unknown field", of(br#"{"told":"not","code":1,"why":"x","sudo":true}"#), is_frame),
        ("no object", of(br#""running""#), is_frame),
        ("deep", of("[".repeat(1 << 20).as_bytes()), is_frame),
        ("an end before a start", told(&Told::Exited { code: 0 }), is_untimely),
        ("a death before a start", told(&Told::Killed { signal: 9 }), is_untimely),
        ("a stop before a start", told(&Told::Stopped), is_untimely),
    ];
    for (what, said, is_right) in cases {
        let (guest, process) = begun(&said, &[], false).await;
        let why = guest.expect_err(what);
        assert!(is_right(&why), "{what}: {why:?}");
        let why = why.to_string();
        assert!(!why.contains('\n') && why.len() < 4096, "{what}: {why}");
        gone(process, what);
    }
}

fn is_frame(why: &SpawnError) -> bool {
    matches!(why, SpawnError::Frame(_))
}

fn is_untimely(why: &SpawnError) -> bool {
    matches!(why, SpawnError::Socket(error) if error.to_string().contains("was not started"))
}

#[tokio::test]
async fn why_a_program_was_not_started_is_one_bounded_line() {
    let why = "no\n\u{1b}[2J\u{202e}".repeat(HUGE_BYTES / 16);
    let (guest, process) = begun(&told(&Told::Not { code: 126, why }), &[], false).await;
    match guest.unwrap_err() {
        SpawnError::Command { code: 126, why } => {
            assert!(why.starts_with("no<U+000A><U+001B>[2J<U+202E>"), "{}", why.len());
            assert!(!why.contains(['\n', '\u{1b}', '\u{202e}']) && why.len() < 128 * 1024, "{}", why.len());
        }
        other => panic!("{other:?}"),
    }
    gone(process, "not started");
}

#[tokio::test]
async fn exactly_what_was_promised_comes_along_or_nothing_starts() {
    let running = told(&Told::Running);
    let null = std::fs::File::open("/dev/null").unwrap();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let deaf = UdpSocket::bind("127.0.0.1:0").unwrap();
    let cases: [(&str, &[BorrowedFd<'_>], bool); 6] = [
        ("one that was not promised", &[null.as_fd()], false),
        ("none where one was", &[], true),
        ("two", &[elsewhere.as_fd(), elsewhere.as_fd()], true),
        ("no socket", &[null.as_fd()], true),
        ("a listener elsewhere", &[elsewhere.as_fd()], true),
        ("a socket that does not listen", &[deaf.as_fd()], true),
    ];
    for (what, with, listens) in cases {
        let (guest, process) = begun(&running, with, listens).await;
        let why = guest.expect_err(what);
        assert!(matches!(why, SpawnError::Socket(_)), "{what}: {why:?}");
        gone(process, what);
    }
}

#[tokio::test]
async fn what_does_not_follow_a_start_ends_the_program() {
    let running = told(&Told::Running);
    let after = |said: &[u8]| [running.as_slice(), said].concat();
    let not = told(&Told::Not { code: 1, why: "x".into() });
    for (what, said) in [
        ("running twice", after(&running)),
        ("not started after all", after(&not)),
        ("not UTF-8", after(&of(b"\"\xff\""))),
        ("too long", after(&[0xff; 4])),
        ("an unknown word", after(&of(br#"{"told":"flying"}"#))),
    ] {
        let (guest, process) = begun(&said, &[], false).await;
        let why = guest.unwrap().wait().await.expect_err(what);
        assert!(matches!(why, GuestError::Silent(_)), "{what}: {why:?}");
        gone(process, what);
    }
}

#[tokio::test]
async fn an_end_is_the_last_word_and_a_broken_one_is_an_end() {
    let exited = told(&Told::Exited { code: 3 });
    let words = [told(&Told::Running), told(&Told::Stopped), told(&Told::Stopped), exited.clone(), exited];
    let late = told(&Told::Killed { signal: 9 });
    let (guest, process) = begun(&[words.concat(), late].concat(), &[], false).await;
    let mut guest = guest.unwrap();
    assert_eq!(guest.change().await.unwrap(), Change::Stopped, "said once, however often it comes");
    assert_eq!(guest.change().await.unwrap(), Change::Ended(Exit::Code(3)));
    assert_eq!(guest.wait().await.unwrap(), Exit::Code(3), "nothing that follows changes it");
    gone(process, "its end");

    let half = [told(&Told::Running), vec![0, 0, 1]].concat();
    let (guest, process) = begun(&half, &[], false).await;
    assert_eq!(guest.unwrap().wait().await.unwrap(), Exit::Ended);
    gone(process, "half a word");
}
