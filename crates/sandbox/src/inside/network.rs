//! The network of a guest: loopback alone, and on it the one place where the gateway listens.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsRawFd;

use rustix::net::{AddressFamily, SocketType, socket};

use super::{Laid, LayerError};
use crate::guest::GUEST_PORT;

/// Brings loopback up and listens on [`GUEST_PORT`] of it.
pub(super) fn listen(listener: &mut Option<TcpListener>) -> Laid {
    raise_loopback()?;
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, GUEST_PORT)).map_err(|error| {
        LayerError::Lacking(format!("nobody can listen on 127.0.0.1:{GUEST_PORT}: {error}"))
    })?;
    *listener = Some(bound);
    Ok(format!("its own, with loopback alone and the gateway on 127.0.0.1:{GUEST_PORT}"))
}

fn raise_loopback() -> Result<(), LayerError> {
    let socket = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    #[expect(unsafe_code, reason = "a request to the kernel starts as zeros")]
    // SAFETY: every field of the struct is a number or an array of numbers.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (byte, name) in request.ifr_name.iter_mut().zip(b"lo") {
        *byte = libc::c_char::from_ne_bytes([*name]);
    }
    let up = libc::IFF_UP | libc::IFF_RUNNING;
    request.ifr_ifru.ifru_flags = i16::try_from(up).unwrap_or_default();
    #[expect(unsafe_code, reason = "no safe call changes an interface's flags")]
    // SAFETY: the request is of the kind that `SIOCSIFFLAGS` takes and outlives the call.
    let set = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    if set == 0 {
        return Ok(());
    }
    Err(LayerError::Lacking(format!("loopback does not come up: {}", io::Error::last_os_error())))
}
