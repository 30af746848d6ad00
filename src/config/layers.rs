//! The layers: the embedded default, below the file, below the environment; and the files that secrets are in.
//!
//! The only place that reads the environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::fault::{Fault, Origin};
use crate::config::tree::{self, Entry, Node, Table, Value};

/// The text of `config/gateway.toml`: every key with its default and what it means.
pub const DEFAULT_TEXT: &str = include_str!("../../config/gateway.toml");

const PREFIX: &str = "GATEWAY__";
const FILE_VARIABLE: &str = "GATEWAY_CONFIG";
const NOTIFY_VARIABLE: &str = "NOTIFY_SOCKET";

/// Where the service manager that started this process wants to hear of it, if there is one that does.
pub fn notify_socket() -> Option<OsString> {
    std::env::var_os(NOTIFY_VARIABLE).filter(|address| !address.is_empty())
}

/// Where a configuration comes from. Its `Debug` shows no values, because secrets may be among them.
#[derive(Clone, Default)]
pub struct Sources {
    /// What stands over the embedded default.
    pub file: FileSource,
    /// Environment variables; those that do not begin with `GATEWAY__` are ignored. A list is written as in TOML
    /// or with commas between its values.
    pub environment: Vec<(String, String)>,
}

/// The layer above the embedded default.
#[derive(Clone, Default)]
pub enum FileSource {
    /// None.
    #[default]
    None,
    /// A file on disk, at most 1 MiB.
    Path(PathBuf),
    /// A text in memory, as if it were a file.
    Text {
        /// What messages call it.
        name: String,
        /// TOML.
        text: String,
    },
}

impl Sources {
    /// The file of the command line, else of `GATEWAY_CONFIG`, and this process's environment.
    pub fn from_process(cli_file: Option<PathBuf>) -> Self {
        let variables = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
        let ours: Vec<(String, String)> =
            variables.filter(|(name, _)| name.starts_with(PREFIX) || name == FILE_VARIABLE).collect();
        let named = ours.iter().find(|(name, value)| name == FILE_VARIABLE && !value.is_empty());
        let file = cli_file.or_else(|| named.map(|(_, path)| PathBuf::from(path)));
        Self { file: file.map_or(FileSource::None, FileSource::Path), environment: ours }
    }

    /// A text in memory over the embedded default, without an environment: for the demo and for tests.
    pub fn from_text(name: &str, text: &str) -> Self {
        Self {
            file: FileSource::Text { name: name.to_owned(), text: text.to_owned() },
            environment: Vec::new(),
        }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.environment.iter().map(|(name, _)| name.as_str()).collect();
        out.debug_struct("Sources").field("file", &self.file).field("environment", &names).finish()
    }
}

impl fmt::Debug for FileSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => out.write_str("None"),
            Self::Path(path) => out.debug_tuple("Path").field(path).finish(),
            Self::Text { name, .. } => out.debug_tuple("Text").field(name).finish(),
        }
    }
}

/// All layers in one tree. A file that cannot be read or is no TOML ends it: without the file the rest would
/// only be told what the file says already.
pub(super) fn merged(sources: &Sources, faults: &mut Vec<Fault>) -> Option<Table> {
    let file = match file_layer(&sources.file) {
        Ok(table) => table,
        Err(found) => {
            faults.extend(found);
            return None;
        }
    };
    let mut merged = tree::embedded(DEFAULT_TEXT);
    tree::overlay(&mut merged, file, "", faults);
    // In the order of the names, so that a section's variable comes before those of its keys.
    let variables: BTreeMap<&str, &str> =
        sources.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for (name, value) in variables {
        if let Some(path) = name.strip_prefix(PREFIX) {
            tree::overlay(&mut merged, environment_layer(name, path, value), "", faults);
        }
    }
    Some(merged)
}

/// The text of a secret's file without one newline at its end, or what is wrong with the file.
pub(super) fn secret_text(path: &Path) -> Result<String, String> {
    const LARGEST: u64 = 64 << 10;
    let mut text = read_text(path, LARGEST)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// The tree of a TOML file of at most 1 MiB; `valid` says which file to name where it cannot be read.
pub(super) fn file_table(path: &Path, valid: &str) -> Result<Table, Vec<Fault>> {
    const LARGEST: u64 = 1 << 20;
    let name = Arc::from(path.to_string_lossy().as_ref());
    match read_text(path, LARGEST) {
        Ok(text) => tree::parse(&name, &text),
        Err(problem) => Err(vec![Fault {
            origin: Origin::File { name, position: None },
            key: String::new(),
            value: None,
            problem,
            valid: valid.to_owned(),
        }]),
    }
}

fn file_layer(source: &FileSource) -> Result<Table, Vec<Fault>> {
    match source {
        FileSource::None => Ok(Table::new()),
        FileSource::Text { name, text } => tree::parse(&Arc::from(name.as_str()), text),
        FileSource::Path(path) => {
            file_table(path, &format!("name a TOML file with --config or {FILE_VARIABLE}"))
        }
    }
}

fn read_text(path: &Path, largest: u64) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too large, also where the size is not known before.
    let limit = largest + 1;
    File::open(path).map_err(cannot)?.take(limit).read_to_end(&mut bytes).map_err(cannot)?;
    if u64::try_from(bytes.len()).is_ok_and(|read| read > largest) {
        return Err(format!("larger than {} KiB", largest >> 10));
    }
    String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())
}

/// `GATEWAY__SECTION__KEY` as a tree of one value. What is nested deeper than any key stays one unknown name.
fn environment_layer(variable: &str, path: &str, value: &str) -> Table {
    const DEEPEST_KEY: usize = 8;
    let origin = Origin::Environment(variable.to_owned());
    let path = path.to_ascii_lowercase();
    let leaf = Node { value: Value::Unshaped(value.to_owned()), origin: origin.clone() };
    let single =
        |key: &str, node: Node| Table::from([(key.to_owned(), Entry { key_origin: origin.clone(), node })]);
    let mut parts = path.rsplitn(DEEPEST_KEY, "__");
    let last = parts.next().unwrap_or_default();
    parts.fold(single(last, leaf), |below, part| {
        single(part, Node { value: Value::Table(below), origin: origin.clone() })
    })
}
