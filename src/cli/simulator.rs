//! `simulator`: a ClickSend Numbers look-alike for anybody's tests.

use std::fmt;
use std::net::SocketAddr;

use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::signals::Signals;
use super::{Failure, output, run_time};
use crate::simulator::{self, Options};

/// Runs a look-alike of ClickSend's Numbers API with an invented account and shop.
#[derive(Debug, Args)]
#[command(
    after_help = "Controls, faults and switches are described at /_simulator/ of the running simulator. They need no \
                  credentials: keep it on a loopback address.\n\nExample:\n  numbers-gateway simulator --listen \
                  127.0.0.1:8090 --seed 7"
)]
pub(super) struct Simulator {
    /// Where it listens; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Decides which numbers are on sale; the same seed sells the same numbers.
    #[arg(long, value_name = "N", default_value_t = Options::default().seed)]
    seed: u64,
    /// The account's user name.
    #[arg(long, value_name = "U", default_value_t = Options::default().username)]
    username: String,
    /// The account's API key.
    #[arg(long, value_name = "K", default_value_t = Options::default().api_key)]
    api_key: String,
}

impl Simulator {
    pub(super) fn run(self) -> Result<(), Failure> {
        run_time::serve(self.serve())
    }

    async fn serve(self) -> Result<(), Failure> {
        let signals = Signals::catch()?;
        let unavailable = |error| Failure::dependency(format_args!("{}: {error}", self.listen));
        let listener = TcpListener::bind(self.listen).await.map_err(unavailable)?;
        let address = listener.local_addr().map_err(unavailable)?;
        output::result(Introduction { address, simulator: &self })?;
        let options = Options { seed: self.seed, username: self.username, api_key: self.api_key };
        let stop = CancellationToken::new();
        let serving = simulator::Simulator::new(options);
        let served = signals.end(serving.serve(listener, stop.clone()), &stop, None).await;
        served.map_err(|error| Failure::internal(format_args!("the simulator's listener: {error}")))
    }
}

/// What is printed when it is ready.
struct Introduction<'a> {
    address: SocketAddr,
    simulator: &'a Simulator,
}

impl fmt::Display for Introduction<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, simulator: Simulator { username, api_key, .. } } = self;
        writeln!(out, "simulator  http://{address}")?;
        writeln!(out, "controls   http://{address}/_simulator/")?;
        writeln!(out, "\nTo point a gateway at it:")?;
        writeln!(out, "export GATEWAY__UPSTREAM__BASE_URL=http://{address}")?;
        writeln!(out, "export GATEWAY__UPSTREAM__USERNAME={}", output::quoted(username))?;
        writeln!(out, "export GATEWAY__UPSTREAM__API_KEY={}", output::quoted(api_key))
    }
}
