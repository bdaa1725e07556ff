//! The tree beside the definition of RFC 6962 section 2.1 written down as it stands there.

use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

/// `MTH(D[n])`, word for word.
pub(super) fn mth(leaves: &[Vec<u8>]) -> [u8; 32] {
    match leaves {
        [] => Sha256::digest([]).into(),
        [one] => Sha256::digest([&[0][..], one].concat()).into(),
        many => {
            let k = many.len().next_power_of_two() / 2;
            let (left, right) = many.split_at(k);
            Sha256::digest([&[1][..], &mth(left), &mth(right)].concat()).into()
        }
    }
}

fn tree(leaves: &[Vec<u8>]) -> (Frontier, Vec<Node>) {
    let (mut tree, mut nodes) = (Frontier::default(), vec![]);
    for data in leaves {
        let keep = |node| {
            nodes.push(node);
            Ok::<(), Infallible>(())
        };
        tree.push(leaf(data), keep).unwrap();
    }
    (tree, nodes)
}

/// The leaves of the test vectors that certificate-transparency implementations share.
const VECTORS: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

/// The roots over the first 1, 2, ... of them.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

pub(super) fn vectors() -> Vec<Vec<u8>> {
    VECTORS.iter().map(|hex| data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap()).collect()
}

#[test]
fn the_shared_vectors_have_the_roots_that_they_have_everywhere() {
    let leaves = vectors();
    assert_eq!(Frontier::default().root(), Digest::of(b""));
    for (size, root) in (1..).zip(ROOTS) {
        assert_eq!(tree(&leaves[..size]).0.root().to_string(), root, "{size} leaves");
    }
}

#[test]
fn nodes_of_every_eighth_level_are_kept_and_rebuild_the_edge() {
    let leaves: Vec<Vec<u8>> = (0..66_000_u32).map(|number| number.to_be_bytes().to_vec()).collect();
    let (whole, nodes) = tree(&leaves);
    assert_eq!(whole.root().as_bytes(), &mth(&leaves));
    let level = |level: u32| nodes.iter().filter(move |node| node.level == level);
    assert_eq!((level(1).count(), level(2).count(), level(3).count()), (257, 1, 0));
    for node in &nodes {
        let width = 256_usize.pow(node.level);
        let from = usize::try_from(node.number).unwrap() * width;
        assert_eq!(node.hash.as_bytes(), &mth(&leaves[from..from + width]), "{node:?}");
    }
    let tiles = [
        level(2).map(|node| node.hash).collect::<Vec<_>>(),
        level(1).filter(|node| node.number >= 256).map(|node| node.hash).collect(),
        leaves[257 * 256..].iter().map(|data| leaf(data)).collect(),
    ];
    assert_eq!(Frontier::from_tiles(tiles), whole);
    let text = serde_json::to_string(&whole).unwrap();
    assert_eq!(serde_json::from_str::<Frontier>(&text).unwrap(), whole);
}

/// Answers for a node of the tree over `leaves`, from the definition.
fn nodes(leaves: &[Vec<u8>]) -> impl FnMut(u32, u64) -> Result<Digest, Infallible> {
    |height, number| {
        let width = 1 << height;
        let from = usize::try_from(number).unwrap() * width;
        Ok(Digest::from_bytes(mth(&leaves[from..from + width])))
    }
}

fn head(leaves: &[Vec<u8>]) -> TreeHead {
    TreeHead { size: leaves.len() as u64, root: Digest::from_bytes(mth(leaves)) }
}

/// `PATH(m, D[n])`, word for word.
fn path(m: usize, leaves: &[Vec<u8>]) -> Vec<[u8; 32]> {
    if leaves.len() == 1 {
        return vec![];
    }
    let k = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(k);
    let (mut path, other) =
        if m < k { (path(m, left), mth(right)) } else { (self::path(m - k, right), mth(left)) };
    path.push(other);
    path
}

/// `SUBPROOF(m, D[n], b)`, word for word.
fn subproof(m: usize, leaves: &[Vec<u8>], b: bool) -> Vec<[u8; 32]> {
    if m == leaves.len() {
        return if b { vec![] } else { vec![mth(leaves)] };
    }
    let k = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(k);
    let (mut proof, other) =
        if m <= k { (subproof(m, left, b), mth(right)) } else { (subproof(m - k, right, false), mth(left)) };
    proof.push(other);
    proof
}

fn bytes(proof: &[Digest]) -> Vec<[u8; 32]> {
    proof.iter().map(|hash| *hash.as_bytes()).collect()
}

/// Every way to spoil a proof by one hash.
fn spoilt(proof: &[Digest]) -> Vec<Vec<Digest>> {
    let mut all = vec![[proof, &[Digest::of(b"one more")]].concat()];
    for place in 0..proof.len() {
        let mut changed = proof.to_vec();
        changed[place] = Digest::of(changed[place].as_bytes());
        all.push(changed);
        let mut missing = proof.to_vec();
        missing.remove(place);
        all.push(missing);
    }
    all
}

#[test]
fn the_shared_vectors_have_the_proofs_that_they_have_everywhere() {
    let leaves = vectors();
    let hex = |proof: Vec<Digest>| proof.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        hex(inclusion(0, 8, nodes(&leaves)).unwrap()),
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ]
    );
    assert_eq!(
        hex(inclusion(5, 8, nodes(&leaves)).unwrap()),
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
    assert_eq!(
        hex(consistency(6, 8, nodes(&leaves)).unwrap()),
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
}

#[test]
fn every_proof_of_a_small_tree_is_the_definitions_and_no_spoilt_one_holds() {
    let leaves: Vec<Vec<u8>> = (0..33_u8).map(|number| vec![number]).collect();
    for size in 1..=leaves.len() {
        let leaves = &leaves[..size];
        let (new, all) = (head(leaves), size as u64);
        for index in 0..size {
            let proof = inclusion(index as u64, all, nodes(leaves)).unwrap();
            assert_eq!(bytes(&proof), path(index, leaves));
            let hash = leaf(&leaves[index]);
            assert!(includes(&new, index as u64, &hash, &proof));
            for other in (0..=size).filter(|other| *other != index) {
                assert!(!includes(&new, other as u64, &hash, &proof), "{index} as {other} of {size}");
            }
            for spoilt in spoilt(&proof) {
                assert!(!includes(&new, index as u64, &hash, &spoilt));
            }
        }
        for begin in 1..=size {
            let old = head(&leaves[..begin]);
            let proof = consistency(begin as u64, all, nodes(leaves)).unwrap();
            assert_eq!(bytes(&proof), subproof(begin, leaves, true), "{begin} {size}");
            assert!(continues(&old, &new, &proof), "{begin} {size}");
            for spoilt in spoilt(&proof) {
                assert!(!continues(&old, &new, &spoilt), "{begin} {size}");
            }
            let other = TreeHead { root: Digest::of(b"other"), ..old };
            assert!(!continues(&other, &new, &proof) && !continues(&new, &other, &proof));
        }
        assert!(inclusion(all, all, nodes(leaves)).is_err() && consistency(0, all, nodes(leaves)).is_err());
        assert!(consistency(all + 1, all, nodes(leaves)).is_err());
    }
    let empty = Frontier::default().head();
    assert!(!includes(&empty, 0, &leaf(b""), &[]) && !continues(&empty, &head(&leaves), &[]));
}

proptest! {
    #[test]
    fn proofs_of_larger_trees_hold(size in 1..400_usize, one in any::<prop::sample::Index>(), two in any::<prop::sample::Index>()) {
        let leaves: Vec<Vec<u8>> = (0..size as u32).map(|number| number.to_be_bytes().to_vec()).collect();
        let (new, index, begin) = (head(&leaves), one.index(size), two.index(size) + 1);
        let proof = inclusion(index as u64, new.size, nodes(&leaves)).unwrap();
        prop_assert_eq!(bytes(&proof), path(index, &leaves));
        prop_assert!(includes(&new, index as u64, &leaf(&leaves[index]), &proof));
        let proof = consistency(begin as u64, new.size, nodes(&leaves)).unwrap();
        prop_assert_eq!(bytes(&proof), subproof(begin, &leaves, true));
        prop_assert!(continues(&head(&leaves[..begin]), &new, &proof));
    }

    #[test]
    fn hostile_proofs_end_and_do_not_hold(
        size in any::<u64>(), old in any::<u64>(), index in any::<u64>(),
        hashes in prop::collection::vec(any::<[u8; 32]>(), 0..=MAX_HASHES)
    ) {
        let proof: Vec<Digest> = hashes.into_iter().map(Digest::from_bytes).collect();
        let (new, old) = (TreeHead { size, root: Digest::of(b"new") }, TreeHead { size: old, root: Digest::of(b"old") });
        prop_assert!(!includes(&new, index, &Digest::of(b"leaf"), &proof));
        prop_assert!(!continues(&old, &new, &proof));
    }

    #[test]
    fn the_root_is_that_of_the_definition(leaves in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..700)) {
        let tree = tree(&leaves).0;
        prop_assert_eq!(tree.head().size, leaves.len() as u64);
        prop_assert_eq!(*tree.root().as_bytes(), mth(&leaves));
    }
}
