//! Urgency: on a machine that has too much to do, a killed process must be scheduled before it can die.
//!
//! Where the gateway may (root, `CAP_SYS_NICE` or a limit on real-time priority), whoever kills and those who
//! are killed go before all others. Elsewhere nothing of this happens, and costs nothing.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::{SCHED_FIFO, SCHED_OTHER, c_int, pid_t, sched_param};

/// Real-time priority of those who are killed: the least. They end as soon as they run.
const DYING: c_int = 1;

/// Real-time priority of the thread that kills, so that the dying do not keep it from killing the rest.
const KILLING: c_int = 2;

/// The most processes of one jail that are looked for.
const MAX_CROWD: usize = 4096;

/// Whether the kernel has refused it once. It then does so for good.
static REFUSED: AtomicBool = AtomicBool::new(false);

/// The calling thread goes before all others until this is dropped.
#[derive(Debug)]
pub(crate) struct Urgent {
    raised: bool,
}

impl Urgent {
    /// Raises the calling thread, where that is allowed.
    pub(crate) fn now() -> Self {
        // A thread that has a policy of its own keeps it.
        let usual = || {
            #[expect(unsafe_code, reason = "no safe call reads a thread's policy")]
            // SAFETY: the call takes a number only; 0 is the calling thread.
            let policy = unsafe { libc::sched_getscheduler(0) };
            policy == SCHED_OTHER
        };
        Self { raised: !REFUSED.load(Ordering::Relaxed) && usual() && set(0, SCHED_FIFO, KILLING) }
    }

    /// Whether it may raise anybody.
    #[cfg(test)]
    pub(crate) fn raises(&self) -> bool {
        self.raised
    }

    /// Raises a process that has its SIGKILL already. The caller knows that the number is still its own.
    pub(crate) fn hurry(&self, pid: u32) {
        if self.raised
            && let Ok(pid) = pid_t::try_from(pid)
        {
            // One that is gone already needs it no more.
            set(pid, SCHED_FIFO, DYING);
        }
    }

    /// Raises what the first process of a jail, which has its SIGKILL already, has in its jail. These are
    /// found by numbers that may become others' meanwhile; hence only the mild way.
    pub(crate) fn hurry_crowd(&self, first: u32) {
        if !self.raised {
            return;
        }
        let mut crowd = children(first);
        let mut at = 0;
        while let Some(pid) = crowd.get(at).copied().filter(|_| at < MAX_CROWD) {
            crowd.extend(children(pid));
            at = at.saturating_add(1);
            rustix::process::Pid::from_raw(pid.cast_signed())
                .and_then(|pid| rustix::process::setpriority_process(Some(pid), -20).ok())
                .unwrap_or_default();
        }
    }
}

impl Drop for Urgent {
    fn drop(&mut self) {
        if self.raised {
            set(0, SCHED_OTHER, 0);
        }
    }
}

pub(crate) fn children(pid: u32) -> Vec<u32> {
    let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn set(pid: pid_t, policy: c_int, priority: c_int) -> bool {
    #[expect(unsafe_code, reason = "no safe call sets a policy")]
    // SAFETY: the parameters are a struct of the call's own form that outlives it.
    let returned = unsafe {
        let mut parameters: sched_param = std::mem::zeroed();
        parameters.sched_priority = priority;
        libc::sched_setscheduler(pid, policy, &raw const parameters)
    };
    if returned == -1 && io::Error::last_os_error().kind() == io::ErrorKind::PermissionDenied {
        REFUSED.store(true, Ordering::Relaxed);
    }
    returned != -1
}
