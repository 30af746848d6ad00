//! Who gets in at all: so many connections, and so many of one address.
//!
//! A connection beyond the bounds is closed as it comes, before anything of it is read: whoever holds many slow ones
//! uses up his own places, and the rest of them are free again after a head's time.

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::io;
use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use axum_server::accept::Accept;
use ipnet::IpNet;
use tokio::net::TcpStream;

use super::Bounds;
use super::connection::{Requests, Stream};
use super::pulse::{Patience, Pulse};
use crate::http::{Neighbourhood, OfPeer, Peer};
use crate::metrics::{ConnectionBound, Metrics};

/// Lets connections in. Cheap to clone.
#[derive(Clone)]
pub(super) struct Gate {
    places: Arc<Places>,
    patience: Patience,
    leaving: Arc<AtomicBool>,
}

impl Gate {
    /// Once `leaving` is set, connections are told to end with their next answer.
    pub(super) const fn new(places: Arc<Places>, patience: Patience, leaving: Arc<AtomicBool>) -> Self {
        Self { places, patience, leaving }
    }
}

impl<S: OfPeer> Accept<TcpStream, S> for Gate {
    type Stream = Stream<TcpStream>;
    type Service = Requests<S>;
    type Future = Ready<io::Result<(Stream<TcpStream>, Requests<S>)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(stream.peer_addr().and_then(|peer| {
            let place = self.places.take(peer.ip()).ok_or(io::ErrorKind::ConnectionRefused)?;
            stream.set_nodelay(true)?;
            let pulse = Arc::new(Pulse::new(self.patience, Arc::clone(&self.leaving)));
            let requests = Requests::new(service.of_peer(Peer(peer.ip())), Arc::clone(&pulse));
            Ok((Stream::new(stream, pulse, place), requests))
        }))
    }
}

/// The places of a listener.
pub(super) struct Places {
    most: usize,
    most_per_address: usize,
    /// Proxies stand for many people; they have no bound of their own.
    proxies: Vec<IpNet>,
    taken: Mutex<Taken>,
    metrics: Option<Metrics>,
}

/// Never more entries than places.
#[derive(Default)]
struct Taken {
    all: usize,
    by_address: HashMap<Neighbourhood, usize>,
}

impl Places {
    pub(super) fn new(bounds: &Bounds, metrics: Option<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            most: bounds.connections,
            most_per_address: bounds.per_address,
            proxies: bounds.proxies.clone(),
            taken: Mutex::default(),
            metrics,
        })
    }

    /// A place, unless there is none for this address.
    fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let of = Neighbourhood::of(peer);
        let is_proxy = self.proxies.iter().any(|network| network.contains(&peer.to_canonical()));
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let its = taken.by_address.get(&of).copied().unwrap_or_default();
        let bound = match () {
            () if taken.all >= self.most => Some(ConnectionBound::All),
            () if its >= self.most_per_address && !is_proxy => Some(ConnectionBound::Address),
            () => None,
        };
        if let Some(bound) = bound {
            drop(taken);
            if let Some(metrics) = &self.metrics {
                metrics.connection_refused(bound);
            }
            return None;
        }
        taken.all += 1;
        taken.by_address.insert(of, its + 1);
        self.tell(taken.all);
        drop(taken);
        Some(Place { places: Arc::clone(self), of })
    }

    fn give_back(&self, of: Neighbourhood) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        match taken.by_address.get_mut(&of) {
            Some(its) if *its > 1 => *its -= 1,
            _ => drop(taken.by_address.remove(&of)),
        }
        self.tell(taken.all);
    }

    fn tell(&self, open: usize) {
        if let Some(metrics) = &self.metrics {
            metrics.connections_open(open);
        }
    }
}

/// The place of one open connection.
pub(super) struct Place {
    places: Arc<Places>,
    of: Neighbourhood,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.give_back(self.of);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::net::{IpAddr, Ipv6Addr};
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::Bounds;
    use super::super::pulse::Patience;
    use super::Places;

    fn places(connections: usize, per_address: usize, proxy: &str) -> Arc<Places> {
        let patience = Patience { head: Duration::from_secs(1), idle: Duration::from_secs(1) };
        let proxies = vec![proxy.parse().unwrap()];
        Places::new(&Bounds { patience, connections, per_address, proxies }, None)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_that_has_all_its_places_leaves_those_of_others() {
        let places = places(5, 2, "10.0.0.1/32");
        let own: Vec<_> = (0..2).map(|_| places.take(address("192.0.2.1")).unwrap()).collect();
        assert!(places.take(address("192.0.2.1")).is_none());
        assert!(places.take(address("::ffff:192.0.2.1")).is_none(), "the same in IPv6's words");
        let others: Vec<_> = (0..3).map(|_| places.take(address("10.0.0.1")).unwrap()).collect();
        assert!(places.take(address("192.0.2.2")).is_none(), "all places are taken");
        drop(others);
        drop(own);
        assert!(places.take(address("192.0.2.1")).is_some());
        let taken = places.taken.lock().unwrap();
        assert_eq!((taken.all, taken.by_address.len()), (0, 0), "nothing is remembered of who has gone");
    }

    #[test]
    fn a_network_of_64_bits_is_one_address() {
        let places = places(100_000, 3, "10.0.0.1/32");
        let of = |network: u16, host: u64| {
            let base = Ipv6Addr::new(0x2001, 0xdb8, 0, network, 0, 0, 0, 0);
            IpAddr::V6(Ipv6Addr::from_bits(base.to_bits() | u128::from(host)))
        };
        let held: Vec<_> = (0..1_000).filter_map(|host| places.take(of(1, host))).collect();
        assert_eq!(held.len(), 3);
        assert!(places.take(of(2, 1)).is_some());
    }
}
