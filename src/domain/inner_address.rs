//! Which addresses are nobody's business outside: this machine, the company's own networks, the cloud's metadata.
//!
//! What is configured by a name is somebody else's DNS: an address is judged when it is connected to, not before.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is not a public one (IANA's special-purpose registries, RFC 6890).
pub fn is_inner(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_inner_v4(address),
        IpAddr::V6(address) => is_inner_v6(address),
    }
}

fn is_inner_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        // "This network", shared address space of carriers (RFC 6598), protocol assignments, benchmarks, reserved.
        || first == 0
        || (first == 100 && (64..128).contains(&second))
        || (first == 192 && second == 0 && third == 0)
        || (first == 198 && (18..20).contains(&second))
        || first >= 240
}

fn is_inner_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let [first, second, ..] = segments;
    // 2000::/3 is all that is public; of that, documentation and the tunnels that carry an IPv4 address are not:
    // 6to4 and Teredo would be a way around the rule above, as would NAT64 (64:ff9b::/96, outside of 2000::/3).
    let is_global = first & 0xe000 == 0x2000;
    !is_global || first == 0x2002 || (first == 0x2001 && (second == 0x0db8 || second < 0x0200))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use super::is_inner;

    #[test]
    fn only_public_addresses_are_outside() {
        for inner in [
            "127.0.0.1",
            "127.255.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "0.1.2.3",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::7f00:1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001::1",
            "2001:db8::1",
        ] {
            assert!(is_inner(inner.parse().unwrap()), "{inner}");
        }
        for public in
            ["8.8.8.8", "172.32.0.1", "100.128.0.1", "192.169.0.1", "2606:4700::1111", "2001:4860:4860::8888"]
        {
            assert!(!is_inner(public.parse().unwrap()), "{public}");
        }
    }
}
