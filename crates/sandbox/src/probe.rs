//! What this machine can do: every layer tried for real, and not read off a version number.

use crate::{Jail, Layer, Program, Roster, SpawnError};

/// The role of the process that [`probe`] tries everything in.
pub const PROBE: &str = "probe";

/// Lays every layer in a throw-away process of `spawner`, which serves [`PROBE`], and says which of them it
/// had; last comes [`crate::layer::CGROUP`], which is never demanded.
///
/// # Errors
/// When not even a reduced jail stands.
pub async fn probe(spawner: &Program) -> Result<Vec<Layer>, SpawnError> {
    let roster = Roster::new(spawner).map_err(SpawnError::Socket)?;
    let child = roster.spawn("probe", PROBE, &Jail { reduced: true, ..Jail::default() }).await?;
    let mut layers = child.layers().to_vec();
    layers.push(roster.cgroup(child.lease().process().grouped()));
    Ok(layers)
}
