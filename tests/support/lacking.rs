//! A machine that lacks something: a program that is started with a filter under which the kernel refuses some system calls, as an
//! older kernel or a container's profile does.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// A system call that is refused.
#[derive(Debug, Clone, Copy)]
pub struct Refused {
    /// Its number.
    pub call: i64,
    /// Only where this argument, by its place, has this word.
    pub only: Option<(u32, Word)>,
    /// With what it is refused.
    pub errno: i32,
}

/// What the lower half of an argument is.
#[derive(Debug, Clone, Copy)]
pub enum Word {
    /// Exactly this.
    Is(u32),
    /// Something that has one of these bits.
    Has(u32),
}

/// What the filter is told about a call, by offset (`struct seccomp_data`): its number, and the low half of each argument.
const NUMBER: u32 = 0;
const ARGUMENTS: u32 = 16;
const ARGUMENT_BYTES: u32 = 8;

impl Refused {
    /// The call, whatever its arguments, as a kernel that does not know it.
    #[must_use]
    pub const fn unknown(call: i64) -> Self {
        Self { call, only: None, errno: libc::ENOSYS }
    }

    /// The call where an argument is that, as a container's profile.
    #[must_use]
    pub const fn forbidden(call: i64, argument: u32, word: Word) -> Self {
        Self { call, only: Some((argument, word)), errno: libc::EPERM }
    }

    /// The statements that refuse it, and go on where it is another (`linux/filter.h`).
    fn statements(self) -> Vec<libc::sock_filter> {
        let load = |k| libc::sock_filter { code: 0x20, jt: 0, jf: 0, k };
        let end = libc::sock_filter {
            code: 0x06,
            jt: 0,
            jf: 0,
            k: libc::SECCOMP_RET_ERRNO | self.errno.unsigned_abs(),
        };
        // Past what follows, where it does not hold.
        let is = |k, jf| libc::sock_filter { code: 0x15, jt: 0, jf, k };
        let number = u32::try_from(self.call).unwrap();
        let Some((argument, word)) = self.only else {
            return vec![load(NUMBER), is(number, 1), end];
        };
        let test = match word {
            Word::Is(k) => is(k, 1),
            Word::Has(k) => libc::sock_filter { code: 0x45, jt: 0, jf: 1, k },
        };
        vec![load(NUMBER), is(number, 3), load(ARGUMENTS + ARGUMENT_BYTES * argument), test, end]
    }
}

/// Has the program of `command`, and all that it starts, refused these calls.
pub fn without<'a>(command: &'a mut Command, refused: &[Refused]) -> &'a mut Command {
    let mut filter: Vec<libc::sock_filter> = refused.iter().flat_map(|one| one.statements()).collect();
    filter.push(libc::sock_filter { code: 0x06, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW });
    let lay = move || {
        let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
        let call = |what: i32, one: u64, two: u64| {
            #[expect(unsafe_code, reason = "no safe call lays a filter")]
            // SAFETY: the filter that `two` may point to outlives the call, which only reads it.
            let done = unsafe { libc::prctl(what, one, two, 0, 0) };
            if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
        };
        call(libc::PR_SET_NO_NEW_PRIVS, 1, 0)?;
        call(libc::PR_SET_SECCOMP, u64::from(libc::SECCOMP_MODE_FILTER), std::ptr::from_ref(&program) as u64)
    };
    #[expect(unsafe_code, reason = "a filter is laid between fork and exec")]
    // SAFETY: nothing but system calls is made, on memory that was there before the fork.
    unsafe {
        command.pre_exec(lay)
    }
}
