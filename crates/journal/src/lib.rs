//! The record: append to a durable, hash-chained journal; read and verify it.
