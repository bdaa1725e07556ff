//! A jailed process that attacks the gateway through the one thing it has: the socket.

use std::io::Write;

use bulkhead_sandbox::{Child, FRAME_WAIT, Socket};
use serde_json::Value;
use vocab::frame::{self, FRAME_VERSION, FrameError};
use vocab::limits::MAX_FRAME_BYTES;

use crate::Check;
use crate::stage::{roster, run, tight, until};

pub(crate) const CHECKS: &[Check] = &[
    ("frames that break their form", frames_that_break_their_form),
    ("random bytes", random_bytes),
    ("a flood is read a frame at a time", a_flood_is_read_a_frame_at_a_time),
    ("half a frame and then silence", half_a_frame_and_then_silence),
    ("a frame that drips", a_frame_that_drips),
    ("a child that does not read", a_child_that_does_not_read),
    ("a receive that is given up loses nothing", a_receive_that_is_given_up_loses_nothing),
];

const SEEDS: u64 = 48;

/// Bytes of a frame that comes byte by byte: far more than are on their way at once.
const DRIPS: u32 = 64 * 1024;

/// What the hostile process does.
pub(crate) fn attack(kind: &str, mut stream: Socket) {
    let body = |bytes: &[u8]| [(bytes.len() as u32).to_be_bytes().as_slice(), bytes].concat();
    let bytes = match kind {
        "too-large" => (MAX_FRAME_BYTES as u32 + 1).to_be_bytes().to_vec(),
        "largest-number" => vec![0xff; 4],
        "nothing" => vec![0; 4],
        "version" => body(&[FRAME_VERSION + 1, b'1']),
        "no-json" => body(&[FRAME_VERSION, b'{']),
        "no-text" => body(&[FRAME_VERSION, b'"', 0xff, 0xfe, b'"']),
        "deep" => body(&[&[FRAME_VERSION], vec![b'['; 1 << 20].as_slice()].concat()),
        "broken-off" => vec![0, 0, 1, 0, FRAME_VERSION],
        "half" => vec![0, 0, 1],
        "slow" => frame::encode(&"whole").unwrap(),
        "drip" => DRIPS.to_be_bytes().to_vec(),
        "flood" => loop {
            if frame::write(&mut stream, &"flood").is_err() {
                return;
            }
        },
        "deaf" => vec![],
        seed => noise(seed.parse().unwrap()),
    };
    // The gateway may have ended this already.
    let (first, rest) = bytes.split_at(bytes.len() / 2);
    if stream.write_all(first).and_then(|()| stream.write_all(rest)).is_err() {
        return;
    }
    if kind == "drip" {
        for _ in 0..DRIPS {
            if stream.write_all(&[FRAME_VERSION]).is_err() {
                return;
            }
        }
    }
    if matches!(kind, "half" | "deaf") {
        loop {
            std::thread::sleep(std::time::Duration::from_secs(3600));
        }
    }
}

/// Bytes that look like frames often enough to get past the length (xorshift64).
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()
    };
    let mut bytes = Vec::new();
    for _ in 0..64 {
        let random = next();
        if random[0].is_multiple_of(2) {
            bytes.extend([0, 0, 0, random[1], FRAME_VERSION]);
        }
        bytes.extend(random);
    }
    bytes
}

async fn hostile(kind: &str) -> Child {
    let mut child = roster().spawn("a", "hostile", &tight()).await.unwrap();
    child.send(&kind).await.unwrap();
    child
}

/// Receives until an end or an error, and sees that the child is dead then.
async fn receive_all(child: &mut Child) -> Option<FrameError> {
    let error = loop {
        match child.recv::<Value>().await {
            Ok(Some(_)) => {}
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    let pid = child.pid();
    until("the child is dead", || !crate::stage::runs(pid));
    if error.is_some() {
        assert!(matches!(child.recv::<Value>().await, Err(FrameError::Io(_))));
        assert!(matches!(child.send(&1).await, Err(FrameError::Io(_))));
    }
    error
}

fn frames_that_break_their_form() {
    let received = |kind: &str| run(async { receive_all(&mut hostile(kind).await).await });
    assert!(matches!(received("too-large"), Some(FrameError::TooLarge(_))));
    assert!(matches!(received("largest-number"), Some(FrameError::TooLarge(_))));
    assert!(matches!(received("nothing"), Some(FrameError::Empty)));
    assert!(matches!(received("version"), Some(FrameError::Version(_))));
    assert!(matches!(received("no-json"), Some(FrameError::Form(_))));
    assert!(matches!(received("no-text"), Some(FrameError::Form(_))));
    assert!(matches!(received("deep"), Some(FrameError::Form(_))));
    assert!(matches!(received("broken-off"), Some(FrameError::Io(_))));
}

fn random_bytes() {
    for seed in 1..=SEEDS {
        let ended = run(async { receive_all(&mut hostile(&seed.to_string()).await).await });
        assert!(ended.is_some(), "seed {seed} was read to its end");
    }
}

fn a_flood_is_read_a_frame_at_a_time() {
    run(async {
        let mut child = hostile("flood").await;
        for _ in 0..10_000 {
            assert_eq!(child.recv::<String>().await.unwrap().as_deref(), Some("flood"));
        }
    });
}

fn half_a_frame_and_then_silence() {
    run(async {
        let mut child = hostile("half").await;
        // The clock now runs only when nothing else can happen.
        tokio::time::pause();
        match receive_all(&mut child).await {
            Some(FrameError::Io(error)) => assert_eq!(error.kind(), std::io::ErrorKind::TimedOut),
            other => panic!("{other:?}"),
        }
    });
}

/// However often a further byte is there before whoever receives has gone to sleep.
fn a_frame_that_drips() {
    run(async {
        let mut child = hostile("drip").await;
        tokio::time::pause();
        let time_passes = async {
            loop {
                tokio::time::advance(FRAME_WAIT).await;
            }
        };
        let received = tokio::select! {
            received = receive_all(&mut child) => received,
            never = time_passes => never,
        };
        match received {
            Some(FrameError::Io(error)) => assert_eq!(error.kind(), std::io::ErrorKind::TimedOut),
            other => panic!("{other:?}"),
        }
    });
}

fn a_child_that_does_not_read() {
    run(async {
        let mut child = hostile("deaf").await;
        tokio::time::pause();
        match child.send(&"x".repeat(MAX_FRAME_BYTES / 2)).await {
            Err(FrameError::Io(error)) => assert_eq!(error.kind(), std::io::ErrorKind::TimedOut),
            other => panic!("{other:?}"),
        }
        assert!(child.send(&1).await.is_err());
        let pid = child.pid();
        until("the child is dead", || !crate::stage::runs(pid));
    });
}

fn a_receive_that_is_given_up_loses_nothing() {
    run(async {
        let mut child = hostile("slow").await;
        let received = loop {
            // Given up at its first wait, over and over.
            let once = std::pin::pin!(child.recv::<String>());
            if let Some(received) = first_poll(once).await {
                break received;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(received.unwrap().as_deref(), Some("whole"));
    });
}

async fn first_poll<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match future.as_mut().poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
