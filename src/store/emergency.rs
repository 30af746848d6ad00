//! The emergency file: outcomes of what was sent, for as long as the database does not take them.
//!
//! A disk is full exactly when this is needed. So the file is written to its whole length when the gateway starts, and
//! a record only overwrites blanks: no new block, no new length. One line a record, JSON under its own checksum; a
//! record that is booked becomes blanks again.

use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::domain::canonical::Digest;
use crate::domain::order::{Receipt, Sent};
use crate::domain::purchase::PurchaseId;
use crate::domain::registration::RegistrationId;
use crate::store::attempts::AttemptId;
use crate::store::error::StoreError;
use crate::store::registrations::ClaimId;

/// Room for what can be under way at once, a hundred records at least.
const SIZE: usize = 64 * 1024;
const BLANK: u8 = b' ';

/// What came of something that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A buy.
    Purchase {
        /// Whose attempt it was.
        id: PurchaseId,
        /// Which one, counted from 1: what became of it says nothing about a later one.
        attempt: i64,
        /// Its name, which another replica's of the same count has not.
        #[serde(default)]
        claim: Option<AttemptId>,
        /// Upstream's answer, the receipt verbatim.
        sent: Sent<Receipt>,
    },
    /// A registration.
    Registration {
        /// Which.
        id: RegistrationId,
        /// The version that its claim made: what became of it says nothing about a later claim.
        claimed: i64,
        /// The claim's name, which another replica's of the same version has not.
        #[serde(default)]
        claim: Option<ClaimId>,
        /// Upstream's answer.
        sent: Sent<()>,
    },
}

/// An outcome that is owed to the database.
#[derive(Clone, Debug)]
pub struct Owed {
    /// What is to be booked.
    pub outcome: Outcome,
    /// Where it stands in the file, unless that could not be written either.
    place: Option<Range<usize>>,
}

/// The file beside the database. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Emergency(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pages: Mutex<Pages>,
    owed: AtomicUsize,
    /// What an earlier process could not book.
    left_behind: Vec<Owed>,
}

#[derive(Debug)]
struct Pages {
    file: File,
    /// What the file holds.
    image: Vec<u8>,
    /// An fsync is never tried twice, here no more than in the database.
    is_lost: bool,
}

#[derive(Serialize, Deserialize)]
struct Line<'t> {
    sha256: Digest,
    #[serde(borrow)]
    record: &'t RawValue,
}

#[derive(Serialize, Deserialize)]
struct Record {
    at: Timestamp,
    #[serde(flatten)]
    outcome: Outcome,
}

impl Emergency {
    /// Opens `DATABASE.emergency`, allocates what is missing of it, and reads what an earlier process left. A line
    /// that cannot be read is told and kept: whatever it was about is unknown, and a person may still make it out.
    pub(super) fn open(database: &Path) -> Result<Self, StoreError> {
        let path = database.with_extension("emergency");
        let unavailable =
            |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", path.display()));
        let pages = Pages::open(&path).map_err(unavailable)?;
        let (left_behind, unreadable) = pages.records();
        for line in unreadable {
            tracing::error!(
                file = %path.display(), line = %String::from_utf8_lossy(line),
                "a record of the emergency file cannot be read: compare it with ClickSend's dashboard, then blank it"
            );
        }
        let owed = AtomicUsize::new(left_behind.len());
        Ok(Self(Arc::new(Inner { pages: Mutex::new(pages), owed, left_behind })))
    }

    /// Whether something was sent whose outcome is not in the database: a good reason to send nothing more.
    pub fn is_owed(&self) -> bool {
        self.0.owed.load(Ordering::Acquire) > 0
    }

    /// What an earlier process could not book; [`Emergency::settled`] takes each off the list.
    pub fn left_behind(&self) -> &[Owed] {
        &self.0.left_behind
    }

    /// Keeps an outcome until it is settled: in the file if at all possible, and in the log in any case.
    pub async fn keep(&self, outcome: Outcome, at: Timestamp) -> Owed {
        self.0.owed.fetch_add(1, Ordering::AcqRel);
        let record = Record { at, outcome: outcome.clone() };
        let written = self.change(move |pages| pages.append(&record)).await;
        let record = serde_json::to_string(&outcome).unwrap_or_default();
        match written {
            Ok(place) => {
                tracing::error!(
                    record,
                    "an outcome is in the emergency file alone; nothing is sent until the database takes it"
                );
                Owed { outcome, place: Some(place) }
            }
            Err(error) => {
                tracing::error!(
                    record, %error,
                    "an outcome stands in no file, only here; nothing is sent until the database takes it"
                );
                Owed { outcome, place: None }
            }
        }
    }

    /// The database has it.
    pub async fn settled(&self, owed: Owed) {
        if let Some(place) = owed.place
            && let Err(error) = self.change(move |pages| pages.blank(place)).await
        {
            // Harmless: at the next start it is found settled.
            tracing::warn!(%error, "a record of the emergency file could not be blanked");
        }
        self.0.owed.fetch_sub(1, Ordering::AcqRel);
    }

    /// Off the async threads, since it waits for the disk.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Pages) -> std::io::Result<T> + Send + 'static,
    ) -> std::io::Result<T> {
        let inner = Arc::clone(&self.0);
        let changing = tokio::task::spawn_blocking(move || {
            change(&mut inner.pages.lock().unwrap_or_else(PoisonError::into_inner))
        });
        changing.await.map_err(std::io::Error::other)?
    }
}

impl Pages {
    fn open(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        let mut image = vec![BLANK; SIZE];
        let there = usize::try_from(file.metadata()?.len()).unwrap_or(SIZE).min(SIZE);
        let (old, new) = image.split_at_mut(there);
        file.read_exact_at(old, 0)?;
        if !new.is_empty() {
            // Written, not merely made longer: a hole would want its blocks on the day when there are none.
            file.write_all_at(new, offset(there))?;
            file.sync_all()?;
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                File::open(folder)?.sync_all()?;
            }
        }
        Ok(Self { file, image, is_lost: false })
    }

    /// What can be read, and the lines that cannot.
    fn records(&self) -> (Vec<Owed>, Vec<&[u8]>) {
        let (mut read, mut unreadable, mut start) = (Vec::new(), Vec::new(), 0);
        for line in self.image.split_inclusive(|byte| *byte == b'\n') {
            let place = start..start + line.len();
            start = place.end;
            let text = line.trim_ascii();
            match parse(text) {
                _ if text.is_empty() => {}
                Some(outcome) => read.push(Owed { outcome, place: Some(place) }),
                None => unreadable.push(text),
            }
        }
        (read, unreadable)
    }

    fn append(&mut self, record: &Record) -> std::io::Result<Range<usize>> {
        let record = serde_json::value::to_raw_value(record)?;
        let line = Line { sha256: Digest::of(&[record.get().as_bytes()]), record: &record };
        let mut bytes = serde_json::to_vec(&line)?;
        bytes.push(b'\n');
        let last = self.image.iter().rposition(|byte| *byte != BLANK);
        if last.and_then(|last| self.image.get(last)).is_some_and(|byte| *byte != b'\n') {
            // A line that was torn by a crash: what follows must not become part of it.
            bytes.insert(0, b'\n');
        }
        let start = last.map_or(0, |last| last + 1);
        let place = start..start + bytes.len();
        self.overwrite(place.clone(), &bytes)?;
        Ok(place)
    }

    fn blank(&mut self, place: Range<usize>) -> std::io::Result<()> {
        let blanks = vec![BLANK; place.len()];
        self.overwrite(place, &blanks)
    }

    fn overwrite(&mut self, place: Range<usize>, bytes: &[u8]) -> std::io::Result<()> {
        if self.is_lost {
            return Err(std::io::Error::other("an earlier fsync of the emergency file failed"));
        }
        let start = offset(place.start);
        let Some(image) = self.image.get_mut(place) else {
            return Err(std::io::Error::other("the emergency file is full"));
        };
        self.file.write_all_at(bytes, start)?;
        image.copy_from_slice(bytes);
        self.file.sync_data().inspect_err(|_| self.is_lost = true)
    }
}

/// An outcome, if the line is whole.
fn parse(line: &[u8]) -> Option<Outcome> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let is_whole = Digest::of(&[line.record.get().as_bytes()]) == line.sha256;
    let record: Record = serde_json::from_str(line.record.get()).ok().filter(|_| is_whole)?;
    Some(record.outcome)
}

/// The file has 64 KiB.
fn offset(place: usize) -> u64 {
    u64::try_from(place).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken fixture stops the test")]

    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn sold() -> Outcome {
        let receipt = Receipt {
            dedicated_number: "+61491570156".into(),
            country: Some("AU".into()),
            price_total: Some("19.6040".into()),
            price_setup: None,
            price_monthly: Some("19.00".into()),
            currency: None,
        };
        Outcome::Purchase { id: PurchaseId::random(), attempt: 1, claim: None, sent: Sent::Done(receipt) }
    }

    fn registered() -> Outcome {
        Outcome::Registration { id: RegistrationId::random(), claimed: 2, claim: None, sent: Sent::Done(()) }
    }

    #[tokio::test]
    async fn what_was_kept_is_there_for_the_next_process_until_it_is_settled() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("gateway.db");
        let emergency = Emergency::open(&database).unwrap();
        assert!(!emergency.is_owed());
        let file = std::fs::metadata(folder.path().join("gateway.emergency")).unwrap();
        assert_eq!((file.len(), file.blocks() * 512 >= file.len()), (64 * 1024, true), "really allocated");

        let (first, second) = (sold(), registered());
        let booked = emergency.keep(first.clone(), Timestamp::UNIX_EPOCH).await;
        emergency.keep(second.clone(), Timestamp::UNIX_EPOCH).await;
        assert!(emergency.is_owed());

        let next = Emergency::open(&database).unwrap();
        let left: Vec<&Outcome> = next.left_behind().iter().map(|owed| &owed.outcome).collect();
        assert_eq!(left, [&first, &second]);
        assert!(next.is_owed());

        emergency.settled(booked).await;
        let next = Emergency::open(&database).unwrap();
        assert_eq!(next.left_behind().len(), 1);
        next.settled(next.left_behind()[0].clone()).await;
        assert!(!next.is_owed());
        assert!(Emergency::open(&database).unwrap().left_behind().is_empty());
    }

    #[tokio::test]
    async fn a_torn_record_is_kept_and_does_not_hide_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("gateway.db");
        let path = folder.path().join("gateway.emergency");
        let emergency = Emergency::open(&database).unwrap();
        emergency.keep(sold(), Timestamp::UNIX_EPOCH).await;
        let torn = std::fs::read_to_string(&path).unwrap().replacen("19.6040", "19.6041", 1);
        std::fs::write(&path, torn).unwrap();

        let next = Emergency::open(&database).unwrap();
        assert!(next.left_behind().is_empty() && !next.is_owed());
        next.keep(registered(), Timestamp::UNIX_EPOCH).await;
        assert!(std::fs::read_to_string(&path).unwrap().contains("19.6041"), "overwritten");
        assert_eq!(Emergency::open(&database).unwrap().left_behind().len(), 1);
    }

    #[tokio::test]
    async fn a_record_that_was_cut_off_takes_the_next_one_not_along() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("gateway.db");
        let path = folder.path().join("gateway.emergency");
        Emergency::open(&database).unwrap().keep(sold(), Timestamp::UNIX_EPOCH).await;
        let whole = std::fs::read_to_string(&path).unwrap();
        let (kept, lost) = whole.split_at(100);
        std::fs::write(&path, format!("{kept}{}", " ".repeat(lost.len()))).unwrap();

        let registered = registered();
        Emergency::open(&database).unwrap().keep(registered.clone(), Timestamp::UNIX_EPOCH).await;
        let next = Emergency::open(&database).unwrap();
        let left: Vec<&Outcome> = next.left_behind().iter().map(|owed| &owed.outcome).collect();
        assert_eq!(left, [&registered]);
        assert!(std::fs::read_to_string(&path).unwrap().starts_with(kept), "what is left of it stays");
    }

    #[tokio::test]
    async fn a_full_file_says_so_and_still_stops_the_sending() {
        let folder = tempfile::tempdir().unwrap();
        let emergency = Emergency::open(&folder.path().join("gateway.db")).unwrap();
        let mut owed = Vec::new();
        for _ in 0..400 {
            owed.push(emergency.keep(sold(), Timestamp::UNIX_EPOCH).await);
        }
        let (written, not): (Vec<Owed>, Vec<Owed>) = owed.into_iter().partition(|owed| owed.place.is_some());
        assert!(written.len() >= 100 && !not.is_empty(), "{} records fit", written.len());
        for owed in written {
            emergency.settled(owed).await;
        }
        assert!(emergency.is_owed(), "what was not written is owed as well");
        assert!(emergency.keep(sold(), Timestamp::UNIX_EPOCH).await.place.is_some(), "there is room again");
    }
}
