//! `[browser]`: hosts inside.

use std::collections::BTreeSet;

use serde::Deserialize;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Browser {
    /// Hosts whose addresses need not be public. An agent still needs the host in its SOUL.md.
    pub(crate) private_hosts: BTreeSet<String>,
}
