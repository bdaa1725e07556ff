//! argon2id, a few at a time.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::Semaphore;

use crate::bounds::{MAX_HASHES, MAX_WAITING_HASHES};
use crate::no::{No, NoKind};
use crate::password::Password;
use crate::secret::fill;

/// OWASP's parameters: memory in KiB, passes, lanes.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Random bytes beside each password.
const SALT_BYTES: usize = 16;

/// The hash of no password, with the same parameters: what the password of somebody unknown is compared with, so that
/// it takes as long.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes passwords, [`MAX_HASHES`] at once.
#[derive(Debug)]
pub(crate) struct Hasher {
    places: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Hasher {
    pub(crate) fn new() -> Self {
        let queue = MAX_HASHES.saturating_add(MAX_WAITING_HASHES);
        Self { places: Arc::new(Semaphore::new(MAX_HASHES)), queue: Arc::new(Semaphore::new(queue)) }
    }

    /// Whether `password` is the one of `hash`; without one it takes as long and is not.
    pub(crate) async fn verify(&self, password: Password, hash: Option<String>) -> Result<bool, No> {
        self.run(move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODYS.to_owned());
            let same = argon2()?.verify_password(password.bytes(), hash.as_str()).is_ok();
            Ok(same && known)
        })
        .await
    }

    /// The PHC string of a new password, once `check` has nothing against it.
    pub(crate) async fn hash(
        &self,
        password: Password,
        check: impl FnOnce(&Password) -> Result<(), No> + Send + 'static,
    ) -> Result<String, No> {
        self.run(move || {
            check(&password)?;
            let mut salt = [0; SALT_BYTES];
            fill(&mut salt)?;
            let hash = argon2()?.hash_password_with_salt(password.bytes(), &salt).map_err(|_| unhashed())?;
            Ok(hash.to_string())
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, No> + Send + 'static,
    ) -> Result<T, No> {
        let busy =
            || No::new(NoKind::Busy, "too many people sign in at this moment; try again in a few seconds");
        let queued = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| busy())?;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| busy())?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((place, queued));
            done
        });
        done.await.map_err(|_| unhashed())?
    }
}

fn argon2() -> Result<Argon2<'static>, No> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| unhashed())?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn unhashed() -> No {
    No::new(NoKind::Unavailable, "the password could not be looked at; the gateway's log has more")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other_is() {
        let hasher = Hasher::new();
        let password = Password::new("correct horse battery");
        let hash = hasher.hash(password.clone(), |_| Ok(())).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(!hash.contains("horse"));
        assert!(hasher.verify(password.clone(), Some(hash.clone())).await.unwrap());
        for other in ["", "correct horse battery ", "Correct horse battery", "correct horse battery\0"] {
            assert!(!hasher.verify(Password::new(other), Some(hash.clone())).await.unwrap(), "{other:?}");
        }
        let again = hasher.hash(password, |_| Ok(())).await.unwrap();
        assert_ne!(hash, again, "each has a salt of its own");
    }

    #[tokio::test]
    async fn nobodys_hash_is_one_that_is_really_computed() {
        // If it could not be parsed, an unknown person would be told apart by the time that it takes.
        let salt = data_encoding::BASE64_NOPAD.decode(b"AAAAAAAAAAAAAAAAAAAAAA").unwrap();
        let made = argon2().unwrap().hash_password_with_salt(b"some password", &salt).unwrap().to_string();
        let (head, _) = made.rsplit_once('$').unwrap();
        assert_eq!(NOBODYS.rsplit_once('$').unwrap().0, head);
        assert!(argon2().unwrap().verify_password(b"some password", made.as_str()).is_ok());
        let refused = argon2().unwrap().verify_password(b"some password", NOBODYS).unwrap_err();
        assert_eq!(refused, argon2::password_hash::Error::PasswordInvalid);
        assert!(!Hasher::new().verify(Password::new("some password"), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_crowd_beyond_the_queue_is_told_to_come_again() {
        let hasher = Hasher::new();
        let held = Arc::clone(&hasher.queue).try_acquire_many_owned(34).unwrap();
        let refused = hasher.verify(Password::new("x"), None).await.unwrap_err();
        assert_eq!(refused.kind, NoKind::Busy);
        drop(held);
        assert!(!hasher.verify(Password::new("x"), None).await.unwrap());
    }
}
