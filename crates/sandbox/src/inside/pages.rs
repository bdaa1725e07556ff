//! Memory of the program's own image: what a process needed to build its jail it does not need in it.
//!
//! Every page of code that a process has run counts as its memory, shared or not. Building a jail runs far more code
//! than waiting for a word. So what was mapped is given back, and what the first word will need is mapped anew before
//! it comes, while nobody waits. The gateway does the first of it, too: what it ran to start it hardly runs again.

use std::ffi::{c_int, c_void};

use rustix::mm::{Advice, madvise};
use vocab::frame::{self, FrameError};

use crate::wire::Order;

/// A part of the image that nobody writes to: where it begins, and its bytes.
type Part = (*mut c_void, usize);

/// The most parts of an image that are looked at; a linker makes two or three.
const MAX_PARTS: usize = 8;

/// The parts that were found. In place: whoever gives code back does best without calling much afterwards.
#[derive(Default)]
struct Parts {
    all: [Option<Part>; MAX_PARTS],
    found: usize,
}

impl Parts {
    fn push(&mut self, part: Part) {
        if let Some(place) = self.all.get_mut(self.found) {
            *place = Some(part);
            self.found = self.found.saturating_add(1);
        }
    }
}

/// Unmaps the pages of the program's own code and constants. Each is there again when it is used, from the file or what
/// the kernel keeps of it; any thread may go on meanwhile. Where the kernel refuses, they stay.
pub fn give_back() {
    for (begin, bytes) in constant_parts().all.into_iter().flatten() {
        #[expect(unsafe_code, reason = "advice of this kind is not safe for memory that was written to")]
        // SAFETY: the part is mapped as long as the program runs, privately and from its file, which nobody can
        // write to meanwhile; it is not writable and holds nothing to be relocated, so that what is read again are
        // the same bytes.
        let given = unsafe { madvise(begin, bytes, Advice::LinuxDontNeed) };
        // What is not given back stays.
        given.unwrap_or_default();
    }
}

/// Does once, without a socket, what the first word needs: the jail's own order there and back.
pub(super) fn rehearse(order: &Order) -> Result<(), FrameError> {
    let bytes = frame::encode(order)?;
    let read: Option<Order> = frame::read(&mut bytes.as_slice())?;
    std::hint::black_box(read);
    Ok(())
}

/// The parts of the program's image that are mapped for reading or running only.
fn constant_parts() -> Parts {
    let mut parts = Parts::default();
    #[expect(unsafe_code, reason = "no safe call tells how the program is laid out")]
    // SAFETY: the function is of the form that is asked for and the parts outlive the call.
    unsafe {
        libc::dl_iterate_phdr(Some(first), (&raw mut parts).cast());
    }
    parts
}

/// Looks at the first object, which is the program itself, and ends the walk.
#[expect(unsafe_code, reason = "the C library calls it")]
unsafe extern "C" fn first(info: *mut libc::dl_phdr_info, _: libc::size_t, parts: *mut c_void) -> c_int {
    // SAFETY: the C library passes an object that is loaded, with as many headers as it says, and what
    // `constant_parts` gave it, which nobody else uses meanwhile. The size of a page is a number that it knows.
    let (base, headers, parts, page) = unsafe {
        let info = &*info;
        let headers = std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into());
        (info.dlpi_addr, headers, &mut *parts.cast::<Parts>(), libc::getauxval(libc::AT_PAGESZ))
    };
    if !page.is_power_of_two() {
        return 1;
    }
    for header in headers.iter().filter(|header| header.p_type == libc::PT_LOAD).take(MAX_PARTS) {
        let at = base.wrapping_add(header.p_vaddr);
        let end = at.wrapping_add(header.p_filesz).next_multiple_of(page);
        let begin = at & !page.wrapping_sub(1);
        if header.p_flags & libc::PF_W == 0
            && let (Ok(begin), Ok(bytes)) =
                (usize::try_from(begin), usize::try_from(end.saturating_sub(begin)))
        {
            parts.push((std::ptr::with_exposed_provenance_mut(begin), bytes));
        }
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Jail;

    /// How much of the program's own image is mapped for reading or running only, in KiB.
    fn mapped() -> u64 {
        let program = std::env::current_exe().unwrap();
        let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let (mut counts, mut sum) = (false, 0);
        for line in smaps.lines() {
            if line.contains("-") && line.split(' ').nth(1).is_some_and(|rights| rights.len() == 4) {
                // Of what the linker lays out last some is read-only only after it was relocated.
                let rights = line.split(' ').nth(1).unwrap();
                counts = rights == "r-xp" && line.ends_with(program.to_str().unwrap());
            } else if let Some(rss) = line.strip_prefix("Rss:").filter(|_| counts) {
                sum += rss.trim().trim_end_matches(" kB").parse::<u64>().unwrap();
            }
        }
        sum
    }

    /// Said to this binary where it runs one test and nothing beside it.
    const ALONE: &str = "BULKHEAD_TEST_ALONE";

    /// What other tests run meanwhile is mapped again, so that this one has a process of its own.
    #[test]
    fn what_is_given_back_is_no_longer_mapped_and_there_when_it_is_used() {
        if std::env::var_os(ALONE).is_none() {
            let name =
                "inside::pages::tests::what_is_given_back_is_no_longer_mapped_and_there_when_it_is_used";
            let mut own = std::process::Command::new(std::env::current_exe().unwrap());
            let said = own.args(["--exact", name, "--test-threads=1"]).env(ALONE, "1").output().unwrap();
            let out = String::from_utf8_lossy(&said.stdout);
            assert!(said.status.success() && out.contains("1 passed"), "{out}");
            return;
        }
        let parts = constant_parts();
        assert!((1..MAX_PARTS).contains(&parts.found), "{:?}", parts.all);
        for (begin, bytes) in parts.all.into_iter().flatten() {
            #[expect(unsafe_code, reason = "as in `give_back`")]
            // SAFETY: the part is mapped and is only read.
            unsafe { madvise(begin, bytes, Advice::LinuxPopulateRead) }.unwrap();
        }
        let before = mapped();
        give_back();
        let after = mapped();
        // What ran meanwhile is mapped again, with what lies about it; all of it never is.
        assert!(after < before, "{before} KiB were mapped and {after} are");
        rehearse(&Order { jail: Jail::default(), processes_bounded: false }).unwrap();
    }
}
