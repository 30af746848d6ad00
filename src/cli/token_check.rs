//! `token check`: a token, rule by rule, as the gateway would judge it.
//!
//! At the door every refusal looks the same; this is where the reason is told.

use std::fmt;
use std::io::{self, Read as _};

use clap::Args;

use super::config_file::ConfigFile;
use super::{Failure, output, run_time};
use crate::app;
use crate::auth::{Explanation, Refusal};
use crate::clock::Clock;
use crate::domain::principal::Principal;

/// Far more than a token may have, so that what is too long is told by its rule.
const MOST_BYTES: u64 = 64 << 10;

/// Reads a token from standard input and shows rule by rule what the gateway makes of it.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 78 when the gateway would refuse the token, 69 when it could not tell because the \
                  issuer's keys cannot be had.\n\nExample:\n  echo \"$TOKEN\" | numbers-gateway token check --config \
                  gateway.toml"
)]
pub(super) struct TokenCheck {
    #[command(flatten)]
    config: ConfigFile,
}

impl TokenCheck {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?.config;
        let verifier = app::verifier(&config, Clock::system())?;
        let token = read_token()?;
        let explanation = run_time::once(async { Ok(verifier.explain(&token).await) })?;
        output::result(Shown(&explanation))?;
        match explanation.outcome {
            Ok(_) => Ok(()),
            Err(Refusal::Invalid(reason)) => {
                Err(Failure::configuration(format_args!("refused: {}", reason.hint())))
            }
            Err(Refusal::IssuerUnavailable) => Err(Failure::dependency("the issuer's key set cannot be had")),
        }
    }
}

fn read_token() -> Result<String, Failure> {
    let mut text = String::new();
    let read = io::stdin().lock().take(MOST_BYTES).read_to_string(&mut text);
    read.map_err(|error| Failure::usage(format_args!("standard input: {error}")))?;
    match text.trim() {
        "" => Err(Failure::usage("give the token on standard input")),
        token => Ok(token.strip_prefix("Bearer ").unwrap_or(token).to_owned()),
    }
}

struct Shown<'a>(&'a Explanation);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.0.steps {
            let verdict = if step.refused.is_some() { "NO" } else { "ok" };
            writeln!(out, "{verdict:<3} {:<12} {}", step.rule, step.seen)?;
        }
        match &self.0.outcome {
            Ok(principal) => describe(principal, out),
            Err(_) => Ok(()),
        }
    }
}

fn describe(principal: &Principal, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let listed = |words: Vec<String>| if words.is_empty() { "none".to_owned() } else { words.join(", ") };
    writeln!(out)?;
    writeln!(out, "person       {}", principal.person)?;
    for (what, text) in [("name", &principal.name), ("email", &principal.email)] {
        if let Some(text) = text {
            writeln!(out, "{what:<12} {text}")?;
        }
    }
    if let Some(actor) = &principal.actor {
        writeln!(out, "said by      {actor}")?;
    }
    writeln!(out, "teams        {}", listed(principal.teams.iter().map(ToString::to_string).collect()))?;
    writeln!(out, "roles        {}", listed(principal.roles.iter().map(ToString::to_string).collect()))?;
    writeln!(out, "may approve  {}", if principal.may_approve { "yes, where its roles do" } else { "no" })?;
    let expires = jiff::Timestamp::from_second(principal.expires_at).map_err(|_| fmt::Error)?;
    writeln!(out, "until        {expires}")
}
