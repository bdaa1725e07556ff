//! The machine's own time and randomness.

use vocab::{Ambient, Timestamp};

/// The operating system's clock and random generator.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Machine;

impl Ambient for Machine {
    #[expect(clippy::disallowed_methods, reason = "this is the one place where the machine's time enters")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn random(&self) -> [u8; 16] {
        random()
    }

    fn salt(&self) -> [u8; 32] {
        random()
    }
}

fn random<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    if let Err(error) = getrandom::fill(&mut bytes) {
        // Identifiers that somebody could guess would be worse than no gateway.
        tracing::error!("the operating system gives no random bytes: {error}");
        std::process::abort();
    }
    bytes
}
