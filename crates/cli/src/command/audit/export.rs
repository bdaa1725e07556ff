//! `bulkhead audit export`: records in a form of somebody else's, into a file or to standard output.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use export::format::Encoder;
use export::{Format, Origin};
use journal::read::Reader;
use serde_json::{Value, json};

use super::which::Which;
use super::{Place, unread, word};
use crate::client::Client;
use crate::command::alone;
use crate::daemon::holder;
use crate::failure::{Exit, Failure};
use crate::terminal::say;

/// What is gathered before it is written, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// jsonl, csv, ocsf, cef, syslog, otlp-logs or otlp-traces
    #[arg(long, value_parser = word::<Format>)]
    format: Format,
    /// The file, which is there whole or not at all [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    which: Which,
}

/// Exports what `args` ask for. Where a gateway runs, it says so in the record first.
pub(super) fn run(place: &Place, reader: &Reader, args: Args) -> Result<Exit, Failure> {
    told(place, args.format, &args.which)?;
    let encoder = Encoder::new(args.format, Origin::here(env!("CARGO_PKG_VERSION")));
    let Some(path) = args.out else {
        written(reader, args.which, encoder, &mut std::io::stdout().lock())?;
        return Ok(Exit::Done);
    };
    let failed = |error: &std::io::Error| {
        Failure::unreachable(format!("`{}` cannot be written: {error}", path.display()))
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Readable for its owner alone, until that one says otherwise.
    let mut draft = tempfile::NamedTempFile::new_in(folder).map_err(|error| failed(&error))?;
    let count = written(reader, args.which, encoder, draft.as_file_mut())?;
    draft.as_file().sync_all().map_err(|error| failed(&error))?;
    draft.persist(&path).map_err(|error| failed(&error.error))?;
    if place.screen.json() {
        place.screen.value(&json!({ "exported": count, "file": path }))?;
    } else {
        say(&format!("exported {count} records to `{}`", path.display()));
    }
    Ok(Exit::Done)
}

/// Has the gateway record the export; without a gateway nothing can be recorded, and that is said.
fn told(place: &Place, format: Format, which: &Which) -> Result<(), Failure> {
    if matches!(holder(&place.home), Ok(None)) {
        say("no gateway is running, so this export is not in the record");
        return Ok(());
    }
    let export = json!({ "format": format, "conditions": which.conditions() });
    alone(async { Client::new(&place.home)?.post::<_, Value>("exports", &export).await }).map(drop)
}

/// Writes the records and gives how many.
fn written(reader: &Reader, which: Which, mut encoder: Encoder, out: &mut dyn Write) -> Result<u64, Failure> {
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, out);
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Failure::reader_gone(),
        _ => Failure::unreachable(format!("the export cannot be written: {error}")),
    };
    let (mut count, mut bytes) = (0_u64, Vec::new());
    let mut pages = which.pages(reader);
    while let Some(records) = pages.next().map_err(unread)? {
        bytes.clear();
        encoder.lines(&records, &mut bytes).map_err(|error| Failure::internal(error.to_string()))?;
        out.write_all(&bytes).map_err(failed)?;
        count = count.saturating_add(records.len() as u64);
    }
    out.flush().map_err(failed)?;
    Ok(count)
}
