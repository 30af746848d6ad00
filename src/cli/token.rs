//! `token`: signs a token with a local key, for first steps and for machines.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::{Span, SpanRelativeTo};

use super::config_file::ConfigFile;
use super::token_check::TokenCheck;
use super::{Failure, output};
use crate::auth::{NewToken, SignError, Signer};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::principal::{Role, TeamId};
use crate::local_key::{self, AUDIENCE, FOLDER, ISSUER, KeyFiles};

/// Signs a token with a local key, or checks one.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Without --key-file it signs with the first of these that exists: the local keys of the \
                  configuration's issuers (a public_key_file's neighbour, as tokens.private.pem is of \
                  tokens.public.pem, or a secret_file), then keys/tokens.private.pem. Issuer, audience and key id are \
                  those of that issuer. Only the token is printed on standard output.\n\nExample:\n  export \
                  TOKEN=$(numbers-gateway token --subject ann --team growth --role requester)"
)]
pub(super) struct Token {
    #[command(subcommand)]
    command: Option<TokenCommand>,
    #[command(flatten)]
    wanted: Option<Wanted>,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    Check(TokenCheck),
}

#[derive(Debug, Args)]
struct Wanted {
    /// Who the token is for.
    #[arg(long, value_name = "S")]
    subject: String,
    /// The team, by its key in the configuration; may be given several times.
    #[arg(long = "team", value_name = "T")]
    teams: Vec<TeamId>,
    /// viewer, requester, approver, application, finance, auditor or administrator; may be given several times.
    #[arg(long = "role", value_name = "R", required = true)]
    roles: Vec<Role>,
    /// How long it is valid: 90m, 1h, 30d.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = ttl)]
    ttl: Duration,
    /// The name that others see.
    #[arg(long)]
    name: Option<String>,
    /// The e-mail address.
    #[arg(long)]
    email: Option<String>,
    /// The key: a PKCS #8 private key (PEM) or a shared secret.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// `iss`; default: the key's issuer in the configuration, or numbers-gateway-local.
    #[arg(long)]
    issuer: Option<String>,
    /// `aud`; default: the first of that issuer, or numbers-gateway.
    #[arg(long)]
    audience: Option<String>,
    /// `kid` of the header; default: that issuer's.
    #[arg(long)]
    kid: Option<String>,
}

fn ttl(text: &str) -> Result<Duration, String> {
    const VALID: &str = "write a time of a second or more, like 90m, 1h or 30d";
    let span: Span = text.parse().map_err(|_| VALID.to_owned())?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| VALID.to_owned())?;
    let whole = Duration::try_from(duration).ok().filter(|ttl| ttl.as_secs() > 0);
    whole.ok_or_else(|| VALID.to_owned())
}

impl Token {
    pub(super) fn run(self) -> Result<(), Failure> {
        match (self.command, self.wanted) {
            (Some(TokenCommand::Check(check)), _) => check.run(),
            (None, Some(wanted)) => wanted.sign(self.config),
            (None, None) => Err(Failure::usage("token needs --subject and --role, see --help")),
        }
    }
}

impl Wanted {
    fn sign(self, config: ConfigFile) -> Result<(), Failure> {
        let said_all = self.key_file.is_some() && self.issuer.is_some() && self.audience.is_some();
        // A machine that only signs need not have the gateway's configuration.
        let config = if said_all { None } else { Some(config.load()?.config) };
        let key = Key::choose(self.key_file, config.as_ref())?;
        output::tell(format_args!("signing with {}", key.file.display()));
        let signer = Signer::from_pem_or_secret_file(&key.file).map_err(|error| match error {
            SignError::File(fault) => Failure::configuration(fault),
            SignError::Generate | SignError::Sign(_) => Failure::internal(error),
        })?;
        let token = NewToken {
            issuer: self.issuer.unwrap_or(key.issuer),
            audience: self.audience.unwrap_or(key.audience),
            subject: self.subject,
            teams: self.teams,
            roles: self.roles.into_iter().collect(),
            ttl: self.ttl,
            name: self.name,
            email: self.email,
            kid: self.kid.or(key.id),
            act: None,
        };
        output::result(signer.sign(&token, Clock::system().now()).map_err(Failure::internal)?)
    }
}

/// What signs, and what its tokens say about it.
#[derive(Debug)]
struct Key {
    file: PathBuf,
    issuer: String,
    audience: String,
    id: Option<String>,
}

impl Key {
    fn choose(named: Option<PathBuf>, config: Option<&Config>) -> Result<Self, Failure> {
        let mut tried = Vec::new();
        for (file, issuer) in config.into_iter().flat_map(local_key::configured) {
            if named.as_ref().map_or_else(|| file.exists(), |named| *named == file) {
                return Ok(Self {
                    file,
                    issuer: issuer.issuer.clone(),
                    audience: issuer.audience.first().cloned().unwrap_or_default(),
                    id: local_key::key_id(issuer).map(str::to_owned),
                });
            }
            tried.push(file);
        }
        let usual = KeyFiles::in_folder(Path::new(FOLDER)).private;
        let Some(file) = named.or_else(|| usual.exists().then(|| usual.clone())) else {
            tried.push(usual);
            let tried: Vec<String> = tried.iter().map(|file| file.display().to_string()).collect();
            return Err(Failure::configuration(format_args!(
                "no local key to sign with: {} is not there\nname one with --key-file, or make one with keys generate",
                tried.join(" or ")
            )));
        };
        Ok(Self { file, issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned(), id: None })
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, ttl};

    #[test]
    fn a_life_is_a_whole_time_of_a_second_or_more() {
        assert_eq!(ttl("1h"), Ok(Duration::from_hours(1)));
        assert_eq!(ttl("90m"), Ok(Duration::from_mins(90)));
        assert_eq!(ttl("30d"), Ok(Duration::from_hours(30 * 24)));
        for wrong in ["", "1", "h", "0s", "-1h", "500ms", "forever"] {
            assert!(ttl(wrong).is_err(), "{wrong}");
        }
    }
}
