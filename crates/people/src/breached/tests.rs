use std::io::Write as _;

use super::*;

fn hash(password: &str) -> String {
    HEXUPPER.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes()).as_ref())
}

fn list(passwords: &[String], end: &str) -> tempfile::NamedTempFile {
    let mut lines: Vec<String> = passwords
        .iter()
        .enumerate()
        .map(|(n, password)| format!("{}:{}", hash(password), n * n * n + 1))
        .collect();
    lines.sort();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(lines.join(end).as_bytes()).unwrap();
    file.write_all(end.as_bytes()).unwrap();
    file
}

#[test]
fn every_password_of_a_list_is_found_and_no_other() {
    for end in ["\n", "\r\n"] {
        for count in [0_usize, 1, 2, 3, 500] {
            let passwords: Vec<String> = (0..count).map(|n| format!("password number {n}")).collect();
            let file = list(&passwords, end);
            if count == 0 {
                std::fs::write(file.path(), "").unwrap();
            }
            for password in &passwords {
                let no = check(file.path(), &Password::new(password)).unwrap_err();
                assert_eq!(no.kind, NoKind::Invalid, "{password}");
                assert!(!no.message.contains(password.as_str()));
            }
            for n in 0..500 {
                check(file.path(), &Password::new(&format!("another number {n}"))).unwrap();
            }
        }
    }
}

#[test]
fn a_last_line_without_an_end_is_found() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{}:1\n{}:2", "0".repeat(40), hash("correct horse"))).unwrap();
    assert!(check(file.path(), &Password::new("correct horse")).is_err());
}

#[test]
fn a_list_that_cannot_be_used_refuses_every_password_and_says_where() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_owned();
    let lower = hash("x").to_lowercase();
    for text in [
        "not a list\n".to_owned(),
        format!("{lower}:1\n"),
        "\n".repeat(50),
        format!("{}:\n", hash("x")),
        "A".repeat(5_000),
    ] {
        std::fs::write(&path, text).unwrap();
        let no = check(&path, &Password::new("some good password")).unwrap_err();
        assert_eq!(no.kind, NoKind::Unavailable);
        assert!(no.message.contains(path.to_str().unwrap()), "{no}");
    }
    file.close().unwrap();
    assert_eq!(check(&path, &Password::new("some good password")).unwrap_err().kind, NoKind::Unavailable);
}
