//! The browser: fetches one page of a permitted host and hands it on as text.
//!
//! The gateway fetches, because the jailed worker has no network; the worker decodes and converts,
//! because what a server sends is hostile. A page's own claims never become more than text.

mod address;
mod fetch;
mod resolve;

use std::time::Duration;

use data_encoding::BASE64;
use monitor::Bounds;
use url::{Host, Url};
use vocab::{Action, Resource};

use self::fetch::{Page, fetch};
pub(crate) use self::resolve::System;
pub use self::resolve::{Addresses, Resolve};
use crate::bench::{Bench, Desk};
use crate::plain::one_line;
use crate::told::{Failure, Told};
use crate::wire::{FromWorker, ToWorker};
use crate::{Skills, told};

/// How long a whole fetch may take, redirects included.
pub(crate) const FETCH_WAIT: Duration = Duration::from_secs(30);

/// The largest body that is fetched whatever was granted: in base64 it has to fit in a frame.
const MAX_BODY_BYTES: u64 = 2 * 1024 * 1024;

/// Fetches the page that `action` names.
pub(crate) async fn get(skills: &Skills, bench: &mut Bench, action: &Action, bounds: &Bounds) -> Told {
    let (Resource::Host(permitted), Bounds::Web { max_bytes }) = (&action.resource, bounds) else {
        return Err(Failure::misfit(action));
    };
    let address = action.text("url").ok_or_else(|| Failure::misfit(action))?;
    let url = Url::parse(address)
        .map_err(|error| Failure::new(format!("`{}` is not a web address: {error}", one_line(address))))?;
    if !is_permitted(&url, permitted) {
        return Err(Failure::new(format!(
            "this address is not on `{}`, which was permitted",
            one_line(permitted)
        )));
    }
    let bounds = fetch::Bounds {
        max_bytes: usize::try_from((*max_bytes).min(MAX_BODY_BYTES)).unwrap_or(usize::MAX),
        wait: skills.fetch_wait,
        private: names_itself(&url) || skills.private_hosts.contains(permitted),
    };
    let page = fetch(url, &bounds, skills.resolver.as_ref()).await.map_err(Failure::new)?;
    convert(skills, bench, page).await
}

/// Whether the address lies on the permitted host. The monitor has made one of the other; a page of
/// another host would be a hole, so it is looked at where the connection is made as well.
fn is_permitted(url: &Url, permitted: &str) -> bool {
    let bare = |host: &str| host.trim_start_matches('[').trim_end_matches(']').to_owned();
    url.host_str().is_some_and(|host| bare(host) == bare(permitted))
}

/// Whether the host is an address or `localhost`. No wildcard covers those, so a permit for one means
/// that it was granted by that very name.
fn names_itself(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

async fn convert(skills: &Skills, bench: &mut Bench, page: Page) -> Told {
    let html = matches!(page.media.as_str(), "text/html" | "application/xhtml+xml");
    let request = ToWorker::Page { body: BASE64.encode(&page.body), charset: page.charset, html };
    let FromWorker::Text { text, cut, replaced } = bench.ask(&skills.program, Desk::Pages, &request).await?
    else {
        return Err(Failure::misfit_answer());
    };
    let mut mark = format!("page {}, {} bytes of {}", page.url, page.body.len(), page.media);
    if page.cut {
        mark.push_str(", cut there");
    }
    if replaced {
        mark.push_str(", some bytes were not text and are shown as \u{fffd}");
    }
    Ok(told::data(&mark, &text, cut))
}

#[cfg(test)]
mod tests;
