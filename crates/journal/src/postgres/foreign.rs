//! What somebody who owns the tables has put to them: it may copy what is erased later, or keep out what was acknowledged.
//! The catalogues are asked, so that it is known before anything runs.

use tokio_postgres::Row;

use super::link::{Fault, Link};
use crate::schema::shown;

/// The first things that the log has and a log has not, or the other way round, in words that go on after "the record". Whoever
/// may look at the log may ask this.
pub(crate) const FOREIGN: &str = concat!(
    "
WITH own (name, columns) AS (VALUES
  ('meta', 'name text, value text'),
  ('record', 'seq bigint, hash bytea, body text'),
  ('block', 'field text, value text, number bigint'),
  ('node', 'level bigint, number bigint, hash bytea'),
  ('checkpoint', 'size bigint, number bigint, note text'),
  ('key', 'number bigint, verifier text, change text'),
  ('payload', 'seq bigint, salt bytea, bytes bytea'),
  ('erased', 'first bigint, last bigint, by bigint'),
  ('state', 'gateway text, kind text, key text, value text')
), here AS (
  SELECT class.* FROM pg_catalog.pg_class AS class
  JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace WHERE space.nspname = 'bulkhead'
), there AS (
  SELECT here.* FROM here JOIN own ON own.name = here.relname
  WHERE here.relkind = 'r' AND here.relpersistence = 'p'
), found (what, name, of) AS (",
    "
  SELECT 'lacks the table', own.name::text, NULL::text FROM own
    WHERE NOT EXISTS (SELECT FROM there WHERE there.relname = own.name)
  UNION ALL SELECT 'has otherwise the table', own.name, NULL FROM own JOIN there ON there.relname = own.name
    WHERE own.columns IS DISTINCT FROM (
      SELECT pg_catalog.string_agg(attname || ' ' || pg_catalog.format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
      FROM pg_catalog.pg_attribute WHERE attrelid = there.oid AND attnum > 0 AND NOT attisdropped)
    OR there.relrowsecurity OR there.relispartition
    OR NOT EXISTS (SELECT FROM pg_catalog.pg_index WHERE indrelid = there.oid AND indisprimary AND indisvalid)
    OR EXISTS (SELECT FROM pg_catalog.pg_attrdef WHERE adrelid = there.oid)
  UNION ALL SELECT 'has the trigger', tgname, there.relname FROM pg_catalog.pg_trigger JOIN there ON there.oid = tgrelid
    WHERE NOT tgisinternal
  UNION ALL SELECT 'has the rule', rulename, there.relname FROM pg_catalog.pg_rewrite JOIN there ON there.oid = ev_class
  UNION ALL SELECT 'has the policy', polname, there.relname FROM pg_catalog.pg_policy JOIN there ON there.oid = polrelid
  UNION ALL SELECT 'has the index', own.relname, there.relname FROM pg_catalog.pg_index
    JOIN there ON there.oid = indrelid JOIN pg_catalog.pg_class AS own ON own.oid = indexrelid WHERE NOT indisprimary
  UNION ALL SELECT 'has the constraint', conname, there.relname FROM pg_catalog.pg_constraint
    JOIN there ON there.oid = conrelid OR there.oid = confrelid WHERE contype NOT IN ('p', 'n')
  UNION ALL SELECT 'has the descendant', heir.relname, there.relname FROM pg_catalog.pg_inherits
    JOIN there ON there.oid IN (inhparent, inhrelid)
    JOIN pg_catalog.pg_class AS heir ON heir.oid IN (inhparent, inhrelid) AND heir.oid <> there.oid
  UNION ALL SELECT 'has', here.relname, NULL FROM here
    WHERE here.oid NOT IN (SELECT oid FROM there) AND here.relkind NOT IN ('i', 'I', 'c')
      AND here.relname NOT IN (SELECT name FROM own)
  UNION ALL SELECT 'has the row', pg_catalog.left(name, 65), 'meta' FROM bulkhead.meta WHERE name NOT IN ('log', 'form')
)
SELECT what::text, name::text, of::text FROM found ORDER BY what, name, of LIMIT 16"
);

/// The same of one row of [`FOREIGN`].
pub(crate) fn in_words(row: &Row) -> Result<String, tokio_postgres::Error> {
    let (what, name, of): (&str, &str, Option<&str>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let name = shown(name);
    Ok(match (what, of) {
        ("lacks the table", _) => format!("lacks the table `bulkhead.{name}`"),
        ("has otherwise the table", _) => {
            format!("has a table `bulkhead.{name}` that is not as Bulkhead makes it")
        }
        ("has the row", Some(of)) => {
            format!("{what} `{name}` in the table `bulkhead.{of}`, which Bulkhead did not make")
        }
        (_, Some(of)) => format!("{what} `{name}` on `bulkhead.{}`, which Bulkhead did not make", shown(of)),
        (_, None) => format!("{what} `bulkhead.{name}`, which Bulkhead did not make"),
    })
}

/// What the log of `link` has that is not its own, each in words that go on after "the record".
pub(super) async fn foreign(link: &Link) -> Result<Vec<String>, Fault> {
    let rows = link.rows(FOREIGN, &[]).await?;
    rows.iter().map(|row| Ok(in_words(row)?)).collect()
}

/// What is to be done about it, after what it is.
pub(super) const MEND: &str = "find out who did that and what it did, have an administrator put it right, and run `bulkhead audit verify`";
