//! A machine to break out of: namespaces of its own with a stage in them, thrown away after each attempt.
//!
//! What an attempt does without a jail (kill everybody, mount, change the host name) it does to this
//! machine. A jail that is made here has the same kernel around it as anywhere else.

use std::fs;
use std::io;
use std::path::Path;

use crate::call::{call, mount};

/// The user that has nothing.
pub const NOBODY: u32 = 47_111;

/// Addresses of the machine that stand for the rest of the world (RFC 5737).
pub const PUBLIC: [&str; 2] = ["198.51.100.7", "198.51.100.53"];

/// Whom the machine belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum User {
    /// The gateway and the payload are root's.
    Root,
    /// They are an ordinary user's.
    Ordinary,
}

/// Runs `inside` as the first process of a new machine, which ends with it, and gives its exit code.
pub fn within(user: User, inside: impl FnOnce() -> u8) -> io::Result<u8> {
    call(libc::SYS_prctl, &[libc::PR_SET_PDEATHSIG as usize, libc::SIGKILL as usize])?;
    let own = (current_user(), current_group());
    let mut spaces = libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWCGROUP;
    if own.0 != 0 {
        assert!(user == User::Ordinary, "only root makes root's machine");
        spaces |= libc::CLONE_NEWUSER;
    }
    call(libc::SYS_unshare, &[spaces as usize])?;
    if own.0 != 0 {
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("{0} {0} 1", own.0))?;
        fs::write("/proc/self/gid_map", format!("{0} {0} 1", own.1))?;
    }
    // SAFETY: this process has one thread.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            call(libc::SYS_prctl, &[libc::PR_SET_PDEATHSIG as usize, libc::SIGKILL as usize])?;
            // A group is signalled whole, those outside the namespaces too.
            call(libc::SYS_setsid, &[])?;
            furnish()?;
            std::process::exit(inside().into());
        }
        child => {
            let mut status = 0;
            // SAFETY: `status` lives until the call returns.
            while unsafe { libc::waitpid(child, &raw mut status, 0) } != child {}
            Ok(if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) as u8 } else { u8::MAX })
        }
    }
}

pub fn current_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn current_group() -> u32 {
    rustix::process::getegid().as_raw()
}

/// Where the stage stands: a folder that every machine has.
pub fn stage() -> &'static Path {
    let mut places = ["/srv", "/mnt", "/media", "/opt"].map(Path::new).into_iter();
    places.find(|place| place.is_dir()).unwrap()
}

/// A folder of programs of the machine that is empty here and may be written by everyone.
pub fn system_folder() -> &'static Path {
    let mut places = ["/usr/games", "/usr/local/games", "/usr/src"].map(Path::new).into_iter();
    places.find(|place| place.is_dir()).unwrap()
}

fn furnish() -> io::Result<()> {
    mount("none", "/", "", libc::MS_REC | libc::MS_PRIVATE, "")?;
    mount("proc", "/proc", "proc", 0, "")?;
    mount("tmpfs", stage(), "tmpfs", 0, "mode=755")?;
    mount("tmpfs", system_folder(), "tmpfs", 0, "mode=1777")?;
    mount("tmpfs", "/run", "tmpfs", 0, "mode=755")?;
    // As on most machines: what is mounted in a namespace that forgets to cut itself off shows here.
    mount("none", "/", "", libc::MS_REC | libc::MS_SHARED, "")?;
    addresses()
}

/// Brings loopback up, and the public addresses with it.
fn addresses() -> io::Result<()> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
    let request = |name: &str| {
        // SAFETY: an `ifreq` of zeros is one.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
            *to = from as libc::c_char;
        }
        request
    };
    let ask = |what: libc::Ioctl, request: &libc::ifreq| {
        let fd = std::os::fd::AsRawFd::as_raw_fd(&socket) as usize;
        call(libc::SYS_ioctl, &[fd, what as usize, std::ptr::from_ref(request) as usize]).map(drop)
    };
    let mut up = request("lo");
    up.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING | libc::IFF_LOOPBACK) as i16;
    ask(libc::SIOCSIFFLAGS, &up)?;
    for (number, address) in PUBLIC.iter().enumerate() {
        let mut alias = request(&format!("lo:{number}"));
        let octets = address.parse::<std::net::Ipv4Addr>().unwrap().octets();
        let at = libc::sockaddr_in {
            sin_family: libc::AF_INET as u16,
            sin_port: 0,
            sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(octets) },
            sin_zero: [0; 8],
        };
        // SAFETY: a socket address of any family has the size of this one.
        alias.ifr_ifru.ifru_addr = unsafe { std::mem::transmute::<libc::sockaddr_in, libc::sockaddr>(at) };
        ask(libc::SIOCSIFADDR, &alias)?;
    }
    Ok(())
}

/// Gives up what the ordinary user has not.
pub fn become_user(user: User) -> io::Result<()> {
    if user == User::Root {
        return Ok(());
    }
    if current_user() == 0 {
        // The library's calls reach every thread, the raw ones do not.
        // SAFETY: numbers only.
        let done = unsafe {
            libc::setgroups(0, std::ptr::null()) == 0
                && libc::setresgid(NOBODY, NOBODY, NOBODY) == 0
                && libc::setresuid(NOBODY, NOBODY, NOBODY) == 0
        };
        if !done {
            return Err(io::Error::last_os_error());
        }
    }
    call(libc::SYS_prctl, &[libc::PR_SET_DUMPABLE as usize, 1])?;
    let none = rustix::thread::CapabilitySets {
        effective: rustix::thread::CapabilitySet::empty(),
        permitted: rustix::thread::CapabilitySet::empty(),
        inheritable: rustix::thread::CapabilitySet::empty(),
    };
    Ok(rustix::thread::set_capabilities(None, none)?)
}
