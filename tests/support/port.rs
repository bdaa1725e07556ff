//! A port of this machine's own that is nobody else's.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt};

/// A loopback port, until it is dropped. It refuses whoever comes until somebody who is told of it listens there; nobody is given
/// it who wants just any port.
pub struct Port {
    /// Bound, and never listened at.
    _socket: OwnedFd,
    /// Its number.
    pub number: u16,
}

impl Port {
    /// Holds a free one.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn held() -> Self {
        let socket =
            socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        // As whoever listens does, too, by one or the other: two such sockets may have a port while no more than one listens.
        sockopt::set_socket_reuseaddr(&socket, true).unwrap();
        sockopt::set_socket_reuseport(&socket, true).unwrap();
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
        let number = SocketAddrV4::try_from(getsockname(&socket).unwrap()).unwrap().port();
        Self { _socket: socket, number }
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.number)
    }
}
