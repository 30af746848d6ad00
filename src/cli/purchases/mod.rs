//! `purchases`: what waits, and deciding about it, from a terminal.
//!
//! The gateway's own API with nothing but its address and a token: whoever approves here is shown what a page would
//! show, and approves by the digest of exactly that.

mod client;
mod layout;

use std::io::{self, BufRead as _, IsTerminal as _};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Failure, output, run_time};
use client::{Client, Gateway};

/// Purchases: list them, look at one, approve or reject it.
#[derive(Debug, Args)]
#[command(
    subcommand_required = true,
    after_help = "Needs the gateway's address in NUMBERS_GATEWAY_URL and a token in NUMBERS_GATEWAY_TOKEN, and nothing \
                  else. A refusal exits with 1 and says its code and what to do next.\n\nExample:\n  \
                  numbers-gateway purchases list --state pending_approval"
)]
pub(super) struct Purchases {
    #[command(flatten)]
    gateway: Gateway,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the purchases that the token may see, newest first.
    #[command(
        after_help = "Example:\n  numbers-gateway purchases list --state pending_approval --team growth"
    )]
    List(List),
    /// Shows one purchase with everything that deciding needs.
    #[command(after_help = "Example:\n  numbers-gateway purchases show 01935c2e-8f3a-7c2b-9a51-0123456789ab")]
    Show(One),
    /// Approves a purchase for the price that it shows first. At a terminal it asks before it approves.
    #[command(
        after_help = "Example:\n  numbers-gateway purchases approve 01935c2e-8f3a-7c2b-9a51-0123456789ab --comment \"as agreed\""
    )]
    Approve(Approve),
    /// Rejects a purchase.
    #[command(
        after_help = "Example:\n  numbers-gateway purchases reject 01935c2e-8f3a-7c2b-9a51-0123456789ab --comment \"we have three there\""
    )]
    Reject(Reject),
}

#[derive(Debug, Args)]
struct List {
    /// Only in this state, like `pending_approval`.
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Only of this team.
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// How many, at most 100.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Where the page before ended.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Args)]
struct One {
    /// The purchase.
    id: Uuid,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Args)]
struct Approve {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    saying: Saying,
    /// Approves only what has this `quote_digest`: for scripts that showed it to somebody before.
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// Does not ask at a terminal.
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
struct Reject {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    saying: Saying,
}

#[derive(Debug, Args)]
struct Saying {
    /// Why: the requester reads it.
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, Args)]
struct Form {
    /// Prints the gateway's JSON as it is.
    #[arg(long)]
    json: bool,
}

impl Form {
    fn print(self, answer: &Value, for_people: impl FnOnce(&Value) -> String) -> Result<(), Failure> {
        if self.json { output::result(answer) } else { output::result(for_people(answer)) }
    }
}

impl Purchases {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { gateway, command } = self;
        run_time::once(async {
            let client = gateway.client()?;
            match command {
                Command::List(list) => list.run(&client).await,
                Command::Show(one) => one.form.print(&client.get(&path(one.id)).await?, layout::in_full),
                Command::Approve(approve) => approve.run(&client).await,
                Command::Reject(reject) => reject.run(&client).await,
            }
        })
    }
}

impl List {
    async fn run(self, client: &Client) -> Result<(), Failure> {
        let limit = self.limit.to_string();
        let query = [
            ("limit", Some(limit.as_str())),
            ("state", self.state.as_deref()),
            ("team", self.team.as_deref()),
            ("cursor", self.cursor.as_deref()),
        ];
        let query: Vec<(&str, &str)> =
            query.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        let page = client.find("/v1/purchases", &query).await?;
        self.form.print(&page, layout::list)
    }
}

impl Approve {
    async fn run(self, client: &Client) -> Result<(), Failure> {
        let path = path(self.one.id);
        let purchase = client.get(&path).await?;
        output::tell(layout::briefing(&purchase));
        if !self.yes && io::stdin().is_terminal() && !is_confirmed("Approve this?")? {
            return Err(Failure::amiss("not approved"));
        }
        let shown =
            self.digest.map_or_else(|| purchase.get("quote_digest").cloned(), |digest| Some(digest.into()));
        let decision = json!({"quote_digest": shown, "comment": self.saying.comment});
        let approved = client.post(&format!("{path}/approve"), &decision).await?;
        self.one.form.print(&approved, layout::outcome)
    }
}

impl Reject {
    async fn run(self, client: &Client) -> Result<(), Failure> {
        let decision = json!({"comment": self.saying.comment});
        let rejected = client.post(&format!("{}/reject", path(self.one.id)), &decision).await?;
        self.one.form.print(&rejected, layout::outcome)
    }
}

fn path(id: Uuid) -> String {
    format!("/v1/purchases/{id}")
}

fn is_confirmed(question: &str) -> Result<bool, Failure> {
    output::tell(format_args!("{question} Write yes, or anything else to leave it as it is."));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| Failure::usage(format_args!("standard input: {error}")))?;
    Ok(matches!(answer.trim(), "y" | "yes"))
}
