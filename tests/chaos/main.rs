//! What is left when the gateway, or an agent, ends at the worst moment.

mod between;
mod commands;
mod heavy;
mod helpers;
mod restart;

/// An agent that may run commands without a pause.
const RESTLESS: &str = "# Restless

## Identity

- Name: restless
- Role: Never stops

## Skills

- file-reader: Read
  - paths: .
- file-writer: Write
- exec: Run
  - commands: sh, sleep, setsid
  - time: 10 min

## Limits

- actions-per-minute: 10000
- actions-per-turn: 10000
";
