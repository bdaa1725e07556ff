//! What agents can do, a file each.
