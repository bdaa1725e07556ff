//! What a hostile client may put on a run's socket.

use std::fs::File;
use std::io::{IoSlice, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream as Raw;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::net::UnixStream;
use vocab::{AgentName, frame};

use super::wire::{MAX_ASK_BYTES, Wire, WireError};
use super::{Ask, FromCommand, ToCommand, Word};

fn ask() -> Ask {
    Ask {
        agent: AgentName::new("echo").unwrap(),
        command: vec![Word::Text("cat".to_owned()), Word::Bytes(vec![0xff])],
        folder: None,
        term: None,
        lang: None,
        env: Vec::new(),
        terminal: false,
    }
}

/// Our end, and one that sends whatever it likes.
fn ends() -> (Wire, Raw) {
    let (ours, theirs) = Raw::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    (Wire::new(UnixStream::from_std(ours).unwrap()), theirs)
}

fn send(to: &Raw, bytes: &[u8], beside: &[BorrowedFd<'_>]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(64))];
    let mut buffer = SendAncillaryBuffer::new(&mut space);
    if !beside.is_empty() {
        assert!(buffer.push(SendAncillaryMessage::ScmRights(beside)));
    }
    assert_eq!(sendmsg(to, &[IoSlice::new(bytes)], &mut buffer, SendFlags::empty()).unwrap(), bytes.len());
}

#[tokio::test]
async fn what_is_asked_arrives_with_its_descriptors() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (mut server, mut client) = (Wire::new(ours), Wire::new(theirs));
    let (mut reader, writer) = std::io::pipe().unwrap();
    let null = File::open("/dev/null").unwrap();
    let wanted = ask();
    let sent = client.ask(&wanted, [null.as_fd(), writer.as_fd(), null.as_fd()]);
    let (sent, asked) = tokio::join!(sent, server.asked());
    sent.unwrap();
    let (asked, [_, output, _]) = asked.unwrap();
    assert_eq!(asked, wanted);
    drop(writer);
    File::from(output).write_all(b"through").unwrap();
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    assert_eq!(said, "through");

    client.send(&FromCommand::Signal { signal: 15 }).await.unwrap();
    client.send(&FromCommand::Signal { signal: 2 }).await.unwrap();
    assert_eq!(server.next().await.unwrap(), Some(FromCommand::Signal { signal: 15 }));
    assert_eq!(server.next().await.unwrap(), Some(FromCommand::Signal { signal: 2 }));
    drop(client);
    assert_eq!(server.next::<FromCommand>().await.unwrap(), None);
}

#[tokio::test]
async fn a_large_command_arrives_whole() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (mut server, mut client) = (Wire::new(ours), Wire::new(theirs));
    let null = File::open("/dev/null").unwrap();
    let large = Ask { command: vec![Word::Bytes(vec![200; super::MAX_ARG_BYTES - 1])], ..ask() };
    large.check().unwrap();
    let (sent, asked) = tokio::join!(client.ask(&large, [null.as_fd(); 3]), server.asked());
    sent.unwrap();
    assert_eq!(asked.unwrap().0, large);
}

#[tokio::test]
async fn anything_but_three_descriptors_is_refused_and_none_is_kept() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let bytes = frame::encode(&ask()).unwrap();
    for count in [0, 1, 2, 4, 20, 60] {
        let (mut server, client) = ends();
        send(&client, &bytes, &vec![writer.as_fd(); count]);
        let refused = server.asked().await;
        assert!(matches!(refused, Err(WireError::Descriptors(_))), "{count}: {refused:?}");
    }
    // Spread over many messages, they add up.
    let (mut server, client) = ends();
    for byte in &bytes {
        send(&client, &[*byte], &[writer.as_fd()]);
    }
    assert!(matches!(server.asked().await, Err(WireError::Descriptors(_))));
    drop((server, client, writer));
    // Whoever kept one would keep this from ending.
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
}

#[tokio::test]
async fn a_way_out_of_the_jail_is_no_standard_input() {
    let null = File::open("/dev/null").unwrap();
    let folder = File::open("/").unwrap();
    let api = std::os::unix::net::UnixListener::bind(tempfile::tempdir().unwrap().path().join("x")).unwrap();
    for input in [folder.as_fd(), api.as_fd()] {
        let (mut server, client) = ends();
        send(&client, &frame::encode(&ask()).unwrap(), &[input, null.as_fd(), null.as_fd()]);
        assert!(matches!(server.asked().await, Err(WireError::Stdio(_))));
    }
    let (mut server, client) = ends();
    let empty = Ask { command: Vec::new(), ..ask() };
    send(&client, &frame::encode(&empty).unwrap(), &[null.as_fd(); 3]);
    assert!(matches!(server.asked().await, Err(WireError::Ask(_))));
}

#[tokio::test]
async fn three_descriptors_one_by_one_are_three() {
    let null = File::open("/dev/null").unwrap();
    let bytes = frame::encode(&ask()).unwrap();
    let (mut server, client) = ends();
    for byte in bytes.iter().take(3) {
        send(&client, &[*byte], &[null.as_fd()]);
    }
    send(&client, &bytes[3..], &[]);
    assert_eq!(server.asked().await.unwrap().0, ask());
}

#[tokio::test]
async fn frames_that_are_none_are_refused() {
    let null = File::open("/dev/null").unwrap();
    let three = [null.as_fd(); 3];
    let mut sudo = frame::encode(&ask()).unwrap();
    let at = sudo.windows(7).position(|window| window == b"\"agent\"").unwrap();
    sudo[at + 1] = b'A';
    let too_large = u32::try_from(MAX_ASK_BYTES + 1).unwrap().to_be_bytes();
    for bytes in [
        &b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..],
        &[0xff; 64],
        &[0, 0, 0, 0],
        &[0, 0, 0, 3, 9, b'{', b'}'],
        &[0, 0, 0, 3, 1, b'{', b'}'],
        &[0, 0, 0, 3, 1, 0xff, 0xfe],
        &too_large,
        &sudo,
    ] {
        let (mut server, client) = ends();
        send(&client, bytes, &three);
        assert!(server.asked().await.is_err(), "{bytes:?}");
    }
}

#[tokio::test]
async fn half_a_frame_is_none() {
    let null = File::open("/dev/null").unwrap();
    let bytes = frame::encode(&ask()).unwrap();
    for count in [1, 4, 5, bytes.len() - 1] {
        let (mut server, client) = ends();
        send(&client, &bytes[..count], &[null.as_fd(); 3]);
        drop(client);
        assert!(matches!(server.asked().await, Err(WireError::Silent)), "{count}");
    }
    let (mut server, client) = ends();
    drop(client);
    assert!(matches!(server.asked().await, Err(WireError::Silent)));
}

#[tokio::test]
async fn what_follows_is_bounded_too() {
    let (mut server, client) = ends();
    send(&client, &frame::encode(&"x".repeat(super::MAX_WORD_BYTES)).unwrap(), &[]);
    assert!(matches!(server.next::<FromCommand>().await, Err(WireError::TooLarge(..))));
    let (mut server, client) = ends();
    send(&client, &[0, 0, 0, 9, 1], &[]);
    drop(client);
    assert!(server.next::<FromCommand>().await.is_err());
    let (mut server, client) = ends();
    send(&client, &frame::encode(&serde_json::json!({"frame": "sudo"})).unwrap(), &[]);
    assert!(server.next::<FromCommand>().await.is_err());
    assert!(serde_json::from_str::<ToCommand>(r#"{"frame":"exited","how":"code"}"#).is_err());
}
