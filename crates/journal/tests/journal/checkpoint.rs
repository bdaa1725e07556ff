//! Each attack on a log, as somebody sees it who kept a checkpoint elsewhere.

use bulkhead_journal::NotaryConfig;
use bulkhead_journal::checkpoint::Checkpoint;
use bulkhead_journal::merkle::{Frontier, TreeHead, leaf};
use bulkhead_journal::note::{Note, SigningKey, VerifierKey};
use bulkhead_journal::verify::{self, FirstBad, Options, Position, Why, verify, verify_with};
use vocab::Digest;

use crate::common::{draft, entry, fill};
use crate::kept::Kept;
use crate::notary::{notary, settings};

/// A log of some records with what an auditor has of it.
struct Stage {
    folder: tempfile::TempDir,
    kept: Kept,
    /// A copy of the database as it was early.
    older: Kept,
    /// Checkpoints in their order; the last is at the end of the log.
    notes: Vec<Note>,
    key: VerifierKey,
    origin: String,
}

/// One in either database.
async fn stages() -> Vec<Stage> {
    let mut stages = Vec::new();
    for kept in Kept::both() {
        stages.push(stage(kept).await);
    }
    stages
}

async fn stage(kept: Kept) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let (mut notes, mut older, mut last) = (Vec::new(), None, None);
    for records in [9, 290, 11] {
        let journal = kept.open();
        let signing = notary(&kept, &journal, settings(folder.path())).await.unwrap();
        fill(&journal, records).await;
        let sealed = signing.seal().await.unwrap();
        notes.push(sealed.note().clone());
        last = Some(sealed);
        drop(signing);
        journal.close().await.unwrap();
        older = older.or_else(|| Some(kept.copy()));
    }
    let (older, sealed) = (older.unwrap(), last.unwrap());
    let (key, origin) = (sealed.key().clone(), sealed.checkpoint().origin.clone());
    Stage { folder, kept, older, notes, key, origin }
}

/// A note as the verifier reads it.
pub(crate) fn given(note: &Note) -> verify::Note {
    note.to_string().parse().unwrap()
}

/// How many statements go at once.
const AT_ONCE: usize = 64;

impl Stage {
    /// The log with `sql` done to a copy of it.
    fn edited(&self, sql: &str) -> Kept {
        let copy = self.kept.copy();
        copy.tamper(sql);
        copy
    }

    fn found(&self, kept: &Kept, checkpoints: &[Note], key: Option<&VerifierKey>) -> Option<FirstBad> {
        let key = key.map(|key| key.to_string().parse().unwrap());
        let checkpoints = checkpoints.iter().map(given).collect();
        let options = Options { checkpoints, key, ..Options::default() };
        verify_with(&kept.place(), &options, &mut |_| {}).unwrap().first_bad
    }

    fn last(&self) -> Note {
        self.notes.last().unwrap().clone()
    }

    /// The same by somebody who wants it to hold: records, hashes, nodes and, with a key, checkpoints and keys made anew.
    fn rebuilt(&self, sql: &str, key: Option<&SigningKey>) -> Kept {
        let copy = self.edited(sql);
        let id = self.origin.strip_prefix("bulkhead/").unwrap();
        let mut prev = Digest::of(format!("bulkhead journal\n{id}").as_bytes());
        let (mut tree, mut trees, mut changes) = (Frontier::default(), vec![], vec![]);
        for (seq, body) in copy.bodies() {
            let mut body: serde_json::Value = serde_json::from_str(&body).unwrap();
            body["prev"] = prev.to_string().into();
            // The record of the first key tells of the one that stands there.
            if let Some(key) = key.filter(|_| body["event"] == "key.made") {
                body["facts"]["key"] = key.verifier().to_string().into();
            }
            let body = body.to_string();
            prev = leaf(body.as_bytes());
            let hash = copy.blob(prev.as_bytes());
            let quoted = body.replace('\'', "''");
            changes.push(format!("UPDATE record SET body = '{quoted}', hash = {hash} WHERE seq = {seq}"));
            let Ok(()) = tree.push(prev, |node| {
                let (level, number, hash) = (node.level, node.number, copy.blob(node.hash.as_bytes()));
                changes.push(format!(
                    "UPDATE node SET hash = {hash} WHERE level = {level} AND number = {number}"
                ));
                Ok::<(), std::convert::Infallible>(())
            });
            trees.push(tree.head());
        }
        changes.chunks(AT_ONCE).for_each(|some| copy.tamper(&some.join(";")));
        if let Some(key) = key {
            self.resign(&copy, key, &trees);
        }
        copy
    }

    fn resign(&self, copy: &Kept, key: &SigningKey, trees: &[TreeHead]) {
        copy.tamper(&format!("UPDATE key SET verifier = '{}'", key.verifier()));
        for note in &self.notes {
            let size = usize::try_from(Checkpoint::read(note).unwrap().tree.size).unwrap();
            let made = Checkpoint { origin: self.origin.clone(), tree: trees[size - 1] }.sign([key]).unwrap();
            copy.tamper(&format!("UPDATE checkpoint SET note = '{made}' WHERE size = {size}"));
        }
    }
}

const REWRITE_7: &str =
    "UPDATE record SET body = replace(body, '\"time\":\"20', '\"time\":\"19') WHERE seq = 7";
const REWRITE_200: &str =
    "UPDATE record SET body = replace(body, '\"time\":\"20', '\"time\":\"19') WHERE seq = 200";

#[tokio::test]
async fn a_whole_log_holds_under_every_checkpoint_of_it() {
    for stage in stages().await {
        assert_eq!(stage.found(&stage.kept, &[], None), None);
        assert_eq!(stage.found(&stage.kept, &stage.notes, Some(&stage.key)), None);
        for kept in &stage.notes {
            assert_eq!(stage.found(&stage.kept, std::slice::from_ref(kept), None), None);
        }
    }
}

#[tokio::test]
async fn each_change_is_named_with_its_record() {
    for stage in stages().await {
        let swap = "UPDATE record SET seq = -1 WHERE seq = 6; UPDATE record SET seq = 6 WHERE seq = 7; \
         UPDATE record SET seq = 7 WHERE seq = -1;";
        let swap_content = "UPDATE payload SET seq = -1 WHERE seq = 6; UPDATE payload SET seq = 6 WHERE seq = 7; \
         UPDATE payload SET seq = 7 WHERE seq = -1;";
        for (sql, seq, why) in [
            (REWRITE_7, 7, Why::BodyChanged),
            ("DELETE FROM record WHERE seq = 200", 200, Why::Removed),
            (
                "INSERT INTO record (seq, hash, body) SELECT 312, hash, body FROM record WHERE seq = 3",
                312,
                Why::Misplaced(3),
            ),
            (swap, 6, Why::Misplaced(7)),
            (swap_content, 6, Why::ContentChanged),
            (
                "DELETE FROM record WHERE seq > 305; DELETE FROM payload WHERE seq > 305",
                306,
                Why::CutOff(311),
            ),
            ("DELETE FROM record; DELETE FROM payload", 1, Why::CutOff(311)),
        ] {
            let bad = stage.found(&stage.edited(sql), &[stage.last()], Some(&stage.key)).unwrap();
            assert_eq!((bad.seq, bad.why), (Some(seq), why), "{sql}");
        }
    }
}

#[tokio::test]
async fn a_database_that_was_set_back_is_found_by_the_newer_checkpoint_alone() {
    for stage in stages().await {
        let back = &stage.older;
        assert_eq!(
            stage.found(back, &stage.notes[..1], Some(&stage.key)),
            None,
            "the older copy is whole in itself"
        );
        let bad = stage.found(back, &[stage.last()], Some(&stage.key)).unwrap();
        assert_eq!((bad.seq, &bad.why), (Some(11), &Why::CutOff(311)));
        assert!(bad.to_string().contains("set back to an older copy"), "{bad}");
    }
}

#[tokio::test]
async fn a_log_that_was_rebuilt_without_the_key_is_found_and_narrowed_down() {
    for stage in stages().await {
        // The record's own checkpoints tell already, since nobody can sign them anew.
        let rebuilt = stage.rebuilt(REWRITE_200, None);
        let bad = stage.found(&rebuilt, &[], None).unwrap();
        assert_eq!((bad.seq, bad.why), (Some(11), Why::NotUnderCheckpoint(300)));
        // Without them the log alone tells nothing, and one checkpoint kept elsewhere does.
        let bare = stage.rebuilt(&format!("{REWRITE_200}; DELETE FROM checkpoint"), None);
        assert_eq!(stage.found(&bare, &[], None), None);
        let bad = stage.found(&bare, &[stage.last()], Some(&stage.key)).unwrap();
        assert_eq!((bad.seq, bad.why), (Some(1), Why::NotUnderCheckpoint(311)));
        // The more of them were kept, the nearer it comes.
        let bad = stage.found(&bare, &stage.notes, Some(&stage.key)).unwrap();
        assert_eq!((bad.seq, bad.why), (Some(11), Why::NotUnderCheckpoint(300)));
    }
}

#[tokio::test]
async fn a_log_that_was_rebuilt_under_another_key_is_found() {
    for stage in stages().await {
        let intruder = SigningKey::from_seed(&stage.origin, [66; 32]).unwrap();
        let rebuilt = stage.rebuilt(REWRITE_7, Some(&intruder));
        assert_eq!(stage.found(&rebuilt, &[], None), None, "the log alone cannot show it");
        let bad = stage.found(&rebuilt, &[], Some(&stage.key)).unwrap();
        assert!(matches!(bad.why, Why::OwnCheckpoint(10, _)), "{bad}");
        let bad = stage.found(&rebuilt, &[stage.last()], None).unwrap();
        assert!(matches!(bad.why, Why::Checkpoint(_)), "{bad}");
    }
}

#[tokio::test]
async fn a_forged_checkpoint_is_told_from_a_changed_log() {
    for stage in stages().await {
        let whole = Checkpoint::read(&stage.last()).unwrap();
        let intruder = SigningKey::from_seed(&stage.origin, [66; 32]).unwrap();
        let bad = |note: Note| stage.found(&stage.kept, &[note], Some(&stage.key)).unwrap();
        // Another key; the right key's name and id over another signature; a changed text.
        let other = bad(whole.sign([&intruder]).unwrap());
        assert!(other.to_string().contains("is not signed by the key"), "{other}");
        let signed = stage.last().to_string();
        let line = signed.lines().last().unwrap();
        let (kept, ours) = line.rsplit_once(' ').unwrap();
        let bytes = data_encoding::BASE64.decode(ours.as_bytes()).unwrap();
        let theirs = whole.sign([&intruder]).unwrap().to_string();
        let theirs = theirs.lines().last().unwrap().rsplit_once(' ').unwrap().1.to_owned();
        let theirs = data_encoding::BASE64.decode(theirs.as_bytes()).unwrap();
        let mixed = data_encoding::BASE64.encode(&[&bytes[..4], &theirs[4..]].concat());
        let forged = bad(format!("{}\n{kept} {mixed}\n", stage.last().text()).parse().unwrap());
        assert!(forged.to_string().contains("it was forged"), "{forged}");
        let larger = bad(signed.replace("\n311\n", "\n999\n").parse().unwrap());
        assert!(larger.to_string().contains("it was forged"), "{larger}");
        // Another log's, signed well.
        let name = "bulkhead/other";
        let elsewhere = SigningKey::from_seed(name, [7; 32]).unwrap();
        let elsewhere =
            bad(Checkpoint { origin: name.to_owned(), ..whole.clone() }.sign([&elsewhere]).unwrap());
        assert!(elsewhere.to_string().contains("is of the log `bulkhead/other`"), "{elsewhere}");
        // Signed by the log's own key, and still not this log: larger than it, or of its size with another root.
        let text = std::fs::read_to_string(stage.folder.path().join("keys/record.key")).unwrap();
        let own: SigningKey = text.trim_end().parse().unwrap();
        let with = |tree: TreeHead| Checkpoint { tree, ..whole.clone() }.sign([&own]).unwrap();
        let bad_size = bad(with(TreeHead { size: 400, ..whole.tree }));
        assert_eq!((bad_size.seq, bad_size.why), (Some(312), Why::CutOff(400)));
        let bad_root = bad(with(TreeHead { root: Digest::of(b"another"), ..whole.tree }));
        assert_eq!((bad_root.seq, bad_root.why), (Some(301), Why::NotUnderCheckpoint(311)));
    }
}

#[tokio::test]
async fn a_verification_goes_on_where_it_stopped() {
    for kept in Kept::both() {
        let folder = tempfile::tempdir().unwrap();
        let journal = kept.open();
        let signing = notary(&kept, &journal, NotaryConfig { every_records: 1, ..settings(folder.path()) })
            .await
            .unwrap();
        fill(&journal, 3).await;
        let early = signing.seal().await.unwrap();
        for number in 0..67 {
            let records = (0..250).map(|record| draft(number * 250 + record)).collect();
            journal.follow(entry(records)).await.unwrap();
        }
        journal.flush().await.unwrap();
        let late = signing.seal().await.unwrap();
        drop(signing);
        journal.close().await.unwrap();

        let mut positions = vec![];
        let checkpoints = vec![given(early.note()), given(late.note())];
        let mut options = Options { checkpoints, ..Options::default() };
        let report =
            verify_with(&kept.place(), &options, &mut |progress| positions.push(progress.clone())).unwrap();
        assert!(report.ok, "{report:?}");
        let come: Vec<_> = positions.iter().map(|come| (come.records, come.position.is_some())).collect();
        assert_eq!(come, [(0, false), (16_384, true)]);
        assert!(positions.iter().all(|come| come.total == 16_754));
        let position = positions.remove(1).position.unwrap();
        let text = serde_json::to_string(&position).unwrap();
        options.resume = Some(serde_json::from_str::<Position>(&text).unwrap());
        let resumed =
            |kept: &Kept, options: &Options| verify_with(&kept.place(), options, &mut |_| {}).unwrap();
        assert_eq!(resumed(&kept, &options), report);

        // What comes after is found, and so is that the place itself has changed.
        let edited = |sql: &str| {
            let copy = kept.copy();
            copy.tamper(sql);
            copy
        };
        let bad = |sql: &str| resumed(&edited(sql), &options).first_bad.unwrap();
        assert_eq!(bad("UPDATE record SET body = body || ' ' WHERE seq = 16700").seq, Some(16_700));
        assert_eq!(bad("DELETE FROM node WHERE level = 1 AND number = 64").seq, None);
        let moved = bad("UPDATE record SET body = body || ' ' WHERE seq = 16384");
        assert_eq!((moved.seq, moved.why), (Some(16_384), Why::NotThePosition));
        let other = bad("UPDATE meta SET value = 'another log' WHERE name = 'log'");
        assert_eq!(other.why, Why::NotThePosition);
        // A checkpoint that was not known when the first part was gone through.
        let without = Options { checkpoints: vec![given(late.note())], resume: None, ..options.clone() };
        let mut position = None;
        verify_with(&kept.place(), &without, &mut |progress| position.clone_from(&progress.position))
            .unwrap();
        let with = Options { resume: position, ..options.clone() };
        assert_eq!(resumed(&kept, &with).first_bad.unwrap().why, Why::BeforeThePosition(4));
        assert!(verify(&kept.place(), None).unwrap().ok);
    }
}
