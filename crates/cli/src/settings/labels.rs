//! `[[label]]` and `[[destination]]`: what data carries, and where it may go.

use monitor::{Sink, Source};
use serde::Deserialize;
use toml::Spanned;
use vocab::{Labels, Resource};

/// The labels of everything at and beneath a path.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Label {
    path: String,
    labels: Labels,
}

/// What a destination may receive.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Destination {
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    path: Option<String>,
    clearance: Labels,
}

impl Label {
    pub(super) fn source(&self) -> Source {
        Source { path: self.path.clone(), labels: self.labels.clone() }
    }
}

impl Destination {
    fn named(&self) -> Vec<Resource> {
        let host = self.host.as_ref().map(|host| Resource::Host(host.to_lowercase()));
        let channel = self.channel.clone().map(Resource::Channel);
        let model = self.model.clone().map(Resource::Model);
        let path = self.path.clone().map(Resource::Path);
        [host, channel, model, path].into_iter().flatten().collect()
    }

    pub(super) fn sinks(&self) -> impl Iterator<Item = Sink> {
        self.named().into_iter().map(|resource| Sink { resource, clearance: self.clearance.clone() })
    }
}

pub(super) fn fault(
    labels: &[Spanned<Label>],
    destinations: &[Spanned<Destination>],
) -> Option<(usize, String)> {
    let relative = labels.iter().find(|label| !label.get_ref().path.starts_with('/')).map(|label| {
        let message = format!("the path `{}` of a `[[label]]` must be absolute", label.get_ref().path);
        (label.span().start, message)
    });
    let unclear = destinations.iter().find(|destination| destination.get_ref().named().len() != 1);
    relative.or_else(|| {
        let message = "a `[[destination]]` names one of `host`, `channel`, `model` and `path`".to_owned();
        unclear.map(|destination| (destination.span().start, message))
    })
}
