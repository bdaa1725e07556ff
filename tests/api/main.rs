//! The API as programs use it.

mod checked;
mod described;
