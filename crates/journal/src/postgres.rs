//! The record in PostgreSQL: its own SQL for all that SQLite does in its files.
//!
//! Several gateways add to one log. An append claims the next sequence numbers in one statement, and the primary key
//! lets one of two through; the other takes in what was added and tries again. Each gateway has rows of state of its own.
//! The role that a gateway signs in with can add to the log and cannot take anything from it.

mod apart;
mod append;
mod batch;
mod config;
mod door;
mod edge;
pub(crate) mod foreign;
mod line;
mod link;
mod reader;
mod rights;
mod runtime;
mod schema;
mod seat;
mod session;
mod socket;
mod states;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use vocab::Ambient;

pub use self::config::{DEFAULT_WAIT, PlaceError, PostgresConfig};
use self::edge::Trouble;
pub(crate) use self::reader::{Found, Log};
pub use self::rights::{Weakness, eraser_weaknesses, weaknesses};
pub use self::schema::{ERASER, GATEWAY, InitError, Made, OWNER, init};
use self::seat::Seat;
use self::session::Unfit;
pub(crate) use self::states::States;
use self::writer::{Writer, in_words};
use crate::desk::{Desk, Started};
use crate::open::OpenError;
use crate::queue::Queue;
use crate::writer::Shared;

/// Opens the log of `config` on a thread of its own, which writes from then on.
pub(crate) fn open(
    config: &PostgresConfig,
    ambient: &Arc<dyn Ambient>,
    queue: &Arc<Queue>,
    shared: &Arc<Shared>,
) -> Result<Started<States>, OpenError> {
    let place = config.to_string();
    let failed = |why: String| OpenError::Unreachable { place: place.clone(), why };
    let (opened, told) = std::sync::mpsc::sync_channel(1);
    let own = (config.clone(), Arc::clone(ambient), Arc::clone(queue), Arc::clone(shared));
    let thread = std::thread::Builder::new().name("journal".to_owned()).spawn(move || {
        let (config, ambient, queue, shared) = own;
        let instance = instance(ambient.as_ref());
        let runtime = match runtime::runtime() {
            Ok(runtime) => runtime,
            Err(why) => {
                return drop(opened.send(Err(OpenError::Unreachable { place: config.to_string(), why })));
            }
        };
        let writer =
            runtime.block_on(Writer::open(config.clone(), instance, ambient, Arc::clone(&queue), shared));
        match writer {
            Ok(writer) => {
                let desk = Arc::new(Desk::new(queue, Seat::new(runtime, writer)));
                if opened.send(Ok(Arc::clone(&desk))).is_ok() {
                    desk.run();
                }
            }
            Err(unfit) => drop(opened.send(Err(refused(&unfit, &config)))),
        }
    });
    let thread = thread.map_err(|error| failed(error.to_string()))?;
    let desk = told.recv().unwrap_or_else(|_| Err(failed("its thread has ended".to_owned())))?;
    let states = States::open(config).map_err(|why| {
        // The thread would keep the record for as long as this process lives.
        queue.close();
        failed(why)
    })?;
    Ok(Started { thread, states, desk })
}

/// What the server lists this opening of the log under. No other has it, here or elsewhere.
fn instance(ambient: &dyn Ambient) -> String {
    static OPENED: AtomicU32 = AtomicU32::new(0);
    let (process, number) = (std::process::id(), OPENED.fetch_add(1, Ordering::Relaxed));
    format!("bulkhead {} {process} {number}", data_encoding::HEXLOWER.encode(&ambient.random()))
}

fn refused(unfit: &Unfit, config: &PostgresConfig) -> OpenError {
    let (place, why) = (config.to_string(), in_words(unfit, config));
    match unfit {
        Unfit::Held(holder) => OpenError::Locked { path: place.into(), holder: holder.clone() },
        Unfit::NoRecord => OpenError::NoRecord(place),
        Unfit::Trouble(Trouble::Astray { .. } | Trouble::Broken { .. }) => {
            OpenError::Damaged { path: place.into(), why }
        }
        Unfit::Form(_) | Unfit::AnotherLog | Unfit::Unsafe(_) | Unfit::Foreign(_) => {
            OpenError::Unfit { place, why }
        }
        Unfit::Trouble(Trouble::Fault(_)) => OpenError::Unreachable { place, why },
    }
}
