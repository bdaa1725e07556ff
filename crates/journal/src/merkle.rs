//! The Merkle tree over the records, as RFC 6962 section 2.1 defines it. Nothing here knows a database.
//!
//! The leaf of a record is `SHA-256(0x00 || body)`, which is also the record's hash; an inner node is
//! `SHA-256(0x01 || left || right)`. Nodes are kept as in the C2SP `tlog-tiles` form: only those whose height is
//! a multiple of [`TILE_HEIGHT`], so that one node is kept for [`TILE_WIDTH`] below it.

mod proof;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use vocab::Digest;

pub use proof::{MAX_HASHES, OutOfTree, ProofError, consistency, continues, includes, inclusion, root};

/// How many levels of the tree lie between two that are kept.
pub const TILE_HEIGHT: u32 = 8;

/// How many nodes of one kept level make one of the next.
pub const TILE_WIDTH: u64 = 1 << TILE_HEIGHT;

/// The hash of a leaf that holds `data`.
#[must_use]
pub fn leaf(data: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::new().chain_update([0]).chain_update(data).finalize().into())
}

/// The hash of the node above `left` and `right`.
#[must_use]
pub fn parent(left: &Digest, right: &Digest) -> Digest {
    let node = Sha256::new().chain_update([1]).chain_update(left.as_bytes()).chain_update(right.as_bytes());
    Digest::from_bytes(node.finalize().into())
}

/// The root over perfect trees side by side, the largest first, as the leaves of any number make them.
fn fold(trees: &[Digest]) -> Digest {
    let from_right = trees.iter().rev().copied();
    from_right.reduce(|right, left| parent(&left, &right)).unwrap_or_else(|| Digest::of(&[]))
}

/// The root over `nodes`, which stand side by side at one height and are a power of two in number.
#[must_use]
pub fn root_of(mut nodes: Vec<Digest>) -> Option<Digest> {
    while nodes.len() > 1 {
        let pairs = nodes.chunks_exact(2);
        if !pairs.remainder().is_empty() {
            return None;
        }
        nodes = pairs.filter_map(|pair| Some(parent(pair.first()?, pair.last()?))).collect();
    }
    nodes.pop()
}

/// What a whole log comes down to: one signature over this stands for every record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeHead {
    /// The number of records.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Digest,
}

/// A node that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Its height in units of [`TILE_HEIGHT`]; leaves are level 0 and are no nodes.
    pub level: u32,
    /// Its place in its level, from 0.
    pub number: u64,
    /// Its hash.
    pub hash: Digest,
}

/// The right edge of a tree: enough to add leaves and to tell the root. At most 64 hashes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Frontier {
    size: u64,
    /// The roots of the perfect trees that the leaves make, the largest first: one for each bit of `size`.
    roots: Vec<Digest>,
}

impl Frontier {
    /// How many leaves the tree has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf, and hands each node that is to be kept and is whole now to `keep`, the lowest first.
    ///
    /// # Errors
    /// When `keep` fails; the leaf has been added all the same.
    pub fn push<E>(&mut self, leaf: Digest, mut keep: impl FnMut(Node) -> Result<(), E>) -> Result<(), E> {
        let before = self.size;
        self.size = before.saturating_add(1);
        let (mut hash, mut height, mut kept) = (leaf, 0, Ok(()));
        while before >> height & 1 == 1
            && let Some(left) = self.roots.pop()
        {
            hash = parent(&left, &hash);
            height += 1;
            if height % TILE_HEIGHT == 0 && kept.is_ok() {
                kept = keep(Node { level: height / TILE_HEIGHT, number: before >> height, hash });
            }
        }
        self.roots.push(hash);
        kept
    }

    /// The tree that has the nodes `tiles`: for each level from the highest down to the leaves, those nodes of it
    /// that are under no kept node of the level above.
    pub fn from_tiles<T: IntoIterator<Item = Digest>>(tiles: impl IntoIterator<Item = T>) -> Self {
        let mut whole = Self::default();
        for tile in tiles {
            let mut part = Self::default();
            for node in tile {
                let Ok(()) = part.push(node, |_| Ok::<(), std::convert::Infallible>(()));
            }
            whole.size = (whole.size << TILE_HEIGHT).saturating_add(part.size);
            whole.roots.append(&mut part.roots);
        }
        whole
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Digest {
        fold(&self.roots)
    }

    /// Size and root.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: self.root() }
    }
}

#[cfg(test)]
mod tests;
