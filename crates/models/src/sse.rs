//! Server-sent events out of bytes: the `data` of each event, bounded.
//!
//! In: byte slices as they come off the wire, cut anywhere. Out: the data of each event (WHATWG HTML,
//! section 9.2.6). Names, ids and retry times of events mean nothing here and are dropped. Work is
//! linear in the bytes, whatever their form, and what is kept is at most two events' worth.

/// The largest event, in bytes. JSON may need six bytes for one of an answer (`\u0000`), but an answer
/// of a megabyte in one event is already beyond any server that streams.
pub(crate) const MAX_EVENT_BYTES: usize = 2 * 1024 * 1024;

/// An event or line above [`MAX_EVENT_BYTES`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// The byte order mark that a stream may begin with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Bytes become events.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// The line so far.
    line: Vec<u8>,
    /// The data lines of the event so far, with their line ends.
    data: Vec<u8>,
    /// A carriage return ended the last line; a line feed right after it belongs to it.
    after_return: bool,
    /// The first line is over, so no byte order mark can come.
    begun: bool,
}

impl Events {
    /// The data of the next event that `input` completes. What was used is cut off its front; `None`
    /// when all of it was used.
    pub(crate) fn next(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, TooLong> {
        loop {
            if self.after_return && !input.is_empty() {
                *input = input.strip_prefix(b"\n").unwrap_or(input);
                self.after_return = false;
            }
            let Some(end) = input.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.keep(input)?;
                *input = &[];
                return Ok(None);
            };
            let (line, rest) = input.split_at(end);
            self.keep(line)?;
            self.after_return = rest.first() == Some(&b'\r');
            *input = rest.get(1..).unwrap_or_default();
            if let Some(data) = self.end_of_line()? {
                return Ok(Some(data));
            }
        }
    }

    /// Whether an event's data has begun and not ended.
    pub(crate) fn is_in_data(&self) -> bool {
        !self.data.is_empty() || value_of(&self.line).is_some()
    }

    /// What a stream left behind that ended without the empty line after its last event.
    pub(crate) fn rest(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        if !self.line.is_empty() {
            self.end_of_line()?;
        }
        self.end_of_line()
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.line.len().saturating_add(bytes.len()) > MAX_EVENT_BYTES {
            return Err(TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_of_line(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        let whole = std::mem::take(&mut self.line);
        let mut line = whole.as_slice();
        if !self.begun {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
            self.begun = true;
        }
        if line.is_empty() {
            let mut data = std::mem::take(&mut self.data);
            let had = data.pop().is_some();
            return Ok(had.then_some(data));
        }
        if let Some(value) = value_of(line) {
            if self.data.len().saturating_add(value.len()) >= MAX_EVENT_BYTES {
                return Err(TooLong);
            }
            self.data.extend_from_slice(value);
            self.data.push(b'\n');
        }
        Ok(None)
    }
}

/// The value of a `data` line. Older llama.cpp servers report a failure as a field named `error`.
fn value_of(line: &[u8]) -> Option<&[u8]> {
    let value = match line.strip_prefix(b"data").or_else(|| line.strip_prefix(b"error"))? {
        [] => return Some(&[]),
        [b':', value @ ..] => value,
        _ => return None,
    };
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(chunks: &[&[u8]]) -> Vec<String> {
        let mut events = Events::default();
        let mut found = Vec::new();
        for chunk in chunks {
            let mut input = *chunk;
            while let Some(data) = events.next(&mut input).unwrap() {
                found.push(String::from_utf8(data).unwrap());
            }
        }
        found
    }

    #[test]
    fn the_examples_of_the_standard() {
        assert_eq!(events(&[b"data: YHOO\ndata: +2\ndata: 10\n\n"]), ["YHOO\n+2\n10"]);
        assert_eq!(
            events(&[b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"]),
            ["first event", "second event", " third event"]
        );
        assert_eq!(events(&[b"data\n\ndata\ndata\n\ndata:"]), ["", "\n"]);
        assert_eq!(events(&[b"event: x\n\nretry: 5\n\ndatax: 1\n\n"]), [""; 0]);
    }

    #[test]
    fn it_does_not_matter_where_the_bytes_are_cut_nor_how_lines_end() {
        let stream = b"\xef\xbb\xbfdata: one\r\n\r\ndata: two\r\rdata: thr\xc3\xa9e\n\n";
        let whole = ["one", "two", "thrée"];
        assert_eq!(events(&[stream]), whole);
        assert_eq!(events(&[b"data: a\r\ndata: b\r\n\r\n"]), ["a\nb"]);
        assert_eq!(events(&[b"\n\xef\xbb\xbfdata: only the first line may begin so\n\n"]), [""; 0]);
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(events(&single), whole);
    }

    #[test]
    fn an_endless_line_and_an_endless_event_end() {
        let mut line = Events::default();
        let piece = vec![b'x'; 64 * 1024];
        let fed = (0..).take_while(|_| line.next(&mut piece.as_slice()).is_ok()).take(1000).count();
        assert!(fed <= MAX_EVENT_BYTES / piece.len(), "{fed}");

        let mut event = Events::default();
        let piece = b"data: 0123456789\n".repeat(1000);
        let fed = (0..).take_while(|_| event.next(&mut piece.as_slice()).is_ok()).take(10_000).count();
        assert!(fed <= MAX_EVENT_BYTES / 10_000, "{fed}");
    }

    #[test]
    fn what_a_stream_left_behind_can_be_had() {
        let mut events = Events::default();
        assert_eq!(events.next(&mut b"data: [DONE]".as_slice()), Ok(None));
        assert_eq!(events.rest(), Ok(Some(b"[DONE]".to_vec())));
        assert_eq!(events.rest(), Ok(None));
    }
}
