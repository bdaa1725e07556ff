//! `[[export]]`: where records go on to, and in which form. Nothing goes anywhere that is not here.

use std::collections::{BTreeMap, BTreeSet};

use export::{Target, Where};
use secrets::Name;
use toml::Spanned;

use super::Settings;

/// The most exports.
const MAX_EXPORTS: usize = 16;

/// The first thing that is wrong with them, with its place in the text.
pub(super) fn fault(exports: &[Spanned<Target>]) -> Option<(usize, String)> {
    if let Some(more) = exports.get(MAX_EXPORTS) {
        return Some((more.span().start, format!("more than {MAX_EXPORTS} `[[export]]`; remove some")));
    }
    let (mut names, mut files) = (BTreeSet::new(), BTreeMap::new());
    exports.iter().find_map(|spanned| {
        let (at, target) = (spanned.span().start, spanned.get_ref());
        let to = match target.to() {
            Ok(to) => to,
            Err(fault) => return Some((at, fault.to_string())),
        };
        let name = target.name.as_str();
        if !names.insert(name) {
            return Some((at, format!("the export `{name}` is in the settings twice; rename or remove one")));
        }
        let Where::File(path) = to else { return None };
        let other = files.insert(path, name)?;
        Some((
            at,
            format!("the export `{name}` goes to the same file as `{other}`; give it a file of its own"),
        ))
    })
}

impl Settings {
    /// Where records go on to.
    pub(crate) fn exports(&self) -> impl Iterator<Item = &Target> {
        self.export.iter().map(Spanned::get_ref)
    }

    /// The secrets that go with records and checkpoints.
    pub(super) fn export_secrets(&self) -> Vec<Name> {
        let witnesses = self.witnesses().into_iter().map(|witness| witness.target);
        let targets = self.exports().cloned().chain(self.checkpoint.couriers()).chain(witnesses);
        targets.flat_map(|target| target.secrets().cloned().collect::<Vec<_>>()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::settings::Settings;

    fn fault(text: &str) -> String {
        match Settings::parse(Path::new("b.toml"), text) {
            Ok(_) => panic!("taken: {text}"),
            Err(error) => error.to_string(),
        }
    }

    fn export(more: &str) -> String {
        format!("[[export]]\nname = \"siem\"\n{more}\n")
    }

    #[test]
    fn exports_of_every_kind_are_taken() {
        for more in [
            "format = \"jsonl\"\nto = \"/var/log/bulkhead.jsonl\"",
            "format = \"syslog\"\nto = \"tcp://127.0.0.1:514\"",
            "format = \"cef\"\nto = \"tls://siem.example.org:6514\"\nca = \"/etc/ssl/siem.pem\"",
            "format = \"syslog\"\nto = \"udp://[::1]:514\"",
            "format = \"ocsf\"\nto = \"https://siem.example.org/in?x=1\"\narray = true\nheaders = { Authorization = \"Splunk secret:hec\", X-Source = \"bulkhead\" }",
            "format = \"otlp-traces\"\nto = \"http://127.0.0.1:4318\"\nlate-after = \"10m\"",
            "format = \"jsonl\"\nto = \"http://localhost/\"\nheaders = { Authorization = \"secret:hec\" }",
            "format = \"jsonl\"\nto = \"/x\"\nfilter = { agent = \"echo\", kind = \"verdict\", decision = \"deny\", action = \"file.read\", label = \"restricted\", event = \"agent.killed\" }",
        ] {
            let taken = Settings::parse(Path::new("b.toml"), &export(more));
            assert!(
                taken.is_ok(),
                "{more}: {}",
                taken.err().map(|error| error.to_string()).unwrap_or_default()
            );
        }
        let none = Settings::parse(Path::new("b.toml"), "").ok();
        assert_eq!(
            none.map(|settings| settings.exports().count()),
            Some(0),
            "nothing goes anywhere by itself"
        );
    }

    /// Exports that cannot be, and what is said of each.
    const BAD: &[(&str, &str)] = &[
        ("format = \"xml\"\nto = \"/x\"", "unknown variant"),
        ("format = \"jsonl\"\nto = \"sesame\"", "has an address in `to` that is none"),
        ("format = \"jsonl\"\nto = \"\"", "has an address in `to` that is none"),
        ("format = \"jsonl\"\nto = \"ftp://sesame/\"", "has an address in `to` that is none"),
        ("format = \"syslog\"\nto = \"tcp://sesame\"", "has an address in `to` that is none"),
        ("format = \"syslog\"\nto = \"tcp://sesame:0\"", "has an address in `to` that is none"),
        ("format = \"syslog\"\nto = \"tcp://sesame:99999\"", "has an address in `to` that is none"),
        ("format = \"syslog\"\nto = \"tcp://h:1/sesame\"", "has an address in `to` that is none"),
        ("format = \"jsonl\"\nto = \"https://h/#sesame\"", "has an address in `to` that is none"),
        ("format = \"jsonl\"\nto = \"https://h/ sesame\"", "has an address in `to` that is none"),
        ("format = \"jsonl\"\nto = \"https://me:sesame@h/\"", "a user or a password in its address"),
        ("format = \"otlp-logs\"\nto = \"tcp://h:1\"", "goes over http or https"),
        ("format = \"syslog\"\nto = \"http://h/\"", "goes over tcp, tls, udp"),
        ("format = \"syslog\"\nto = \"tls://h:1\"", "needs `ca`"),
        ("format = \"syslog\"\nto = \"tls://h:1\"\nca = \"x.pem\"", "needs an absolute path in `ca`"),
        (
            "format = \"syslog\"\nto = \"tcp://h:1\"\nca = \"/x.pem\"",
            "has a `ca`, which is for tls and https",
        ),
        ("format = \"csv\"\nto = \"https://h/\"\narray = true", "sets `array`"),
        ("format = \"csv\"\nto = \"/x\"\nheaders = { A = \"b\" }", "has `headers`, which are for http"),
        (
            "format = \"jsonl\"\nto = \"http://h/\"\nheaders = { A = \"secret:sesame\" }",
            "would send a secret in the clear",
        ),
        (
            "format = \"jsonl\"\nto = \"https://h/\"\nheaders = { Authorization = \"sesame\" }",
            "write `secret:NAME` in its place",
        ),
        (
            "format = \"jsonl\"\nto = \"https://h/\"\nheaders = { X-Api-Key = \"sesame\" }",
            "write `secret:NAME` in its place",
        ),
        (
            "format = \"jsonl\"\nto = \"https://h/\"\nheaders = { Host = \"x\" }",
            "a header whose name is none",
        ),
        (
            "format = \"jsonl\"\nto = \"https://h/\"\nheaders = { \"a b\" = \"x\" }",
            "a header whose name is none",
        ),
        ("format = \"jsonl\"\nto = \"https://h/\"\nheaders = { A = \"x\\ny\" }", "that no header can carry"),
        (
            "format = \"jsonl\"\nto = \"https://h/\"\nheaders = { A = \"secret:\" }",
            "must be followed by a name",
        ),
        ("format = \"jsonl\"\nto = \"/x\"\nfilter = { label = \"Top Secret\" }", "a `label` in its filter"),
        ("format = \"jsonl\"\nto = \"/x\"\nfilter = { words = \"x\" }", "unknown field"),
        ("format = \"jsonl\"\nto = \"/x\"\ncontent = true", "unknown field"),
        ("format = \"jsonl\"\nto = \"/x\"\nlate-after = \"0s\"", "`late-after` is a time"),
        ("format = \"jsonl\"", "missing field"),
    ];

    #[test]
    fn what_cannot_be_is_said_with_its_place_and_no_address_or_header_is_shown() {
        for (more, words) in BAD {
            let said = fault(&export(more));
            assert!(said.starts_with("`b.toml` line ") && said.contains(words), "{more}: {said}");
            assert!(!said.contains("sesame"), "{said}");
        }
        for name in ["", "Siem", "a b", "../x", &"x".repeat(65)] {
            let text = format!("[[export]]\nname = \"{name}\"\nformat = \"jsonl\"\nto = \"/x\"\n");
            assert!(fault(&text).contains("needs another name"), "{name}");
        }
        let one = export("format = \"jsonl\"\nto = \"/x\"");
        assert!(fault(&format!("{one}{one}")).contains("twice"));
        let other = one.replace("siem", "other").replace("/x", "//./x");
        assert!(
            fault(&format!("{one}{other}"))
                .contains("the export `other` goes to the same file as `siem`; give it a file of its own")
        );
        let many: String = (0..17).map(|nth| one.replace("siem", &format!("s{nth}"))).collect();
        assert!(fault(&many).contains("more than 16"));
    }

    #[test]
    fn a_checkpoint_goes_to_one_place_by_one_way() {
        let publish = |more: &str| format!("[[checkpoint.publish]]\n{more}\n");
        for more in [
            "file = \"/mnt/checkpoint\"",
            "url = \"https://witness.example.org/add\"\nheaders = { Authorization = \"Bearer secret:w\" }",
            "syslog = \"tls://siem.example.org:6514\"\nca = \"/etc/ssl/siem.pem\"",
        ] {
            assert!(Settings::parse(Path::new("b.toml"), &publish(more)).is_ok(), "{more}");
        }
        for (more, words) in [
            ("", "one of `file`, `url` and `syslog`"),
            ("file = \"/x\"\nurl = \"https://h/\"", "one of `file`, `url` and `syslog`"),
            ("url = \"tcp://h:1\"", "`url` of a `[[checkpoint.publish]]`"),
            ("syslog = \"https://h/\"", "`syslog` of a `[[checkpoint.publish]]`"),
            ("syslog = \"tls://h:1\"", "needs `ca`"),
            ("url = \"https://me:sesame@h/\"", "a user or a password"),
        ] {
            let said = fault(&publish(more));
            assert!(said.contains(words) && !said.contains("sesame"), "{more}: {said}");
        }
    }
}
