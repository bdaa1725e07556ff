//! Whatever comes over the socket of a run, with however many descriptors beside it, it is a command within its bounds
//! and words of its form, or it is refused; and what is refused leaves no descriptor behind.
//!
//! The first byte says how many descriptors come beside the rest, and where the rest is cut in two.

#![no_main]

use std::fs::File;
use std::io::{IoSlice, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::LazyLock;

use http::run::{Ask, FromCommand, ToCommand, Wire};
use libfuzzer_sys::fuzz_target;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::runtime::{Builder, Runtime};

/// More than a socket takes without a reader is not sent.
const MAX_BYTES: usize = 64 * 1024;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_current_thread().enable_all().build().unwrap_or_else(|error| panic!("{error}"))
});

static NULL: LazyLock<File> =
    LazyLock::new(|| File::options().read(true).write(true).open("/dev/null").unwrap());

fuzz_target!(|bytes: &[u8]| {
    let Some((how, bytes)) = bytes.split_first() else { return };
    if bytes.is_empty() || bytes.len() > MAX_BYTES {
        return;
    }
    // What the first input makes for all of them.
    LazyLock::force(&RUNTIME);
    LazyLock::force(&NULL);
    let before = descriptors();
    let (mut here, there) = UnixStream::pair().unwrap();
    let (first, rest) = bytes.split_at(1 + usize::from(how >> 3) % bytes.len());
    let beside = vec![NULL.as_fd(); usize::from(how & 7)];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(7))];
    let mut space = SendAncillaryBuffer::new(&mut space);
    assert!(beside.is_empty() || space.push(SendAncillaryMessage::ScmRights(&beside)));
    assert_eq!(sendmsg(&here, &[IoSlice::new(first)], &mut space, SendFlags::NOSIGNAL).unwrap(), first.len());
    here.write_all(rest).unwrap();
    drop(here);
    there.set_nonblocking(true).unwrap();
    RUNTIME.block_on(async {
        let mut wire = Wire::new(tokio::net::UnixStream::from_std(there).unwrap());
        if let Ok((ask, _three)) = wire.asked().await {
            assert_eq!(beside.len(), 3);
            ask.check().expect("what was taken keeps to its bounds");
            let again: Ask = serde_json::from_slice(&serde_json::to_vec(&ask).unwrap()).unwrap();
            assert_eq!(again, ask);
            while let Ok(Some(FromCommand::Signal { .. })) = wire.next().await {}
        }
    });
    assert_eq!(descriptors(), before);
    if let Ok(told) = vocab::frame::decode::<ToCommand>(bytes) {
        let again = vocab::frame::encode(&told).unwrap();
        assert_eq!(vocab::frame::decode::<ToCommand>(&again[4..]).unwrap(), told);
    }
});

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
