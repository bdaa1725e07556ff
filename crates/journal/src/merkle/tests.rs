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

proptest! {
    #[test]
    fn the_root_is_that_of_the_definition(leaves in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..700)) {
        let tree = tree(&leaves).0;
        prop_assert_eq!(tree.head().size, leaves.len() as u64);
        prop_assert_eq!(*tree.root().as_bytes(), mth(&leaves));
    }
}
