//! How the gateway is, as `bulkhead doctor` would say it: looked at when somebody asks, by one at a time, not again before a
//! while has passed, and never on a thread that serves.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::{Mutex, Semaphore};

use crate::bounds::{EXAMINED_FOR, MAX_WAIT_FOR_HEALTH};
use crate::problem::{Problem, ProblemKind};

/// Looks at the machine and the home, for as long as that takes: `{"ok", "findings"}`, or why that cannot be said.
type Examine = dyn Fn() -> Result<Value, String> + Send + Sync;

/// What was found last, and when.
type Found = Option<(Instant, Value)>;

/// Looks, and keeps what was found for `EXAMINED_FOR`.
#[derive(Clone)]
pub struct Health {
    examine: Arc<Examine>,
    found: Arc<Mutex<Found>>,
    /// For how long.
    good_for: Duration,
    places: Arc<Semaphore>,
}

impl Health {
    /// `examine` is called on a thread that may wait.
    pub fn new(examine: impl Fn() -> Result<Value, String> + Send + Sync + 'static) -> Self {
        let places = Arc::new(Semaphore::new(MAX_WAIT_FOR_HEALTH));
        Self { examine: Arc::new(examine), found: Arc::default(), good_for: EXAMINED_FOR, places }
    }

    /// What is found, with how many seconds ago it was: `age_seconds`. Looking goes on when nobody waits for it any more, and
    /// who asks again has what it comes to.
    ///
    /// # Errors
    /// When too many ask, or it cannot be said.
    pub(crate) async fn look(&self) -> Result<Value, Problem> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            let message = "too many people ask at this moment how the gateway is; ask again in a few seconds";
            Problem::new(ProblemKind::Busy, message)
        })?;
        let mut found = Arc::clone(&self.found).lock_owned().await;
        if let Some((since, value)) = found.as_ref().filter(|(since, _)| since.elapsed() < self.good_for) {
            return Ok(aged(value, since.elapsed().as_secs()));
        }
        let examine = Arc::clone(&self.examine);
        // The look holds what keeps others from looking: whoever asked for it may be gone before it is over.
        let looking = tokio::task::spawn_blocking(move || {
            let value = examine()?;
            let answer = aged(&value, 0);
            *found = Some((Instant::now(), value));
            drop((found, place));
            Ok(answer)
        });
        let internal = |why: String| Problem::new(ProblemKind::Internal, why);
        looking.await.map_err(|error| internal(error.to_string()))?.map_err(internal)
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health").finish_non_exhaustive()
    }
}

fn aged(value: &Value, seconds: u64) -> Value {
    let mut value = value.clone();
    if let Some(object) = value.as_object_mut() {
        object.insert("age_seconds".to_owned(), json!(seconds));
    }
    value
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc;

    use super::*;

    /// One that counts how often it looked.
    fn counting() -> (Health, Arc<AtomicU64>) {
        let looks = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&looks);
        (Health::new(move || Ok(json!({ "look": count.fetch_add(1, Ordering::SeqCst) }))), looks)
    }

    #[tokio::test]
    async fn what_was_found_is_good_for_a_while_however_many_ask() {
        let (health, looks) = counting();
        let health = Health { good_for: Duration::MAX, ..health };
        let all = futures_util::future::join_all((0..MAX_WAIT_FOR_HEALTH).map(|_| health.look())).await;
        assert!(all.iter().all(|found| found.as_ref().is_ok_and(|found| found["look"] == 0)), "{all:?}");
        assert_eq!(looks.load(Ordering::SeqCst), 1);
        let health = Health { good_for: Duration::ZERO, ..health };
        assert_eq!(health.look().await.unwrap(), json!({ "look": 1, "age_seconds": 0 }));
        assert_eq!(looks.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn one_looks_at_a_time_and_only_so_many_wait() {
        let (let_go, held) = mpsc::sync_channel::<()>(1);
        let held = std::sync::Mutex::new(held);
        let health = Health::new(move || {
            held.lock().unwrap().recv().unwrap();
            Ok(json!({}))
        });
        let health = Health { good_for: Duration::MAX, ..health };
        let asks: Vec<_> = (0..MAX_WAIT_FOR_HEALTH)
            .map(|_| {
                let health = health.clone();
                tokio::spawn(async move { health.look().await })
            })
            .collect();
        while health.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(health.look().await.unwrap_err().kind, ProblemKind::Busy);
        // One word is enough for all of them: one looked.
        let_go.send(()).unwrap();
        for ask in asks {
            ask.await.unwrap().unwrap();
        }
        health.look().await.unwrap();
    }

    #[tokio::test]
    async fn a_look_goes_on_when_who_asked_is_gone_and_nobody_looks_beside_it() {
        let (let_go, held) = mpsc::sync_channel::<()>(1);
        let (tell, begun) = mpsc::sync_channel(2);
        let held = std::sync::Mutex::new(held);
        let health = Health::new(move || {
            tell.send(()).unwrap();
            held.lock().unwrap().recv().unwrap();
            Ok(json!({ "look": "theirs" }))
        });
        let health = Health { good_for: Duration::MAX, ..health };
        let gone = tokio::spawn({
            let health = health.clone();
            async move { health.look().await }
        });
        while begun.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        assert_eq!(health.places.available_permits(), MAX_WAIT_FOR_HEALTH - 1);
        assert!(health.found.try_lock().is_err());
        let_go.send(()).unwrap();
        assert_eq!(health.look().await.unwrap()["look"], "theirs");
        assert!(begun.try_recv().is_err(), "somebody looked again");
    }

    #[tokio::test]
    async fn what_cannot_be_said_is_not_kept() {
        let times = AtomicU64::new(0);
        let health = Health::new(move || match times.fetch_add(1, Ordering::SeqCst) {
            0 => Err("no".to_owned()),
            _ => Ok(json!({})),
        });
        assert_eq!(health.look().await.unwrap_err().kind, ProblemKind::Internal);
        health.look().await.unwrap();
    }
}
