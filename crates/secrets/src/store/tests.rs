use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

/// Compiles only while `Secret` has none of these traits: for one that it has, there would be two `check`s.
const _: fn() = || {
    trait Neither<A> {
        fn check() {}
    }
    struct Printed;
    struct Written;
    struct Copied;
    impl<T: ?Sized> Neither<()> for T {}
    impl<T: ?Sized + std::fmt::Debug> Neither<Printed> for T {}
    impl<T: ?Sized + std::fmt::Display> Neither<Written> for T {}
    impl<T: Clone> Neither<Copied> for T {}
    let _ = <Secret as Neither<_>>::check;
};

const _: fn() = || {
    trait Neither<A> {
        fn check() {}
    }
    struct Serialised;
    impl<T: ?Sized> Neither<()> for T {}
    impl<T: ?Sized + serde::Serialize> Neither<Serialised> for T {}
    let _ = <Secret as Neither<_>>::check;
};

fn name() -> Name {
    Name::new("box").unwrap()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("box")
    }

    fn put(&self, bytes: &[u8], mode: u32) {
        fs::write(self.path(), bytes).unwrap();
        fs::set_permissions(self.path(), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn value(&self) -> Result<Secret, SecretError> {
        let store = Store { folder: self.0.path().to_owned(), named: BTreeMap::new() };
        store.value(&name())
    }

    /// The sentence about why there is no value.
    fn fault(&self) -> String {
        let Err(error) = self.value() else { panic!("it was taken") };
        let sentence = error.to_string();
        assert!(!format!("{sentence} {error:?}").contains("sesame"), "{sentence}");
        assert!(!sentence.contains('\n') && sentence.contains("`box`"), "{sentence}");
        sentence
    }
}

#[test]
fn a_value_is_read_anew_and_the_line_end_is_cut() {
    let folder = Folder::new();
    for written in ["sk-sesame", "sk-sesame\n", "sk-sesame\r\n"] {
        folder.put(written.as_bytes(), 0o600);
        assert_eq!(folder.value().unwrap().reveal(), "sk-sesame");
    }
    folder.put(b"sk-another", 0o400);
    assert_eq!(folder.value().unwrap().reveal(), "sk-another");
    let longest = "x".repeat(MAX_VALUE_BYTES);
    folder.put(format!("{longest}\r\n").as_bytes(), 0o600);
    assert_eq!(folder.value().unwrap().reveal(), longest);
}

#[test]
fn a_file_that_others_may_open_is_not_used_and_the_mend_is_said() {
    let folder = Folder::new();
    for mode in [0o644, 0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o666] {
        folder.put(b"sk-sesame", mode);
        let fault = folder.fault();
        assert!(fault.contains(&format!("mode {mode:04o}")) && fault.contains("chmod 600"), "{fault}");
    }
}

#[test]
fn a_file_of_another_user_is_not_used() {
    let folder = Folder::new();
    folder.put(b"sk-sesame", 0o600);
    if !rustix::process::geteuid().is_root() {
        use std::io::Write as _;
        let skipped = b"SKIPPED store::a_file_of_another_user_is_not_used: only root may give a file away\n";
        std::io::stderr().write_all(skipped).unwrap();
        return;
    }
    std::os::unix::fs::chown(folder.path(), Some(12345), None).unwrap();
    assert!(folder.fault().contains("belongs to another user (12345)"));
}

#[test]
fn what_is_no_value_is_said_without_a_word_of_it() {
    let folder = Folder::new();
    assert!(folder.fault().contains("has no value: write it into"));
    for (bytes, words) in [
        (b"".as_slice(), "it is empty"),
        (b"\n", "it is empty"),
        (b"sesame", "shorter than 8"),
        (b"sesame two words", "one word of visible"),
        (b"sesame-one\nsesame-two\n", "one word of visible"),
        (b"sesame-\x1b[2J", "one word of visible"),
        (b"sesame-\xff\xfe", "one word of visible"),
        ("sesame-\u{e9}".as_bytes(), "one word of visible"),
    ] {
        folder.put(bytes, 0o600);
        assert!(folder.fault().contains(words), "{bytes:?}");
    }
    folder.put(&vec![b's'; MAX_VALUE_BYTES + 1], 0o600);
    assert!(folder.fault().contains("over 8192 bytes"));
    folder.put(&vec![b's'; 10_000_000], 0o600);
    assert!(folder.fault().contains("over 8192 bytes"));
}

#[test]
fn what_is_no_file_is_not_read() {
    let folder = Folder::new();
    let elsewhere = folder.0.path().join("elsewhere");
    fs::write(&elsewhere, "sk-sesame").unwrap();
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o600)).unwrap();
    symlink(&elsewhere, folder.path()).unwrap();
    assert!(folder.fault().contains("symbolic link"));
    fs::remove_file(folder.path()).unwrap();
    fs::create_dir(folder.path()).unwrap();
    assert!(folder.fault().contains("not a file"));
    fs::remove_dir(folder.path()).unwrap();
    // A pipe that nobody writes to.
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.path(), Mode::from_raw_mode(0o600)).unwrap();
    assert!(folder.fault().contains("not a file"));
}

#[test]
fn a_variable_stands_in_for_the_file() {
    let named = |env: &str| BTreeMap::from([(name(), Source { env: env.to_owned() })]);
    let folder = Folder::new();
    folder.put(b"sk-of-the-file", 0o600);
    let of = |env: &str| Store { folder: folder.0.path().to_owned(), named: named(env) }.value(&name());
    // Cargo sets this one for every test.
    assert_eq!(of("CARGO_PKG_NAME").unwrap().reveal(), env!("CARGO_PKG_NAME"));
    let Err(error) = of("BULKHEAD_NOBODY_SETS_THIS") else { panic!("it is set") };
    assert!(error.to_string().contains("`BULKHEAD_NOBODY_SETS_THIS`"), "{error}");
}

#[test]
fn a_value_in_place_of_a_source_is_never_quoted() {
    let source = |json: &str| serde_json::from_str::<Source>(json).map_err(|error| error.to_string());
    assert_eq!(source(r#"{"env": "API_KEY"}"#).unwrap().env, "API_KEY");
    for bad in [
        r#""sk-sesame""#,
        r#"{"value": "sk-sesame"}"#,
        r#"{"env": "sk-sesame"}"#,
        r#"{"env": "A", "value": "sk-sesame"}"#,
        r#"["sk-sesame"]"#,
        r#"{"env": ""}"#,
        "7",
    ] {
        let error = source(bad).unwrap_err();
        assert!(!error.contains("sesame"), "{error}");
    }
}
