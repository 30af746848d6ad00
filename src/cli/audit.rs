//! `audit`: the evidence, verified and exported without a server.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::config_file::ConfigFile;
use super::{Failure, output};
use crate::app::{self, EvidenceSource, Location, WantedExport};

/// Verifies or exports the evidence.
#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    Verify(Verify),
    Export(Export),
}

/// Verifies a database or an export: every event, and everything that events tell of.
#[derive(Debug, Args)]
#[command(
    after_help = "It reads one state of the database and takes no lock, so a gateway may serve from it meanwhile.\n\n\
                  Looked at: the file itself; each link of the chain (RFC 8785 body, SHA-256 over the hash before and \
                  the body, numbers without a gap); personal values against their commitments; purchases and \
                  registrations against the steps that their events tell of; the ledger against the same events; \
                  policies against their digests; and the end of the chain against a head file, without which a chain \
                  that was cut or written anew as a whole looks whole. Of an export, all but purchases, \
                  registrations, ledger and policies.\n\n\
                  Exit code 0 when all of it is whole, 1 when anything is not; each fault is told with its place.\n\n\
                  Example:\n  numbers-gateway audit verify --config gateway.toml"
)]
struct Verify {
    #[command(flatten)]
    config: ConfigFile,
    /// A database instead of the configured one.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "export"])]
    database: Option<PathBuf>,
    /// An export (audit export, GET /v1/audit/export) instead of a database.
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    export: Option<PathBuf>,
    /// The head file to compare the end with; by default the configured one, where it exists and a configuration is used.
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
    /// Prints the report as one line of JSON.
    #[arg(long)]
    json: bool,
}

/// Writes the evidence as lines of JSON, as GET /v1/audit/export does.
#[derive(Debug, Args)]
#[command(
    after_help = "The first line: format, version, database_id, from, personal, and the head that the last line has. \
                  Each further line is an event: seq, hash, previous_hash (hexadecimal SHA-256) and body, the exact \
                  text that was hashed: hash = SHA-256(previous_hash, body). With --personal, what was not erased \
                  yet: personal.FIELD.salt (base64) and .value; the body's commitment is SHA-256(salt, value).\n\n\
                  Example:\n  numbers-gateway audit export --config gateway.toml --out evidence.ndjson"
)]
struct Export {
    #[command(flatten)]
    config: ConfigFile,
    /// A database instead of the configured one.
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    database: Option<PathBuf>,
    /// Where to write; standard output without it. A file that exists is left alone.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The first event.
    #[arg(long, value_name = "SEQ", default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..))]
    from: i64,
    /// With personal values: reasons, comments, registration data and forms.
    #[arg(long)]
    personal: bool,
}

impl Audit {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            AuditCommand::Verify(verify) => verify.run(),
            AuditCommand::Export(export) => export.run(),
        }
    }
}

impl Verify {
    fn run(self) -> Result<(), Failure> {
        let report = match (&self.export, &self.database) {
            (Some(export), _) => app::verify_evidence(EvidenceSource::Export(export), self.head.as_deref())?,
            (None, Some(database)) => app::verify_evidence(
                EvidenceSource::Database(&database.as_path().into()),
                self.head.as_deref(),
            )?,
            (None, None) => {
                let config = self.config.load()?.config;
                let configured = Some(&config.audit.head_file).filter(|file| file.exists());
                let head = self.head.as_deref().or(configured.map(PathBuf::as_path));
                app::verify_evidence(EvidenceSource::Database(&app::database(&config)?), head)?
            }
        };
        if self.json {
            output::result(serde_json::to_string(&report).map_err(Failure::internal)?)?;
        } else {
            output::result(&report)?;
        }
        match report.faults_found {
            0 => Ok(()),
            1 => Err(Failure::amiss("the evidence is not whole: 1 fault")),
            faults => Err(Failure::amiss(format_args!("the evidence is not whole: {faults} faults"))),
        }
    }
}

impl Export {
    fn run(self) -> Result<(), Failure> {
        let database = match self.database {
            Some(database) => database.as_path().into(),
            None => app::database(&self.config.load()?.config)?,
        };
        let wanted = WantedExport { from: self.from, personal: self.personal };
        match self.out {
            Some(out) => to_file(&database, wanted, &out),
            None => Ok(app::export_evidence(&database, wanted, |page| match output::piece(page) {
                // A reader that has read enough (`| head`) is not a failure.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
                written => written,
            })?),
        }
    }
}

/// Personal values may be in it, so nobody else reads it.
fn to_file(database: &Location, wanted: WantedExport, out: &Path) -> Result<(), Failure> {
    let unwritable = |error| Failure::dependency(format_args!("{}: {error}", out.display()));
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(out).map_err(unwritable)?;
    app::export_evidence(database, wanted, |page| file.write_all(page.as_bytes()))?;
    file.sync_all().map_err(unwritable)
}
