//! A cosignature whose storing is given up in the middle, as by a gateway that stops asking: it is stored whole or not at all, and
//! once.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use bulkhead_journal::read::{Query, Reader};
use bulkhead_journal::verify::verify;
use bulkhead_journal::{Event, NotaryConfig};

use crate::common::{NOON, fill};
use crate::kept::Kept;
use crate::notary::{Witness, notary, settings};

/// How long is waited for a file, and between two looks at it.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(10);

/// More rounds than it takes until storing one is done.
const MOST_ROUNDS: usize = 40;

/// So many rounds give up one poll later than the one before, and each one after them at twice as many polls: whoever waits alone
/// looks for the commit, and so is polled some hundred times meanwhile.
const EACH_POLL: usize = 16;

/// After how many polls a round gives up.
fn polls_of(round: usize) -> usize {
    round.min(EACH_POLL) << round.saturating_sub(EACH_POLL)
}

/// Polls a future so often, and no more; whether it was done then.
async fn done_within(polls: usize, future: impl Future) -> bool {
    let (mut future, mut left) = (pin!(future), polls);
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            // Where it is given up next, nobody has to wake it first.
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[tokio::test]
async fn a_cosignature_that_is_given_up_anywhere_is_stored_once_when_it_comes_again() {
    for kept in Kept::both() {
        let folder = tempfile::tempdir().unwrap();
        let published = folder.path().join("published");
        let journal = kept.open();
        let witness = Witness::new("witness.example/1", 1);
        let settings = NotaryConfig {
            witnesses: vec![witness.key.clone()],
            files: vec![published.clone()],
            ..settings(folder.path())
        };
        let signing = notary(&kept, &journal, settings).await.unwrap();
        let mut sizes = Vec::new();
        loop {
            fill(&journal, 1).await;
            let sealed = signing.seal().await.unwrap();
            let line = witness.line(sealed.note().text(), u64::try_from(NOON).unwrap());
            let done =
                done_within(polls_of(sizes.len()), signing.cosigned_by(&witness.key, &sealed, &line)).await;
            sizes.push(sealed.tree().size);
            // What was given up may be stored all the same, a moment later.
            journal.flush().await.unwrap();
            // It comes again, once by the road on which it came and once from a person's hand.
            signing.cosigned_by(&witness.key, &sealed, &line).await.unwrap();
            signing.cosign(&line, None).await.unwrap();
            let newest = signing.newest().borrow().clone().unwrap();
            let times = newest.witnesses(std::slice::from_ref(&witness.key)).unwrap();
            assert_eq!(
                (times.len(), newest.tree()),
                (1, sealed.tree()),
                "given up in round {}",
                sizes.len() - 1
            );
            // A thread of the one that was given up may be at the file still. What it has not comes with the next that is published.
            let until = Instant::now() + PATIENCE;
            while std::fs::read_to_string(&published).unwrap() != newest.note().to_string() {
                assert!(Instant::now() < until, "the file never has round {}", sizes.len() - 1);
                tokio::time::sleep(PAUSE).await;
                signing.cosign(&line, None).await.unwrap();
            }
            if done {
                break;
            }
            assert!(sizes.len() < MOST_ROUNDS, "it is never done");
        }
        assert!(sizes.len() > 3, "it was given up {} times", sizes.len() - 1);
        let query = Query { event: Some(Event::CheckpointCosigned), ..Query::default() };
        let said = Reader::open(&kept.place()).unwrap().query(&query).unwrap();
        let said: Vec<u64> = said.iter().filter_map(|record| record.facts.number("size")).collect();
        assert_eq!(said, sizes, "one record for each");
        drop(signing);
        journal.close().await.unwrap();
        assert!(verify(&kept.place(), None).unwrap().ok);
    }
}
