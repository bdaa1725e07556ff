//! A program that nobody here wrote, driven through a real gateway.

mod clients;
mod driver;
mod guest;
mod house;
mod wire;
