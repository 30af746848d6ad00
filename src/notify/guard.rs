//! Resolves a receiver's name and lets only addresses through that may be connected to.
//!
//! The client connects to what this returns and to nothing else, so a name that points inside, always or only the
//! second time it is asked for, leads nowhere.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use crate::domain::inner_address::is_inner;

/// Judges addresses.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    inner_networks: Arc<[IpNet]>,
    /// A name server that hangs holds a thread of the pool that reads the database, too: never more than one.
    resolving: Arc<Semaphore>,
}

/// An address inside that no configured network admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a public address, and notifications.inner_networks does not list it")]
pub(super) struct Inner(IpAddr);

impl Guard {
    pub(super) fn new(inner_networks: Vec<IpNet>) -> Self {
        Self { inner_networks: inner_networks.into(), resolving: Arc::new(Semaphore::new(1)) }
    }

    fn admit(&self, address: IpAddr) -> Result<(), Inner> {
        let listed = self.inner_networks.iter().any(|network| network.contains(&address.to_canonical()));
        if listed || !is_inner(address) { Ok(()) } else { Err(Inner(address)) }
    }

    /// The same for a URL whose host is an address.
    pub(super) fn admit_literal(&self, url: &Url) -> Result<(), Inner> {
        let host = url.host_str().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse();
        literal.map_or(Ok(()), |address| self.admit(address))
    }

    fn admitted(&self, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, Inner> {
        let mut refused = None;
        let mut admitted = Vec::new();
        for address in found {
            match self.admit(address.ip()) {
                Ok(()) => admitted.push(address),
                Err(inner) => refused = Some(inner),
            }
        }
        refused.filter(|_| admitted.is_empty()).map_or(Ok(admitted), Err)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let turn = Arc::clone(&guard.resolving).acquire_owned().await?;
            let found = tokio::task::spawn_blocking(move || {
                // Kept by the thread: whoever gave up waiting does not free it.
                let _turn = turn;
                (name.as_str(), 0).to_socket_addrs()
            });
            let admitted = guard.admitted(found.await??)?;
            let addresses: Addrs = Box::new(admitted.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use super::Guard;

    #[test]
    fn of_a_names_addresses_only_those_that_may_be_connected_to_are_left() {
        let guard = Guard::new(vec!["10.1.0.0/16".parse().unwrap()]);
        let found = |addresses: &[&str]| {
            let addresses: Vec<_> = addresses.iter().map(|text| text.parse().unwrap()).collect();
            let admitted = guard.admitted(addresses.into_iter()).map_err(|inner| inner.to_string());
            admitted.map(|admitted| admitted.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(found(&["8.8.8.8:0", "127.0.0.1:0", "10.1.2.3:0"]).unwrap(), ["8.8.8.8:0", "10.1.2.3:0"]);
        assert!(found(&["169.254.169.254:0"]).unwrap_err().starts_with("169.254.169.254 is not a public"));
        assert!(found(&["[::ffff:10.2.0.1]:0"]).is_err(), "an IPv4 address in other clothes");
    }

    #[test]
    fn an_address_in_a_url_is_judged_as_well() {
        let guard = Guard::new(vec!["127.0.0.0/8".parse().unwrap()]);
        let admits = |url: &str| guard.admit_literal(&url.parse().unwrap()).is_ok();
        assert!(admits("http://127.0.0.1:8080/hook") && admits("https://hooks.example.com/x"));
        // The last is 10.0.0.1 as browsers read it.
        for inner in ["http://[::1]/", "http://10.0.0.1/", "http://167772161/"] {
            assert!(!admits(inner), "{inner}");
        }
    }
}
