//! The compiled filter is run here by a small interpreter of classic BPF, so that every call can be tried
//! without making it.

use proptest::prelude::*;
use seccompiler::sock_filter;

use super::*;

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const REFUSE: u32 = libc::SECCOMP_RET_ERRNO | 1;
const UNKNOWN: u32 = libc::SECCOMP_RET_ERRNO | 38;
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

/// A call that the rule lets through, and only just: what it does not look at has every bit.
fn example(allowed: &Allowed) -> Call {
    let mut args = [u64::MAX; 6];
    let mut set = |argument: u8, value| args[usize::from(argument)] = value;
    match allowed.when {
        When::Is(argument, value) => set(argument, value),
        When::Own(argument) => set(argument, u64::from(std::process::id())),
        When::Lacks(argument, bits) => set(argument, !bits),
        When::BothLack(one, two) => [one, two].iter().for_each(|(argument, bits)| set(*argument, !bits)),
        When::Null(argument) => set(argument, 0),
        When::Masked(which) => which.iter().for_each(|(argument, mask, value)| set(*argument, !mask | value)),
        When::IsButNot((argument, value), _) => set(argument, value),
        When::Always | When::Not(..) => {}
    }
    call(allowed.call, args)
}

fn filter(files: bool) -> BpfProgram {
    compile(&calls(files)).unwrap()
}

#[test]
fn no_rule_is_redundant() {
    let init: Vec<&Allowed> = EVERYONE.iter().chain(INIT).collect();
    for every in [calls(true), guest_calls(true), init] {
        let whole = compile(&every).unwrap();
        for (at, rule) in every.iter().enumerate() {
            let call = example(rule);
            assert_eq!(judge(&whole, &call), ALLOW, "{rule:?}");
            // Of the same call alone: others have no say.
            let others: Vec<&Allowed> = every
                .iter()
                .enumerate()
                .filter(|(other, allowed)| *other != at && allowed.call == rule.call)
                .map(|(_, allowed)| *allowed)
                .collect();
            assert_eq!(judge(&compile(&others).unwrap(), &call), REFUSE, "{rule:?} is covered by others");
        }
    }
}

#[test]
fn a_guests_arguments_are_looked_at() {
    use libc::*;
    let guest = compile(&guest_calls(false)).unwrap();
    let word = |value: i32| value as u64;
    let shared = word(MAP_SHARED | MAP_ANONYMOUS);
    let create = word(O_CREAT | O_WRONLY);
    let refused = [
        call(SYS_clone, [word(CLONE_NEWUSER | SIGCHLD), 0, 0, 0, 0, 0]),
        call(SYS_clone, [word(CLONE_NEWNS), 0, 0, 0, 0, 0]),
        call(SYS_clone, [word(CLONE_NEWCGROUP), 0, 0, 0, 0, 0]),
        call(SYS_clone, [word(CLONE_NEWNET), 0, 0, 0, 0, 0]),
        call(SYS_socket, [word(AF_NETLINK), word(SOCK_RAW), 0, 0, 0, 0]),
        call(SYS_socket, [word(AF_NETLINK), word(SOCK_DGRAM), 0, 0, 0, 0]),
        call(SYS_socket, [word(AF_PACKET), word(SOCK_DGRAM), 0, 0, 0, 0]),
        call(SYS_socket, [word(AF_VSOCK), word(SOCK_STREAM), 0, 0, 0, 0]),
        call(SYS_socket, [word(AF_ALG), word(SOCK_STREAM), 0, 0, 0, 0]),
        call(SYS_socket, [word(AF_INET), word(SOCK_RAW), word(IPPROTO_ICMP), 0, 0, 0]),
        call(SYS_socket, [word(AF_INET), word(SOCK_STREAM), word(IPPROTO_SCTP), 0, 0, 0]),
        call(SYS_socket, [word(AF_INET), word(SOCK_DGRAM), word(IPPROTO_ICMP), 0, 0, 0]),
        call(SYS_socketpair, [word(AF_TIPC), word(SOCK_STREAM), 0, 0, 0, 0]),
        call(SYS_ioctl, [0, TIOCSTI, 0, 0, 0, 0]),
        call(SYS_ioctl, [0, TIOCSTI | 1 << 32, 0, 0, 0, 0]),
        call(SYS_ioctl, [0, 0x541C, 0, 0, 0, 0]),
        call(SYS_mmap, [0, 4096, 3, shared, u64::MAX, 0]),
        call(SYS_mmap, [0, 4096, 3, word(MAP_SHARED_VALIDATE | MAP_ANONYMOUS), u64::MAX, 0]),
        call(SYS_fchmodat, [3, 0, 0o4755, 0, 0, 0]),
        call(SYS_fchmod, [3, 0o2755, 0, 0, 0, 0]),
        call(SYS_openat, [3, 0, create, 0o4755, 0, 0]),
        call(SYS_openat, [3, 0, word(O_TMPFILE | O_RDWR), 0o4755, 0, 0]),
        call(SYS_mknodat, [3, 0, 0o104_755, 0, 0, 0]),
        call(SYS_fcntl, [3, word(F_SETLEASE), 0, 0, 0, 0]),
        call(SYS_personality, [word(ADDR_NO_RANDOMIZE), 0, 0, 0, 0, 0]),
        call(SYS_seccomp, [1, SECCOMP_FILTER_FLAG_NEW_LISTENER, 0, 0, 0, 0]),
        call(SYS_prctl, [word(PR_SET_MM), 0, 0, 0, 0, 0]),
        call(SYS_prctl, [word(PR_SET_PTRACER), 0, 0, 0, 0, 0]),
        call(SYS_socketpair, [word(AF_UNIX), word(SOCK_DGRAM), 0, 0, 0, 0]),
        call(SYS_socket, [word(AF_UNIX), word(SOCK_STREAM), 0, 0, 0, 0]),
        call(SYS_sched_setscheduler, [1, word(SCHED_IDLE), 0, 0, 0, 0]),
        call(SYS_sched_setscheduler, [1 | 1 << 32, word(SCHED_IDLE), 0, 0, 0, 0]),
        call(SYS_sched_setaffinity, [1, 8, 0, 0, 0, 0]),
        call(SYS_setpriority, [0, 1, 19, 0, 0, 0]),
        call(SYS_setpriority, [2, 0, 19, 0, 0, 0]),
        call(SYS_prlimit64, [1, 7, 0, 0, 0, 0]),
    ];
    for call in refused {
        assert_eq!(judge(&guest, &call), REFUSE, "{call:?}");
    }
    let allowed = [
        call(SYS_clone, [word(SIGCHLD | CLONE_CHILD_SETTID), 0, 0, 0, 0, 0]),
        call(SYS_socket, [word(AF_INET), word(SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK), 0, 0, 0, 0]),
        call(SYS_openat, [3, 0, create, 0o1644, 0, 0]),
        call(SYS_openat, [3, 0, 0, u64::MAX, 0, 0]),
        call(SYS_mmap, [0, 4096, 3, word(MAP_SHARED), 3, 0]),
        call(SYS_mmap, [0, 4096, 7, word(MAP_PRIVATE | MAP_ANONYMOUS), u64::MAX, 0]),
    ];
    for call in allowed {
        assert_eq!(judge(&guest, &call), ALLOW, "{call:?}");
    }
}

#[test]
fn a_guest_is_told_that_probed_calls_are_unknown() {
    let unknown = unknown(PROBED).unwrap();
    for number in PROBED {
        assert_eq!(judge(&unknown, &call(*number, [0; 6])), UNKNOWN);
        assert!(!guest_calls(true).iter().any(|allowed| allowed.call == *number), "{number}");
    }
    assert_eq!(judge(&unknown, &call(libc::SYS_read, [0; 6])), ALLOW);
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

    #[test]
    fn no_arguments_make_a_guests_dangerous_calls_pass(args in any::<[u64; 6]>()) {
        let dangerous = [
            libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_process_madvise,
            libc::SYS_kcmp, libc::SYS_pidfd_getfd, libc::SYS_bpf, libc::SYS_userfaultfd, libc::SYS_perf_event_open,
            libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register, libc::SYS_io_setup,
            libc::SYS_keyctl, libc::SYS_add_key, libc::SYS_request_key, libc::SYS_mount, libc::SYS_umount2,
            libc::SYS_pivot_root, libc::SYS_chroot, libc::SYS_fsopen, libc::SYS_fsconfig, libc::SYS_fsmount,
            libc::SYS_fspick, libc::SYS_open_tree, libc::SYS_move_mount, libc::SYS_mount_setattr,
            libc::SYS_unshare, libc::SYS_setns, libc::SYS_clone3, libc::SYS_kexec_load, libc::SYS_init_module,
            libc::SYS_finit_module, libc::SYS_delete_module, libc::SYS_open_by_handle_at,
            libc::SYS_name_to_handle_at, libc::SYS_fanotify_init, libc::SYS_memfd_create, libc::SYS_memfd_secret,
            libc::SYS_execveat, libc::SYS_openat2, libc::SYS_quotactl, libc::SYS_swapon, libc::SYS_swapoff,
            libc::SYS_acct, libc::SYS_settimeofday, libc::SYS_clock_settime, libc::SYS_clock_adjtime,
            libc::SYS_adjtimex, libc::SYS_reboot, libc::SYS_syslog, libc::SYS_sethostname,
            libc::SYS_setdomainname, libc::SYS_sync, libc::SYS_shmget, libc::SYS_shmat, libc::SYS_semget,
            libc::SYS_msgget, libc::SYS_mq_open, libc::SYS_remap_file_pages, libc::SYS_vhangup,
            libc::SYS_lookup_dcookie, libc::SYS_nfsservctl, libc::SYS_setgroups, libc::SYS_capset,
        ];
        let filter = compile(&guest_calls(true)).unwrap();
        for number in dangerous {
            prop_assert_eq!(judge(&filter, &call(number, args)), REFUSE, "{}", number);
        }
    }

    #[test]
    fn what_is_not_listed_for_a_guest_is_refused(number in any::<u32>(), args in any::<[u64; 6]>()) {
        prop_assume!(!guest_calls(true).iter().any(|allowed| allowed.call == i64::from(number)));
        let call = Call { number, arch: ARCH, args };
        prop_assert_eq!(judge(&compile(&guest_calls(true)).unwrap(), &call), REFUSE);
    }
}
