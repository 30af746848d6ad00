//! `policy explain`: one request, rule by rule: what kept each from deciding, and what would happen.

use std::fmt;

use clap::Args;
use jiff::civil::DateTime;

use super::config_file::ConfigFile;
use super::policy::Told;
use super::{Failure, output};
use crate::clock::Clock;
use crate::config::{Asked, Config};
use crate::domain::country::Country;
use crate::domain::money::Money;
use crate::domain::policy::{Action, BudgetLeft, Decision, Price, RuleTrace};
use crate::domain::principal::{Role, TeamId};
use crate::domain::purchase::MessageType;

/// Shows what each of the configured rules makes of a request, and which one decides.
#[derive(Debug, Args)]
#[command(
    after_help = "Nothing is asked of ClickSend: prices and budget are what you say they are.\n\nExample:\n  \
                  numbers-gateway policy explain --team growth --country AU --monthly 20.71 --config gateway.toml"
)]
pub(super) struct PolicyExplain {
    #[command(flatten)]
    request: Request,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Debug, Args)]
struct Request {
    /// buy or register.
    #[arg(long, default_value = "buy", value_parser = action)]
    action: Action,
    /// The team that pays, by its key in the configuration.
    #[arg(long)]
    team: TeamId,
    /// The requester's role; may be given several times.
    #[arg(long = "role", value_name = "ROLE", default_value = "requester")]
    roles: Vec<Role>,
    /// The number's country, by its two letters.
    #[arg(long)]
    country: Country,
    /// The price per month, like 20.71; a purchase has one.
    #[arg(long, value_parser = price)]
    monthly: Option<Money>,
    /// The price to set it up.
    #[arg(long, default_value = "0.00", value_parser = price)]
    setup: Money,
    /// The message type of a purchase: sms, mms or voice.
    #[arg(long = "type", value_name = "TYPE", default_value = "sms")]
    message_type: MessageType,
    /// The number type of a registration.
    #[arg(long, value_name = "TYPE")]
    number_type: Option<String>,
    /// What the month's budgets have left: an amount, or unlimited.
    #[arg(long, value_name = "MONEY", default_value = "unlimited", value_parser = budget_left, allow_hyphen_values = true)]
    budget_left: BudgetLeft,
    /// When, where the budget's days turn, like 2026-11-23T10:00; default now.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<DateTime>,
}

fn action(text: &str) -> Result<Action, &'static str> {
    match text {
        "buy" => Ok(Action::Buy),
        "register" => Ok(Action::Register),
        _ => Err("write buy or register"),
    }
}

fn price(text: &str) -> Result<Money, &'static str> {
    let amount = text.parse().ok().filter(|amount: &Money| *amount >= Money::ZERO);
    amount.ok_or("write digits with a point, like 25.00")
}

fn budget_left(text: &str) -> Result<BudgetLeft, &'static str> {
    if text == "unlimited" {
        return Ok(BudgetLeft::Unlimited);
    }
    let left = text.parse().map(BudgetLeft::Amount);
    left.map_err(|_| "write digits with a point, like 25.00, or unlimited")
}

fn time(text: &str) -> Result<DateTime, &'static str> {
    DateTime::strptime("%Y-%m-%dT%H:%M", text).map_err(|_| "write a day and time, like 2026-11-23T10:00")
}

impl PolicyExplain {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?.config;
        let asked = self.request.asked(&config);
        if !config.teams.contains_key(&asked.team) {
            return Err(Failure::usage(format_args!("no team {} in the configuration", asked.team)));
        }
        if asked.action == Action::Buy && asked.price.is_none() {
            return Err(Failure::usage("a purchase has a price: say it with --monthly, see --help"));
        }
        let facts = asked.facts();
        let (decision, traces) = (config.policy.decide(&facts), config.policy.explain(&facts));
        output::result(Explained { traces: &traces, decision: &decision })
    }
}

impl Request {
    fn asked(self, config: &Config) -> Asked {
        let now = || Clock::system().now().to_zoned_datetime(config.budget.time_zone.clone()).datetime();
        let is_buy = self.action == Action::Buy;
        let setup = self.setup;
        Asked {
            action: self.action,
            team: self.team,
            roles: self.roles,
            country: Some(self.country),
            message_type: is_buy.then_some(self.message_type),
            number_type: self.number_type.filter(|_| !is_buy),
            price: self.monthly.filter(|_| is_buy).map(|monthly| Price { setup, monthly }),
            budget_left: self.budget_left,
            at: self.at.unwrap_or_else(now),
        }
    }
}

struct Explained<'t> {
    traces: &'t [RuleTrace],
    decision: &'t Decision,
}

impl fmt::Display for Explained<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, trace) in (1..).zip(self.traces) {
            let part = match (trace.decides, trace.is_reached, trace.unmet.as_slice()) {
                (true, _, _) => "decides".to_owned(),
                (false, false, _) => "not reached".to_owned(),
                // A limit on money is neither met nor broken where there is no price.
                (false, true, []) => "not met: a registration has no price".to_owned(),
                (false, true, unmet) => format!("not met: {}", unmet.join(", ")),
            };
            writeln!(out, "{place:>3}. {:?}: {part}", trace.rule)?;
        }
        write!(out, "{}", Told(self.decision))
    }
}
