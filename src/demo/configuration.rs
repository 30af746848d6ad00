//! The demo's configuration: two teams, their budgets, a few rules, and windows short enough to watch.

use std::net::SocketAddr;
use std::path::Path;

use crate::config::{FileSource, Sources};
use crate::local_key::KeyFiles;
use crate::simulator;

/// The simulator's account, which the gateway buys with.
pub(super) fn account() -> simulator::Options {
    simulator::Options::default()
}

/// What the demo decides itself: it must not spend the money of an account that the environment names.
const NOT_FROM_OUTSIDE: [&str; 8] = [
    "GATEWAY__UPSTREAM__BASE_URL",
    "GATEWAY__UPSTREAM__USERNAME",
    "GATEWAY__UPSTREAM__API_KEY",
    "GATEWAY__UPSTREAM__API_KEY_FILE",
    "GATEWAY__UPSTREAM__PROXY_URL",
    "GATEWAY__UPSTREAM__PROXY_URL_FILE",
    "GATEWAY__STORAGE__URL",
    "GATEWAY__AUDIT__HEAD_FILE",
];

/// The variables that may change the demo. An address of the command line counts more than one of the environment.
pub(super) fn allowed(
    environment: Vec<(String, String)>,
    listen: Option<SocketAddr>,
    ops_listen: Option<SocketAddr>,
) -> Vec<(String, String)> {
    let mut refused = NOT_FROM_OUTSIDE.to_vec();
    refused.extend(listen.map(|_| "GATEWAY__SERVER__LISTEN"));
    refused.extend(ops_listen.map(|_| "GATEWAY__OPS__LISTEN"));
    environment.into_iter().filter(|(name, _)| !refused.contains(&name.as_str())).collect()
}

/// Where this demo is: what differs from one to the next.
pub(super) struct Place<'a> {
    pub(super) data_dir: &'a Path,
    pub(super) keys: &'a KeyFiles,
    pub(super) simulator: SocketAddr,
    pub(super) listen: SocketAddr,
    pub(super) ops: SocketAddr,
}

impl Place<'_> {
    /// The configuration as a text that stands for a file, below the environment.
    pub(super) fn sources(&self, environment: Vec<(String, String)>) -> Sources {
        Sources { file: FileSource::Text { name: "the demo".to_owned(), text: self.text() }, environment }
    }

    fn text(&self) -> String {
        let simulator::Options { username, api_key, .. } = account();
        format!(
            r#"
[server]
listen = "{listen}"

[ops]
listen = "{ops}"

[upstream]
base_url = "http://{simulator}"
username = "{username}"
api_key = "{api_key}"
requests_per_minute = 600        # the simulator does not throttle

[storage]
url = {database}

[audit]
head_file = {head}

{issuer}may_approve = true               # these tokens stand for people, too

{RULES}"#,
            listen = self.listen,
            ops = self.ops,
            simulator = self.simulator,
            database = quoted(format!("sqlite:{}", self.data_dir.join("gateway.db").display())),
            head = quoted(self.data_dir.join("audit-head").display().to_string()),
            issuer = self.keys.issuer_configuration(),
        )
    }
}

fn quoted(text: String) -> toml::Value {
    toml::Value::from(text)
}

/// What is the same in every demo.
const RULES: &str = r#"
[budget]
currency = "AUD"
spend_per_month = "2000.00"
recurring_per_month = "2000.00"

[teams.growth]
name = "Growth"
cost_center = "4711"
budget = { spend_per_month = "500.00", recurring_per_month = "400.00" }
registration_profile = "acme"

[teams.support]
name = "Support"
cost_center = "4712"
budget = { spend_per_month = "30.00", recurring_per_month = "30.00" }   # for one Australian number

[registration_profiles.acme]
business_name = "Acme Pty Ltd"
business_address = "1 Example Street"
suburb = "Perth"
postcode = "6000"
state = "WA"
contact_name = "Ann Lee"
contact_number = "+61491570156"
country = "AU"

[[policy.rules]]
name = "small AU numbers"
when = { action = "buy", teams = ["growth", "support"], countries = ["AU"], max_monthly = "25.00" }
then = "allow"

[[policy.rules]]
name = "not in GB"
when = { action = "buy", countries = ["GB"] }
then = { deny = "we do not buy numbers in GB, ask finance" }

[[policy.rules]]
name = "CA 10DLC registrations"
when = { action = "register", countries = ["CA"], number_types = ["10dlc"] }
then = "allow"

[[policy.rules]]
name = "everything else is looked at"
when = { action = "buy" }
then = { approvals = 1, from_role = "approver", from_team = "same", expires_after = "72h" }

[limits]
addresses = { per_second = 5000, burst = 10000 }
reads = { per_second = 200, burst = 400 }
misses = { per_minute = 120, burst = 60 }
writes = { per_minute = 600, burst = 200 }
purchases_per_day = { subject = 500, team = 1000 }

[purchases]
absence_window = "10s"
scan_spacing = "1s"
sweep_every = "5s"

[telemetry]
log_format = "text"
"#;
