//! Ways to other processes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::attempt::{Attempt, Inside, Sign, attempt};
use crate::call::{Done, any, call, minus, pids};
use crate::scene::SECRET_NAME;

pub const CHECKS: &[Attempt] = &[
    attempt("kill a process", |i| kill(i.number("bystander"), libc::SIGKILL), Sign::Hurt),
    attempt("stop a process", |i| kill(i.number("bystander"), libc::SIGSTOP), Sign::Hurt),
    attempt("kill everyone", |_| kill(minus(-1), libc::SIGKILL), Sign::Hurt),
    attempt("kill its whole group", |_| kill_groups(), Sign::Hurt),
    attempt("kill a process by its thread", |i| by_thread(i.number("bystander")), Sign::Hurt),
    attempt("kill a process by a queued signal", |i| queued(i.number("bystander")), Sign::Hurt),
    attempt("kill a process by its pidfd", |i| by_pidfd(i.number("bystander")), Sign::Hurt),
    attempt("kill a process by a pidfd of /proc", by_folder, Sign::Hurt),
    attempt("kill every number there can be", every_number, Sign::Hurt),
    attempt("send a signal by a file's owner (F_SETOWN)", by_file, Sign::Hurt),
    attempt("see that a process is there", |i| kill(i.number("bystander"), 0), Sign::Word),
    attempt("trace a process", |i| trace(&[i.number("bystander")]), Sign::Hurt),
    attempt("trace any process", |_| trace(&others()), Sign::Hurt),
    attempt("read a process's memory", read_memory, Sign::Leaked),
    attempt("write a process's memory", write_memory, Sign::Hurt),
    attempt("read a process's memory by its file", read_memory_file, Sign::Leaked),
    attempt("write a process's memory by its file", write_memory_file, Sign::Hurt),
    attempt(
        "read its environment",
        |i| i.spill(format!("/proc/{}/environ", i.fact("bystander"))),
        Sign::Leaked,
    ),
    attempt("read anybody's environment", |i| all(i, "environ"), Sign::Leaked),
    attempt("read anybody's arguments", |i| all(i, "cmdline"), Sign::Leaked),
    attempt("read its own environment", own_environment, Sign::Leaked),
    attempt("take a descriptor of a process", |i| take(i, &[i.number("bystander")]), Sign::Leaked),
    attempt("take a descriptor of any process", |i| take(i, &others()), Sign::Leaked),
    attempt("compare its descriptors with a process's (kcmp)", compare, Sign::Word),
    attempt(
        "change a process's priority",
        |i| call(libc::SYS_setpriority, &[0, i.number("bystander"), 19]).map(drop),
        Sign::Hurt,
    ),
    attempt("change a process's scheduler", scheduler, Sign::Hurt),
    attempt(
        "change a process's disk priority",
        |i| call(libc::SYS_ioprio_set, &[1, i.number("bystander"), 3 << 13]).map(drop),
        Sign::Hurt,
    ),
    attempt("change a process's limits", limits, Sign::Hurt),
    attempt(
        "move a process's pages",
        |i| {
            call(
                libc::SYS_migrate_pages,
                &[i.number("bystander"), 1, [1_u64].as_ptr() as usize, [1_u64].as_ptr() as usize],
            )
            .map(drop)
        },
        Sign::Word,
    )
    .kernel(),
    attempt("advise on a process's memory", advise, Sign::Word).root(),
    attempt("change a process's choice by the memory killer", killer, Sign::Word).root(),
    attempt(
        "raise its own priority",
        |_| call(libc::SYS_setpriority, &[0, 0, minus(-10)]).map(drop),
        Sign::Word,
    )
    .root(),
    attempt(
        "run in real time",
        |_| call(libc::SYS_sched_setscheduler, &[0, 1, [1_i32].as_ptr() as usize]).map(drop),
        Sign::Word,
    )
    .root(),
    attempt("raise its own limits", raise, Sign::Word).kernel(),
    attempt("take another user", |_| call(libc::SYS_setuid, &[1]).map(drop), Sign::Word).root(),
    attempt(
        "take another group",
        |_| call(libc::SYS_setgroups, &[1, [1_u32].as_ptr() as usize]).map(drop),
        Sign::Word,
    )
    .root(),
];

fn kill(pid: usize, signal: i32) -> Done {
    call(libc::SYS_kill, &[pid, signal as usize]).map(drop)
}

fn others() -> Vec<usize> {
    pids().into_iter().filter(|pid| *pid != std::process::id()).map(|pid| pid as usize).collect()
}

/// Every group but its own; the first process's among them. A group that the namespace does not know has the
/// number 0, which means its own: whoever shares it is reached across namespaces.
fn kill_groups() -> Done {
    let group = |pid: &usize| call(libc::SYS_getpgid, &[*pid]).ok();
    let own = call(libc::SYS_getpgid, &[0])?;
    let mut groups: Vec<usize> = others().iter().filter_map(group).collect();
    // Its own last: it goes with it.
    groups.sort_by_key(|group| *group == own);
    any(groups, |group| {
        kill(group.wrapping_neg(), libc::SIGKILL)?;
        Err(io::Error::other("sent"))
    })
}

fn by_thread(pid: usize) -> Done {
    call(libc::SYS_tgkill, &[pid, pid, libc::SIGKILL as usize])
        .or_else(|_| call(libc::SYS_tkill, &[pid, libc::SIGKILL as usize]))
        .map(drop)
}

fn queued(pid: usize) -> Done {
    let mut info = [0_u32; 32];
    info[0] = libc::SIGKILL.unsigned_abs();
    info[2] = libc::SI_QUEUE as u32;
    call(libc::SYS_rt_sigqueueinfo, &[pid, libc::SIGKILL as usize, info.as_ptr() as usize]).map(drop)
}

fn by_pidfd(pid: usize) -> Done {
    let fd = call(libc::SYS_pidfd_open, &[pid, 0])?;
    call(libc::SYS_pidfd_send_signal, &[fd, libc::SIGKILL as usize, 0, 0]).map(drop)
}

fn by_folder(i: &Inside) -> Done {
    let folder = File::open(format!("/proc/{}", i.fact("bystander")))?;
    let fd = std::os::fd::AsRawFd::as_raw_fd(&folder) as usize;
    call(libc::SYS_pidfd_send_signal, &[fd, libc::SIGKILL as usize, 0, 0]).map(drop)
}

/// Whatever number the bystander has in the eyes of whoever asks.
fn every_number(_: &Inside) -> Done {
    const MOST: usize = 4096;
    let own = std::process::id() as usize;
    for pid in (2..MOST).filter(|pid| *pid != own) {
        drop(kill(pid, libc::SIGKILL));
    }
    Ok(())
}

/// A file that tells its owner, by SIGKILL, that there is something to read.
fn by_file(i: &Inside) -> Done {
    let (mut one, other) = std::os::unix::net::UnixStream::pair()?;
    let fd = std::os::fd::AsRawFd::as_raw_fd(&other) as usize;
    let set = |what: i32, value: usize| call(libc::SYS_fcntl, &[fd, what as usize, value]);
    set(libc::F_SETOWN, i.number("bystander"))?;
    set(10, libc::SIGKILL as usize)?; // F_SETSIG
    set(libc::F_SETFL, libc::O_ASYNC as usize)?;
    one.write_all(b"x")
}

fn trace(pids: &[usize]) -> Done {
    const SEIZE: usize = 0x4206;
    any(pids, |pid| {
        call(libc::SYS_ptrace, &[SEIZE, *pid, 0, 0])?;
        Err(io::Error::other("traced"))
    })
}

type Vectored = (libc::c_long, usize, usize);

fn vectored((number, pid, address): Vectored, bytes: &mut [u8]) -> Done {
    let (here, there) = ([bytes.as_mut_ptr() as usize, bytes.len()], [address, bytes.len()]);
    call(number, &[pid, here.as_ptr() as usize, 1, there.as_ptr() as usize, 1, 0]).map(drop)
}

fn read_memory(i: &Inside) -> Done {
    let mut bytes = [0; 64];
    vectored((libc::SYS_process_vm_readv, i.number("bystander"), i.number("address")), &mut bytes)?;
    i.say(&bytes)
}

fn write_memory(i: &Inside) -> Done {
    let mut mark = i.mark().to_vec();
    vectored((libc::SYS_process_vm_writev, i.number("bystander"), i.number("address")), &mut mark)
}

fn memory_file(i: &Inside) -> io::Result<File> {
    let path = format!("/proc/{}/mem", i.fact("bystander"));
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    file.seek(SeekFrom::Start(i.number("address") as u64))?;
    Ok(file)
}

fn read_memory_file(i: &Inside) -> Done {
    let mut bytes = [0; 64];
    memory_file(i)?.read_exact(&mut bytes)?;
    i.say(&bytes)
}

fn write_memory_file(i: &Inside) -> Done {
    memory_file(i)?.write_all(i.mark())
}

fn all(i: &Inside, name: &str) -> Done {
    any(pids(), |pid| {
        i.spill(format!("/proc/{pid}/{name}"))?;
        Err(io::Error::other("read"))
    })
}

fn own_environment(i: &Inside) -> Done {
    let value = std::env::var(SECRET_NAME).map_err(io::Error::other)?;
    i.say(value.as_bytes())
}

/// `pidfd_getfd` of everything; what can be read is printed.
fn take(i: &Inside, pids: &[usize]) -> Done {
    any(pids, |pid| {
        let process = call(libc::SYS_pidfd_open, &[*pid, 0])?;
        any(0..32, |number| {
            let fd = call(libc::SYS_pidfd_getfd, &[process, number, 0])?;
            let mut bytes = [0_u8; 64];
            let count = call(libc::SYS_pread64, &[fd, bytes.as_mut_ptr() as usize, bytes.len(), 0]);
            // One of them is the other end of its own standard input.
            call(libc::SYS_close, &[fd])?;
            i.say(&bytes[..count?])?;
            Err(io::Error::other("read"))
        })
    })
}

fn compare(i: &Inside) -> Done {
    let own = std::process::id() as usize;
    call(libc::SYS_kcmp, &[own, i.number("bystander"), 0, 0, 0]).map(drop)
}

fn scheduler(i: &Inside) -> Done {
    let batch = libc::SCHED_BATCH as usize;
    call(libc::SYS_sched_setscheduler, &[i.number("bystander"), batch, [0_i32].as_ptr() as usize]).map(drop)
}

fn limits(i: &Inside) -> Done {
    let few = [3_u64, 3];
    let args = [i.number("bystander"), libc::RLIMIT_NOFILE as usize, few.as_ptr() as usize, 0];
    call(libc::SYS_prlimit64, &args).map(drop)
}

fn advise(i: &Inside) -> Done {
    let fd = call(libc::SYS_pidfd_open, &[i.number("bystander"), 0])?;
    let range = [i.number("address") & !0xfff, 4096];
    let cold = libc::MADV_COLD as usize;
    call(libc::SYS_process_madvise, &[fd, range.as_ptr() as usize, 1, cold, 0]).map(drop)
}

fn killer(i: &Inside) -> Done {
    any(["bystander", "gateway"], |who| fs::write(format!("/proc/{}/oom_score_adj", i.fact(who)), "900"))
}

fn raise(_: &Inside) -> Done {
    let name = libc::RLIMIT_MEMLOCK as usize;
    let more = [1_u64 << 40, 1 << 40];
    call(libc::SYS_prlimit64, &[0, name, more.as_ptr() as usize, 0]).map(drop)
}
