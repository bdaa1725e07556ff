//! What this machine can do: every layer tried for real, and not read off a version number.

use crate::{Jail, Layer, Program, Roster, SpawnError};

/// Lays every layer in a throw-away process of `program` and says which of them it had.
///
/// # Errors
/// When not even a reduced jail stands.
pub async fn probe(program: &Program) -> Result<Vec<Layer>, SpawnError> {
    let roster = Roster::new().map_err(SpawnError::Socket)?;
    let child = roster.spawn("probe", program, &Jail { reduced: true, ..Jail::default() }).await?;
    Ok(child.layers().to_vec())
}
