//! `[checkpoint.witness.NAME]`: a C2SP witness that is asked to cosign each new checkpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use export::{Header, Target};
use journal::note::{KeyKind, VerifierKey};
use serde::Deserialize;
use toml::Spanned;

use super::Settings;

/// The most of them.
const MAX_WITNESSES: usize = 16;

/// Witnesses by their names.
pub(super) type Witnesses = BTreeMap<String, Spanned<Witness>>;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Witness {
    /// What its addresses begin with; `/add-checkpoint` comes behind it.
    url: String,
    /// Its public key: nothing else counts as its cosignature.
    key: VerifierKey,
    /// As `[[export]]` has them.
    ca: Option<PathBuf>,
    #[serde(default, deserialize_with = "export::headers")]
    headers: BTreeMap<String, Header>,
}

/// A witness that is asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Where, under its name.
    pub(crate) target: Target,
    /// Its key.
    pub(crate) key: VerifierKey,
}

impl Witness {
    pub(super) const fn key(&self) -> &VerifierKey {
        &self.key
    }

    fn asked(&self, name: &str) -> Result<Asked, String> {
        let url = self.url.as_str();
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(format!("the `url` of the witness `{name}` begins with `https://` or `http://`"));
        }
        if self.key.kind() != KeyKind::Cosignature {
            return Err(format!(
                "the `key` of the witness `{name}` is not of type 4, as `tlog-cosignature` has it: a witness has one beside its other keys"
            ));
        }
        let target = Target::of_witness(name, url, self.ca.clone(), self.headers.clone());
        // It speaks of what it is given to as an export.
        let target = target.map_err(|fault| fault.to_string().replacen("the export", "the witness", 1))?;
        Ok(Asked { target, key: self.key.clone() })
    }
}

/// What is wrong with them, and where. `brought` are the keys of those whose cosignatures somebody brings.
pub(super) fn fault(witnesses: &Witnesses, brought: &[Spanned<VerifierKey>]) -> Option<(usize, String)> {
    if let Some(one) = witnesses.values().nth(MAX_WITNESSES) {
        return Some((one.span().start, format!("more than {MAX_WITNESSES} witnesses; remove some")));
    }
    // By the key itself: under two names it would count as two witnesses.
    let mut named: BTreeMap<_, &VerifierKey> = BTreeMap::new();
    for key in brought {
        let first = *named.entry(key.get_ref().bytes()).or_insert(key.get_ref());
        if first != key.get_ref() {
            let why = format!("a key of `witnesses` is there already, by the name `{}`", first.name());
            return Some((key.span().start, why));
        }
    }
    let mut asked = BTreeSet::new();
    witnesses.iter().find_map(|(name, witness)| {
        let (at, key) = (witness.span().start, &witness.get_ref().key);
        // The same in `witnesses` is still one.
        let another = named.get(key.bytes()).is_some_and(|first| *first != key);
        match witness.get_ref().asked(name) {
            Err(message) => Some((at, message)),
            Ok(_) if !another && asked.insert(key.bytes()) => None,
            Ok(_) => Some((at, format!("the `key` of the witness `{name}` is another witness's already"))),
        }
    })
}

impl Settings {
    /// The witnesses that are asked to cosign.
    pub(crate) fn witnesses(&self) -> Vec<Asked> {
        let named = self.checkpoint.witness.iter();
        named.filter_map(|(name, witness)| witness.get_ref().asked(name).ok()).collect()
    }
}
