//! Ports: the usual one, or the next that is free.

use std::io;
use std::net::{SocketAddr, TcpListener};

/// How many ports are tried before any free one is taken.
const TRIES: u16 = 20;

/// A bound listener, and what to say when it is not where it usually is.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) listener: TcpListener,
    pub(super) note: Option<String>,
}

/// An address that somebody else will bind. Between the look and the bind another program may be faster; then the
/// start fails and says so.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) address: SocketAddr,
    pub(super) note: Option<String>,
}

impl Port {
    /// Binds the usual port or the next free one.
    pub(super) fn bind(usual: SocketAddr) -> io::Result<Bound> {
        let listener = (usual.port()..usual.port().saturating_add(TRIES))
            .chain([0])
            .find_map(|port| TcpListener::bind((usual.ip(), port)).ok())
            .map_or_else(|| TcpListener::bind(usual), Ok)?;
        let address = listener.local_addr()?;
        let note = (address != usual).then(|| format!("{usual} is taken, using {address}"));
        Ok(Bound { listener, note })
    }

    /// The port that was asked for, or the usual one, or the next free one.
    pub(super) fn choose(wanted: Option<SocketAddr>, usual: SocketAddr) -> Self {
        let found = match wanted {
            Some(address) => return Self { address, note: None },
            None => Self::bind(usual),
        };
        // Without any free port, binding the usual one tells why.
        match found.and_then(|bound| Ok((bound.listener.local_addr()?, bound.note))) {
            Ok((address, note)) => Self { address, note },
            Err(_) => Self { address: usual, note: None },
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::net::TcpListener;

    use super::Port;

    #[test]
    fn a_taken_port_gives_way_to_the_next_and_says_so() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let usual = taken.local_addr().unwrap();
        let next = Port::choose(None, usual);
        assert_ne!(next.address, usual);
        assert_eq!(next.note.unwrap(), format!("{usual} is taken, using {}", next.address));
        TcpListener::bind(next.address).unwrap();
    }

    #[test]
    fn a_free_port_is_taken_silently_and_a_chosen_one_always() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let usual = Port::choose(None, free);
        assert_eq!((usual.address, usual.note), (free, None));
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let wanted = taken.local_addr().unwrap();
        let chosen = Port::choose(Some(wanted), free);
        assert_eq!((chosen.address, chosen.note), (wanted, None));
    }
}
