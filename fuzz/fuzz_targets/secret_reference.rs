//! Whatever stands in the settings in place of a reference is one or is refused; and whatever a server says, no secret
//! is left in it, and nothing of the rest is longer than before.

#![no_main]

use std::os::unix::fs::PermissionsExt as _;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use secrets::{End, Name, Reference, Scrub, Secret, Store, Template};

/// Has characters that URLs, JSON and HTML write in another way, and one that looks like an escape.
const KEY: &str = r#"sk-a/"\&<%41"#;

static SECRET: LazyLock<Secret> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, KEY).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let store = Store { folder: folder.path().to_owned(), ..Store::default() };
    store.value(&Name::new("key").unwrap()).unwrap_or_else(|error| panic!("{error}"))
});

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(template) = Template::parse(&text) {
        assert!(template.names().count() > 0, "a value without a reference was taken");
        for name in template.names() {
            assert!(text.contains(&format!("secret:{name}")) && Name::new(name.as_str()).is_ok());
        }
    }
    if let Ok(reference) = Reference::parse(&text) {
        assert_eq!(text, format!("secret:{}", reference.name()));
    }
    let scrub = Scrub::of([&*SECRET]);
    let half = bytes.len() / 2;
    for text in [bytes.to_vec(), [&bytes[..half], KEY.as_bytes(), &bytes[half..]].concat()] {
        for end in [End::Whole, End::Cut] {
            let clean = scrub.bytes(text.clone(), end);
            let lower = clean.to_ascii_lowercase();
            let key = KEY.to_ascii_lowercase();
            assert!(!lower.windows(key.len()).any(|window| window == key.as_bytes()));
            // At a cut, the beginning of a secret is shorter than what says that one was there.
            assert!(clean.len() <= text.len() + 8);
        }
    }
});
