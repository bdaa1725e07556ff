//! Asking the server from code that blocks, whatever runtime it may be called in.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};

/// What drives the connections of one thread.
pub(super) fn runtime() -> Result<Runtime, String> {
    Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())
}

/// Does `work` on a thread of its own and waits for it: a runtime cannot be entered from within another.
pub(super) fn on_a_thread<T: Send, F: Future<Output = T>>(
    work: impl FnOnce() -> F + Send,
) -> Result<T, String> {
    let run = || Ok(runtime()?.block_on(work()));
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("journal-ask".to_owned()).spawn_scoped(scope, run);
        let thread = thread.map_err(|error| error.to_string())?;
        thread.join().unwrap_or_else(|_| Err("the thread that asked the database has ended".to_owned()))
    })
}
