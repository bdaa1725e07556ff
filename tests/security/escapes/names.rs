//! Ways to have a name looked up: what is asked for can carry anything out, one label at a time.

use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::os::fd::AsRawFd;

use crate::attempt::{Attempt, Inside, Sign, attempt};
use crate::call::{Done, any, call, mount};
use crate::ears::{HTTPS, NAMES, NAMES_TLS, NEIGHBOURS, STUB};
use crate::machine::PUBLIC;
use crate::network::unix;
use crate::scene::Scene;

/// Where the machine's own resolvers are spoken with (nscd(8), systemd-resolved(8)).
const DAEMONS: [&str; 2] = ["/run/nscd/socket", "/run/systemd/resolve/io.systemd.Resolve"];

/// The first of the ports that nobody needs a right to send from.
const ANY: &str = "0.0.0.0:0";

pub const CHECKS: &[Attempt] = &[
    attempt("names: a question to a name server (UDP)", |i| ask(i, PUBLIC[1], NAMES), Sign::Heard),
    attempt("names: a question to a name server (TCP)", |i| ask_whole(i, PUBLIC[1], NAMES), Sign::Heard),
    attempt("names: a name server over TLS (TCP)", |i| ask_whole(i, PUBLIC[1], NAMES_TLS), Sign::Heard),
    attempt("names: a name server over QUIC (UDP)", |i| ask(i, PUBLIC[1], NAMES_TLS), Sign::Heard),
    attempt("names: a name server over HTTPS (TCP)", |i| ask_whole(i, PUBLIC[1], HTTPS), Sign::Heard),
    attempt("names: the machine's resolver (127.0.0.53)", |i| ask(i, STUB, NAMES), Sign::Heard),
    attempt("names: the machine's resolver over TCP", |i| ask_whole(i, STUB, NAMES), Sign::Heard),
    attempt("names: a name server, version 6", |i| ask(i, "::1", NAMES), Sign::Heard).kernel(),
    attempt("names: the neighbours (mDNS)", neighbours, Sign::Heard),
    attempt("names: the name service's daemon (nscd)", |i| unix(i, DAEMONS[0]), Sign::Heard).staged(daemons),
    attempt("names: the resolver's socket (systemd-resolved)", |i| unix(i, DAEMONS[1]), Sign::Heard)
        .staged(daemons),
    attempt("names: the C library asks (getaddrinfo)", look_up, Sign::Heard).staged(resolver),
    attempt("names: the C library asks over TCP", look_up, Sign::Heard).staged(resolver_by_tcp),
    attempt("names: the C library asks the daemon (nss)", look_up, Sign::Heard).staged(daemons),
];

/// A question for the address of the mark (RFC 1035, 4.1).
fn question(i: &Inside) -> Vec<u8> {
    let mut bytes = vec![0x0b, 0x1c, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in [i.mark(), b"example"] {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label);
    }
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}

fn ask(i: &Inside, server: &str, port: u16) -> Done {
    let from = if server.contains(':') { "[::]:0" } else { ANY };
    UdpSocket::bind(from)?.send_to(&question(i), (server, port)).map(drop)
}

/// Over a stream its length comes first (RFC 1035, 4.2.2).
fn ask_whole(i: &Inside, server: &str, port: u16) -> Done {
    let question = question(i);
    let length = u16::try_from(question.len()).unwrap().to_be_bytes();
    TcpStream::connect((server, port))?.write_all(&[length.as_slice(), &question].concat())
}

/// By every address that the machine might have a neighbour at (RFC 6762, RFC 4795).
fn neighbours(i: &Inside) -> Done {
    let mut asked = Err(io::Error::other("no way to ask"));
    for by in ["0.0.0.0", "127.0.0.1", PUBLIC[0]] {
        let once = || {
            let socket = UdpSocket::bind(ANY)?;
            let by = u32::from_ne_bytes(by.parse::<std::net::Ipv4Addr>().unwrap().octets());
            let option = [libc::IPPROTO_IP as usize, libc::IP_MULTICAST_IF as usize];
            let at = std::ptr::from_ref(&by) as usize;
            call(libc::SYS_setsockopt, &[socket.as_raw_fd() as usize, option[0], option[1], at, 4])?;
            any(NEIGHBOURS, |(group, port)| socket.send_to(&question(i), (group, port)).map(drop))
        };
        asked = once().or(asked);
    }
    asked
}

fn look_up(i: &Inside) -> Done {
    (format!("{}.example", i.fact("mark")), 80).to_socket_addrs().map(drop)
}

/// The machine's resolver is asked of the stage's name server.
fn resolver(scene: &mut Scene) {
    configured(scene, "");
}

fn resolver_by_tcp(scene: &mut Scene) {
    configured(scene, " use-vc");
}

fn configured(scene: &Scene, how: &str) {
    let text = format!("nameserver {}\noptions timeout:1 attempts:1{how}\n", PUBLIC[1]);
    let own = scene.at("below/resolv.conf");
    std::fs::write(&own, text).unwrap();
    mount(own.to_str().unwrap(), "/etc/resolv.conf", "", libc::MS_BIND, "").unwrap();
}

/// The machine's own resolvers listen.
fn daemons(scene: &mut Scene) {
    for path in DAEMONS {
        scene.ears.daemon(path);
    }
}
