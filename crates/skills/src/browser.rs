//! The browser: fetches one page of a permitted host and hands it on as text.
//!
//! The gateway fetches ([`egress`](crate::egress)), because the jailed worker has no network; the worker decodes and converts,
//! because what a server sends is hostile. A page's own claims never become more than text.

use data_encoding::BASE64;
use monitor::Bounds;
use secrets::End;
use vocab::{Action, Resource};

use crate::bench::{Bench, Desk};
use crate::egress::{Errand, Page, Wanted};
use crate::told::{Failure, Told};
use crate::wire::{FromWorker, ToWorker};
use crate::{Skills, told};

/// The largest body that is fetched whatever was granted: in base64 it has to fit in a frame.
const MAX_BODY_BYTES: u64 = 2 * 1024 * 1024;

/// What is asked for.
const ACCEPT: &str = "text/html, text/*;q=0.9, application/json, application/xml";

/// Fetches the page that `action` names.
pub(crate) async fn get(skills: &Skills, bench: &mut Bench, action: &Action, bounds: &Bounds) -> Told {
    let (Resource::Host(permitted), Bounds::Web { max_bytes }) = (&action.resource, bounds) else {
        return Err(Failure::misfit(action));
    };
    let address = action.text("url").ok_or_else(|| Failure::misfit(action))?;
    let max_bytes = usize::try_from((*max_bytes).min(MAX_BODY_BYTES)).unwrap_or(usize::MAX);
    let errand = skills.broker.errand(permitted).map_err(Failure::new)?;
    let wanted = Wanted { max_bytes, accept: ACCEPT, takes: readable };
    let page = errand.get(address, &wanted).await.map_err(Failure::new)?;
    convert(bench, &errand, page).await
}

fn readable(media: &str) -> bool {
    let (kind, subtype) = media.split_once('/').unwrap_or_default();
    let text = subtype.ends_with("json") || subtype.ends_with("xml");
    kind == "text" || (kind == "application" && text)
}

async fn convert(bench: &mut Bench, errand: &Errand<'_>, page: Page) -> Told {
    let html = matches!(page.media.as_str(), "text/html" | "application/xhtml+xml");
    let request = ToWorker::Page { body: BASE64.encode(&page.body), charset: page.charset, html };
    let Text { text, cut, replaced } = text_of(bench.ask(Desk::Pages, &request).await?)?;
    let mut mark = format!("page {}, {} bytes of {}", page.url, page.body.len(), page.media);
    if page.cut {
        mark.push_str(", cut there");
    }
    if replaced {
        mark.push_str(", some bytes were not text and are shown as \u{fffd}");
    }
    // Once more: the converter undoes what the page's encoding and its markup hid.
    let text = errand.clean(text, if cut { End::Cut } else { End::Whole });
    Ok(told::data(&mark, &text, cut))
}

/// The text of a page, as a worker has it.
pub(crate) struct Text {
    pub(crate) text: String,
    /// Whether its end is missing.
    pub(crate) cut: bool,
    /// Whether bytes of it had no meaning.
    pub(crate) replaced: bool,
}

/// What is taken of a worker's answer.
pub(crate) fn text_of(answer: FromWorker) -> Result<Text, Failure> {
    match answer {
        FromWorker::Text { text, cut, replaced } => Ok(Text { text, cut, replaced }),
        _ => Err(Failure::misfit_answer()),
    }
}
