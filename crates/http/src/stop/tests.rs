//! What arrives on the socket: whole, broken, too large, and too slow.

use std::io::{ErrorKind, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use vocab::AgentName;
use vocab::frame::{self, FrameError};

use super::serve::Stops;
use super::words::{MAX_WORD_BYTES, Timed, Waits, Word};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

fn sent(bytes: &[u8]) -> Result<Option<Word>, FrameError> {
    let (mut theirs, ours) = UnixStream::pair()?;
    theirs.write_all(bytes)?;
    drop(theirs);
    Timed::new(&ours, LONG).read(MAX_WORD_BYTES)
}

fn framed(json: &str) -> Vec<u8> {
    let length = u32::try_from(json.len() + 1).unwrap();
    [&length.to_be_bytes(), &[frame::FRAME_VERSION][..], json.as_bytes()].concat()
}

#[test]
fn where_one_thread_is_wanting_none_hears() {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("stop.sock")).unwrap();
    let (tell, told) = sync_channel(1);
    let mut made = 0;
    let stops = Stops::on(listener, |listener| {
        made += 1;
        if made > 1 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let tell = tell.clone();
        std::thread::Builder::new().spawn(move || tell.send(listener.accept().map(drop)).unwrap()).map(drop)
    });
    assert_eq!((made, stops.unwrap_err().kind()), (2, ErrorKind::WouldBlock));
    // The one that was made hears that nobody comes any more.
    let heard = told.recv_timeout(LONG).unwrap();
    assert_eq!(heard.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn words_come_as_they_were_meant() {
    let echo = AgentName::new("echo").unwrap();
    for word in [
        Word::KillAll {},
        Word::Kill { agent: echo },
        Word::Shutdown { pending: Waits::Keep },
        Word::Shutdown { pending: Waits::Cancel },
    ] {
        assert_eq!(sent(&frame::encode(&word).unwrap()).unwrap(), Some(word));
    }
    assert_eq!(sent(b"").unwrap(), None);
}

#[test]
fn what_is_broken_stops_nothing() {
    let whole = frame::encode(&Word::KillAll {}).unwrap();
    for cut in 1..whole.len() {
        assert!(sent(&whole[..cut]).is_err(), "cut at {cut}");
    }
    for json in [
        "",
        "{}",
        "null",
        r#"{"word":"kill"}"#,
        r#"{"word":"kill","agent":"../echo"}"#,
        r#"{"word":"kill","agent":["echo"]}"#,
        r#"{"word":"kill","agent":null}"#,
        r#"{"word":"kill","agent":"echo","more":1}"#,
        r#"{"word":"kill_all","agent":"echo"}"#,
        r#"{"word":"shutdown"}"#,
        r#"{"word":"shutdown","pending":"never"}"#,
        r#"{"word":"open"}"#,
    ] {
        let read = sent(&framed(json));
        assert!(read.is_err(), "{json}: {read:?}");
    }
    let huge = framed(&format!(r#"{{"word":"kill","agent":"{}"}}"#, "a".repeat(1 << 16)));
    assert!(sent(&huge).is_err());
    assert!(sent(b"GET /api/v1/kill HTTP/1.1\r\n\r\n").is_err());
}

#[test]
fn who_says_nothing_is_not_waited_for() {
    let (_theirs, ours) = UnixStream::pair().unwrap();
    for time in [Duration::ZERO, Duration::from_millis(1)] {
        assert!(Timed::new(&ours, time).read::<Word>(MAX_WORD_BYTES).is_err());
    }
}
