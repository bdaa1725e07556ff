//! The line to the spawner: started when it is first needed, and anew when the spawner has died.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use rustix::thread::gettid;

use crate::control::{self, Reply, Request};
use crate::process::{self, Process};
use crate::urgency::Urgent;
use crate::{Program, SpawnError, layer};

/// How long the spawner may take over one request. Less than a kill waits, which waits for this.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// How often a request is put to a new spawner when the one before died over it.
const MAX_TRIES: u32 = 2;

/// How long a spawner that was ended is waited for.
const END_WAIT: Duration = Duration::from_millis(500);

/// The spawner that runs and the thread that speaks with it, for those who want to know, hurry or end it.
#[derive(Debug, Default)]
pub(crate) struct Current {
    spawner: Mutex<Option<Arc<Process>>>,
    /// The number of the thread, while it is there.
    thread: Mutex<Option<u32>>,
}

/// Who starts a process just now goes before all others until this is dropped.
#[derive(Debug)]
pub(crate) struct Hurried<'a> {
    current: &'a Current,
    urgent: &'a Urgent,
}

impl Drop for Hurried<'_> {
    fn drop(&mut self) {
        self.current.each(|number| self.urgent.take_back(number));
    }
}

impl Current {
    fn lock(&self) -> MutexGuard<'_, Option<Arc<Process>>> {
        self.spawner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn thread(&self) -> MutexGuard<'_, Option<u32>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the thread and the spawner go before all others.
    pub(crate) fn hurried<'a>(&'a self, urgent: &'a Urgent) -> Hurried<'a> {
        self.each(|number| urgent.lend(number));
        Hurried { current: self, urgent }
    }

    /// Does something to the thread and to the spawner, by numbers that are theirs meanwhile.
    fn each(&self, act: impl Fn(u32)) {
        let thread = self.thread();
        thread.iter().for_each(|number| act(*number));
        drop(thread);
        self.lock().iter().for_each(|process| process.by_number(&act).unwrap_or_default());
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.lock().as_ref().map(|process| process.pid())
    }

    /// Ends it. What it has borne goes on.
    pub(crate) fn end(&self) {
        let process = self.lock().take();
        if let Some(process) = process {
            // One that does not end is a child of the gateway's and ends with it.
            process.kill().and_then(|()| process.reap(Instant::now() + END_WAIT)).unwrap_or_default();
        }
    }
}

/// The line. It belongs to the thread that is the spawner's parent.
#[derive(Debug)]
pub(crate) struct Line {
    program: Program,
    current: Arc<Current>,
    socket: Option<OwnedFd>,
    /// Every process that was handed out, to tell apart what a dying spawner bore and did not tell of.
    known: Vec<Weak<Process>>,
    /// Whether there may be such a one.
    strays: bool,
}

impl Drop for Line {
    fn drop(&mut self) {
        *self.current.thread() = None;
        self.current.end();
    }
}

impl Line {
    /// To be called on the thread that it belongs to.
    pub(crate) fn new(program: Program, current: Arc<Current>) -> Self {
        *current.thread() = u32::try_from(gettid().as_raw_nonzero().get()).ok();
        Self { program, current, socket: None, known: Vec::new(), strays: false }
    }

    /// Starts the spawner ahead of its first request, which tells if that fails.
    pub(crate) fn warm(&mut self) {
        self.socket = self.open().ok();
    }

    /// Has a process born. It is returned with the gateway's end of its socket.
    pub(crate) fn ask(
        &mut self,
        request: &Request,
        cgroup: Option<BorrowedFd<'_>>,
    ) -> Result<(Arc<Process>, UnixStream), SpawnError> {
        process::are_known_by_descriptor().map_err(|error| lacking(layer::PIDFD, error.to_string()))?;
        let mut why = String::new();
        for _ in 0..MAX_TRIES {
            match self.try_ask(request, cgroup) {
                Ok(Some((reply, pidfd, stream))) => return self.take(request, reply, pidfd, stream),
                Ok(None) => why = "it ended over the request".into(),
                // Once more would take longer than a kill may wait.
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    self.hang_up();
                    return Err(SpawnError::Spawner { why: "it did not answer and was ended".into() });
                }
                Err(error) => why = error.to_string(),
            }
            self.hang_up();
        }
        Err(SpawnError::Spawner { why })
    }

    fn try_ask(
        &mut self,
        request: &Request,
        cgroup: Option<BorrowedFd<'_>>,
    ) -> io::Result<Option<(Reply, Option<OwnedFd>, UnixStream)>> {
        let (ours, theirs) = UnixStream::pair()?;
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => self.open()?,
        };
        let beside: Vec<BorrowedFd<'_>> = std::iter::once(theirs.as_fd()).chain(cgroup).collect();
        control::send(&socket, request, &beside)?;
        drop(theirs);
        wait(&socket)?;
        let answer = control::receive::<Reply>(&socket)?;
        self.socket = Some(socket);
        Ok(answer.map(|(reply, descriptors)| (reply, descriptors.into_iter().next(), ours)))
    }

    fn take(
        &mut self,
        request: &Request,
        reply: Reply,
        pidfd: Option<OwnedFd>,
        stream: UnixStream,
    ) -> Result<(Arc<Process>, UnixStream), SpawnError> {
        match (reply, pidfd) {
            (Reply::Born { pid, grouped }, Some(pidfd)) => {
                let process = Arc::new(Process::new(pid, pidfd, grouped));
                self.known.retain(|known| known.strong_count() > 0);
                self.known.push(Arc::downgrade(&process));
                Ok((process, stream))
            }
            (Reply::Refused { layer, why, mend }, _) => Err(SpawnError::Refused { layer, why, mend }),
            (Reply::Failed { errno }, _) => {
                let source = io::Error::from_raw_os_error(errno);
                Err(SpawnError::Start { role: request.role.clone(), source })
            }
            (Reply::Born { .. }, None) => {
                self.hang_up();
                Err(SpawnError::Spawner { why: "it tells of a process and does not hand it over".into() })
            }
        }
    }

    /// Starts the spawner with an empty environment, in `/`, with one end of a line as its standard input.
    fn open(&mut self) -> io::Result<OwnedFd> {
        let (ours, theirs) = control::pair()?;
        let mut child = Command::new(&self.program.path)
            .args(&self.program.args)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| io::Error::other(format!("`{}`: {error}", self.program.path.display())))?;
        match Process::of(&child) {
            Ok(process) => {
                *self.current.lock() = Some(Arc::new(process));
                Ok(ours)
            }
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    /// Gives a spawner up that is of no use any more.
    fn hang_up(&mut self) {
        self.socket = None;
        self.current.end();
        self.strays = true;
    }

    /// Takes those out of the process table that a spawner bore and died before it told. They have no
    /// jail and no order, and end by themselves, since nobody holds the other end of their socket.
    pub(crate) fn sweep(&mut self) {
        if !self.strays {
            return;
        }
        let Ok(children) = fs::read_to_string("/proc/thread-self/children") else {
            return;
        };
        let known = self.known.iter().filter_map(Weak::upgrade).map(|process| process.pid());
        let known: BTreeSet<u32> = known.chain(self.current.pid()).collect();
        let children = children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok());
        let strays = children.filter(|pid| !known.contains(pid));
        // Those that have not ended yet are looked for again.
        self.strays = strays.filter(|stray| !reaped(*stray)).count() > 0;
    }
}

fn lacking(layer: &str, why: String) -> SpawnError {
    SpawnError::Refused { layer: layer.into(), why, mend: layer::mend(layer).into() }
}

fn reaped(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return true;
    };
    !matches!(waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG), Ok(None))
}

fn wait(socket: &OwnedFd) -> io::Result<()> {
    let timeout = Timespec { tv_sec: ANSWER_WAIT.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: 0 };
    match retry_on_intr(|| poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&timeout)))? {
        0 => Err(Errno::TIMEDOUT.into()),
        _ => Ok(()),
    }
}
