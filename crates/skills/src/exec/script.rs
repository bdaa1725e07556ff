//! Scripts: a file that the kernel hands to an interpreter, which must then be among the granted commands too.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// How far the kernel looks for an interpreter (`BINPRM_BUF_SIZE`).
const LOOKED_AT_BYTES: u64 = 256;

/// The interpreter that the first line of `file` names; none when it is no script or cannot be read, in which case
/// starting it says what is the matter.
pub(super) fn interpreter(file: &Path) -> Option<String> {
    let mut begin = Vec::new();
    File::open(file).ok()?.take(LOOKED_AT_BYTES).read_to_end(&mut begin).ok()?;
    named(&begin)
}

fn named(begin: &[u8]) -> Option<String> {
    let line = begin.strip_prefix(b"#!")?.split(|byte| matches!(byte, b'\n' | 0)).next()?;
    let line = String::from_utf8_lossy(line);
    line.split_ascii_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interpreter_is_found_as_the_kernel_finds_it() {
        for (begin, name) in [
            ("#!/bin/sh\n", Some("/bin/sh")),
            ("#! \t/usr/bin/env python3\n", Some("/usr/bin/env")),
            ("#!/bin/sh", Some("/bin/sh")),
            ("#!\n", None),
            (" #!/bin/sh\n", None),
            ("\u{7f}ELF", None),
            ("", None),
        ] {
            assert_eq!(named(begin.as_bytes()).as_deref(), name, "{begin:?}");
        }
        assert_eq!(interpreter(Path::new("/no/such")), None);
    }
}
