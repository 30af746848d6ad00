//! The head of the chain outside of the database: a file that a restored backup or another database does not agree
//! with.
//!
//! It is written whole or not at all, and only after what it says is durable, so a database is always at or beyond
//! its head.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::audit::Head;
use crate::domain::canonical::Digest;

/// Far more than a head has.
const MOST_BYTES: u64 = 4096;

/// What was seen of a chain, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessedHead {
    /// Which database.
    pub database_id: String,
    /// Its newest event.
    #[serde(flatten)]
    pub head: Head,
    /// When that was.
    pub at: Timestamp,
}

/// What a chain has where something was witnessed of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundHead {
    /// Which database.
    pub database_id: String,
    /// Its newest event.
    pub end: i64,
    /// The hash at the place that was witnessed, if the chain has that place.
    pub hash_there: Option<Digest>,
}

/// A chain that is not the one that was witnessed, or not any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WentBack {
    /// Another database altogether.
    #[error("database {witnessed} was witnessed, and this is {found}")]
    OtherDatabase {
        /// The one that was witnessed.
        witnessed: String,
        /// The one that is there.
        found: String,
    },
    /// Events that were there are not there any more.
    #[error(
        "event {witnessed} was witnessed and the chain ends at {end}: its end was cut off, or this is an older copy"
    )]
    Cut {
        /// The newest event that was witnessed.
        witnessed: i64,
        /// The newest that is there.
        end: i64,
    },
    /// Other events stand in their place.
    #[error(
        "event {0} has another hash than was witnessed: the chain was written again from there or before"
    )]
    Rewritten(i64),
}

impl WitnessedHead {
    /// Whether a chain still is what was witnessed, and has at most grown.
    pub fn compare(&self, found: &FoundHead) -> Result<(), WentBack> {
        if self.database_id != found.database_id {
            let (witnessed, found) = (self.database_id.clone(), found.database_id.clone());
            return Err(WentBack::OtherDatabase { witnessed, found });
        }
        match found.hash_there {
            _ if self.head == Head::GENESIS => Ok(()),
            Some(hash) if hash == self.head.hash => Ok(()),
            Some(_) => Err(WentBack::Rewritten(self.head.sequence)),
            None => Err(WentBack::Cut { witnessed: self.head.sequence, end: found.end }),
        }
    }

    /// The head in a file, or none where there is no file. Blocks.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        let mut text = String::new();
        match File::open(path) {
            Ok(file) => file.take(MOST_BYTES).read_to_string(&mut text)?,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        serde_json::from_str(&text).map(Some).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
    }

    /// Puts this head in the place of the one in the file: whoever reads finds either, and a power cut leaves
    /// either. Blocks.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let beside = path.with_added_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(serde_json::to_string(self)?.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use jiff::Timestamp;

    use super::{FoundHead, WentBack, WitnessedHead};
    use crate::domain::audit::Head;
    use crate::domain::canonical::Digest;

    fn witnessed(sequence: i64) -> WitnessedHead {
        let head = Head { sequence, hash: Digest::of(&[b"seen"]) };
        WitnessedHead { database_id: "one".into(), head, at: Timestamp::UNIX_EPOCH }
    }

    fn found(end: i64, hash_there: Option<&[u8]>) -> FoundHead {
        let hash_there = hash_there.map(|text| Digest::of(&[text]));
        FoundHead { database_id: "one".into(), end, hash_there }
    }

    #[test]
    fn a_chain_may_grow_and_nothing_else() {
        assert_eq!(witnessed(7).compare(&found(9, Some(b"seen"))), Ok(()));
        assert_eq!(witnessed(7).compare(&found(9, Some(b"other"))), Err(WentBack::Rewritten(7)));
        assert_eq!(witnessed(7).compare(&found(5, None)), Err(WentBack::Cut { witnessed: 7, end: 5 }));
        let other = FoundHead { database_id: "two".into(), ..found(9, Some(b"seen")) };
        assert!(matches!(witnessed(7).compare(&other), Err(WentBack::OtherDatabase { .. })));
        let empty = WitnessedHead { head: Head::GENESIS, ..witnessed(0) };
        assert_eq!(empty.compare(&found(9, None)), Ok(()));
    }

    #[test]
    fn a_head_is_one_line_that_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/audit-head");
        assert_eq!(WitnessedHead::read(&path).unwrap(), None);
        for sequence in [7, 8] {
            witnessed(sequence).write(&path).unwrap();
            assert_eq!(WitnessedHead::read(&path).unwrap(), Some(witnessed(sequence)));
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("{\"database_id\":\"one\",\"sequence\":8,\"hash\":\"") && text.ends_with("}\n")
        );
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
        std::fs::write(&path, "{").unwrap();
        assert!(WitnessedHead::read(&path).is_err());
    }
}
