//! Commands: which one is asked for, in which one form, and with which arguments.
//!
//! A command is judged by the very name that was asked for and granted: `git` is neither `./git`, `GIT` nor
//! `/usr/bin/git`. Beside it the action holds the file that the name led to, every link followed, so that an
//! approval is for that file. Arguments go to the program one by one; no shell reads them.

use serde_json::{Map, Value};

use super::path;

/// The longest bare name, in bytes (`NAME_MAX` of Linux).
const MAX_NAME_BYTES: usize = 255;

/// The most arguments.
pub(crate) const MAX_ARGS: usize = 512;

/// The longest argument, in bytes. Linux takes 128 KiB.
pub(crate) const MAX_ARG_BYTES: usize = 32 * 1024;

/// All arguments together, in bytes. Linux takes a quarter of the stack.
pub(crate) const MAX_ARGS_BYTES: usize = 128 * 1024;

/// A call that no program could be started by.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum CommandError {
    #[error("{0}")]
    Path(#[from] path::PathError),
    #[error(
        "is neither a bare name, such as `git`, nor an absolute path; a relative path could be any program"
    )]
    Relative,
    #[error("is longer than {MAX_NAME_BYTES} bytes")]
    Long,
    #[error("is the folder `/` and no program")]
    Root,
    #[error("argument {0} has a NUL in it, which no program can be given")]
    Nul(usize),
    #[error("argument {0} is longer than {MAX_ARG_BYTES} bytes")]
    LongArg(usize),
    #[error("has {0} arguments; the most is {MAX_ARGS}")]
    Many(usize),
    #[error("has {0} bytes of arguments; the most is {MAX_ARGS_BYTES}")]
    Large(usize),
    #[error("has arguments that are not texts")]
    NotTexts,
    #[error("has a `folder` that {0}")]
    Folder(path::PathError),
}

/// The one form of a command's name: a bare name as it is, an absolute path without `.` and `..`.
///
/// # Errors
/// When it is neither, too long, or has a control character.
pub(crate) fn canonical(text: &str) -> Result<String, CommandError> {
    if text.starts_with('/') {
        let path = path::absolute(text, "/")?;
        return if path == "/" { Err(CommandError::Root) } else { Ok(path) };
    }
    if text.is_empty() {
        return Err(path::PathError::Empty.into());
    }
    if text.chars().any(char::is_control) {
        return Err(path::PathError::Control.into());
    }
    if text.contains('/') || matches!(text, "." | "..") {
        return Err(CommandError::Relative);
    }
    if text.len() > MAX_NAME_BYTES {
        return Err(CommandError::Long);
    }
    Ok(text.to_owned())
}

/// Holds the arguments to what a program can be given, and puts `folder`, when there is one, in its one form.
///
/// # Errors
/// When an argument could not arrive as it stands.
pub(crate) fn check(args: &mut Map<String, Value>, workspace: &str) -> Result<(), CommandError> {
    if let Some(list) = args.get("args") {
        let list = list.as_array().ok_or(CommandError::NotTexts)?;
        if list.len() > MAX_ARGS {
            return Err(CommandError::Many(list.len()));
        }
        let mut bytes: usize = 0;
        for (number, arg) in (1..).zip(list) {
            let arg = arg.as_str().ok_or(CommandError::NotTexts)?;
            if arg.contains('\0') {
                return Err(CommandError::Nul(number));
            }
            if arg.len() > MAX_ARG_BYTES {
                return Err(CommandError::LongArg(number));
            }
            bytes = bytes.saturating_add(arg.len()).saturating_add(1);
        }
        if bytes > MAX_ARGS_BYTES {
            return Err(CommandError::Large(bytes));
        }
    }
    if let Some(folder) = args.get("folder").and_then(Value::as_str) {
        let folder = path::absolute(folder, workspace).map_err(CommandError::Folder)?;
        args.insert("folder".to_owned(), Value::String(folder));
    }
    Ok(())
}
