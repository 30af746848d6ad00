//! Keys in a file that is read again when it changes.
//!
//! What is looked at every second is the file's stamp, not its content: an operator who replaces a file, a container
//! platform that swaps a link and an editor that writes in place all change it. A change that cannot be used leaves
//! the keys as they were, like a faulty configuration.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::keys::KeyTable;
use super::local::{self, FileFault};
use super::options::Algorithm;

/// One issuer's keys in a file.
#[derive(Debug)]
pub(super) struct KeyFile {
    /// The configuration's name of the issuer, for the log.
    issuer: String,
    path: PathBuf,
    content: Content,
    table: ArcSwap<KeyTable>,
    seen: Mutex<Seen>,
}

/// What is in the file.
#[derive(Debug)]
pub(super) enum Content {
    /// A key set.
    Set(Vec<Algorithm>),
    /// A public key, for one algorithm and the tokens of this `kid`.
    PublicKey(Algorithm, Option<String>),
    /// A secret, for the tokens of this `kid`.
    Secret(Option<String>),
}

/// The file as it was when it was read last.
#[derive(Debug)]
struct Seen {
    stamp: Stamp,
    fault: Option<String>,
}

/// What no change of a file leaves as it was: device, inode, size, and the time of the last change in seconds and
/// nanoseconds. `None` where there is no such file.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

impl KeyFile {
    pub(super) fn load(issuer: String, path: PathBuf, content: Content) -> Result<Self, FileFault> {
        let stamp = stamp_of(&path);
        let table = content.read(&path)?;
        let seen = Mutex::new(Seen { stamp, fault: None });
        Ok(Self { issuer, path, content, table: ArcSwap::from_pointee(table), seen })
    }

    /// The keys as they are now.
    pub(super) fn table(&self) -> Arc<KeyTable> {
        self.table.load_full()
    }

    /// Why the file's present content is not in use.
    pub(super) fn fault(&self) -> Option<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).fault.clone()
    }

    /// Reads the file again if it has changed. Blocks as long as its disk does.
    pub(super) fn reread_if_changed(&self) {
        // The stamp before the content: what is written in between is seen the next time.
        let stamp = stamp_of(&self.path);
        if self.seen.lock().unwrap_or_else(PoisonError::into_inner).stamp == stamp {
            return;
        }
        let fault = match self.content.read(&self.path) {
            Ok(table) => {
                tracing::info!(
                    issuer = self.issuer,
                    keys = table.len(),
                    "the issuer's key file was read again"
                );
                self.table.store(Arc::new(table));
                None
            }
            Err(fault) => {
                tracing::error!(issuer = self.issuer, %fault, "the issuer's key file cannot be used; its keys stay as they were");
                Some(fault.to_string())
            }
        };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Seen { stamp, fault };
    }
}

impl Content {
    fn read(&self, path: &Path) -> Result<KeyTable, FileFault> {
        match self {
            Self::Set(algorithms) => local::key_set(path, algorithms),
            Self::PublicKey(algorithm, key_id) => local::public_key(path, *algorithm, key_id.clone()),
            Self::Secret(key_id) => local::secret_key(path, key_id.clone()),
        }
    }
}

fn stamp_of(path: &Path) -> Stamp {
    let file = fs::metadata(path).ok()?;
    Some((file.dev(), file.ino(), file.size(), file.ctime(), file.ctime_nsec()))
}
