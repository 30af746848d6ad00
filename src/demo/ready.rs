//! What there is to play with, as JSON for programs and as lines to paste for people.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::caller::{As, CallError, Caller};

/// A demo that answers.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Base URL of the gateway, without `/v3`.
    pub api: String,
    /// Base URL of the operators' listener.
    pub ops: String,
    /// Base URL of the simulator.
    pub simulator: String,
    /// Where keys and database are.
    pub data_dir: PathBuf,
    /// One for everybody of the cast.
    pub tokens: Vec<Token>,
}

/// Somebody's token.
#[derive(Clone, Debug)]
pub struct Token {
    /// The person's part: `requester`.
    pub key: &'static str,
    /// Name and team.
    pub who: String,
    /// The token.
    pub token: String,
}

/// A registration as ClickSend's page describes it, with the six fields that every source requires.
pub(super) fn campaign() -> Value {
    json!({
        "full_name": "Ann Lee",
        "company_name": "Acme",
        "email": "ann@demo.example",
        "website_url": "https://demo.example",
        "sample_message": "Your order is ready.",
        "primary_use_case": "Notifications",
        "company_number": "+1-800-555-0199",
        "area_code": "416, 647, 905",
    })
}

impl Ready {
    /// One line of JSON.
    pub fn json(&self) -> String {
        let tokens: Map<String, Value> =
            self.tokens.iter().map(|token| (token.key.to_owned(), token.token.as_str().into())).collect();
        json!({
            "api": self.api,
            "ops": self.ops,
            "simulator": self.simulator,
            "data_dir": self.data_dir,
            "tokens": tokens,
        })
        .to_string()
    }

    /// A caller with the token of a part.
    pub(super) fn bearer(&self, key: &str) -> As<'_> {
        self.tokens.iter().find(|token| token.key == key).map_or(As::Nobody, |token| As::Bearer(&token.token))
    }

    /// The first number that is really on sale in a country. The shop itself is asked: the gateway may remember for
    /// a minute what is gone since.
    pub(super) async fn offered(&self, caller: &Caller, country: &str) -> Result<String, CallError> {
        let url = format!("{}/v3/numbers/search/{country}", self.simulator);
        let page = caller.get(&url, As::Account).await?.or_refused()?;
        Ok(page.text("/data/data/0/dedicated_number").to_owned())
    }

    /// Everything for people, to be pasted into a shell.
    pub(super) async fn introduction(&self, caller: &Caller) -> Result<String, CallError> {
        let Self { api, ops, simulator, data_dir, tokens } = self;
        let (australian, british) = (self.offered(caller, "AU").await?, self.offered(caller, "GB").await?);
        let american = self.offered(caller, "US").await?;
        let mut text = format!(
            "Numbers Gateway, demo

gateway    {api}
console    {api}/console/  (sign in with one of the tokens below)
operators  {ops}
simulator  {simulator}/_simulator/  (stands for ClickSend)
data       {}

# Who you can be, for a day:
",
            data_dir.display()
        );
        for Token { key, who, token } in tokens {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "export {}={token}  # {who}", key.to_uppercase());
        }
        let who = "-H \"Authorization: Bearer $REQUESTER\"";
        let buy = |number: &str| format!("curl -sw '\\n' -X POST {who} {api}/v3/numbers/buy/{number}");
        let again = buy(&australian);
        let _ = write!(
            text,
            "
# Search: the first call asks ClickSend, the next minute's come from the cache (see Cache-Status).
curl -siw '\\n' {who} '{api}/v3/numbers/search/AU?search=570&limit=15'

# Buy a number. Then buy it again: 200 from the books, and nothing is sent.
{again}
{again}

# What we own.
curl -sw '\\n' {who} {api}/v3/numbers

{}
# What is left of the budgets.
curl -sw '\\n' {who} {api}/v1/budgets

# Rules say no to this one, whatever it costs.
{}

# Register for Canadian 10DLC numbers.
curl -sw '\\n' -X POST {who} -H 'Content-Type: application/json' -d '{}' {api}/v3/numbers/registrations/number-types/10dlc/country/CA

# For operators: is it ready, what does it count; and what the simulator really sold.
curl -sw '\\n' {ops}/readyz
curl -s {ops}/metrics | grep ^numbers_gateway
curl -sw '\\n' {simulator}/_simulator/ledger

# Ctrl-C stops it. The next demo in {} goes on from there.
",
            approving(api, &buy(&american)),
            buy(&british),
            campaign(),
            data_dir.display(),
        );
        Ok(text)
    }
}

/// The lines of an approval: asked for, looked at, approved, and then the same call.
fn approving(api: &str, buy: &str) -> String {
    let approver = "-H \"Authorization: Bearer $APPROVER\"";
    let waiting = |key: &str| {
        format!(
            r#"$(curl -s {approver} '{api}/v1/purchases?state=pending_approval&limit=1' | grep -o '"{key}":"[^"]*' | cut -d'"' -f4)"#
        )
    };
    let (id, digest) = (waiting("id"), waiting("quote_digest"));
    format!(
        "# An American one has to be approved: asked for, looked at, approved; then the same call has it. Nobody approves their own.
{buy}
export ID={id} DIGEST={digest}
curl -sw '\\n' {approver} {api}/v1/purchases/$ID
curl -sw '\\n' -X POST {approver} -H 'Content-Type: application/json' -d '{{\"quote_digest\":\"'$DIGEST'\"}}' {api}/v1/purchases/$ID/approve
{buy}
"
    )
}
