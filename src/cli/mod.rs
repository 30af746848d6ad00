//! The commands: each parses its arguments, calls the library and says how it went.
//!
//! Results go to standard output and messages to standard error, so that `$(numbers-gateway token …)` holds a token
//! and nothing else. The exit code tells scripts what kind of failure it was ([`Status`]).

mod audit;
mod backup;
mod check_config;
mod config_file;
mod demo;
mod failure;
mod following;
mod healthcheck;
mod keys;
mod live;
mod migrate;
mod output;
mod policy;
mod policy_explain;
mod policy_test;
mod purchases;
mod run_time;
mod serve;
mod signals;
mod simulator;
mod token;
mod token_check;

use clap::{Parser, Subcommand};

pub use failure::{Failure, Status};
pub use output::tell;

/// A self-hosted gateway between a company and ClickSend's Numbers API.
#[derive(Debug, Parser)]
#[command(
    name = "numbers-gateway",
    version,
    after_help = "Exit codes: 0 fine, 1 evidence or rules that are not as they should be, 64 bad usage, \
                  69 something it depends on is not there, 70 internal, 78 configuration.\n\nExample:\n  \
                  numbers-gateway demo"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Simulator(simulator::Simulator),
    CheckConfig(check_config::CheckConfig),
    Audit(audit::Audit),
    Token(token::Token),
    Keys(keys::Keys),
    Policy(policy::Policy),
    Purchases(purchases::Purchases),
    Backup(backup::Backup),
    Migrate(migrate::Migrate),
    Healthcheck(healthcheck::Healthcheck),
    /// Prints the OpenAPI document of the gateway's HTTP interface.
    #[command(after_help = "Example:\n  numbers-gateway openapi > openapi.json")]
    Openapi,
}

impl Cli {
    /// Runs the command to its end.
    pub fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Serve(serve) => serve.run(),
            Command::Demo(demo) => demo.run(),
            Command::Simulator(simulator) => simulator.run(),
            Command::CheckConfig(check) => check.run(),
            Command::Audit(audit) => audit.run(),
            Command::Token(token) => token.run(),
            Command::Keys(keys) => keys.run(),
            Command::Policy(policy) => policy.run(),
            Command::Purchases(purchases) => purchases.run(),
            Command::Backup(backup) => backup.run(),
            Command::Migrate(migrate) => migrate.run(),
            Command::Healthcheck(check) => check.run(),
            Command::Openapi => output::result(crate::http::openapi()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::Cli;

    /// Every command that does something, with the commands below it.
    fn leaves(command: &clap::Command) -> Vec<clap::Command> {
        let mut below: Vec<clap::Command> =
            command.get_subcommands().filter(|below| below.get_name() != "help").cloned().collect();
        if below.is_empty() {
            return vec![command.clone()];
        }
        if !command.is_subcommand_required_set() {
            below.push(command.clone().subcommand_required(true));
        }
        below.iter().flat_map(leaves).collect()
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_of_every_command_has_an_example() {
        for command in leaves(&Cli::command()) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example:\n  "), "{}", command.get_name());
        }
    }

    #[test]
    fn arguments_are_read_as_documented() {
        let good = [
            "serve",
            "serve --config gateway.toml",
            "demo --data-dir d --listen 127.0.0.1:0 --ops-listen 127.0.0.1:0 --json",
            "demo --tour",
            "simulator --listen 127.0.0.1:0 --seed 7 --username u --api-key k",
            "check-config --config gateway.toml --live",
            "audit verify",
            "backup gateway.backup --config gateway.toml",
            "audit verify --config gateway.toml --json",
            "audit verify --database data/gateway.db --head audit-head",
            "audit verify --export evidence.ndjson",
            "audit export --database data/gateway.db --out evidence.ndjson --from 7 --personal",
            "token --subject ann --team growth --role requester --role approver --ttl 90m --kid k",
            "token check --config gateway.toml",
            "keys generate --out keys",
            "policy test cases.toml --config gateway.toml",
            "policy explain --team growth --country AU --monthly 20.71 --role requester --budget-left unlimited",
            "policy explain --action register --team growth --country US --number-type 10dlc --at 2026-11-23T10:00",
            "purchases --url http://localhost:8080 --token t list --state pending_approval --json",
            "purchases --url http://localhost:8080 --token t show 01935c2e-8f3a-7c2b-9a51-0123456789ab",
            "purchases --url https://n.example --token t approve 01935c2e-8f3a-7c2b-9a51-0123456789ab --comment c --yes",
            "purchases --url https://n.example --token t reject 01935c2e-8f3a-7c2b-9a51-0123456789ab",
            "migrate --config gateway.toml",
            "healthcheck --url http://127.0.0.1:9464/readyz",
            "openapi",
        ];
        let bad = [
            "",
            "buy",
            "serve gateway.toml",
            "demo --json --tour",
            "demo --listen 8080",
            "simulator --seed x",
            "audit",
            "audit verify --config gateway.toml --database data/gateway.db",
            "audit verify --database data/gateway.db --export evidence.ndjson",
            "audit export --from 0",
            "token",
            "token --subject ann --role owner",
            "token --subject ann --role viewer --ttl 0s",
            "token --subject ann --role viewer --team Growth",
            "token --subject ann --role viewer check",
            "keys",
            "policy",
            "policy test",
            "policy explain --team growth --country Australia --monthly 1.00",
            "policy explain --team growth --country AU --monthly -1.00",
            "policy explain --team growth --country AU --monthly 1.00 --at noon",
            "purchases --url http://localhost:8080 --token t",
            "purchases --url http://localhost:8080 --token t list --limit 101",
            "purchases --url http://localhost:8080 --token t show 7",
            "purchases --url ftp://localhost --token t list",
            "healthcheck --url https://127.0.0.1/readyz",
        ];
        let parse = |line: &str| {
            Cli::try_parse_from(std::iter::once("numbers-gateway").chain(line.split_whitespace()))
        };
        for line in good {
            assert!(parse(line).is_ok(), "{line}: {:?}", parse(line).err());
        }
        for line in bad {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
