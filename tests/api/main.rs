//! The API as programs use it.

mod again;
mod checked;
mod described;
mod many;
mod pages;
