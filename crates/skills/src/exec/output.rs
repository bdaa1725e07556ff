//! What a command wrote: its beginning and its end, made safe to read.

use std::collections::VecDeque;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;

use crate::plain::one_line;

/// How much of the beginning is kept, in bytes.
pub(super) const HEAD_BYTES: usize = 24 * 1024;

/// How much of the end is kept, in bytes.
pub(super) const TAIL_BYTES: usize = 24 * 1024;

/// How much is read at once, in bytes.
const CHUNK_BYTES: usize = 16 * 1024;

/// A stream's beginning and end.
#[derive(Debug, Default)]
pub(super) struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
}

impl Kept {
    /// Reads to the end. A pipe that breaks is at its end.
    pub(super) async fn drain(&mut self, mut pipe: Receiver) {
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Ok(read) = pipe.read(&mut chunk).await {
            match chunk.get(..read) {
                None | Some([]) => break,
                Some(bytes) => self.keep(bytes),
            }
        }
    }

    pub(super) fn keep(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len() as u64);
        let room = HEAD_BYTES.saturating_sub(self.head.len()).min(bytes.len());
        let (head, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.head.extend_from_slice(head);
        // What would fall out of the end at once is not put in.
        let rest = rest.get(rest.len().saturating_sub(TAIL_BYTES)..).unwrap_or_default();
        let over = self.tail.len().saturating_add(rest.len()).saturating_sub(TAIL_BYTES);
        self.tail.drain(..over);
        self.tail.extend(rest);
    }

    /// How many bytes there were.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// As text: what is cut out is said, and bytes that are no text and signs that nobody sees are written out.
    pub(super) fn text(&self) -> String {
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        let kept = self.head.len().saturating_add(tail.len()) as u64;
        match self.total.saturating_sub(kept) {
            0 => readable(&[self.head.as_slice(), &tail].concat()),
            cut => {
                let (head, tail) = (readable(&self.head), readable(&tail));
                format!("{head}\n[{cut} bytes cut out here]\n{tail}")
            }
        }
    }
}

/// `bytes` as text that shows all of itself.
fn readable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for (number, line) in chunk.valid().split('\n').enumerate() {
            if number > 0 {
                text.push('\n');
            }
            text.push_str(&line.split('\t').map(one_line).collect::<Vec<_>>().join("\t"));
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(chunks: &[&[u8]]) -> Kept {
        let mut kept = Kept::default();
        chunks.iter().for_each(|chunk| kept.keep(chunk));
        kept
    }

    #[test]
    fn what_fits_comes_back_as_it_was() {
        let kept = kept(&["żó".as_bytes().get(..3).unwrap(), &"żó".as_bytes()[3..], b"\n\tend\n"]);
        assert_eq!((kept.text().as_str(), kept.total()), ("żó\n\tend\n", 10));
        assert_eq!(Kept::default().text(), "");
    }

    #[test]
    fn of_a_flood_beginning_and_end_are_kept() {
        let mut kept = kept(&[b"begin"]);
        for _ in 0..1000 {
            kept.keep(&[b'x'; 4096]);
        }
        kept.keep(b"end");
        let text = kept.text();
        assert!(text.starts_with("beginxxx") && text.ends_with("xxxend"));
        let cut = 5 + 1000 * 4096 + 3 - HEAD_BYTES - TAIL_BYTES;
        assert!(text.contains(&format!("\n[{cut} bytes cut out here]\n")));
        assert!(kept.head.len() + kept.tail.len() == HEAD_BYTES + TAIL_BYTES && text.len() < 64 * 1024);
        let mut one = Kept::default();
        one.keep(&vec![b'y'; HEAD_BYTES + TAIL_BYTES + 1]);
        assert!(one.text().contains("[1 bytes cut out here]"));
    }

    #[test]
    fn what_is_no_text_is_written_out() {
        assert_eq!(kept(&[b"a\xff\xfe\x1b[2Jb\r\n\x00"]).text(), "a\\xff\\xfe\\u{1b}[2Jb\\r\n\\u{0}");
        assert_eq!(kept(&["\u{202e}x".as_bytes()]).text(), "\\u{202e}x");
    }
}
