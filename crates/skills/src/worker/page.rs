//! The body of a web page as text: decoded as its server or the page itself says, then without its HTML.

use data_encoding::BASE64;
use encoding_rs::{Encoding, UTF_8};
use vocab::limits::MAX_RESULT_BYTES;

use super::Trouble;
use crate::plain::beginning;
use crate::wire::FromWorker;

/// The width of the lines that HTML becomes, in columns.
const WIDTH: usize = 100;

/// The largest HTML file that is a document, in bytes.
pub(super) const MAX_HTML_BYTES: u64 = 1024 * 1024;

/// How far into a page its own `<meta charset>` is looked for, in bytes (WHATWG HTML, 13.2.3.2).
const META_BYTES: usize = 1024;

/// The text of a page whose bytes are `body` in base64.
pub(super) fn text(body: &str, charset: Option<&str>, html: bool) -> Result<FromWorker, Trouble> {
    let bytes = BASE64.decode(body.as_bytes()).map_err(|error| Trouble::Page(error.to_string()))?;
    let encoding = charset
        .and_then(|label| Encoding::for_label(label.as_bytes()))
        .or_else(|| if html { declared(&bytes) } else { None })
        .unwrap_or(UTF_8);
    let (decoded, _, replaced) = encoding.decode(&bytes);
    let text = if html { without_html(&decoded)? } else { decoded.into_owned() };
    let kept = beginning(&text, MAX_RESULT_BYTES);
    Ok(FromWorker::Text { text: kept.to_owned(), cut: kept.len() < text.len(), replaced })
}

/// The text of an HTML file, in the encoding that it declares.
pub(super) fn of_file(bytes: &[u8]) -> Result<String, Trouble> {
    let (decoded, ..) = declared(bytes).unwrap_or(UTF_8).decode(bytes);
    without_html(&decoded)
}

/// The encoding that a page declares in its first bytes.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    const MARK: &[u8] = b"charset=";
    let head = bytes.get(..META_BYTES).unwrap_or(bytes);
    let at = head.windows(MARK.len()).position(|window| window.eq_ignore_ascii_case(MARK))?;
    let label: Vec<u8> = head
        .iter()
        .skip(at.saturating_add(MARK.len()))
        .skip_while(|byte| matches!(byte, b'"' | b'\'' | b' '))
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':' | b'.'))
        .copied()
        .collect();
    Encoding::for_label(&label)
}

/// The converter does not hold against every page (a list that starts at the least number overflows
/// in it), and what one page breaks must not cost the worker. It keeps nothing between two pages.
fn without_html(page: &str) -> Result<String, Trouble> {
    let convert = || html2text::config::plain().string_from_read(page.as_bytes(), WIDTH);
    match std::panic::catch_unwind(convert) {
        Ok(Ok(text)) => Ok(text),
        // To allow more would indent each line of a hostile page by as much as it likes.
        Ok(Err(html2text::Error::TooNarrow)) => Err(Trouble::Page("its HTML is nested too deeply".into())),
        Ok(Err(error)) => Err(Trouble::Page(error.to_string())),
        Err(_) => Err(Trouble::Page("its HTML is broken".into())),
    }
}
