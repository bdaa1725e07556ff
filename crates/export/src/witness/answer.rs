//! What a witness answers to `add-checkpoint`, as C2SP `tlog-witness` has it. Pure: nothing of it is believed here, and
//! nothing that it says is repeated in a sentence.

use journal::note::{self, NoteError};

/// What the body of a conflict calls itself.
const SIZE: &str = "text/x.tlog.size";

/// The longest size that is read, in bytes.
const MAX_SIZE_BYTES: usize = 20;

/// What was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// These lines are its cosignatures, it says.
    Cosigned(String),
    /// It has cosigned so many records last, where it says how many.
    Conflict(Option<u64>),
    /// The proof does not lead from what it cosigned to this checkpoint.
    Inconsistent,
}

/// Why an answer is none of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// 400.
    #[error(
        "it says that what it was sent is not in the form of C2SP `tlog-witness` (400): is that the address of a witness?"
    )]
    Malformed,
    /// 403.
    #[error(
        "it does not trust the key of this record (403): give it the public key that `bulkhead audit key show` prints last"
    )]
    Key,
    /// 404.
    #[error(
        "it does not know this record (404): have it added there, by its name and the public key that `bulkhead audit key show` prints, and see that `url` is right"
    )]
    Unknown,
    /// It sends to somewhere else.
    #[error("it sends to another address ({0}), which is not followed: write that one as its `url`")]
    Elsewhere(u16),
    /// Any other status.
    #[error("it answered {0}, which says nothing of the checkpoint")]
    Status(u16),
    /// Not the lines of cosignatures.
    #[error("what it answered is no cosignature: {0}")]
    Lines(NoteError),
    /// Not even text.
    #[error("what it answered is no cosignature: it is not text")]
    Bytes,
    /// A size that is none.
    #[error("it says that it has cosigned another size (409), and the size that it names is none")]
    Size,
}

/// Reads an answer with this status, of this `Content-Type`.
///
/// # Errors
/// When it is none that the protocol knows, or says that the checkpoint was not looked at.
pub fn read(status: u16, kind: Option<&str>, body: &[u8]) -> Result<Said, Unfit> {
    match status {
        200 => {
            let lines = std::str::from_utf8(body).map_err(|_| Unfit::Bytes)?;
            note::signatures(lines).map_err(Unfit::Lines)?;
            Ok(Said::Cosigned(lines.to_owned()))
        }
        409 if is_size(kind) => size(body).map(|size| Said::Conflict(Some(size))).ok_or(Unfit::Size),
        409 => Ok(Said::Conflict(None)),
        422 => Ok(Said::Inconsistent),
        400 => Err(Unfit::Malformed),
        403 => Err(Unfit::Key),
        404 => Err(Unfit::Unknown),
        300..400 => Err(Unfit::Elsewhere(status)),
        _ => Err(Unfit::Status(status)),
    }
}

/// Whether the body is said to be a size; what follows a semicolon does not matter.
fn is_size(kind: Option<&str>) -> bool {
    let essence = kind.and_then(|kind| kind.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(SIZE))
}

/// Decimal digits without more zeros in front than they need, and a line break.
fn size(body: &[u8]) -> Option<u64> {
    let digits = body.strip_suffix(b"\n").filter(|digits| digits.len() <= MAX_SIZE_BYTES)?;
    let text = std::str::from_utf8(digits).ok()?;
    let size: u64 = text.parse().ok()?;
    (size.to_string() == text).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_digits_and_a_line_break_of_its_own_type() {
        let conflict = |kind, body: &[u8]| read(409, Some(kind), body);
        for (body, size) in [(&b"0\n"[..], 0), (b"12\n", 12), (b"18446744073709551615\n", u64::MAX)] {
            assert_eq!(conflict("text/x.tlog.size", body), Ok(Said::Conflict(Some(size))));
        }
        assert_eq!(conflict("Text/X.tlog.size; charset=utf-8", b"7\n"), Ok(Said::Conflict(Some(7))));
        let odd: [&[u8]; 11] = [
            b"",
            b"\n",
            b"12",
            b"012\n",
            b"+12\n",
            b"-1\n",
            b" 12\n",
            b"12\n\n",
            b"12\r\n",
            b"\xff\n",
            b"18446744073709551616\n",
        ];
        for body in odd {
            assert_eq!(conflict("text/x.tlog.size", body), Err(Unfit::Size), "{body:?}");
        }
        assert_eq!(conflict("text/plain", b"12\n"), Ok(Said::Conflict(None)));
        assert_eq!(read(409, None, b"12\n"), Ok(Said::Conflict(None)));
    }

    #[test]
    fn each_status_has_a_meaning_and_a_way_out() {
        assert_eq!(read(422, None, b"x"), Ok(Said::Inconsistent));
        for (status, words) in [
            (400, "400"),
            (403, "audit key show"),
            (404, "have it added there"),
            (301, "not followed"),
            (308, "not followed"),
            (201, "201"),
            (500, "500"),
            (429, "429"),
        ] {
            let said = read(status, None, "\u{2014} a AAAAAAA=\n".as_bytes()).unwrap_err().to_string();
            assert!(said.contains(words), "{status}: {said}");
        }
    }

    #[test]
    fn cosignatures_are_lines_and_nothing_else() {
        let line = "\u{2014} witness.example/1 AAAAAAA=\n";
        assert_eq!(read(200, None, line.as_bytes()), Ok(Said::Cosigned(line.to_owned())));
        assert!(matches!(read(200, None, b"\xff"), Err(Unfit::Bytes)));
        let many = line.repeat(note::MAX_SIGNATURES + 1);
        let whole = format!("log\n1\nAAAA\n\n{line}");
        for odd in ["", "\n", "<html>thanks</html>\n", line.trim_end(), &many, &whole, &format!("{line}\n")] {
            assert!(matches!(read(200, None, odd.as_bytes()), Err(Unfit::Lines(_))), "{odd}");
        }
    }
}
