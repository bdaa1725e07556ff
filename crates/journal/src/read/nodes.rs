//! The hashes that a root or a proof is made of. What is asked for is found out first, so that a server hears one question and
//! not one for each of them.

use std::collections::BTreeMap;
use std::convert::Infallible;

use vocab::Digest;

use super::{ReadError, Reader, Source};
use crate::merkle::{self, TILE_HEIGHT};

/// Hashes side by side in one level of what is kept, which a node is made of: records at level 0, nodes above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) level: u32,
    pub(crate) first: u64,
    pub(crate) count: u64,
}

impl Run {
    /// What the root of the perfect tree of this height with this number is made of.
    const fn under(height: u32, number: u64) -> Self {
        let rest = height % TILE_HEIGHT;
        Self { level: height / TILE_HEIGHT, first: number << rest, count: 1 << rest }
    }
}

/// Roots of perfect trees, by height and number. Those that the database lacks are missing.
pub(super) struct Nodes(BTreeMap<(u32, u64), Digest>);

impl Nodes {
    pub(super) fn get(&self, height: u32, number: u64) -> Result<Digest, ReadError> {
        let missing = ReadError::Tree { seq: (number << height).saturating_add(1) };
        self.0.get(&(height, number)).copied().ok_or(missing)
    }
}

/// Where whoever asks for nodes says which.
pub(super) type Ask<'a> = &'a mut dyn FnMut(u32, u64) -> Result<Digest, Infallible>;

impl Reader {
    /// The nodes that `plan` asks for; what it is given for them is not them yet.
    pub(super) fn nodes(&self, plan: impl FnOnce(Ask<'_>)) -> Result<Nodes, ReadError> {
        let mut wanted = BTreeMap::new();
        plan(&mut |height, number| {
            wanted.insert((height, number), Run::under(height, number));
            Ok(Digest::from_bytes([0; 32]))
        });
        let runs: Vec<Run> = wanted.values().copied().collect();
        let found: Vec<Vec<[u8; 32]>> = match &self.source {
            Source::Sqlite(conn) => {
                runs.iter().map(|run| hashes(conn, *run)).collect::<rusqlite::Result<_>>()?
            }
            Source::Postgres(log) => log.runs(&runs)?,
        };
        let mut nodes = BTreeMap::new();
        for ((place, run), hashes) in wanted.into_iter().zip(found) {
            let whole = hashes.len() as u64 == run.count;
            let root = merkle::root_of(hashes.into_iter().map(Digest::from_bytes).collect());
            nodes.extend(root.filter(|_| whole).map(|root| (place, root)));
        }
        Ok(Nodes(nodes))
    }
}

fn hashes(conn: &rusqlite::Connection, run: Run) -> rusqlite::Result<Vec<[u8; 32]>> {
    let end = run.first.saturating_add(run.count);
    if run.level == 0 {
        let sql = "SELECT hash FROM record WHERE seq > ?1 AND seq <= ?2 ORDER BY seq";
        return conn.prepare_cached(sql)?.query_map((run.first, end), |row| row.get(0))?.collect();
    }
    let sql = "SELECT hash FROM node WHERE level = ?3 AND number >= ?1 AND number < ?2 ORDER BY number";
    conn.prepare_cached(sql)?.query_map((run.first, end, run.level), |row| row.get(0))?.collect()
}
