//! What is left when the gateway, or an agent, ends at the worst moment.

mod between;
mod commands;
mod heavy;
mod helpers;
mod restart;
