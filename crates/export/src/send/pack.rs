//! Batches: what is sent at once.

use journal::read::Record;
use prost::Message as _;

use super::udp;
use crate::format::syslog::Carried;
use crate::format::{self, Format, FormatError, Origin, View, otlp};
use crate::settings::Where;

/// How many bytes of records one batch has at most, below what servers usually take; a longer record goes alone.
const MAX_BATCH_BYTES: usize = 512 * 1024;

/// How many records one batch has at most.
const MAX_RECORDS: usize = 1_000;

/// The same of a batch of spans, which cannot be made again in parts.
const MAX_SPAN_RECORDS: usize = 100;

/// What is sent at once.
#[derive(Debug)]
pub(crate) enum Batch {
    /// Lines or messages, one for each record, without breaks.
    Pieces(Vec<Vec<u8>>),
    /// One message that holds all.
    Whole(Vec<u8>),
    /// Nothing of these records goes out.
    Nothing,
}

/// Makes batches of records.
pub(crate) struct Packer {
    format: Format,
    origin: Origin,
    /// What a message of syslog carries; `None` where nothing is wrapped in one.
    carried: Option<Carried>,
    /// The longest message, in bytes, where there is a bound.
    longest: Option<usize>,
    spans: otlp::Spans,
    /// How many records a batch has at most just now.
    room: usize,
}

impl Packer {
    pub(crate) fn new(format: Format, to: &Where, origin: Origin) -> Self {
        let wrapped = matches!(to, Where::Tcp(..) | Where::Tls(..) | Where::Udp(..));
        let carried = wrapped.then_some(match format {
            Format::Jsonl => Carried::Json,
            Format::Csv => Carried::Csv,
            Format::Ocsf => Carried::Ocsf,
            Format::Cef => Carried::Cef,
            Format::Syslog | Format::OtlpLogs | Format::OtlpTraces => Carried::Fields,
        });
        let longest = matches!(to, Where::Udp(..)).then_some(udp::MAX_DATAGRAM_BYTES);
        Self { format, origin, carried, longest, spans: otlp::Spans::default(), room: MAX_RECORDS }
    }

    /// Whether later records refer to earlier ones.
    pub(crate) fn remembers(&self) -> bool {
        self.format == Format::OtlpTraces
    }

    /// Takes in records that went out before.
    pub(crate) fn remember(&mut self, records: &[Record]) {
        drop(self.spans.take_in(records, &self.origin));
    }

    /// A receiver finds a batch of so many records too long. Whether shorter ones can be had.
    pub(crate) fn halve(&mut self, count: usize) -> bool {
        let shorter = count > 1 && !self.remembers();
        if shorter {
            self.room = count / 2;
        }
        shorter
    }

    /// A batch was taken: the next may be longer again, since it may have been one record that was too long.
    pub(crate) fn widen(&mut self) {
        self.room = self.room.saturating_mul(2).min(MAX_RECORDS);
    }

    /// The batch of the first of `records`, as far as it has room, and how many those are.
    pub(crate) fn pack(&mut self, records: &[Record]) -> Result<(Batch, usize), FormatError> {
        let room = if self.remembers() { MAX_SPAN_RECORDS } else { self.room };
        let records = records.get(..room).unwrap_or(records);
        match self.format {
            Format::OtlpLogs => Ok(self.logs(records)),
            Format::OtlpTraces => {
                let request = self.spans.take_in(records, &self.origin);
                let nothing = request.resource_spans.is_empty();
                let batch = if nothing { Batch::Nothing } else { Batch::Whole(request.encode_to_vec()) };
                Ok((batch, records.len()))
            }
            _ => self.pieces(records),
        }
    }

    fn logs(&self, mut records: &[Record]) -> (Batch, usize) {
        loop {
            let bytes = otlp::logs(records, &self.origin).encode_to_vec();
            if bytes.len() <= MAX_BATCH_BYTES || records.len() < 2 {
                return (Batch::Whole(bytes), records.len());
            }
            records = records.get(..records.len() / 2).unwrap_or(records);
        }
    }

    fn pieces(&self, records: &[Record]) -> Result<(Batch, usize), FormatError> {
        let (mut pieces, mut bytes) = (Vec::new(), 0_usize);
        for record in records {
            let mut piece = Vec::new();
            match self.carried {
                Some(carried) => self.message(record, carried, &mut piece)?,
                None => format::line(self.format, record, &self.origin, &mut piece)?,
            }
            bytes = bytes.saturating_add(piece.len());
            if bytes > MAX_BATCH_BYTES && !pieces.is_empty() {
                break;
            }
            pieces.push(piece);
        }
        let count = pieces.len();
        Ok((Batch::Pieces(pieces), count))
    }

    /// Adds a record as one message. Where that would be too long, its fields go in the place of what it carries: each of
    /// them has a bound of its own.
    fn message(&self, record: &Record, carried: Carried, piece: &mut Vec<u8>) -> Result<(), FormatError> {
        let view = View::of(record);
        format::syslog::write(&view, &self.origin, carried, piece)?;
        if self.longest.is_some_and(|longest| piece.len() > longest) {
            piece.clear();
            format::syslog::write(&view, &self.origin, Carried::Fields, piece)?;
        }
        Ok(())
    }
}
