//! The end of the log as the writer keeps it in memory: what the next records are added to.

use rusqlite::Connection;
use vocab::Digest;

use crate::block::Filling;
use crate::merkle::{Frontier, TILE_HEIGHT, TILE_WIDTH};

/// The most levels of kept nodes: sequence numbers have 63 bits.
pub(crate) const MAX_LEVEL: u32 = 63 / TILE_HEIGHT;

/// What is gathered for the block that the log stands in, and the right edge of the tree.
#[derive(Debug, Default)]
pub(crate) struct Edge {
    pub(crate) filling: Filling,
    pub(crate) frontier: Frontier,
}

impl Edge {
    /// The edge of the log of `conn`, which has so many records.
    pub(crate) fn read(conn: &Connection, records: u64) -> rusqlite::Result<Self> {
        let filling = Filling::read(conn, records)?;
        let levels = (1..=MAX_LEVEL).rev().map(|level| nodes(conn, level, records >> (level * TILE_HEIGHT)));
        let tiles = levels.chain([leaves(conn, records)]).collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(Self { filling, frontier: Frontier::from_tiles(tiles) })
    }
}

/// Where the last tile begins in a level that has so many nodes; a tile that is whole has a node above it.
pub(crate) const fn last_tile(count: u64) -> u64 {
    count - count % TILE_WIDTH
}

/// The nodes of `level`, which has `count`, that are under no node of the level above.
fn nodes(conn: &Connection, level: u32, count: u64) -> rusqlite::Result<Vec<Digest>> {
    let sql = "SELECT hash FROM node WHERE level = ?1 AND number >= ?2 AND number < ?3 ORDER BY number";
    hashes(conn, sql, (level, last_tile(count), count))
}

/// The hashes of the records that are under no node.
fn leaves(conn: &Connection, records: u64) -> rusqlite::Result<Vec<Digest>> {
    let sql = "SELECT hash FROM record WHERE seq > ?1 AND seq <= ?2 ORDER BY seq";
    hashes(conn, sql, (last_tile(records), records))
}

fn hashes(conn: &Connection, sql: &str, parameters: impl rusqlite::Params) -> rusqlite::Result<Vec<Digest>> {
    let mut statement = conn.prepare(sql)?;
    statement.query_map(parameters, |row| row.get(0).map(Digest::from_bytes))?.collect()
}
