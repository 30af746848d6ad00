//! The evidence in a running gateway, and beside one: the witness and the erasure as tasks, verification and export
//! without a server.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use jiff::SignedDuration;

use crate::app::StartError;
use crate::clock::Clock;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::service::evidence::{
    Erasure, Export, Wanted, Witness, WitnessParts, WitnessedHead, verify_database, verify_export,
};
use crate::store::{Location, Snapshot, Store};

pub use crate::service::evidence::{Fault, Report, Wanted as WantedExport};

/// Compares the database with its witnessed head, before anything is written.
pub(super) async fn begin_witness(
    config: &Config,
    store: &Store,
    clock: &Clock,
    metrics: &Metrics,
) -> Result<Witness, StartError> {
    let parts = WitnessParts {
        store: store.clone(),
        file: config.audit.head_file.clone(),
        clock: clock.clone(),
        metrics: metrics.clone(),
    };
    let (witness, comparison) = Witness::begin(parts).await?;
    tracing::debug!(?comparison, "the database was compared with the head file");
    Ok(witness)
}

/// What erases personal data when the configuration says so.
pub(super) fn erasure(config: &Config, store: &Store, clock: &Clock) -> Erasure {
    let keep_for = SignedDuration::try_from(config.retention.personal_data).unwrap_or(SignedDuration::MAX);
    Erasure::new(store.clone(), clock.clone(), keep_for)
}

/// Where evidence is read from.
#[derive(Clone, Copy, Debug)]
pub enum EvidenceSource<'p> {
    /// A database, which a gateway may be serving from.
    Database(&'p Location),
    /// An export.
    Export(&'p Path),
}

/// Verifies evidence, against a head file where there is one. Blocks.
pub fn verify_evidence(source: EvidenceSource<'_>, head: Option<&Path>) -> Result<Report, StartError> {
    // The head before the snapshot: what is witnessed meanwhile may be beyond what is read.
    let witnessed = head.map(read_head).transpose()?;
    match source {
        EvidenceSource::Database(location) => {
            Ok(verify_database(&Snapshot::open(location)?, witnessed.as_ref())?)
        }
        EvidenceSource::Export(path) => {
            let file = File::open(path).map_err(|error| not_there(path, &error))?;
            verify_export(BufReader::new(file), witnessed.as_ref()).map_err(|error| not_there(path, &error))
        }
    }
}

/// Writes the evidence of a database as lines of JSON; `to` gets them page by page. Blocks.
pub fn export_evidence(
    database: &Location,
    wanted: Wanted,
    mut to: impl FnMut(&str) -> io::Result<()>,
) -> Result<(), StartError> {
    let snapshot = Snapshot::open(database)?;
    let mut export = Export::begin(&snapshot.session(), wanted)?;
    while let Some(page) = export.next_page(&snapshot.session())? {
        to(&page)
            .map_err(|error| StartError::Dependency(format!("the export could not be written: {error}")))?;
    }
    Ok(())
}

fn read_head(path: &Path) -> Result<WitnessedHead, StartError> {
    let read = WitnessedHead::read(path).map_err(|error| not_there(path, &error))?;
    read.ok_or_else(|| StartError::Dependency(format!("{}: there is no head file", path.display())))
}

fn not_there(path: &Path, error: &io::Error) -> StartError {
    StartError::Dependency(format!("{}: {error}", path.display()))
}
