//! The Merkle tree as the records make it, held against the nodes that the database keeps: proofs are made
//! of them, so that a wrong node would make proofs that do not hold.

use sha2::{Digest as _, Sha256};

use vocab::Digest;

use super::source::Source;
use crate::merkle::TreeHead;

/// Heights of the nodes that the database keeps are multiples of this.
const TILE_HEIGHT: u32 = 8;

/// The tree over the records so far.
#[derive(Default)]
pub(super) struct Tree {
    /// The perfect trees side by side, the largest first, each with its height.
    trees: Vec<(u32, [u8; 32])>,
    size: u64,
    /// How many nodes the database should have.
    nodes: u64,
    /// The first that it has not.
    wrong: Option<String>,
}

fn above(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut node = [0; 65];
    let (mark, children) = node.split_at_mut(1);
    mark.fill(1);
    for (byte, child) in children.iter_mut().zip(left.iter().chain(right)) {
        *byte = *child;
    }
    Sha256::digest(node).into()
}

impl Tree {
    /// A tree with `trees` side by side, the largest first, which had made so many nodes.
    pub(super) fn of(trees: &[(u32, Digest)], nodes: u64) -> Self {
        let size = trees.iter().map(|(height, _)| 1_u64.checked_shl(*height).unwrap_or(0)).sum();
        let trees = trees.iter().map(|(height, root)| (*height, *root.as_bytes())).collect();
        Self { trees, size, nodes, wrong: None }
    }

    /// Its perfect trees side by side, and how many nodes it has made; none when a node was wrong.
    pub(super) fn parts(&self) -> Option<(Vec<(u32, Digest)>, u64)> {
        let trees = self.trees.iter().map(|(height, root)| (*height, Digest::from_bytes(*root))).collect();
        self.wrong.is_none().then_some((trees, self.nodes))
    }

    /// Its size and root.
    pub(super) fn head(&self) -> TreeHead {
        let from_right = self.trees.iter().rev().map(|(_, root)| *root);
        let root = from_right.reduce(|right, left| above(&left, &right));
        TreeHead {
            size: self.size,
            root: Digest::from_bytes(root.unwrap_or_else(|| Sha256::digest([]).into())),
        }
    }

    /// Adds a record's hash.
    pub(super) fn step<S: Source>(&mut self, source: &mut S, hash: [u8; 32]) -> Result<(), S::Error> {
        self.size = self.size.saturating_add(1);
        let (mut height, mut hash) = (0, hash);
        while let Some((_, left)) = self.trees.pop_if(|(other, _)| *other == height) {
            hash = above(&left, &hash);
            height += 1;
            if height % TILE_HEIGHT == 0 {
                self.node(source, height, &hash)?;
            }
        }
        self.trees.push((height, hash));
        Ok(())
    }

    fn node<S: Source>(&mut self, source: &mut S, height: u32, hash: &[u8; 32]) -> Result<(), S::Error> {
        self.nodes = self.nodes.saturating_add(1);
        let (level, number) = (height / TILE_HEIGHT, (self.size >> height).saturating_sub(1));
        if self.wrong.is_none() && !source.has_node(level, number, hash)? {
            self.wrong =
                Some(format!("node {number} at level {level} of the tree is not what the records make"));
        }
        Ok(())
    }

    /// What is wrong with the nodes, once every record has been gone through.
    pub(super) fn finish<S: Source>(&self, source: &mut S) -> Result<Option<String>, S::Error> {
        if self.wrong.is_some() {
            return Ok(self.wrong.clone());
        }
        let nodes = source.nodes()?;
        let more = || format!("the tree has {nodes} nodes where the records make {}", self.nodes);
        Ok((nodes != self.nodes).then(more))
    }
}
