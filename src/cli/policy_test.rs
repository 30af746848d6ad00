//! `policy test`: a table of cases against the configured rules, one line each.

use std::fmt;
use std::path::PathBuf;

use clap::Args;

use super::config_file::ConfigFile;
use super::policy::{Told, approvals_wanted};
use super::{Failure, output};
use crate::config::{self, Expected, PolicyCase};
use crate::domain::policy::{Decision, Verdict};

/// Asks the configured rules about every case of a file (exit code 1 when one does not hold).
#[derive(Debug, Args)]
#[command(
    after_help = "A case: a name, when (team and country; action, roles, type, setup, monthly, number_type, budget_left, \
                  at), expect (\"allow\", \"deny\", { deny = \"part of the reason\" } or { approvals = 2 }), and rule, \
                  the one that should decide. What is left out: buy, requester, sms, no setup price, an unlimited \
                  budget, a Monday at noon.\n\nExit code 1 when a case does not hold, 64 when the file of cases is \
                  faulty, 78 when the configuration is.\n\nExample:\n  numbers-gateway policy test \
                  config/examples/small-team-cases.toml --config config/examples/small-team.toml"
)]
pub(super) struct PolicyTest {
    /// The table of cases.
    #[arg(value_name = "FILE")]
    cases: PathBuf,
    #[command(flatten)]
    config: ConfigFile,
}

impl PolicyTest {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?.config;
        let cases = config::read_policy_cases(&self.cases, &config).map_err(Failure::usage)?;
        let tried: Vec<Tried<'_>> = cases
            .iter()
            .map(|case| Tried { case, decision: config.policy.decide(&case.asked.facts()) })
            .collect();
        let lines: Vec<String> = tried.iter().map(ToString::to_string).collect();
        output::result(lines.join("\n"))?;
        match tried.iter().filter(|tried| !tried.holds()).count() {
            0 => Ok(()),
            failed => Err(Failure::amiss(format_args!("{failed} of {} cases failed", tried.len()))),
        }
    }
}

/// A case and what the rules said.
struct Tried<'c> {
    case: &'c PolicyCase,
    decision: Decision,
}

impl Tried<'_> {
    fn holds(&self) -> bool {
        let is_said = match (&self.case.expected, &self.decision.verdict) {
            (Expected::Allow, Verdict::Allow) => true,
            (Expected::Deny(part), Verdict::Deny(why)) => why.contains(part.as_str()),
            (Expected::Approvals(wanted), Verdict::Approvals(terms)) => approvals_wanted(terms) == *wanted,
            (Expected::Allow, Verdict::Deny(_) | Verdict::Approvals(_))
            | (Expected::Deny(_), Verdict::Allow | Verdict::Approvals(_))
            | (Expected::Approvals(_), Verdict::Allow | Verdict::Deny(_)) => false,
        };
        is_said && self.case.rule.as_ref().is_none_or(|rule| self.decision.rule.as_ref() == Some(rule))
    }
}

impl fmt::Display for Tried<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.case.name;
        if self.holds() {
            return write!(out, "ok      {name}");
        }
        write!(out, "FAILED  {name}: expected ")?;
        match &self.case.expected {
            Expected::Allow => out.write_str("allow")?,
            Expected::Deny(part) if part.is_empty() => out.write_str("deny")?,
            Expected::Deny(part) => write!(out, "deny: …{part}…")?,
            Expected::Approvals(1) => out.write_str("1 approval")?,
            Expected::Approvals(wanted) => write!(out, "{wanted} approvals")?,
        }
        if let Some(rule) = &self.case.rule {
            write!(out, " (rule {rule:?})")?;
        }
        write!(out, ", got {}", Told(&self.decision))
    }
}
