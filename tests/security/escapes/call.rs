//! System calls by number, for what no library wraps, and the small things that payloads share.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use libc::c_long;

/// What an attempt ends with: an error says why it did not come through.
pub type Done = io::Result<()>;

/// Makes one system call. Pointers among the arguments outlive it.
pub fn call(number: c_long, args: &[usize]) -> io::Result<usize> {
    let arg = |at: usize| args.get(at).copied().unwrap_or(0);
    // SAFETY: every caller passes numbers, or pointers to memory that lives until the call returns.
    let returned = unsafe { libc::syscall(number, arg(0), arg(1), arg(2), arg(3), arg(4), arg(5)) };
    usize::try_from(returned).map_err(|_| io::Error::last_os_error())
}

/// A path as the kernel wants it.
pub fn c_path(path: impl AsRef<Path>) -> CString {
    CString::new(path.as_ref().as_os_str().as_bytes()).unwrap()
}

/// A negative number as an argument.
pub const fn minus(number: i32) -> usize {
    number as isize as usize
}

/// "The folder where the process stands."
pub const HERE: usize = minus(libc::AT_FDCWD);

/// Mounts.
pub fn mount(from: &str, on: impl AsRef<Path>, kind: &str, flags: u64, data: &str) -> Done {
    let (from, on, kind, data) = (c_path(from), c_path(on), c_path(kind), c_path(data));
    let at = |text: &CString| text.as_ptr() as usize;
    call(libc::SYS_mount, &[at(&from), at(&on), at(&kind), flags as usize, at(&data)]).map(drop)
}

/// `Ok` as soon as one of many ways comes through; else the last error.
pub fn any<T>(ways: impl IntoIterator<Item = T>, mut through: impl FnMut(T) -> Done) -> Done {
    let mut last = Err(io::Error::other("nothing to try"));
    for way in ways {
        last = through(way);
        if last.is_ok() {
            break;
        }
    }
    last
}

/// Every process that can be seen from here.
pub fn pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Whether a call was let through to its own argument checks: what fails there was not refused.
pub fn reached<T>(result: io::Result<T>, also: &[i32]) -> Done {
    match result {
        Ok(_) => Ok(()),
        Err(error) if error.raw_os_error().is_some_and(|code| also.contains(&code)) => Ok(()),
        Err(error) => Err(error),
    }
}
