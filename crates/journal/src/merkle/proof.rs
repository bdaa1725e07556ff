//! Inclusion and consistency, made and checked (RFC 6962 section 2.1.1 and 2.1.2; the checks as RFC 9162 section
//! 2.1.3.2 and 2.1.4.2 spell them out). Leaves are numbered from 0 here, as they are there.

use vocab::Digest;

use super::{TreeHead, fold, parent};

/// The most hashes that a proof can have: a tree has at most 64 levels, and consistency may need one more.
pub const MAX_HASHES: usize = 65;

/// What a proof is asked for that no tree has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such place in a tree of that size")]
pub struct OutOfTree;

/// Why a proof cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ProofError<E> {
    /// There is no such place.
    #[error(transparent)]
    OutOfTree(#[from] OutOfTree),
    /// A node could not be had.
    #[error("{0}")]
    Node(E),
}

/// A run of leaves, from the first to before the last.
#[derive(Clone, Copy)]
struct Run {
    from: u64,
    to: u64,
}

impl Run {
    const fn len(self) -> u64 {
        self.to - self.from
    }

    /// The two runs that the node above this one has, split as RFC 6962 has it.
    const fn split(self) -> (Self, Self) {
        // The largest power of two that is smaller than the length, which is 2 at least.
        let middle = self.from + (1 << (self.len() - 1).ilog2());
        (Self { from: self.from, to: middle }, Self { from: middle, to: self.to })
    }

    /// The hash over this run, made of the perfect trees in it.
    fn hash<E>(self, node: &mut impl FnMut(u32, u64) -> Result<Digest, E>) -> Result<Digest, E> {
        let (mut rest, mut trees) = (self, Vec::new());
        while rest.len() > 0 {
            let height = rest.len().ilog2();
            trees.push(node(height, rest.from >> height)?);
            rest.from += 1 << height;
        }
        Ok(fold(&trees))
    }
}

/// The root of the tree of `size` leaves. `node` is asked as for a proof.
///
/// # Errors
/// When `node` fails.
pub fn root<E>(size: u64, mut node: impl FnMut(u32, u64) -> Result<Digest, E>) -> Result<Digest, E> {
    Run { from: 0, to: size }.hash(&mut node)
}

/// The proof that leaf `index` is in the tree of `size` leaves. `node` is asked for the root of the perfect tree of
/// a height (0 is a leaf) with a number at that height.
///
/// # Errors
/// When there is no such leaf, or `node` fails.
pub fn inclusion<E>(
    index: u64,
    size: u64,
    mut node: impl FnMut(u32, u64) -> Result<Digest, E>,
) -> Result<Vec<Digest>, ProofError<E>> {
    if index >= size {
        return Err(OutOfTree.into());
    }
    let (mut run, mut proof) = (Run { from: 0, to: size }, Vec::new());
    while run.len() > 1 {
        let (left, right) = run.split();
        let (with, other) = if index < right.from { (left, right) } else { (right, left) };
        proof.push(other.hash(&mut node).map_err(ProofError::Node)?);
        run = with;
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of `new` leaves begins with the tree of `old` leaves.
///
/// # Errors
/// When `old` is 0 or more than `new`, or `node` fails.
pub fn consistency<E>(
    old: u64,
    new: u64,
    mut node: impl FnMut(u32, u64) -> Result<Digest, E>,
) -> Result<Vec<Digest>, ProofError<E>> {
    if old == 0 || old > new {
        return Err(OutOfTree.into());
    }
    let (mut run, mut proof, mut whole) = (Run { from: 0, to: new }, Vec::new(), true);
    while run.to != old {
        let (left, right) = run.split();
        let (with, other) = if old <= right.from { (left, right) } else { (right, left) };
        whole &= with.from == 0;
        proof.push(other.hash(&mut node).map_err(ProofError::Node)?);
        run = with;
    }
    if !whole {
        proof.push(run.hash(&mut node).map_err(ProofError::Node)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Whether `proof` shows that the tree `head` has the leaf with hash `leaf` at `index`.
#[must_use]
pub fn includes(head: &TreeHead, index: u64, leaf: &Digest, proof: &[Digest]) -> bool {
    let Some(mut last) = head.size.checked_sub(1).filter(|last| index <= *last) else { return false };
    let (mut place, mut hash) = (index, *leaf);
    for other in proof {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            hash = parent(other, &hash);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            hash = parent(&hash, other);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && hash == head.root
}

/// Whether `proof` shows that the tree `new` begins with the tree `old`, which is not empty.
#[must_use]
pub fn continues(old: &TreeHead, new: &TreeHead, proof: &[Digest]) -> bool {
    if old.size == 0 || old.size > new.size {
        return false;
    }
    if old.size == new.size {
        return proof.is_empty() && old.root == new.root;
    }
    // A tree whose size is a power of two is itself the first node of the path.
    let (first, rest) = match proof.split_first() {
        _ if old.size.is_power_of_two() => (&old.root, proof),
        Some(split) => split,
        None => return false,
    };
    let (mut place, mut last) = (old.size - 1, new.size - 1);
    while place & 1 == 1 {
        (place, last) = (place >> 1, last >> 1);
    }
    let (mut before, mut after) = (*first, *first);
    for other in rest {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            (before, after) = (parent(other, &before), parent(other, &after));
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            after = parent(&after, other);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && before == old.root && after == new.root
}
