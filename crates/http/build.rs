//! Takes the built console, `console/dist/web`, into the binary: each of its files with its content type, a tag that changes
//! with it and, where it lies beside it, its gzipped form. Where it was not built there are none, and the gateway says so on
//! its page.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// The most files of a console, and the most bytes of all of them together: they lie in the binary.
const MAX_FILES: usize = 512;
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// How much of a file's digest is its tag, in bytes.
const TAG_BYTES: usize = 12;

/// What the gzipped form of a file ends with.
const GZIPPED: &str = "gz";

/// What a browser is told of a file, by its ending.
const KINDS: [(&str, &str); 9] = [
    ("css", "text/css; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/x-icon"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("md", "text/plain; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain; charset=utf-8"),
    ("woff2", "font/woff2"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let console = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../../console/dist");
    println!("cargo::rerun-if-changed={}", console.display());
    println!("cargo::rerun-if-changed=build.rs");
    let root = console.join("web");
    let mut files = Vec::new();
    if root.join("index.html").is_file() {
        collect(&root, &mut files)?;
    }
    files.sort();
    let text = table(&root, &files)?;
    std::fs::write(Path::new(&std::env::var("OUT_DIR")?).join("console.rs"), text)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
        if files.len() > MAX_FILES {
            return Err(format!("the console has over {MAX_FILES} files").into());
        }
    }
    Ok(())
}

/// The files as an array of `Asset`, sorted by path.
fn table(root: &Path, files: &[PathBuf]) -> Result<String, Box<dyn Error>> {
    let mut assets = Vec::new();
    let mut all = 0_usize;
    for file in files {
        let bytes = std::fs::read(file)?;
        all = all.saturating_add(bytes.len());
        if all > MAX_BYTES {
            return Err(format!("the console has over {MAX_BYTES} bytes").into());
        }
        let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if ending == GZIPPED {
            // It goes with the file whose form it is.
            continue;
        }
        let kind = KINDS.iter().find(|(known, _)| *known == ending).map(|(_, kind)| *kind);
        let kind = kind.ok_or_else(|| format!("`{}`: say in build.rs what that is", file.display()))?;
        let mut tag = String::new();
        for byte in Sha256::digest(&bytes).iter().take(TAG_BYTES) {
            write!(tag, "{byte:02x}")?;
        }
        let path = format!("/{}", file.strip_prefix(root)?.to_str().ok_or("a path is not UTF-8")?);
        let gzipped = file.with_added_extension(GZIPPED);
        let gzipped = if gzipped.is_file() { Some(gzipped.canonicalize()?) } else { None };
        assets.push((path, kind, tag, file.canonicalize()?, gzipped));
    }
    assets.sort();
    let mut text = String::from("pub(super) const FILES: &[Asset] = &[\n");
    for (path, kind, tag, file, gzipped) in assets {
        let file = file.to_str().ok_or("a path is not UTF-8")?;
        let gzipped = match &gzipped {
            Some(gzipped) => {
                let file = gzipped.to_str().ok_or("a path is not UTF-8")?;
                format!(
                    "Some(super::Form {{ tag: \"\\\"{tag}-gzip\\\"\", bytes: include_bytes!({file:?}) }})"
                )
            }
            None => "None".to_owned(),
        };
        writeln!(
            text,
            "    Asset {{ path: {path:?}, kind: {kind:?}, plain: super::Form {{ tag: \"\\\"{tag}\\\"\", bytes: include_bytes!({file:?}) }}, gzipped: {gzipped} }},"
        )?;
    }
    text.push_str("];\n");
    Ok(text)
}
