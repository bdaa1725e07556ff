//! Ways to tell somebody something.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};

use crate::attempt::{Attempt, Inside, Sign, attempt};
use crate::call::{Done, any, call, pids};
use crate::ears::{ABSTRACT, PORT, vsock_address};
use crate::machine::PUBLIC;
use crate::scene::Scene;

pub const CHECKS: &[Attempt] = &[
    attempt("TCP to the machine itself", |i| tcp(i, "127.0.0.1"), Sign::Heard),
    attempt("TCP to the machine itself, version 6", |i| tcp(i, "[::1]"), Sign::Heard).kernel(),
    attempt("TCP to the world", |i| tcp(i, PUBLIC[0]), Sign::Heard),
    attempt(
        "TCP to every address of its own loopback",
        |i| any(1..255, |n| tcp(i, &format!("127.0.0.{n}"))),
        Sign::Heard,
    ),
    attempt("TCP without a connect (fast open)", fast_open, Sign::Heard).kernel(),
    attempt("UDP to the machine itself", |i| udp(i, "127.0.0.1"), Sign::Heard),
    attempt("UDP to the world", |i| udp(i, PUBLIC[0]), Sign::Heard),
    attempt("raw IP", raw, Sign::Heard).root(),
    attempt("raw ICMP", |_| socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP).map(drop), Sign::Word)
        .root(),
    attempt("frames on the wire (AF_PACKET)", packet, Sign::Heard).root(),
    attempt("an address for itself (netlink)", address, Sign::Seen(addressed)).root(),
    attempt(
        "the kernel's events (netlink)",
        |_| socket(libc::AF_NETLINK, libc::SOCK_DGRAM, 15).map(drop),
        Sign::Word,
    ),
    attempt("the virtual machine's socket (vsock)", vsock, Sign::Heard).kernel(),
    attempt("the virtual machine's host (vsock)", vsock_kinds, Sign::Word).kernel(),
    attempt("ask which virtual machine this is (vsock)", vsock_device, Sign::Word).kernel(),
    attempt("wait for the virtual machine's host to come in (vsock)", vsock_listen, Sign::Word).kernel(),
    attempt("a daemon's socket outside", |i| unix(i, "outside/daemon.sock"), Sign::Heard),
    attempt(
        "a daemon's socket in a folder that may be read",
        |i| unix(i, "granted/daemon.sock"),
        Sign::Heard,
    ),
    attempt(
        "a daemon's socket in the folder that may be written",
        |i| unix(i, "home/agents/echo/workspace/daemon.sock"),
        Sign::Heard,
    ),
    attempt("a daemon's datagram socket in a folder that may be read", datagram, Sign::Heard),
    attempt("a daemon's datagram socket by one end of a pair", pair, Sign::Heard),
    attempt("a daemon's socket by its descriptor in /proc", through_proc, Sign::Heard),
    attempt("an abstract socket", abstract_socket, Sign::Heard),
    attempt("the container engine's socket", |i| unix(i, "/run/docker.sock"), Sign::Heard),
    attempt(
        "the message bus of the machine",
        |i| any(["/run/dbus/system_bus_socket", "/run/user/0/bus"], |path| unix(i, path)),
        Sign::Heard,
    ),
    attempt("the gateway's own socket for people", |i| unix(i, "home/api.sock"), Sign::Heard),
    attempt(
        "the gateway's own socket for runs",
        |i| unix(i, "home/agents/echo/workspace/../../../run.sock"),
        Sign::Heard,
    ),
    attempt("wait for somebody to come in", listen, Sign::Seen(answered)),
    attempt("a tunnel device", tunnel, Sign::Word).root().kernel(),
    attempt(
        "the kernel's ciphers (AF_ALG)",
        |_| socket(libc::AF_ALG, libc::SOCK_SEQPACKET, 0).map(drop),
        Sign::Word,
    )
    .kernel(),
    attempt("rare kinds of sockets", rare, Sign::Word).kernel(),
    attempt("take a socket of another process", taken, Sign::Heard),
    attempt("pass a folder's descriptor through a daemon", pass, Sign::Heard),
];

fn tcp(i: &Inside, to: &str) -> Done {
    TcpStream::connect(format!("{to}:{PORT}"))?.write_all(i.mark())
}

fn udp(i: &Inside, to: &str) -> Done {
    UdpSocket::bind("0.0.0.0:0")?.send_to(i.mark(), (to, PORT)).map(drop)
}

pub fn socket(family: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
    let fd = call(libc::SYS_socket, &[family as usize, kind as usize, protocol as usize])?;
    // SAFETY: the descriptor was just made and is nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(i32::try_from(fd).unwrap()) })
}

fn internet(to: &str, port: u16) -> libc::sockaddr_in {
    let octets = to.parse::<std::net::Ipv4Addr>().unwrap().octets();
    libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(octets) },
        sin_zero: [0; 8],
    }
}

fn send_to<T>(socket: &OwnedFd, what: &[u8], flags: i32, to: &T) -> Done {
    let at = std::ptr::from_ref(to) as usize;
    let args =
        [socket.as_raw_fd() as usize, what.as_ptr() as usize, what.len(), flags as usize, at, size_of::<T>()];
    call(libc::SYS_sendto, &args).map(drop)
}

fn fast_open(i: &Inside) -> Done {
    let socket = socket(libc::AF_INET, libc::SOCK_STREAM, 0)?;
    send_to(&socket, i.mark(), libc::MSG_FASTOPEN, &internet(PUBLIC[0], PORT))
}

/// An IP and a UDP header before the mark.
fn datagram_bytes(to: &str, what: &[u8]) -> Vec<u8> {
    let length = |bytes: usize| u16::try_from(bytes).unwrap().to_be_bytes();
    let octets = to.parse::<std::net::Ipv4Addr>().unwrap().octets();
    let (all, inner) = (length(28 + what.len()), length(8 + what.len()));
    let mut bytes = vec![0x45, 0, all[0], all[1], 0, 0, 0, 0, 64, 17, 0, 0];
    // From a network that nobody is on: its own address would not be believed from the wire.
    bytes.extend([192, 0, 2, 1].iter().chain(&octets));
    let sum = bytes.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum::<u32>();
    let folded = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    bytes[10..12].copy_from_slice(&folded.to_be_bytes());
    bytes.extend(9_u16.to_be_bytes().iter().chain(&PORT.to_be_bytes()).chain(&inner).chain(&[0, 0]));
    bytes.extend(what);
    bytes
}

fn raw(i: &Inside) -> Done {
    let socket = socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW)?;
    send_to(&socket, &datagram_bytes(PUBLIC[0], i.mark()), 0, &internet(PUBLIC[0], 0))
}

fn packet(i: &Inside) -> Done {
    let kind = (libc::ETH_P_IP as u16).to_be();
    let socket = socket(libc::AF_PACKET, libc::SOCK_DGRAM, kind.into())?;
    // SAFETY: an address of zeros is one.
    let mut to: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    (to.sll_family, to.sll_protocol, to.sll_ifindex) = (libc::AF_PACKET as u16, kind, 1);
    send_to(&socket, &datagram_bytes(PUBLIC[0], i.mark()), 0, &to)
}

/// `RTM_NEWADDR` of 203.0.113.1 on loopback.
fn address(_: &Inside) -> Done {
    let socket = socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE)?;
    let mut bytes = vec![];
    bytes.extend(40_u32.to_ne_bytes());
    bytes.extend(libc::RTM_NEWADDR.to_ne_bytes());
    bytes.extend(((libc::NLM_F_REQUEST | libc::NLM_F_CREATE) as u16).to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([libc::AF_INET as u8, 32, 0, 0, 1, 0, 0, 0]);
    for kind in [2_u16, 1] {
        bytes.extend(8_u16.to_ne_bytes().iter().chain(&kind.to_ne_bytes()).chain(&[203, 0, 113, 1]));
    }
    let args = [socket.as_raw_fd() as usize, bytes.as_ptr() as usize, bytes.len(), 0, 0, 0];
    call(libc::SYS_sendto, &args).map(drop)
}

fn addressed(_: &Scene) -> bool {
    std::fs::read_to_string("/proc/net/fib_trie").unwrap_or_default().contains("203.0.113.1")
}

fn vsock(i: &Inside) -> Done {
    let socket = socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0)?;
    let address = vsock_address(libc::VMADDR_CID_LOCAL);
    let at = std::ptr::from_ref(&address) as usize;
    call(libc::SYS_connect, &[socket.as_raw_fd() as usize, at, size_of_val(&address)])?;
    std::fs::File::from(socket).write_all(i.mark())
}

/// To the host, the hypervisor and whatever else has a number, by each kind of socket: that one is made is enough.
fn vsock_kinds(_: &Inside) -> Done {
    any([libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_SEQPACKET], |kind| {
        socket(libc::AF_VSOCK, kind, 0).map(drop)
    })
}

/// `IOCTL_VM_SOCKETS_GET_LOCAL_CID`.
fn vsock_device(_: &Inside) -> Done {
    let device = std::fs::File::open("/dev/vsock")?;
    let mut number = 0_u32;
    call(libc::SYS_ioctl, &[device.as_raw_fd() as usize, 0x7b9, &raw mut number as usize]).map(drop)
}

fn vsock_listen(_: &Inside) -> Done {
    let socket = socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0)?;
    let mut address = vsock_address(libc::VMADDR_CID_ANY);
    address.svm_port = libc::VMADDR_PORT_ANY;
    let at = std::ptr::from_ref(&address) as usize;
    call(libc::SYS_bind, &[socket.as_raw_fd() as usize, at, size_of_val(&address)])?;
    call(libc::SYS_listen, &[socket.as_raw_fd() as usize, 1]).map(drop)
}

pub fn unix(i: &Inside, path: &str) -> Done {
    UnixStream::connect(i.at(path))?.write_all(i.mark())
}

fn datagram(i: &Inside) -> Done {
    UnixDatagram::unbound()?.send_to(i.mark(), i.at("granted/datagram.sock")).map(drop)
}

/// A pair is made without an address, and each end can still name one.
fn pair(i: &Inside) -> Done {
    let (one, _other) = UnixDatagram::pair()?;
    one.send_to(i.mark(), i.at("granted/datagram.sock")).map(drop)
}

/// A long way to the same socket: a folder's descriptor instead of its path.
fn through_proc(i: &Inside) -> Done {
    let folder = std::fs::File::open(i.at("outside"))?;
    UnixStream::connect(format!("/proc/self/fd/{}/daemon.sock", folder.as_raw_fd()))?.write_all(i.mark())
}

fn abstract_socket(i: &Inside) -> Done {
    UnixStream::connect_addr(&SocketAddr::from_abstract_name(ABSTRACT)?)?.write_all(i.mark())
}

/// Waits where the harness could come in, if it were the same network.
fn listen(i: &Inside) -> Done {
    let listener = TcpListener::bind("0.0.0.0:4321")?;
    let mark = i.mark().to_vec();
    std::thread::Builder::new()
        .spawn(move || listener.accept().map(|(mut stream, _)| stream.write_all(&mark)))?;
    Ok(())
}

fn answered(scene: &Scene) -> bool {
    let answer = || -> io::Result<String> {
        let mut stream = TcpStream::connect("127.0.0.1:4321")?;
        let mut text = String::new();
        io::Read::read_to_string(&mut stream, &mut text)?;
        Ok(text)
    };
    answer().is_ok_and(|text| text == scene.mark)
}

fn tunnel(_: &Inside) -> Done {
    std::fs::OpenOptions::new().read(true).write(true).open("/dev/net/tun").map(drop)
}

/// CAN, Bluetooth, RDS, TIPC, XDP, KCM, SMC, Phonet, the IUCV of mainframes: old bugs live there.
fn rare(_: &Inside) -> Done {
    any([29, 31, 21, 30, 44, 41, 43, 35, 32], |family| {
        any([1, 2, 3, 5], |kind| socket(family, kind, 0).map(drop))
    })
}

/// `pidfd_getfd` of every descriptor of every process: one of them is the bystander's or the init's socket.
fn taken(i: &Inside) -> Done {
    let own = std::process::id();
    any(pids().into_iter().filter(|pid| *pid != own), |pid| {
        let process = call(libc::SYS_pidfd_open, &[pid as usize, 0])?;
        any(0..32, |number| {
            let fd = call(libc::SYS_pidfd_getfd, &[process, number, 0])?;
            let mark = i.mark();
            let quietly = (libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT) as usize;
            let sent = call(libc::SYS_sendto, &[fd, mark.as_ptr() as usize, mark.len(), quietly, 0, 0]);
            // One of them is the other end of its own standard input.
            call(libc::SYS_close, &[fd])?;
            sent?;
            i.say(b"took a socket")?;
            if i.number("bystander") == pid as usize { Ok(()) } else { Err(io::Error::other("another's")) }
        })
    })
}

/// An accomplice outside would get a descriptor of the inside, or the other way round.
fn pass(i: &Inside) -> Done {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    let folder = std::fs::File::open(i.work(""))?;
    any(["granted/daemon.sock", "outside/daemon.sock"], |path| {
        let stream = UnixStream::connect(i.at(path))?;
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fds = [std::os::fd::AsFd::as_fd(&folder)];
        control.push(SendAncillaryMessage::ScmRights(&fds));
        sendmsg(&stream, &[io::IoSlice::new(i.mark())], &mut control, SendFlags::empty())?;
        Ok(())
    })
}
