//! A program that nobody here wrote, driven through a real gateway.

mod alerts;
mod budget;
mod chat;
mod clients;
mod clock;
mod deputy;
mod driver;
mod floods;
mod guest;
mod house;
mod labels;
mod queues;
mod waits;
mod wire;
