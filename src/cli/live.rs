//! `check-config --live`: the configuration against the world it describes.
//!
//! Reads only, and asks a serving instance's database for nothing that it holds locked.

use super::{Failure, Status};
use crate::app::{self, Location};
use crate::auth::{IssuerHealth, KeyState, Verifier};
use crate::clicksend::{Account, ListFilter, Purpose};
use crate::config::Config;
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

/// What was found: lines for people, and what of it stops a gateway from working.
#[derive(Debug, Default)]
pub(super) struct Report {
    seen: Vec<String>,
    faults: Vec<Failure>,
}

/// Asks everything, so that one fault does not hide the next.
pub(super) async fn ask(config: &Config, verifier: &Verifier) -> Report {
    let mut report = Report::default();
    upstream(config, &mut report).await;
    verifier.refresh_due().await;
    for issuer in verifier.issuers_health() {
        key_set(&issuer, &mut report);
    }
    match database(config) {
        Ok(state) => report.saw("database", state),
        Err(fault) => report.fault("database", &Failure::dependency(fault)),
    }
    report
}

impl Report {
    fn saw(&mut self, what: &str, state: impl fmt::Display) {
        self.seen.push(format!("{what:<16} {state}"));
    }

    fn fault(&mut self, what: &str, failure: &Failure) {
        self.saw(what, failure);
        self.faults.push(Failure { status: failure.status, message: format!("{what}: {failure}") });
    }

    /// One line each.
    pub(super) fn seen(&self) -> String {
        self.seen.join("\n")
    }

    /// All faults as one failure; a fault of the configuration counts more than something that is down now.
    pub(super) fn outcome(self) -> Result<(), Failure> {
        let configured = self.faults.iter().find(|fault| fault.status == Status::Configuration);
        let Some(gravest) = configured.or(self.faults.first()) else { return Ok(()) };
        let messages: Vec<&str> = self.faults.iter().map(|fault| fault.message.as_str()).collect();
        Err(Failure { status: gravest.status, message: messages.join("\n") })
    }
}

async fn upstream(config: &Config, report: &mut Report) {
    let client = match app::upstream_for_check(config) {
        Ok(client) => client,
        Err(error) => return report.fault("upstream", &error.into()),
    };
    match client.account().await {
        Ok(account) => {
            report.saw("account", describe(&account));
            if let Some(currency) = config.budget.currency
                && currency != account.currency
            {
                let problem = format!("budget.currency is {currency}, the account's is {}", account.currency);
                report.fault("currency", &Failure::configuration(problem));
            }
        }
        Err(error) => report.fault("account", &Failure::dependency(error)),
    }
    match client.owned_page(1, ListFilter::default(), Purpose::Buying).await {
        Ok(page) => report.saw("owned numbers", page.total),
        Err(error) => report.fault("owned numbers", &Failure::dependency(error)),
    }
}

fn describe(account: &Account) -> String {
    let said = |flag: Option<bool>, yes: &str, no: &str| match flag {
        Some(true) => format!(", {yes}"),
        Some(false) => format!(", {no}"),
        None => String::new(),
    };
    format!(
        "currency {}, balance {}{}{}{}",
        account.currency,
        account.balance,
        said(account.auto_recharge, "auto-recharge on", "auto-recharge off"),
        said(account.active, "active", "NOT ACTIVE"),
        said(account.banned, "BANNED", "not banned"),
    )
}

fn key_set(issuer: &IssuerHealth, report: &mut Report) {
    let what = format!("issuer {}", issuer.name);
    let keys = format!("{} {}", issuer.keys, if issuer.keys == 1 { "key" } else { "keys" });
    match (issuer.state, &issuer.last_fault) {
        (KeyState::Fresh, None) => report.saw(&what, keys),
        (KeyState::Fresh | KeyState::Stale | KeyState::Missing, fault) => {
            let fault = fault.as_deref().unwrap_or("its keys could not be had");
            report.fault(&what, &Failure::dependency(format_args!("{keys}: {fault}")));
        }
    }
}

fn database(config: &Config) -> Result<String, String> {
    match app::database(config).map_err(|error| error.to_string())? {
        Location::Sqlite(path) => file(&path),
        server @ Location::Postgres(_) => {
            app::reach(&server).map(|()| format!("there: {server}")).map_err(|error| error.to_string())
        }
    }
}

/// Whether the file is there and a database, by the first bytes that SQLite writes (sqlite.org/fileformat2, 1.3).
/// Opening it properly would write beside a serving instance.
fn file(path: &Path) -> Result<String, String> {
    const MAGIC: &[u8; 16] = b"SQLite format 3\0";
    let shown = path.display();
    let mut start = [0; 16];
    match File::open(path).and_then(|mut file| file.read_exact(&mut start)) {
        Ok(()) if start == *MAGIC => Ok(format!("there: {shown}")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Ok(format!("not there yet, serve makes it: {shown}"))
        }
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(format!("{shown}: {error}")),
        Ok(()) | Err(_) => Err(format!("{shown} is not an SQLite database")),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use super::{Failure, Report, Status, file};

    #[test]
    fn a_fault_of_the_configuration_decides_the_exit_code() {
        let mut report = Report::default();
        assert_eq!(Report::default().outcome(), Ok(()));
        report.fault("account", &Failure::dependency("down"));
        report.fault("currency", &Failure::configuration("another"));
        let failure = report.outcome().unwrap_err();
        assert_eq!(
            (failure.status, failure.message.as_str()),
            (Status::Configuration, "account: down\ncurrency: another")
        );
    }

    #[test]
    fn a_file_that_is_no_database_is_told_from_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.db");
        assert!(file(&path).unwrap().starts_with("not there yet"));
        std::fs::write(&path, "SQLite format 2\0 and more").unwrap();
        assert!(file(&path).unwrap_err().ends_with("is not an SQLite database"));
        std::fs::write(&path, "short").unwrap();
        assert!(file(&path).unwrap_err().ends_with("is not an SQLite database"));
        std::fs::write(&path, "SQLite format 3\0 and more").unwrap();
        assert!(file(&path).unwrap().starts_with("there: "));
    }
}
