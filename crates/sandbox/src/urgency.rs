//! Urgency: on a machine that has too much to do, a killed process must be scheduled before it can die.
//!
//! Where the gateway may (root, `CAP_SYS_NICE` or a limit on real-time priority), whoever kills and those who
//! are killed go before all others. Elsewhere nothing of this happens, and costs nothing.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::{SCHED_FIFO, SCHED_OTHER, SCHED_RESET_ON_FORK, c_int, pid_t, sched_param};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, getpriority_process, pidfd_open, setpriority_process};

/// Real-time priority of those who are killed: the least. They end as soon as they run.
const DYING: c_int = 1;

/// Real-time priority of the thread that kills, so that the dying do not keep it from killing the rest.
const KILLING: c_int = 2;

/// The niceness of those that are found in a jail: the least.
const NICENESS: i32 = -20;

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

    /// Raises a process that must do something before a kill is whole, as the calling thread is raised. What it
    /// forks is not. The caller knows that the number is still its own, and takes the priority back.
    pub(crate) fn lend(&self, pid: u32) {
        if self.raised
            && let Ok(pid) = pid_t::try_from(pid)
        {
            // One that cannot be raised takes longer.
            set(pid, SCHED_FIFO | SCHED_RESET_ON_FORK, KILLING);
        }
    }

    /// Takes back what [`Urgent::lend`] gave.
    pub(crate) fn take_back(&self, pid: u32) {
        if self.raised
            && let Ok(pid) = pid_t::try_from(pid)
            // Not everyone who may raise may let children have a priority again.
            && !set(pid, SCHED_OTHER, 0)
        {
            set(pid, SCHED_OTHER | SCHED_RESET_ON_FORK, 0);
        }
    }

    /// Raises what the first process of a jail, which has its SIGKILL already, has in its jail. The caller knows
    /// that the first one's number is still its own. The others are found by numbers that may become somebody
    /// else's meanwhile; hence only the mild way, and only as long as it is seen to meet the right ones.
    pub(crate) fn hurry_crowd(&self, first: u32) {
        let Some(space) = space(first).filter(|_| self.raised) else {
            return;
        };
        let mut crowd = children(first);
        let mut at = 0;
        while let Some(pid) = crowd.get(at).copied().filter(|_| at < MAX_CROWD) {
            crowd.extend(children(pid));
            at = at.saturating_add(1);
            Pid::from_raw(pid.cast_signed()).and_then(|pid| hurry_member(pid, space)).unwrap_or_default();
        }
    }
}

/// Raises a process of the PID namespace `space`, and no other. `None` where there is no such process.
fn hurry_member(pid: Pid, space: u64) -> Option<()> {
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    let number = pid.as_raw_nonzero().get().unsigned_abs();
    self::space(number).filter(|found| *found == space)?;
    let before = getpriority_process(Some(pid)).ok()?;
    setpriority_process(Some(pid), NICENESS).ok()?;
    // One that has not ended by now had its number all the while.
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    if !matches!(poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&now)), Ok(0)) {
        setpriority_process(Some(pid), before).ok()?;
    }
    Some(())
}

/// Which PID namespace a process is in. It never leaves it.
fn space(pid: u32) -> Option<u64> {
    fs::metadata(format!("/proc/{pid}/ns/pid")).ok().map(|namespace| namespace.ino())
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

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    fn sleeper() -> (Child, Pid) {
        let child = Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = Pid::from_child(&child);
        (child, pid)
    }

    fn policy(pid: Pid) -> c_int {
        #[expect(unsafe_code, reason = "no safe call reads a policy")]
        // SAFETY: the call takes a number only.
        unsafe {
            libc::sched_getscheduler(pid.as_raw_nonzero().get())
        }
    }

    /// A number that has become that of a process elsewhere, or of none, raises nobody.
    #[test]
    fn only_a_process_of_the_jail_is_raised() {
        let urgent = Urgent::now();
        if !urgent.raises() {
            return eprintln!("SKIPPED: raising processes, because this user may not raise priorities");
        }
        let own = space(std::process::id()).unwrap();
        let (mut child, pid) = sleeper();
        let before = getpriority_process(Some(pid)).unwrap();
        assert_eq!(hurry_member(pid, own + 1), None);
        assert_eq!(getpriority_process(Some(pid)), Ok(before));
        assert_eq!(hurry_member(pid, own), Some(()));
        assert_eq!(getpriority_process(Some(pid)), Ok(NICENESS));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(hurry_member(pid, own), None);
    }

    #[test]
    fn what_was_lent_is_taken_back_and_not_inherited() {
        let urgent = Urgent::now();
        if !urgent.raises() {
            return eprintln!("SKIPPED: lending a priority, because this user may not raise priorities");
        }
        let (mut child, pid) = sleeper();
        let number = pid.as_raw_nonzero().get().unsigned_abs();
        urgent.lend(number);
        assert_eq!(policy(pid), SCHED_FIFO | SCHED_RESET_ON_FORK);
        urgent.take_back(number);
        assert_eq!(policy(pid), SCHED_OTHER);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
