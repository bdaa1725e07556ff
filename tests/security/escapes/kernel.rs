//! Doors of the kernel that a program seldom needs, and that broke before.

use std::fs::{self, OpenOptions};
use std::io;

use crate::attempt::{Attempt, Inside, Sign, attempt};
use crate::call::{Done, any, c_path, call, minus, reached};

pub const CHECKS: &[Attempt] = &[
    attempt("a ring of system calls (io_uring)", uring, Sign::Holds("io_uring")).kernel(),
    attempt("a map of the kernel's own programs (bpf)", bpf_map, Sign::Holds("bpf")).root().kernel(),
    attempt("a program inside the kernel (bpf)", bpf_program, Sign::Word).root().kernel(),
    attempt(
        "performance counters of a process",
        |i| counters(i.number("bystander")),
        Sign::Holds("perf_event"),
    )
    .kernel(),
    attempt("performance counters of itself", |_| counters(0), Sign::Holds("perf_event")).kernel(),
    attempt(
        "page faults handled by itself",
        |_| call(libc::SYS_userfaultfd, &[0]).map(drop),
        Sign::Holds("userfaultfd"),
    )
    .root(),
    attempt(
        "page faults handled by itself, its own only",
        |_| call(libc::SYS_userfaultfd, &[1]).map(drop),
        Sign::Holds("userfaultfd"),
    ),
    attempt(
        "watch the whole file system (fanotify)",
        |_| call(libc::SYS_fanotify_init, &[0, 0]).map(drop),
        Sign::Holds("fanotify"),
    )
    .root(),
    attempt("a key on the user's ring", key, Sign::Word),
    attempt(
        "read the user's ring of keys",
        |_| call(libc::SYS_keyctl, &[0, minus(-4), 1]).map(drop),
        Sign::Word,
    ),
    attempt("a session ring of its own", |_| call(libc::SYS_keyctl, &[1, 0]).map(drop), Sign::Word),
    attempt("memory without chance (personality)", personality, Sign::Seen(predictable)),
    attempt("the host's name", host_name, Sign::Seen(|scene| scene.renamed())).root(),
    attempt("the machine's clock", clock, Sign::Word).root(),
    attempt("the machine's end (reboot)", end, Sign::Word).root(),
    attempt("a module for the kernel", module, Sign::Word).kernel(),
    attempt("another kernel (kexec)", kexec, Sign::Word).root().kernel(),
    attempt("accounting of processes", |_| call(libc::SYS_acct, &[0]).map(drop), Sign::Word).root().kernel(),
    attempt("swap", swap, Sign::Word).root(),
    attempt("disk quotas", quota, Sign::Word).root(),
    attempt("the kernel's log", |_| call(libc::SYS_syslog, &[10]).map(drop), Sign::Word).root(),
    attempt("the kernel's log by its device", |_| open("/dev/kmsg"), Sign::Word).root(),
    attempt("the machine's memory", |_| any(["/dev/mem", "/dev/kmem", "/proc/kcore"], open), Sign::Word)
        .root()
        .kernel(),
    attempt("the machine's ports", |_| call(libc::SYS_iopl, &[3]).map(drop), Sign::Word).root().kernel(),
    attempt("segments of old (modify_ldt)", segments, Sign::Word).kernel(),
    attempt("calls by the numbers of another way (x32)", other_numbers, Sign::Word).kernel(),
    attempt("calls of the 32-bit machine", narrow, Sign::Word).kernel(),
    attempt("where dumps of memory go (core_pattern)", |_| same("/proc/sys/kernel/core_pattern"), Sign::Word)
        .root(),
    attempt("a setting of the kernel", |_| same("/proc/sys/kernel/printk_ratelimit"), Sign::Word).root(),
    attempt("a setting of the machine's network", |_| same("/proc/sys/net/core/somaxconn"), Sign::Word)
        .root(),
    attempt("the magic key", |_| write_only("/proc/sysrq-trigger"), Sign::Word).kernel(),
    attempt("a setting in /sys", |_| any(SYSTEM, same), Sign::Word).root(),
    attempt("the events of devices", |_| write_only("/sys/devices/virtual/mem/null/uevent"), Sign::Word)
        .root(),
    attempt("where the kernel's functions are", addresses, Sign::Word).root(),
    attempt("the machine's list of mounts", mounts, Sign::Seen(|scene| scene.said.contains(" /run "))),
    attempt("the keys of others", keys, Sign::Word),
    attempt("traces of the kernel", |_| any(TRACES, |path| fs::read_dir(path).map(drop)), Sign::Word)
        .root()
        .kernel(),
    attempt("locked memory", locked, Sign::Seen(locks)).root(),
    attempt(
        "a secret memory of its own (memfd_secret)",
        |_| call(libc::SYS_memfd_secret, &[0]).map(drop),
        Sign::Word,
    )
    .kernel(),
    attempt("a filter that asks another process (seccomp)", listener, Sign::Word),
];

const SYSTEM: [&str; 3] = [
    "/sys/kernel/mm/ksm/run",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/module/printk/parameters/time",
];

const TRACES: [&str; 2] = ["/sys/kernel/debug/tracing", "/sys/kernel/tracing/events"];

fn uring(_: &Inside) -> Done {
    let space = [0_u64; 32];
    call(libc::SYS_io_uring_setup, &[4, space.as_ptr() as usize]).map(drop)
}

/// `BPF_MAP_CREATE` of an array: key and value of 4 bytes, one entry.
fn bpf_map(_: &Inside) -> Done {
    let mut space = [0_u64; 16];
    space[..3].copy_from_slice(&[(4 << 32) | 2, (1 << 32) | 4, 0]);
    call(libc::SYS_bpf, &[0, space.as_ptr() as usize, 72]).map(drop)
}

/// `BPF_PROG_LOAD` of a socket filter that returns 0.
fn bpf_program(_: &Inside) -> Done {
    let code: [u64; 2] = [0xb7, 0x95];
    let licence = c_path("GPL");
    let mut space = [0_u64; 16];
    space[..3].copy_from_slice(&[(2 << 32) | 1, code.as_ptr() as u64, licence.as_ptr() as u64]);
    call(libc::SYS_bpf, &[5, space.as_ptr() as usize, 72]).map(drop)
}

/// The software clock, outside the kernel.
fn counters(pid: usize) -> Done {
    let mut attributes = [0_u64; 16];
    attributes[0] = (128 << 32) | 1;
    attributes[5] = 0b1110_0000; // exclude kernel, hypervisor, idle
    call(libc::SYS_perf_event_open, &[attributes.as_ptr() as usize, pid, minus(-1), minus(-1), 0]).map(drop)
}

fn key(i: &Inside) -> Done {
    let (kind, name) = (c_path("user"), c_path("bulkhead-escapes"));
    let mark = i.mark();
    let args =
        [kind.as_ptr() as usize, name.as_ptr() as usize, mark.as_ptr() as usize, mark.len(), minus(-4)];
    let key = call(libc::SYS_add_key, &args)?;
    // Taken away again: the user's ring outlives the machine of this attempt.
    call(libc::SYS_keyctl, &[9, key, minus(-4)]).map(drop)
}

fn keys(i: &Inside) -> Done {
    let ring = call(libc::SYS_keyctl, &[0, minus(-4), 1]).map(drop);
    let text = fs::read("/proc/keys")?;
    i.say(&text)?;
    if text.is_empty() { Err(ring.err().unwrap_or_else(|| io::Error::other("none"))) } else { Ok(()) }
}

fn personality(_: &Inside) -> Done {
    call(libc::SYS_personality, &[libc::ADDR_NO_RANDOMIZE as usize]).map(drop)
}

fn predictable(scene: &crate::scene::Scene) -> bool {
    let read = |pid| fs::read_to_string(format!("/proc/{pid}/personality")).unwrap_or_default();
    scene.run().into_iter().any(|pid| read(pid).trim() == "00040000")
}

fn host_name(i: &Inside) -> Done {
    let name = &i.mark()[..32];
    call(libc::SYS_sethostname, &[name.as_ptr() as usize, name.len()]).map(drop)
}

/// Its pace, to what it is.
fn clock(_: &Inside) -> Done {
    // SAFETY: a `timex` of zeros is one.
    let mut pace: libc::timex = unsafe { std::mem::zeroed() };
    call(libc::SYS_adjtimex, &[&raw mut pace as usize])?;
    pace.modes = libc::ADJ_TICK;
    call(libc::SYS_adjtimex, &[&raw mut pace as usize]).map(drop)
}

/// Only what the three keys do, and only here: in a namespace this ends nothing (`EINVAL`).
fn end(_: &Inside) -> Done {
    let args = [0xfee1_dead, 672_274_793, libc::LINUX_REBOOT_CMD_CAD_OFF as usize, 0];
    reached(call(libc::SYS_reboot, &args), &[libc::EINVAL])
}

fn module(_: &Inside) -> Done {
    let nothing = c_path("");
    let bytes = [0_u8; 64];
    let args = [bytes.as_ptr() as usize, bytes.len(), nothing.as_ptr() as usize];
    reached(call(libc::SYS_init_module, &args), &[libc::ENOEXEC, libc::EINVAL])
}

fn kexec(_: &Inside) -> Done {
    reached(call(libc::SYS_kexec_load, &[0, 99, 0, 0]), &[libc::EINVAL])
}

fn swap(_: &Inside) -> Done {
    let path = c_path("/nonexistent/swap");
    reached(call(libc::SYS_swapon, &[path.as_ptr() as usize, 0]), &[libc::ENOENT])
}

fn quota(_: &Inside) -> Done {
    // Q_SYNC of user quotas on all file systems needs no rights; Q_QUOTAON on none there is does.
    let path = c_path("/nonexistent/device");
    let command = (0x80_0002_usize << 8) & 0xffff_ffff;
    reached(
        call(libc::SYS_quotactl, &[command, path.as_ptr() as usize, 0, 0]),
        &[libc::ENOENT, libc::ENODEV, libc::ENOTBLK],
    )
}

fn open(path: &str) -> Done {
    fs::File::open(path).map(drop)
}

fn write_only(path: &str) -> Done {
    OpenOptions::new().write(true).open(path).map(drop)
}

/// Writes what it says already. A setting that may be changed may be changed to that.
fn same(path: &str) -> Done {
    let text = fs::read_to_string(path)?;
    let chosen = text.split('[').nth(1).and_then(|rest| rest.split(']').next()).unwrap_or(&text);
    let mut file = OpenOptions::new().write(true).open(path)?;
    io::Write::write_all(&mut file, chosen.as_bytes())
}

fn segments(_: &Inside) -> Done {
    let mut space = [0_u8; 64];
    call(libc::SYS_modify_ldt, &[0, space.as_mut_ptr() as usize, space.len()]).map(drop)
}

/// `unshare` of nothing, with the bit of the x32 numbers.
fn other_numbers(_: &Inside) -> Done {
    call(0x4000_0000 + libc::SYS_unshare, &[0]).map(drop)
}

/// `unshare` of nothing as a 32-bit program calls it. A filter ends the process over it.
fn narrow(_: &Inside) -> Done {
    #[cfg(target_arch = "x86_64")]
    {
        let returned: i32;
        // SAFETY: the call takes a number; `rbx` is put back as it was.
        unsafe {
            std::arch::asm!(
                "push rbx", "xor ebx, ebx", "int 0x80", "pop rbx",
                inlateout("eax") 310_i32 => returned, out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            );
        }
        if returned == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-returned)) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    Err(io::Error::other("no such calls here"))
}

fn addresses(_: &Inside) -> Done {
    let text = fs::read_to_string("/proc/kallsyms")?;
    let known = text.lines().any(|line| !line.starts_with("0000000000000000") && !line.contains(" A "));
    if known { Ok(()) } else { Err(io::Error::other("only zeros")) }
}

/// What is mounted where it has no business; the folders that it was granted are no secret.
fn mounts(i: &Inside) -> Done {
    drop(i.spill("/proc/self/mountinfo"));
    i.spill("/proc/1/mountinfo")
}

fn locked(_: &Inside) -> Done {
    const BYTES: usize = 32 << 20;
    let memory = vec![1_u8; BYTES];
    call(libc::SYS_mlock, &[memory.as_ptr() as usize, BYTES])?;
    std::mem::forget(memory);
    Ok(())
}

fn locks(scene: &crate::scene::Scene) -> bool {
    let kilobytes = |pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmLck:").map(str::to_owned))?;
        line.trim().split(' ').next()?.parse::<u64>().ok()
    };
    scene.run().into_iter().filter_map(kilobytes).any(|kilobytes| kilobytes > 1024)
}

fn listener(_: &Inside) -> Done {
    let allow: [u64; 1] = [0x7fff_0000 << 32 | 0x06];
    let program = [1_usize, allow.as_ptr() as usize];
    call(libc::SYS_prctl, &[libc::PR_SET_NO_NEW_PRIVS as usize, 1, 0, 0, 0])?;
    call(libc::SYS_seccomp, &[1, 8, program.as_ptr() as usize]).map(drop)
}
