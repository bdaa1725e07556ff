//! Paths in their one lexical form: absolute, without `.`, `..` or doubled slashes.

/// The longest path, in bytes (`PATH_MAX` of Linux, its end included).
pub(crate) const MAX_PATH_BYTES: usize = 4095;

/// The most folders in a path.
pub(crate) const MAX_PATH_DEPTH: usize = 128;

/// A text that names no file.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum PathError {
    #[error("is empty; name a file or folder")]
    Empty,
    #[error("is longer than {MAX_PATH_BYTES} bytes")]
    Long,
    #[error("has more than {MAX_PATH_DEPTH} folders")]
    Deep,
    #[error("has a control character in it")]
    Control,
    #[error("goes above `/` with `..`")]
    AboveRoot,
}

/// `text` as an absolute path; one that does not begin with `/` is beneath `base`, itself absolute.
///
/// # Errors
/// When it is empty, too long or too deep, has a control character (NUL among them), or climbs above `/`.
pub(crate) fn absolute(text: &str, base: &str) -> Result<String, PathError> {
    if text.is_empty() {
        return Err(PathError::Empty);
    }
    if text.chars().any(char::is_control) {
        return Err(PathError::Control);
    }
    let start = if text.starts_with('/') { "" } else { base };
    let mut parts: Vec<&str> = Vec::new();
    for part in start.split('/').chain(text.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or(PathError::AboveRoot)?;
            }
            name => parts.push(name),
        }
    }
    if parts.len() > MAX_PATH_DEPTH {
        return Err(PathError::Deep);
    }
    let path = format!("/{}", parts.join("/"));
    if path.len() > MAX_PATH_BYTES { Err(PathError::Long) } else { Ok(path) }
}

/// Whether `path` is already in the form that [`absolute`] gives.
pub(crate) fn is_canonical(path: &str) -> bool {
    absolute(path, "/").is_ok_and(|canonical| canonical == path)
}

/// Whether `path` is `root` or beneath it, both in canonical form.
pub(crate) fn is_within(path: &str, root: &str) -> bool {
    match path.strip_prefix(root) {
        Some(rest) => rest.is_empty() || rest.starts_with('/') || root == "/",
        None => false,
    }
}
