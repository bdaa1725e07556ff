//! What a process tries. Each attempt is the same code with and without a jail, and says whether it
//! came through.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;
use std::process::Command;

use libc::c_long;

const EXEC: usize = 4;
const READ_WRITE: usize = 3;
const PRIVATE_ANONYMOUS: usize = 0x22;
const SHARED_ANONYMOUS: usize = 0x21;
const PAGE: usize = 4096;

/// Makes one system call. Pointers among the arguments outlive it.
pub(crate) fn call(number: c_long, args: &[usize]) -> io::Result<c_long> {
    let arg = |at: usize| args.get(at).copied().unwrap_or(0);
    #[expect(unsafe_code, reason = "an attempt to break out is a raw system call")]
    // SAFETY: every caller passes numbers, or pointers to memory that lives until the call returns.
    let returned = unsafe { libc::syscall(number, arg(0), arg(1), arg(2), arg(3), arg(4), arg(5)) };
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(returned) }
}

/// Tries `what`; `Ok` when it came through.
pub(crate) fn attempt(what: &str, args: &[String]) -> Result<String, String> {
    let first = args.first().map_or("", String::as_str);
    let second = args.get(1).map_or("", String::as_str);
    let done = files(what, first, second)
        .or_else(|| network(what, first))
        .or_else(|| processes(what, first))
        .or_else(|| kernel(what))
        .or_else(|| resources(what, first, second));
    done.unwrap_or_else(|| panic!("no attempt {what}")).map_err(|error| error.to_string())
}

type Done = Option<io::Result<String>>;

fn done<T>(result: io::Result<T>) -> Done {
    Some(result.map(|_| String::new()))
}

fn number(text: &str) -> usize {
    text.parse().unwrap()
}

fn files(what: &str, path: &str, other: &str) -> Done {
    match what {
        "read" => Some(read(path)),
        "write" => done(fs::write(path, "changed")),
        "empty" => done(call(
            libc::SYS_openat,
            &[libc::AT_FDCWD as usize, c_path(path).as_ptr() as usize, libc::O_TRUNC as usize, 0],
        )),
        "append" => done(OpenOptions::new().append(true).open(path)),
        "create" => done(create(Path::new(path))),
        "remove" => done(fs::remove_file(path)),
        "make-folder" => done(fs::create_dir(path)),
        "list" => done(list(path)),
        "rename" => done(fs::rename(path, other)),
        "link" => done(fs::hard_link(path, other)),
        "symlink" => done(symlink(path, other)),
        "metadata" => done(fs::metadata(path)),
        "read-link" => done(fs::read_link(path)),
        "open-up" => done(fs::set_permissions(path, fs::Permissions::from_mode(0o777))),
        "change-folder" => done(std::env::set_current_dir(path)),
        "device" => done(call(
            libc::SYS_mknodat,
            &[libc::AT_FDCWD as usize, c_path(path).as_ptr() as usize, libc::S_IFIFO as usize | 0o600, 0],
        )),
        "replace" => done(replace(Path::new(path))),
        "environment" => Some(environment()),
        "read-descriptor" => Some(fs::read_to_string(format!("/proc/self/fd/{path}")).or_else(|_| {
            let mut buffer = [0_u8; 16];
            let at = buffer.as_mut_ptr() as usize;
            call(libc::SYS_read, &[number(path), at, buffer.len()]).map(|n| n.to_string())
        })),
        _ => None,
    }
}

fn read(path: &str) -> io::Result<String> {
    let mut bytes = [0; 64];
    let count = File::open(path)?.read(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes[..count]).into_owned())
}

fn list(path: &str) -> io::Result<usize> {
    // The standard library's way asks for metadata by a path, which no jailed program may.
    let names = rustix::fs::Dir::read_from(File::open(path)?)?.collect::<Result<Vec<_>, _>>()?;
    Ok(names.len())
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// An atomic write: a new file, synced, renamed over the old one, its folder synced.
fn replace(path: &Path) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = create(&new)?;
    file.write_all(b"replaced")?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(path.parent().unwrap())?.sync_all()
}

fn environment() -> io::Result<String> {
    let mut all = String::new();
    File::open("/proc/self/environ")?.read_to_string(&mut all)?;
    if all.is_empty() && std::env::vars_os().next().is_none() {
        return Err(io::Error::other("empty"));
    }
    Ok(all)
}

fn c_path(path: &str) -> std::ffi::CString {
    std::ffi::CString::new(path).unwrap()
}

fn network(what: &str, at: &str) -> Done {
    let socket = |family: i32, kind: i32, protocol: i32| {
        done(call(libc::SYS_socket, &[family as usize, kind as usize, protocol as usize]))
    };
    match what {
        "tcp" => done(TcpStream::connect(at)),
        "tcp-listen" => done(std::net::TcpListener::bind("127.0.0.1:0")),
        "udp" => done(UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"x", at))),
        "unix" => done(UnixStream::connect(at)),
        "abstract" => {
            done(SocketAddr::from_abstract_name(at).and_then(|address| UnixStream::connect_addr(&address)))
        }
        "unix-pair" => done(UnixStream::pair()),
        "raw" => socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP),
        "packet" => socket(libc::AF_PACKET, libc::SOCK_RAW, 0),
        "netlink" => socket(libc::AF_NETLINK, libc::SOCK_RAW, 0),
        "vsock" => socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0),
        "name" => done(
            std::net::ToSocketAddrs::to_socket_addrs(&("localhost", 80_u16))
                .and_then(|mut found| found.next().ok_or_else(|| io::Error::other("not found"))),
        ),
        _ => None,
    }
}

fn processes(what: &str, victim: &str) -> Done {
    match what {
        "exec" => done(Command::new("/bin/true").status()),
        "exec-here" => {
            let path = c_path("/nonexistent/program");
            // A program that is not there fails with ENOENT only where it was looked for.
            match call(libc::SYS_execve, &[path.as_ptr() as usize, 0, 0]) {
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Some(Ok(String::new())),
                other => done(other),
            }
        }
        "fork" => done(fork()),
        "thread" => done(std::thread::Builder::new().spawn(|| {})),
        "kill" => done(call(libc::SYS_kill, &[number(victim), 0])),
        "kill-thread" => done(call(libc::SYS_tgkill, &[number(victim), number(victim), 0])),
        "kill-all" => done(call(libc::SYS_kill, &[usize::MAX, 0])),
        "pidfd" => done(call(libc::SYS_pidfd_open, &[number(victim), 0])),
        "ptrace" => done(call(libc::SYS_ptrace, &[0x4206, number(victim), 0, 0])),
        "read-memory" => {
            let mut byte = 0_u8;
            let (from, to) = ([&raw const byte as usize, 1], [&raw mut byte as usize, 1]);
            let vectors = [to.as_ptr() as usize, 1, from.as_ptr() as usize, 1];
            let args = [&[number(victim)], vectors.as_slice(), &[0]].concat();
            // Its stack lies elsewhere: EFAULT says that the attempt was let through to its memory.
            match call(libc::SYS_process_vm_readv, &args) {
                Err(error) if error.raw_os_error() == Some(libc::EFAULT) => Some(Ok(String::new())),
                other => done(other),
            }
        }
        "environment-of" => done(fs::read(format!("/proc/{victim}/environ"))),
        "memory-of" => done(File::open(format!("/proc/{victim}/mem"))),
        "root-of" => done(fs::read_dir(format!("/proc/{victim}/root/"))),
        "priority-of" => done(call(libc::SYS_setpriority, &[0, number(victim), 1])),
        "limits-of" => {
            done(call(libc::SYS_prlimit64, &[number(victim), 7, 0, [0_u64; 2].as_mut_ptr() as usize]))
        }
        _ => None,
    }
}

fn fork() -> io::Result<()> {
    if call(libc::SYS_clone, &[libc::SIGCHLD as usize])? == 0 {
        std::process::exit(0);
    }
    Ok(())
}

fn kernel(what: &str) -> Done {
    let mut space = [0_u64; 32];
    let at = space.as_mut_ptr() as usize;
    let name = c_path("name");
    let text = name.as_ptr() as usize;
    let (number, args): (c_long, Vec<usize>) = match what {
        "unshare-user" => (libc::SYS_unshare, vec![libc::CLONE_NEWUSER as usize]),
        "mount" => {
            let spaces = (libc::CLONE_NEWUSER | libc::CLONE_NEWNS) as usize;
            if let Err(error) = call(libc::SYS_unshare, &[spaces]) {
                return Some(Err(error));
            }
            let (tmpfs, target) = (c_path("tmpfs"), c_path("/tmp"));
            let (tmpfs, target) = (tmpfs.as_ptr() as usize, target.as_ptr() as usize);
            return done(call(libc::SYS_mount, &[tmpfs, target, tmpfs, 0, 0]));
        }
        "chroot" => {
            let root = c_path("/");
            return done(call(libc::SYS_chroot, &[root.as_ptr() as usize]));
        }
        "join-namespace" => {
            return done(
                File::open("/proc/self/ns/uts")
                    .and_then(|space| call(libc::SYS_setns, &[space.as_raw_fd() as usize, 0])),
            );
        }
        "io-uring" => (libc::SYS_io_uring_setup, vec![4, at]),
        // BPF_MAP_CREATE of an array: key and value of 4 bytes, one entry.
        "bpf" => {
            space[..3].copy_from_slice(&[(4 << 32) | 2, (1 << 32) | 4, 0]);
            (libc::SYS_bpf, vec![0, at, 48])
        }
        "keyring" => (libc::SYS_keyctl, vec![0, (-3_i32) as usize, 1]),
        "add-key" => {
            let kind = c_path("user");
            return done(call(libc::SYS_add_key, &[kind.as_ptr() as usize, text, at, 8, (-2_i32) as usize]));
        }
        "userfaultfd" => (libc::SYS_userfaultfd, vec![1]),
        "memory-file" => (libc::SYS_memfd_create, vec![text, 0]),
        "own-code" => (libc::SYS_mmap, vec![0, PAGE, READ_WRITE | EXEC, PRIVATE_ANONYMOUS, usize::MAX, 0]),
        "shared-memory" => (libc::SYS_mmap, vec![0, PAGE, READ_WRITE, SHARED_ANONYMOUS, usize::MAX, 0]),
        "sysv-memory" => (libc::SYS_shmget, vec![0, PAGE, 0o1600]),
        "outlive-the-gateway" => (libc::SYS_prctl, vec![libc::PR_SET_PDEATHSIG as usize, 0]),
        "own-session" => (libc::SYS_getsid, vec![0]),
        "raise-a-limit" => (libc::SYS_setrlimit, vec![libc::RLIMIT_CORE as usize, at]),
        "personality" => (libc::SYS_personality, vec![0xffff_ffff]),
        "host-name" => {
            // To what it is: without a jail this comes through.
            let names = rustix::system::uname();
            let own = names.nodename().to_bytes();
            return done(call(libc::SYS_sethostname, &[own.as_ptr() as usize, own.len()]));
        }
        "terminal" => (libc::SYS_ioctl, vec![0, libc::FIONREAD as usize, at]),
        "send-signals-by-descriptor" => (libc::SYS_fcntl, vec![0, libc::F_SETOWN as usize, 0]),
        "performance-counters" => (libc::SYS_perf_event_open, vec![at, 0, usize::MAX, usize::MAX, 0]),
        "kernel-log" => (libc::SYS_syslog, vec![10]),
        _ => return None,
    };
    done(call(number, &args))
}

fn resources(what: &str, first: &str, second: &str) -> Done {
    match what {
        "memory" => done(allocate(number(first))),
        "open-many" => done((0..number(second)).map(|_| File::open(first)).collect::<io::Result<Vec<_>>>()),
        "large-file" => done(fs::write(first, vec![0; number(second)])),
        "time-and-chance" => {
            let mut map = std::collections::HashMap::new();
            map.insert(std::time::Instant::now(), 1);
            std::thread::sleep(std::time::Duration::from_millis(1));
            Some(Ok(map.len().to_string()))
        }
        "panic" => panic!("on purpose"),
        "abort" => std::process::abort(),
        "deep" => Some(Ok(deep(0).to_string())),
        "spin" => loop {
            std::hint::spin_loop();
        },
        "sleep" => loop {
            std::thread::sleep(std::time::Duration::from_secs(3600));
        },
        _ => None,
    }
}

fn allocate(bytes: usize) -> io::Result<()> {
    const PIECE: usize = 1 << 20;
    let mut pieces = Vec::new();
    for _ in 0..bytes / PIECE {
        let mut piece: Vec<u8> = Vec::new();
        piece.try_reserve_exact(PIECE).map_err(io::Error::other)?;
        piece.resize(PIECE, 1);
        pieces.push(piece);
    }
    Ok(())
}

/// Recursion without end.
#[expect(unconditional_recursion, reason = "the stack is to overflow")]
fn deep(at: u64) -> u64 {
    std::hint::black_box([at; 64]).iter().sum::<u64>() + deep(at + 1)
}
