//! Who holds connections to a local socket: so many of one operating-system user, and the last ones for administrators alone.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::bounds::{MAX_CONNECTIONS, MAX_CONNECTIONS_OF_USER, RESERVED_CONNECTIONS};

/// Connections to one socket.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crowd(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    all: usize,
    of_user: BTreeMap<u32, usize>,
}

/// Why somebody gets no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Crowded {
    /// Their user has as many as one may have.
    #[error(
        "your operating-system user has {MAX_CONNECTIONS_OF_USER} connections to the gateway already, which is the most; close some"
    )]
    OfUser,
    /// What is left is for administrators.
    #[error(
        "the gateway has as many connections as it takes from others than administrators; try again when some have ended"
    )]
    Reserved,
    /// Nothing is left.
    #[error("the gateway has as many connections as it takes; try again when some have ended")]
    All,
}

/// One connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    crowd: Crowd,
    user: u32,
}

impl Crowd {
    /// A place for a connection of `user`. Only where few are left is `administers` asked whether that is an administrator.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) async fn enter<F>(&self, user: u32, administers: impl FnOnce() -> F) -> Result<Place, Crowded>
    where
        F: Future<Output = bool>,
    {
        let (place, reserved) = self.take(user)?;
        if reserved && !administers().await {
            return Err(Crowded::Reserved);
        }
        Ok(place)
    }

    /// A place, and whether it is one of those that are kept.
    fn take(&self, user: u32) -> Result<(Place, bool), Crowded> {
        let mut held = self.0.lock();
        if held.all >= MAX_CONNECTIONS {
            return Err(Crowded::All);
        }
        let of_user = held.of_user.entry(user).or_default();
        if *of_user >= MAX_CONNECTIONS_OF_USER {
            return Err(Crowded::OfUser);
        }
        *of_user = of_user.saturating_add(1);
        held.all = held.all.saturating_add(1);
        let reserved = held.all > MAX_CONNECTIONS.saturating_sub(RESERVED_CONNECTIONS);
        Ok((Place { crowd: self.clone(), user }, reserved))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.crowd.0.lock();
        held.all = held.all.saturating_sub(1);
        if let Some(of_user) = held.of_user.get_mut(&self.user) {
            *of_user = of_user.saturating_sub(1);
            if *of_user == 0 {
                held.of_user.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn enter(crowd: &Crowd, user: u32, administers: bool) -> Result<Place, Crowded> {
        now(crowd.enter(user, async || administers))
    }

    #[test]
    fn one_user_takes_no_more_than_their_part_and_gets_it_back() {
        let crowd = Crowd::default();
        let mut held: Vec<Place> =
            (0..MAX_CONNECTIONS_OF_USER).map(|_| enter(&crowd, 7, false).unwrap()).collect();
        assert_eq!(enter(&crowd, 7, true).unwrap_err(), Crowded::OfUser);
        held.push(enter(&crowd, 8, false).unwrap());
        drop(held.remove(0));
        held.push(enter(&crowd, 7, false).unwrap());
        assert_eq!(enter(&crowd, 7, false).unwrap_err(), Crowded::OfUser);
        drop(held);
        let left = crowd.0.lock();
        assert_eq!((left.all, left.of_user.len()), (0, 0));
    }

    #[test]
    fn however_many_users_hold_on_the_last_places_are_administrators() {
        let crowd = Crowd::default();
        let open = MAX_CONNECTIONS - RESERVED_CONNECTIONS;
        let place = |number: usize| u32::try_from(number / MAX_CONNECTIONS_OF_USER).unwrap();
        let held: Vec<Place> = (0..open).map(|number| enter(&crowd, place(number), false).unwrap()).collect();
        for _ in 0..3 {
            assert_eq!(enter(&crowd, 99, false).unwrap_err(), Crowded::Reserved);
        }
        let last: Vec<Place> = (0..RESERVED_CONNECTIONS)
            .map(|number| enter(&crowd, 100 + place(number), true).unwrap())
            .collect();
        assert_eq!(enter(&crowd, 200, true).unwrap_err(), Crowded::All);
        drop((held, last));
        assert!(enter(&crowd, 99, false).is_ok());
    }
}
