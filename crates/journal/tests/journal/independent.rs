//! Proofs as somebody checks them who has none of our code: `check_proof.py` follows the RFCs.

use std::path::Path;
use std::process::{Command, Output};

use bulkhead_journal::read::Reader;

use crate::common::fill;
use crate::kept::Kept;
use crate::notary::{notary, settings};

/// Runs the script; `None`, loudly, where there is no Python.
fn python(args: &[&str]) -> Option<Output> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journal/check_proof.py");
    match Command::new("python3").arg("-I").arg(script).args(args).output() {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("SKIPPED: proofs are not checked by another implementation without python3: {error}");
            None
        }
    }
}

#[tokio::test]
async fn another_implementation_believes_our_proofs_and_no_changed_one() {
    for kept in Kept::both() {
        let folder = tempfile::tempdir().unwrap();
        let journal = kept.open();
        let signing = notary(&kept, &journal, settings(folder.path())).await.unwrap();
        let mut sealed = vec![];
        for more in [1, 6, 300] {
            fill(&journal, more).await;
            sealed.push(signing.seal().await.unwrap());
        }
        let reader = Reader::open(&kept.place()).unwrap();
        let last = sealed.last().unwrap();
        let key = last.key().to_string();
        let file = folder.path().join("proof");
        let checked = |kind: &str, text: &str, more: &[&str]| {
            std::fs::write(&file, text).unwrap();
            python(&[&[kind, file.to_str().unwrap(), &key], more].concat())
        };
        for seq in [1, 2, 8, 256, 257, 308] {
            let proof = reader.inclusion(seq, last).unwrap();
            let Some(output) = checked("inclusion", &proof.to_string(), &[]) else { return };
            assert!(output.status.success(), "{seq}: {}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(output.stdout, proof.body.unwrap(), "{seq}");
        }
        let older = folder.path().join("older");
        for old in &sealed {
            std::fs::write(&older, old.note().to_string()).unwrap();
            let proof = reader.consistency(&old.tree(), last).unwrap().to_string();
            let output = checked("consistency", &proof, &[older.to_str().unwrap()]).unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(
                String::from_utf8(output.stdout).unwrap(),
                format!("{} {}", old.tree().size, last.tree().size)
            );
        }
        // What it must not believe, so that it is known to look.
        let proof = reader.inclusion(8, last).unwrap().to_string();
        for (changed, why) in [
            (proof.replace("index 7", "index 6"), "not under the checkpoint"),
            (proof.replace("extra eyJ", "extra eyK"), "not under the checkpoint"),
            (proof.replace("\n308\n", "\n309\n"), "not signed by the key"),
        ] {
            assert_ne!(changed, proof);
            let output = checked("inclusion", &changed, &[]).unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success() && said.contains(why), "{said}");
        }
    }
}
