//! `[[label]]` and `[[destination]]`: what data carries, and where it may go.

use monitor::{Sink, Source, TableLabels};
use serde::Deserialize;
use toml::Spanned;
use vocab::{Labels, Resource};

/// The labels of everything at and beneath a path, or of a table or all tables of a database.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Label {
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    table: Option<String>,
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
    pub(super) fn source(&self) -> Option<Source> {
        Some(Source { path: self.path.clone()?, labels: self.labels.clone() })
    }

    pub(super) fn table(&self) -> Option<TableLabels> {
        Some(TableLabels { table: self.table.clone()?, labels: self.labels.clone() })
    }

    /// The table or database that it is about.
    pub(super) fn of_table(&self) -> Option<&String> {
        self.table.as_ref()
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
    let wrong = labels.iter().find_map(|label| {
        let message = match (&label.get_ref().path, &label.get_ref().table) {
            (Some(path), None) if !path.starts_with('/') => {
                format!("the path `{path}` of a `[[label]]` must be absolute")
            }
            (Some(_), Some(_)) | (None, None) => "a `[[label]]` names one of `path` and `table`".to_owned(),
            _ => return None,
        };
        Some((label.span().start, message))
    });
    let unclear = destinations.iter().find(|destination| destination.get_ref().named().len() != 1);
    wrong.or_else(|| {
        let message = "a `[[destination]]` names one of `host`, `channel`, `model` and `path`".to_owned();
        unclear.map(|destination| (destination.span().start, message))
    })
}
