//! When a checkpoint is tried again at a place that does not take it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use export::{Board, Courier, Parts, Target};
use journal::checkpoint::{Checkpoint, Keys, Sealed};
use journal::merkle::TreeHead;
use journal::note::SigningKey;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vocab::{Ambient, Digest, Timestamp};

use crate::stage::Stage;

const ORIGIN: &str = "bulkhead/log";

/// A clock that notes when it was looked at: whoever tries something looks at it first.
struct Clock {
    begun: Instant,
    looks: Mutex<Vec<u64>>,
}

impl Ambient for Clock {
    fn now(&self) -> Timestamp {
        self.looks.lock().unwrap().push(self.begun.elapsed().as_secs());
        Timestamp::from_second(1_790_000_000).unwrap()
    }

    fn random(&self) -> [u8; 16] {
        [7; 16]
    }
}

/// A checkpoint of a log of so many records.
fn sealed(size: u64) -> Arc<Sealed> {
    let key = SigningKey::from_seed(ORIGIN, [1; 32]).unwrap();
    let tree = TreeHead { size, root: Digest::of(&size.to_le_bytes()) };
    let note = Checkpoint { origin: ORIGIN.to_owned(), tree }.sign([&key]).unwrap();
    Arc::new(Sealed::check(note, ORIGIN, &Keys::only(key.verifier().clone())).unwrap())
}

#[tokio::test(start_paused = true)]
async fn each_pause_is_twice_as_long_up_to_a_bound_and_a_newer_checkpoint_is_tried_at_once() {
    let stage = Stage::new();
    let clock = Arc::new(Clock { begun: Instant::now(), looks: Mutex::default() });
    let parts = Parts { ambient: clock.clone(), ..stage.parts() };
    // Its secret is not there, so that each attempt ends at once and without the network.
    let target: Target = toml::from_str(
        "name = \"checkpoint-1\"\nformat = \"jsonl\"\nto = \"https://localhost:9/\"\n\
         headers = { Authorization = \"Bearer secret:none\" }",
    )
    .unwrap();
    let (newest, of_notary) = watch::channel(Some(sealed(4)));
    let (answers, _heard) = mpsc::channel(1);
    let board = Board::default();
    let courier = Courier::new(&target, parts, &board, of_notary, answers).unwrap();
    let stop = CancellationToken::new();
    let carrying = tokio::spawn(courier.run(stop.clone()));
    let tried = || {
        let mut looks = clock.looks.lock().unwrap().clone();
        looks.dedup();
        looks
    };
    tokio::time::sleep(Duration::from_secs(1_200)).await;
    assert_eq!(tried(), [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1_111]);
    let standing = board.standings().remove(0);
    assert!(standing.late && standing.behind == 4, "{standing:?}");
    newest.send(Some(sealed(9))).unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(tried()[12..], [1_200, 1_201, 1_203, 1_207]);
    assert_eq!(board.standings()[0].behind, 9);
    stop.cancel();
    carrying.await.unwrap();
    assert_eq!(stage.alerts().await.len(), 1, "an outage is told of once");
}
