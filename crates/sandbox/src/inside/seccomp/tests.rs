//! The compiled filter is run here by a small interpreter of classic BPF, so that every call can be tried
//! without making it.

use proptest::prelude::*;
use seccompiler::sock_filter;

use super::*;

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const REFUSE: u32 = libc::SECCOMP_RET_ERRNO | 1;
const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;

#[cfg(target_arch = "x86_64")]
const ARCH: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
const ARCH: u32 = 0xC000_00B7;

/// A system call as the filter sees it (`struct seccomp_data`).
#[derive(Debug, Clone, Copy)]
struct Call {
    number: u32,
    arch: u32,
    args: [u64; 6],
}

impl Call {
    fn word(&self, offset: u32) -> u32 {
        match offset {
            0 => self.number,
            4 => self.arch,
            8 | 12 => 0,
            _ => {
                let argument = self.args[(offset as usize - 16) / 8];
                if offset.is_multiple_of(8) { argument as u32 } else { (argument >> 32) as u32 }
            }
        }
    }
}

/// Runs a filter: the instructions that seccompiler makes, and no others.
fn judge(program: &[sock_filter], call: &Call) -> u32 {
    let (mut at, mut accumulator) = (0, 0);
    loop {
        let sock_filter { code, jt, jf, k } = program[at];
        at += 1;
        let jump = |holds: bool| usize::from(if holds { jt } else { jf });
        match u32::from(code) {
            0x20 => accumulator = call.word(k),
            0x54 => accumulator &= k,
            0x05 => at += k as usize,
            0x15 => at += jump(accumulator == k),
            0x25 => at += jump(accumulator > k),
            0x35 => at += jump(accumulator >= k),
            0x06 => return k,
            other => panic!("instruction {other:#x}"),
        }
    }
}

fn call(number: i64, args: [u64; 6]) -> Call {
    Call { number: number as u32, arch: ARCH, args }
}

/// A call that the rule lets through.
fn example(allowed: &Allowed) -> Call {
    let mut args = [0; 6];
    match allowed.when {
        When::Is(argument, value) => args[usize::from(argument)] = value,
        When::Own(argument) => args[usize::from(argument)] = u64::from(std::process::id()),
        When::Always | When::Lacks(..) | When::BothLack(..) | When::Null(_) => {}
    }
    call(allowed.call, args)
}

fn filter(files: bool) -> BpfProgram {
    compile(&calls(files)).unwrap()
}

#[test]
fn no_rule_is_redundant() {
    let every = calls(true);
    for (at, rule) in every.iter().enumerate() {
        let call = example(rule);
        assert_eq!(judge(&compile(&every).unwrap(), &call), ALLOW, "{rule:?}");
        let mut others = every.clone();
        others.remove(at);
        assert_eq!(judge(&compile(&others).unwrap(), &call), REFUSE, "{rule:?} is covered by others");
    }
}

#[test]
fn a_program_without_files_opens_none() {
    for rule in FILES {
        assert_eq!(judge(&filter(false), &example(rule)), REFUSE, "{rule:?}");
    }
}

#[test]
fn arguments_are_looked_at() {
    let (exec, shared) = (libc::PROT_EXEC as u64, libc::MAP_SHARED as u64);
    let refused = [
        call(libc::SYS_mmap, [0, 4096, exec, 0, 0, 0]),
        call(libc::SYS_mmap, [0, 4096, 1, shared, 0, 0]),
        call(libc::SYS_mmap, [0, 4096, 1, libc::MAP_SHARED_VALIDATE as u64, 0, 0]),
        call(libc::SYS_mprotect, [0, 4096, exec | 1, 0, 0, 0]),
        call(libc::SYS_tgkill, [1, 1, 9, 0, 0, 0]),
        call(libc::SYS_sendto, [3, 0, 0, 0, 0x7fff_0000_0000, 16]),
        call(libc::SYS_recvfrom, [3, 0, 0, 0, 1, 16]),
        call(libc::SYS_fcntl, [3, libc::F_SETOWN as u64, 1, 0, 0, 0]),
        call(libc::SYS_renameat2, [3, 0, 3, 0, libc::RENAME_EXCHANGE.into(), 0]),
    ];
    for call in refused {
        assert_eq!(judge(&filter(true), &call), REFUSE, "{call:?}");
    }
}

#[test]
fn another_architecture_ends_the_process() {
    let call = Call { arch: 0x4000_0003, ..call(libc::SYS_read, [0; 6]) };
    assert_eq!(judge(&filter(true), &call), KILL);
}

proptest! {
    #[test]
    fn what_is_not_listed_is_refused(number in any::<u32>(), args in any::<[u64; 6]>(), files in any::<bool>()) {
        prop_assume!(!calls(files).iter().any(|allowed| allowed.call == i64::from(number)));
        let call = Call { number, arch: ARCH, args };
        prop_assert_eq!(judge(&filter(files), &call), REFUSE);
    }

    #[test]
    fn no_arguments_make_dangerous_calls_pass(args in any::<[u64; 6]>(), files in any::<bool>()) {
        let dangerous = [
            libc::SYS_socket, libc::SYS_socketpair, libc::SYS_connect, libc::SYS_bind, libc::SYS_sendmsg,
            libc::SYS_clone, libc::SYS_clone3, libc::SYS_execve, libc::SYS_execveat, libc::SYS_ptrace,
            libc::SYS_kill, libc::SYS_tkill, libc::SYS_pidfd_send_signal, libc::SYS_process_vm_writev,
            libc::SYS_unshare, libc::SYS_setns, libc::SYS_mount, libc::SYS_pivot_root, libc::SYS_chroot,
            libc::SYS_bpf, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_keyctl,
            libc::SYS_add_key, libc::SYS_request_key, libc::SYS_userfaultfd, libc::SYS_memfd_create,
            libc::SYS_perf_event_open, libc::SYS_prctl, libc::SYS_ioctl, libc::SYS_seccomp,
            libc::SYS_newfstatat, libc::SYS_statx, libc::SYS_readlinkat, libc::SYS_fchmod,
            libc::SYS_fchmodat, libc::SYS_fchownat, libc::SYS_setxattr, libc::SYS_linkat, libc::SYS_symlinkat,
            libc::SYS_mknodat, libc::SYS_chdir, libc::SYS_setrlimit, libc::SYS_prlimit64, libc::SYS_personality,
        ];
        let filter = filter(files);
        for number in dangerous {
            prop_assert_eq!(judge(&filter, &call(number, args)), REFUSE, "{}", number);
        }
    }
}
