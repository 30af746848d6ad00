//! Where a request comes from: the peer of its connection, or whom a trusted proxy names.
//!
//! `X-Forwarded-For` is read from its end, where the nearest proxy wrote: as long as an address is a proxy of ours,
//! the one before it is believed. What anybody else wrote further to the left is a stranger's word.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::Router;
use axum::http::{HeaderMap, Request};
use ipnet::IpNet;

/// The other end of the connection, on every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Routes that know from whom the requests of a connection come.
pub trait OfPeer {
    /// The same for the requests of this peer.
    #[must_use]
    fn of_peer(self, peer: Peer) -> Self;
}

/// Routes that do not ask.
impl OfPeer for Router {
    fn of_peer(self, _: Peer) -> Self {
        self
    }
}

/// What counts as one address: an IPv4 address, or an IPv6 network of 64 bits, which is what one customer gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Neighbourhood(IpAddr);

impl Neighbourhood {
    /// The one that an address belongs to.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        })
    }
}

impl Peer {
    /// Whose request it is. Nothing where no listener said it.
    pub(super) fn of<B>(request: &Request<B>) -> Option<Self> {
        request.extensions().get().copied()
    }

    /// Who asks: the peer, or whom he names, where he may.
    pub(super) fn asks_for(self, headers: &HeaderMap, proxies: &[IpNet]) -> Neighbourhood {
        Neighbourhood::of(origin(self.0, headers, proxies))
    }

    /// Whether it is a proxy of ours, whose word about a request counts.
    pub(super) fn is_proxy(self, proxies: &[IpNet]) -> bool {
        contains(proxies, self.0)
    }
}

fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address.to_canonical()))
}

fn origin(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let mut nearest = peer;
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    for text in lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')) {
        if !contains(proxies, nearest) {
            break;
        }
        // What a proxy of ours passed on without understanding it ends what is known.
        let Some(further) = address(text) else { break };
        nearest = further;
    }
    nearest
}

/// An address, maybe with a port, as proxies write it.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use axum::http::{HeaderMap, HeaderValue};

    use super::{Neighbourhood, origin};

    fn seen(peer: &str, lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let proxies = ["10.0.0.0/8", "2001:db8:1::/48"].map(|network| network.parse().unwrap());
        origin(peer.parse().unwrap(), &headers, &proxies).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_says_where_a_request_comes_from() {
        for (what, peer, lines, origin) in [
            ("nobody says anything", "10.0.0.1", &[][..], "10.0.0.1"),
            ("a stranger says something", "192.0.2.1", &["198.51.100.1"], "192.0.2.1"),
            ("our proxy says who", "10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("with a port", "10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("in IPv6", "10.0.0.1", &["2001:db8:9::1"], "2001:db8:9::1"),
            ("in brackets", "10.0.0.1", &["[2001:db8:9::1]"], "2001:db8:9::1"),
            ("in brackets with a port", "10.0.0.1", &["[2001:db8:9::1]:443"], "2001:db8:9::1"),
            (
                "what a stranger made up is to the left",
                "10.0.0.1",
                &["1.1.1.1, 198.51.100.1"],
                "198.51.100.1",
            ),
            ("two proxies of ours", "10.0.0.1", &["198.51.100.1, 10.2.2.2"], "198.51.100.1"),
            ("two lines", "10.0.0.1", &["1.1.1.1, 198.51.100.1", "10.2.2.2"], "198.51.100.1"),
            (
                "a stranger pretends to be a proxy",
                "10.0.0.1",
                &["1.1.1.1, 10.9.9.9, 198.51.100.1"],
                "198.51.100.1",
            ),
            ("proxies only", "10.0.0.1", &["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
            ("nonsense", "10.0.0.1", &["unknown"], "10.0.0.1"),
            ("nonsense behind an address", "10.0.0.1", &["198.51.100.1, _hidden"], "10.0.0.1"),
            ("an empty entry", "10.0.0.1", &["198.51.100.1,"], "10.0.0.1"),
            ("not even text", "10.0.0.1", &["\u{e4}"], "10.0.0.1"),
            ("a proxy in IPv6", "2001:db8:1::7", &["198.51.100.1"], "198.51.100.1"),
            ("IPv4 in IPv6's words", "::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
        ] {
            assert_eq!(seen(peer, lines), origin, "{what}");
        }
    }

    #[test]
    fn a_customer_has_one_address_however_many_he_has() {
        let of = |text: &str| Neighbourhood::of(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:ffff:ffff:ffff"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
