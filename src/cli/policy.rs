//! `policy`: trying the rules without a server, by the code that serves.

use std::fmt;

use clap::{Args, Subcommand};

use super::Failure;
use super::policy_explain::PolicyExplain;
use super::policy_test::PolicyTest;
use crate::domain::approval::{ApprovalStage, ApprovalTerms, ApproverTeam};
use crate::domain::policy::{Decision, Verdict};

/// Tries the configured rules.
#[derive(Debug, Args)]
pub(super) struct Policy {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    Test(PolicyTest),
    Explain(PolicyExplain),
}

impl Policy {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            PolicyCommand::Test(test) => test.run(),
            PolicyCommand::Explain(explain) => explain.run(),
        }
    }
}

/// A decision in words, with the rule that made it.
pub(super) struct Told<'d>(pub(super) &'d Decision);

impl fmt::Display for Told<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.verdict {
            Verdict::Allow => out.write_str("allow")?,
            Verdict::Deny(why) => write!(out, "deny: {why}")?,
            Verdict::Approvals(terms) => write!(out, "{} {}", approvals(terms), people(terms))?,
        }
        match &self.0.rule {
            Some(rule) => write!(out, " (rule {rule:?})"),
            None => out.write_str(" (no rule matches)"),
        }
    }
}

/// How many people have to approve, over all stages.
pub(super) fn approvals_wanted(terms: &ApprovalTerms) -> u32 {
    terms.stages.iter().map(|stage| stage.approvals).sum()
}

fn approvals(terms: &ApprovalTerms) -> String {
    match approvals_wanted(terms) {
        1 => "1 approval".to_owned(),
        more => format!("{more} approvals"),
    }
}

fn people(terms: &ApprovalTerms) -> String {
    let stage = |stage: &ApprovalStage| {
        let team = match &stage.team {
            ApproverTeam::Same => "the same team".to_owned(),
            ApproverTeam::Any => "any team".to_owned(),
            ApproverTeam::Team(team) => team.to_string(),
        };
        format!("{} {} of {team}", stage.approvals, stage.role)
    };
    let stages: Vec<String> = terms.stages.iter().map(stage).collect();
    let fields: Vec<&str> = terms.require.iter().map(|field| field.as_str()).collect();
    let fields =
        if fields.is_empty() { String::new() } else { format!("; the request brings {}", fields.join(", ")) };
    format!("({}; within {}{fields})", stages.join(", "), span(terms.expires_after_s))
}

/// As the configuration writes it, in the largest unit that fits.
fn span(seconds: u64) -> String {
    let units = [(3_600, "h"), (60, "m")];
    let fitting = units.into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit));
    fitting.map_or_else(|| format!("{seconds}s"), |(unit, word)| format!("{}{word}", seconds / unit))
}
