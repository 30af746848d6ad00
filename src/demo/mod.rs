//! The whole gateway to play with: simulator, gateway and database in one process, nothing to configure.
//!
//! What runs is what `serve` runs, with a configuration written here, and everything that the demo itself does it does
//! over HTTP like any caller. What stays behind is the data directory: its keys and purchases are there at the next
//! start. The simulator forgets when it stops, so it is told then what was sold before.

mod caller;
mod cast;
mod configuration;
mod history;
mod past;
mod ports;
mod ready;
#[cfg(test)]
mod tests;
mod tour;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::caller::{CallError, Caller};
use self::configuration::Place;
use self::ports::Port;
use crate::app::{DiskLost, Gateway, StartError};
use crate::auth::{SignError, Signer};
use crate::clock::Clock;
use crate::config::{self, Config, Faults};
use crate::local_key::{KeyFiles, KeyFilesError};
use crate::simulator::Simulator;

pub use history::MONTHS;
pub use ready::{Ready, Token};
pub use tour::{Tour, TourError};

/// Where the data is unless said otherwise; the project's `.gitignore` knows the folder.
pub const DATA_DIR: &str = "data/demo";

const API: SocketAddr = local(8080);
const OPS: SocketAddr = local(9464);
const SIMULATOR: SocketAddr = local(8090);

/// Any free port of this machine.
const ANY: SocketAddr = local(0);

const fn local(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// What may be chosen.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where keys and database are; [`DATA_DIR`] when absent.
    pub data_dir: Option<PathBuf>,
    /// The public listener; when absent 8080 on loopback or the next free port.
    pub listen: Option<SocketAddr>,
    /// The operators' listener; when absent 9464 on loopback or the next free port.
    pub ops_listen: Option<SocketAddr>,
    /// How many months of a past are played first, into a data directory that has none.
    pub history: Option<u8>,
    /// `GATEWAY__` variables, which count more than the demo's configuration, but never lead away from the simulator.
    pub environment: Vec<(String, String)>,
}

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file of the data directory.
    #[error(transparent)]
    Keys(#[from] KeyFilesError),
    /// The key of the data directory.
    #[error(transparent)]
    Signing(#[from] SignError),
    /// The simulator's port.
    #[error("the simulator's port: {0}")]
    Simulator(std::io::Error),
    /// The environment has variables that do not fit.
    #[error(transparent)]
    Configuration(#[from] Faults),
    /// The gateway.
    #[error(transparent)]
    Gateway(#[from] StartError),
    /// The disk under the data directory.
    #[error(transparent)]
    Disk(#[from] DiskLost),
    /// A history is for the beginning.
    #[error("{} has a past already: give --history a --data-dir of its own", .0.display())]
    HasPast(PathBuf),
    /// A call to simulator or gateway that had to work.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Everything that is needed before the first thread runs: the configuration above all.
#[derive(Debug)]
pub struct Prepared {
    config: Config,
    data_dir: PathBuf,
    history: Option<u8>,
    signer: Signer,
    simulator: TcpListener,
    /// Ports that are others than usual, in words.
    pub notes: Vec<String>,
}

impl Prepared {
    /// Makes or finds the keys, looks for ports, and loads the configuration.
    pub fn new(options: Options) -> Result<Self, DemoError> {
        let data_dir = options.data_dir.unwrap_or_else(|| DATA_DIR.into());
        let keys = KeyFiles::find_or_generate(&data_dir.join("keys"))?;
        let signer = Signer::from_pem_or_secret_file(&keys.private)?;
        let simulator = Port::bind(SIMULATOR).map_err(DemoError::Simulator)?;
        let address = simulator.listener.local_addr().map_err(DemoError::Simulator)?;
        let (api, ops) = (Port::choose(options.listen, API), Port::choose(options.ops_listen, OPS));
        let notes = [simulator.note, api.note, ops.note].into_iter().flatten().collect();
        let place = Place {
            data_dir: &data_dir,
            keys: &keys,
            simulator: address,
            listen: api.address,
            ops: ops.address,
        };
        let environment = configuration::allowed(options.environment, options.listen, options.ops_listen);
        let config = config::load(&place.sources(environment))?.config;
        let (history, simulator) = (options.history, simulator.listener);
        Ok(Self { config, data_dir, history, signer, simulator, notes })
    }

    /// What the demo runs with.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Starts simulator and gateway. Both answer when this returns.
    pub async fn start(self) -> Result<Demo, DemoError> {
        let tasks = TaskTracker::new();
        let stop = CancellationToken::new();
        let simulator = self.simulator.local_addr().map_err(DemoError::Simulator)?;
        self.simulator.set_nonblocking(true).map_err(DemoError::Simulator)?;
        let listener = tokio::net::TcpListener::from_std(self.simulator).map_err(DemoError::Simulator)?;
        let (account, power) = (Simulator::new(configuration::account()), stop.clone());
        tasks.spawn(async move {
            if let Err(error) = account.serve(listener, power).await {
                tracing::error!(%error, "the simulator's listener failed: start the demo again");
            }
        });
        let caller = Caller::new()?;
        let clock = Clock::system();
        let has_past =
            past::retell(&caller, &format!("http://{simulator}"), &self.config, clock.clone()).await?;
        if let Some(months) = self.history {
            if has_past {
                return Err(DemoError::HasPast(self.data_dir));
            }
            let simulator = url(simulator);
            let played = history::play(&caller, &simulator, (&self.config, &self.signer), months);
            Box::pin(played).await?;
        }
        let gateway = Gateway::start(&self.config, clock.clone()).await?;
        let ready = Ready {
            api: url(gateway.api_address()),
            ops: url(gateway.ops_address()),
            simulator: url(simulator),
            data_dir: self.data_dir,
            tokens: cast::tokens(&self.signer, clock.now())?,
        };
        Ok(Demo { ready, gateway, tasks, stop, caller })
    }
}

/// The URL of a listener as this machine reaches it.
fn url(address: SocketAddr) -> String {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    format!("http://{address}")
}

/// A running demo.
pub struct Demo {
    ready: Ready,
    gateway: Gateway,
    tasks: TaskTracker,
    stop: CancellationToken,
    caller: Caller,
}

impl Demo {
    /// What there is to play with.
    pub const fn ready(&self) -> &Ready {
        &self.ready
    }

    /// The same for people: URLs, tokens, and lines to paste that work as they stand.
    pub async fn introduction(&self) -> Result<String, DemoError> {
        Ok(self.ready.introduction(&self.caller).await?)
    }

    /// The story of the tour, played against this demo.
    pub fn tour(&self) -> Tour {
        Tour::new(self.caller.clone(), self.ready.clone())
    }

    /// Serves until `stop`. The gateway drains first, with the simulator still there to answer it.
    pub async fn run_until(self, stop: CancellationToken) -> Result<(), DemoError> {
        let ran = self.gateway.run_until(stop).await;
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        Ok(ran?)
    }
}
