//! Whether the machine gives the gateway the threads that it uses.

use std::thread;

use crate::failure::Failure;

/// What it uses at the most: those that run its tasks and those that wait for the operating system, those that hear and do
/// kills, the record's own, and room for the processes that it starts.
const WANTED: usize = 64;

/// What one of them has for a stack while they are counted, in bytes.
const STACK_BYTES: usize = 16 * 1024;

/// Makes as many as the gateway uses, and lets them go. One that is wanting later ends whatever wanted it, and what wants it
/// may be a kill.
///
/// # Errors
/// When there are fewer to be had.
pub(crate) fn demand() -> Result<(), Failure> {
    let mut made = Vec::with_capacity(WANTED);
    let mut why = None;
    while made.len() < WANTED && why.is_none() {
        match thread::Builder::new().stack_size(STACK_BYTES).spawn(thread::park) {
            Ok(thread) => made.push(thread),
            Err(error) => why = Some(error),
        }
    }
    let had = made.len();
    for thread in &made {
        thread.thread().unpark();
    }
    for thread in made {
        if thread.join().is_err() {
            return Err(Failure::internal("a thread that did nothing did not end well"));
        }
    }
    match why {
        None => Ok(()),
        Some(error) => Err(Failure::unreachable(format!(
            "the gateway uses up to {WANTED} threads and this user gets {had} further ones ({error}): end other processes of the \
             user, or raise its limit (`ulimit -u`)"
        ))),
    }
}
