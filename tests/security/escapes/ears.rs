//! Everything of the machine that listens, and what it heard.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::call::{c_path, call};
use crate::machine::PUBLIC;

/// Where TCP and UDP servers listen.
pub const PORT: u16 = 4000;

/// Where a name server does.
pub const NAMES: u16 = 53;

/// Where one does over TLS or QUIC, and over HTTPS (RFC 7858, RFC 9250, RFC 8484).
pub const NAMES_TLS: u16 = 853;
pub const HTTPS: u16 = 443;

/// Where the machine's own resolver listens (systemd-resolved(8)).
pub const STUB: &str = "127.0.0.53";

/// Where neighbours ask each other for names: mDNS and LLMNR.
pub const NEIGHBOURS: [(&str, u16); 2] = [("224.0.0.251", 5353), ("224.0.0.252", 5355)];

/// The abstract socket of a daemon.
pub const ABSTRACT: &str = "bulkhead-escapes";

/// Sockets with a path, relative to the stage or absolute: of a daemon outside, in a folder that may be read,
/// in the folder that may be written, of the gateway itself, and of the machine's usual daemons.
pub const PATHS: [&str; 8] = [
    "outside/daemon.sock",
    "granted/daemon.sock",
    "home/agents/echo/workspace/daemon.sock",
    "home/api.sock",
    "home/run.sock",
    "/run/docker.sock",
    "/run/dbus/system_bus_socket",
    "/run/user/0/bus",
];

/// What was heard: each piece as it came.
#[derive(Clone, Default)]
pub struct Ears(Arc<Mutex<Vec<Vec<u8>>>>);

impl Ears {
    pub fn new(root: &Path) -> Self {
        let ears = Self::default();
        for address in ["127.0.0.1", "[::1]", PUBLIC[0]] {
            // A machine without IPv6 has one server less.
            if let Ok(listener) = TcpListener::bind(format!("{address}:{PORT}")) {
                ears.streams(listener, TcpListener::accept);
            }
        }
        for address in ["127.0.0.1", PUBLIC[0]] {
            ears.packets(UdpSocket::bind((address, PORT)).unwrap());
        }
        ears.name_servers();
        for path in PATHS {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let listener = UnixListener::bind(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
            ears.streams(listener, UnixListener::accept);
        }
        let address = SocketAddr::from_abstract_name(ABSTRACT).unwrap();
        ears.streams(UnixListener::bind_addr(&address).unwrap(), UnixListener::accept);
        ears.datagrams(&root.join("granted/datagram.sock"));
        ears.pipe(&root.join("granted/pipe"));
        ears.vsock();
        ears
    }

    /// Whether these bytes were heard by anyone.
    pub fn heard(&self, mark: &str) -> bool {
        let heard = self.0.lock().unwrap();
        heard.iter().any(|bytes| bytes.windows(mark.len()).any(|window| window == mark.as_bytes()))
    }

    fn hear(&self, bytes: &[u8]) {
        self.0.lock().unwrap().push(bytes.into());
    }

    /// Hears all that each who comes says, of several at once.
    fn streams<L: Send + 'static, S: Read + Send + 'static, A: 'static>(
        &self,
        listener: L,
        accept: fn(&L) -> std::io::Result<(S, A)>,
    ) {
        self.each(listener, accept, |ears, mut stream| {
            let ears = ears.clone();
            std::thread::spawn(move || {
                let mut bytes = [0; 1024];
                while let Ok(count @ 1..) = stream.read(&mut bytes) {
                    ears.hear(&bytes[..count]);
                }
            });
        });
    }

    /// Does something with each who comes, one after the other.
    fn each<L: Send + 'static, S: 'static, A: 'static>(
        &self,
        listener: L,
        accept: fn(&L) -> std::io::Result<(S, A)>,
        act: fn(&Self, S),
    ) {
        let ears = self.clone();
        std::thread::spawn(move || {
            while let Ok((stream, _)) = accept(&listener) {
                act(&ears, stream);
            }
        });
    }

    /// Wherever names are asked for.
    fn name_servers(&self) {
        for (address, port) in
            [(PUBLIC[1], NAMES), (PUBLIC[1], NAMES_TLS), (PUBLIC[1], HTTPS), (STUB, NAMES), ("::1", NAMES)]
        {
            // A machine without IPv6 has one server less.
            if let (Ok(listener), Ok(socket)) =
                (TcpListener::bind((address, port)), UdpSocket::bind((address, port)))
            {
                self.requests(listener, TcpListener::accept);
                self.packets(socket);
            }
        }
        for (group, port) in NEIGHBOURS {
            let socket = UdpSocket::bind(("0.0.0.0", port)).unwrap();
            for by in ["127.0.0.1", PUBLIC[0]] {
                // Both are loopback's; one of them is enough.
                drop(socket.join_multicast_v4(&group.parse().unwrap(), &by.parse().unwrap()));
            }
            self.packets(socket);
        }
    }

    /// A daemon of the machine that hears one request and answers none.
    pub fn daemon(&self, path: &str) {
        fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
        let listener = UnixListener::bind(path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
        self.requests(listener, UnixListener::accept);
    }

    /// Hears one request of each who comes, and hangs up.
    fn requests<L: Send + 'static, S: Read + 'static, A: 'static>(
        &self,
        listener: L,
        accept: fn(&L) -> std::io::Result<(S, A)>,
    ) {
        self.each(listener, accept, |ears, mut stream| {
            let mut bytes = [0; 1024];
            // Over a stream a question's length comes by itself.
            for _ in 0..2 {
                if let Ok(count @ 1..) = stream.read(&mut bytes) {
                    ears.hear(&bytes[..count]);
                    if count > 2 {
                        break;
                    }
                }
            }
        });
    }

    fn packets(&self, socket: UdpSocket) {
        let ears = self.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 2048];
            while let Ok((count, from)) = socket.recv_from(&mut bytes) {
                ears.hear(&bytes[..count]);
                // A name server that knows no name: the question again, as an answer (RFC 1035, 4.1.1).
                if count > 3 && socket.local_addr().unwrap().port() == NAMES {
                    bytes[2] |= 0x80;
                    bytes[3] = 3;
                    drop(socket.send_to(&bytes[..count], from));
                }
            }
        });
    }

    fn datagrams(&self, path: &Path) {
        let socket = UnixDatagram::bind(path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
        let ears = self.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 2048];
            while let Ok(count) = socket.recv(&mut bytes) {
                ears.hear(&bytes[..count]);
            }
        });
    }

    fn pipe(&self, path: &Path) {
        let name = c_path(path);
        // SAFETY: the name outlives the call.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o666) }, 0);
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
        // Read and write, so that it neither waits for a writer nor ends with one.
        let mut pipe = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
        let ears = self.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 1024];
            while let Ok(count @ 1..) = pipe.read(&mut bytes) {
                ears.hear(&bytes[..count]);
            }
        });
    }

    /// Between virtual machines, where the kernel has a loopback for it.
    fn vsock(&self) {
        let Ok(socket) = call(libc::SYS_socket, &[libc::AF_VSOCK as usize, libc::SOCK_STREAM as usize, 0])
        else {
            return;
        };
        // SAFETY: the descriptor was just made and is nobody else's.
        let socket = unsafe { OwnedFd::from_raw_fd(i32::try_from(socket).unwrap()) };
        let address = vsock_address(libc::VMADDR_CID_ANY);
        let at = std::ptr::from_ref(&address) as usize;
        let fd = socket.as_raw_fd() as usize;
        if call(libc::SYS_bind, &[fd, at, size_of_val(&address)]).is_err()
            || call(libc::SYS_listen, &[fd, 4]).is_err()
        {
            return;
        }
        self.streams(socket, |socket| {
            let stream = call(libc::SYS_accept4, &[socket.as_raw_fd() as usize, 0, 0, 0])?;
            // SAFETY: as above.
            Ok((unsafe { fs::File::from_raw_fd(i32::try_from(stream).unwrap()) }, ()))
        });
    }
}

pub fn vsock_address(machine: u32) -> libc::sockaddr_vm {
    // SAFETY: an address of zeros is one.
    let mut address: libc::sockaddr_vm = unsafe { std::mem::zeroed() };
    address.svm_family = libc::AF_VSOCK as u16;
    address.svm_port = PORT.into();
    address.svm_cid = machine;
    address
}
