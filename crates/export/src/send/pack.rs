//! Batches: what is sent at once.

use journal::read::Record;
use prost::Message as _;

use crate::format::syslog::Carried;
use crate::format::{self, Format, FormatError, Origin, View, otlp};
use crate::settings::Where;

/// About how many bytes one batch has; it ends with the record that reaches them.
const MAX_BATCH_BYTES: usize = 1024 * 1024;

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
    spans: otlp::Spans,
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
        Self { format, origin, carried, spans: otlp::Spans::default() }
    }

    /// Whether later records refer to earlier ones.
    pub(crate) fn remembers(&self) -> bool {
        self.format == Format::OtlpTraces
    }

    /// Takes in records that went out before.
    pub(crate) fn remember(&mut self, records: &[Record]) {
        drop(self.spans.take_in(records, &self.origin));
    }

    /// The batch of the first of `records`, as far as it has room, and how many those are.
    pub(crate) fn pack(&mut self, records: &[Record]) -> Result<(Batch, usize), FormatError> {
        let batch = match self.format {
            Format::OtlpLogs => Batch::Whole(otlp::logs(records, &self.origin).encode_to_vec()),
            Format::OtlpTraces => {
                let request = self.spans.take_in(records, &self.origin);
                if request.resource_spans.is_empty() {
                    Batch::Nothing
                } else {
                    Batch::Whole(request.encode_to_vec())
                }
            }
            _ => return self.pieces(records),
        };
        Ok((batch, records.len()))
    }

    fn pieces(&self, records: &[Record]) -> Result<(Batch, usize), FormatError> {
        let (mut pieces, mut bytes) = (Vec::new(), 0_usize);
        for record in records {
            let mut piece = Vec::new();
            match self.carried {
                Some(carried) => {
                    format::syslog::write(&View::of(record), &self.origin, carried, &mut piece)?;
                }
                None => format::line(self.format, record, &self.origin, &mut piece)?,
            }
            bytes = bytes.saturating_add(piece.len());
            pieces.push(piece);
            if bytes >= MAX_BATCH_BYTES {
                break;
            }
        }
        let count = pieces.len();
        Ok((Batch::Pieces(pieces), count))
    }
}
