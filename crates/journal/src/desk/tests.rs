use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::ThreadId;

use tokio::sync::oneshot;
use vocab::{Ambient, Digest, Timestamp};

use super::*;
use crate::entry::{Draft, Head, Kind, Unless};
use crate::event::Event;
use crate::journal::AppendError;
use crate::prepare::{Prepared, prepare};
use crate::queue::{Arrival, BRIEF_BYTES, BRIEF_ENTRIES};

struct Noon;

impl Ambient for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_790_000_000).unwrap()
    }

    fn random(&self) -> [u8; 16] {
        [1; 16]
    }
}

/// Writes nothing, answers everybody and says on which thread it did what.
struct Pen {
    items: Vec<Item>,
    well: bool,
    breaks: bool,
    rest: Rest,
    done: SyncSender<(Done, ThreadId)>,
    /// Where the thread waits before it is done with what came.
    go: Option<Receiver<()>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Done {
    Work(Wake, usize),
    Led(usize),
}

const HEAD: Head = Head { records: 1, hash: Digest::from_bytes([0; 32]) };

impl Pen {
    fn answer(&mut self, done: impl FnOnce(usize) -> Done) {
        let count = self.items.len();
        for reply in self.items.drain(..).filter_map(|item| item.reply) {
            reply.send(Ok(HEAD)).unwrap();
        }
        self.done.send((done(count), std::thread::current().id())).unwrap();
    }
}

impl Writes for Pen {
    fn patience(&mut self) -> Patience {
        Patience::sleep(None)
    }

    fn items(&mut self) -> &mut Vec<Item> {
        &mut self.items
    }

    fn work(&mut self, wake: Wake) {
        if let Some(go) = &self.go {
            go.recv().unwrap();
        }
        self.answer(|count| Done::Work(wake, count));
    }

    fn may_be_led(&self) -> bool {
        self.well
    }

    fn lead(&mut self) -> Rest {
        assert!(!self.breaks, "it is meant to break down here");
        self.answer(Done::Led);
        self.rest
    }
}

type Told = Receiver<(Done, ThreadId)>;

fn desk(change: impl FnOnce(&mut Pen)) -> (Arc<Desk<Pen>>, Told) {
    let (done, told) = sync_channel(16);
    let mut pen = Pen { items: vec![], well: true, breaks: false, rest: Rest::Nothing, done, go: None };
    change(&mut pen);
    (Arc::new(Desk::new(Arc::new(Queue::new(Arc::new(Noon))), pen)), told)
}

fn message(bytes: usize) -> Prepared {
    let mut draft = Draft::new(Kind::Message);
    draft.payload = serde_json::json!("x".repeat(bytes));
    prepare(vec![draft], vec![], &Noon).unwrap()
}

/// Puts `entry` at the end, for somebody who waits.
fn put(desk: &Desk<Pen>, entry: Prepared) -> (Arrival, oneshot::Receiver<Result<Head, AppendError>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let room = runtime.block_on(desk.queue.room(&entry)).unwrap();
    let (reply, answer) = oneshot::channel();
    (desk.queue.put(entry, reply, room).unwrap(), answer)
}

fn end(desk: &Desk<Pen>, thread: std::thread::JoinHandle<()>) {
    desk.queue.close();
    thread.join().unwrap();
    assert!(desk.writer.lock().unwrap_or_else(PoisonError::into_inner).is_none());
}

#[test]
fn a_caller_commits_all_that_is_in_the_queue_in_their_own_thread() {
    let (desk, told) = desk(|_| {});
    desk.queue.push_now(message(10)).unwrap();
    let (_, answer) = put(&desk, message(10));
    assert!(desk.lead());
    assert_eq!(told.try_recv().unwrap(), (Done::Led(2), std::thread::current().id()));
    assert_eq!(answer.blocking_recv().unwrap(), Ok(HEAD));
    assert!(!desk.lead(), "there is nothing");
    assert!(told.try_recv().is_err());
}

#[test]
fn what_is_much_or_more_than_records_and_rows_is_left_to_the_thread() {
    let unless = || Unless { after: 0, event: Event::ErasureDone };
    for (case, entries) in [
        ("large", vec![message(BRIEF_BYTES)]),
        ("large together", vec![message(BRIEF_BYTES / 2), message(BRIEF_BYTES / 2)]),
        ("many", (0..=BRIEF_ENTRIES).map(|_| message(1)).collect()),
        ("a condition", vec![message(1), Prepared { unless: Some(unless()), ..message(1) }]),
    ] {
        let (desk, told) = desk(|_| {});
        let answers: Vec<_> = entries.into_iter().map(|entry| put(&desk, entry).1).collect();
        assert!(!desk.lead(), "{case}");
        assert!(told.try_recv().is_err(), "{case}");
        let own = Arc::clone(&desk);
        let thread = std::thread::spawn(move || own.run());
        for answer in answers {
            assert_eq!(answer.blocking_recv().unwrap(), Ok(HEAD), "{case}");
        }
        end(&desk, thread);
    }
}

#[test]
fn a_writer_that_is_not_well_is_left_to_its_thread() {
    let (desk, told) = desk(|pen| pen.well = false);
    let (_, _answer) = put(&desk, message(1));
    assert!(!desk.lead());
    assert!(told.try_recv().is_err());
}

#[test]
fn who_finds_the_thread_at_work_leaves_it_to_that() {
    let (go, gone) = sync_channel(8);
    let (desk, told) = desk(|pen| pen.go = Some(gone));
    let own = Arc::clone(&desk);
    let thread = std::thread::spawn(move || own.run());
    let (arrival, first) = put(&desk, message(1));
    if arrival == Arrival::Unseen {
        desk.queue.wake();
    }
    // It has what was there when the queue is empty, and holds the desk until it may go on.
    while desk.queue.is_waiting() {
        std::thread::yield_now();
    }
    let (_, second) = put(&desk, message(1));
    assert!(!desk.lead());
    (0..8).for_each(|_| go.send(()).unwrap());
    assert_eq!(first.blocking_recv().unwrap(), Ok(HEAD));
    assert_eq!(second.blocking_recv().unwrap(), Ok(HEAD));
    assert!(
        told.iter().take(2).all(|(done, at)| done == Done::Work(Wake::Work, 1) && at == thread.thread().id())
    );
    end(&desk, thread);
}

#[test]
fn what_a_commit_leaves_over_the_thread_does_at_once() {
    let (desk, told) = desk(|pen| pen.rest = Rest::Something);
    let own = Arc::clone(&desk);
    let thread = std::thread::spawn(move || own.run());
    let (_, answer) = put(&desk, message(1));
    // Either of the two may be first.
    let led = desk.lead();
    assert_eq!(answer.blocking_recv().unwrap(), Ok(HEAD));
    let first = told.recv().unwrap().0;
    assert_eq!(first, if led { Done::Led(1) } else { Done::Work(Wake::Work, 1) });
    if led {
        assert_eq!(told.recv().unwrap(), (Done::Work(Wake::Idle, 0), thread.thread().id()));
    }
    end(&desk, thread);
}

#[test]
fn a_commit_that_breaks_down_closes_the_journal_and_tells_whoever_waits() {
    let (desk, _told) = desk(|pen| pen.breaks = true);
    let (_, answer) = put(&desk, message(1));
    assert!(catch_unwind(AssertUnwindSafe(|| desk.lead())).is_err());
    assert_eq!(desk.queue.push_now(message(1)), Err(AppendError::Closed));
    assert!(!desk.lead());
    let own = Arc::clone(&desk);
    let thread = std::thread::spawn(move || own.run());
    assert!(answer.blocking_recv().is_err(), "whoever waits is told that it is gone");
    end(&desk, thread);
}
