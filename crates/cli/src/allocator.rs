//! The allocator, and what it is told before the first value is made.
//!
//! mimalloc takes a gibibyte of addresses at once and, left to itself, as memory that may be written to. The kernel
//! counts that against a jail's bound on memory, touched or not: the bound would be passed from the start, so that
//! nothing more could be had beyond the gibibyte and whatever lies in it would be free. So the spawner, whose forks
//! are the jailed processes, makes it writable piece by piece as it is used.

use std::ffi::{CStr, c_char, c_int, c_long};

use mimalloc::MiMalloc;

/// A judged action makes some hundreds of small values on one thread and frees them on another, which is where
/// the C library's allocator spends its time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_arena_eager_commit` of mimalloc's header.
const ARENA_EAGER_COMMIT: c_int = 4;

#[expect(unsafe_code, reason = "the crate has no call for this option")]
unsafe extern "C" {
    fn mi_option_set(option: c_int, value: c_long);
}

/// Run by the C library before `main`, and so before the first value: Rust makes some before it calls `main`.
#[expect(unsafe_code, reason = "nothing else runs so early")]
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: unsafe extern "C" fn(c_int, *const *const c_char) = before_main;

#[expect(unsafe_code, reason = "the C library calls it")]
unsafe extern "C" fn before_main(count: c_int, words: *const *const c_char) {
    // Other C libraries than GNU's pass nothing.
    let first = if cfg!(target_env = "gnu") && count == 2 {
        // SAFETY: there are two words, each a string that lives as long as the process.
        Some(unsafe { CStr::from_ptr(*words.add(1)) })
    } else {
        None
    };
    if first.is_some_and(|word| word.to_bytes() == crate::jailed::SPAWNER.as_bytes())
        || !cfg!(target_env = "gnu")
    {
        // SAFETY: the option is one of mimalloc's, which writes it to a table of its own; no other thread is there.
        unsafe { mi_option_set(ARENA_EAGER_COMMIT, 0) };
    }
}
