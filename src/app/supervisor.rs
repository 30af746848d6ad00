//! What systemd, or whoever started the gateway with a socket for it, is told: ready, reloading, stopping, and a sentence
//! on how things stand. Where there is no such socket nothing happens.
//!
//! The protocol is `sd_notify`(3): lines of `NAME=value` in one datagram. Nobody answers; who cannot be told is logged.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock;

/// A manager that does not read is not waited for longer: requests are served on this thread.
const PATIENCE: Duration = Duration::from_secs(1);

/// Cheap to clone; all clones talk to one.
#[derive(Clone, Debug, Default)]
pub struct Supervisor(Option<Arc<Channel>>);

#[derive(Debug)]
struct Channel {
    address: SocketAddr,
    socket: UnixDatagram,
    is_stopping: Mutex<bool>,
}

impl Supervisor {
    /// The one that listens at what `NOTIFY_SOCKET` says: a path, or a name in Linux' abstract space that begins with `@`.
    pub fn at(address: Option<OsString>) -> Self {
        let Some(address) = address else { return Self(None) };
        match Channel::to(&address) {
            Ok(channel) => Self(Some(Arc::new(channel))),
            Err(error) => {
                tracing::warn!(?address, %error, "the service manager cannot be told anything");
                Self(None)
            }
        }
    }

    /// Everything is served from now on, after the start or after a reload.
    pub fn ready(&self, status: &str) {
        self.tell_unless_stopping(|| format!("READY=1\nSTATUS={status}"));
    }

    /// The configuration is being read again; [`Self::ready`] ends it, however it goes.
    pub fn reloading(&self) {
        self.tell_unless_stopping(|| {
            let now = clock::monotonic().as_micros();
            format!("RELOADING=1\nMONOTONIC_USEC={now}\nSTATUS=reading the configuration again")
        });
    }

    /// The end has begun: from now on only its status is told.
    pub(super) fn stopping(&self, status: &str) {
        let Some(channel) = &self.0 else { return };
        *channel.stopping() = true;
        channel.tell(&format!("STOPPING=1\nSTATUS={status}"));
    }

    /// How things stand, in a sentence.
    pub(super) fn status(&self, status: &str) {
        if let Some(channel) = &self.0 {
            channel.tell(&format!("STATUS={status}"));
        }
    }

    /// A reload during the drain is nobody's business: to systemd the service would be up again.
    fn tell_unless_stopping(&self, state: impl FnOnce() -> String) {
        let Some(channel) = &self.0 else { return };
        let is_stopping = channel.stopping();
        if !*is_stopping {
            channel.tell(&state());
        }
    }
}

impl Channel {
    fn to(address: &OsStr) -> io::Result<Self> {
        let address = match address.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(address)?,
            _ => {
                return Err(io::Error::new(
                    io::ErrorKind::Unsupported,
                    "neither a path nor an abstract name",
                ));
            }
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { address, socket, is_stopping: Mutex::new(false) })
    }

    fn tell(&self, state: &str) {
        if let Err(error) = self.socket.send_to_addr(state.as_bytes(), &self.address) {
            tracing::warn!(state, %error, "the service manager could not be told");
        }
    }

    fn stopping(&self) -> std::sync::MutexGuard<'_, bool> {
        self.is_stopping.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]
mod tests {
    use super::*;

    /// What was told, one datagram each.
    fn heard(socket: &UnixDatagram) -> Vec<String> {
        socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 4096];
        let next = || socket.recv(&mut buffer).ok().and_then(|read| Some(buffer.get(..read)?.to_vec()));
        std::iter::from_fn(next).map(|bytes| String::from_utf8(bytes).unwrap()).collect()
    }

    #[test]
    fn a_name_in_the_abstract_space_is_told_like_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("numbers-gateway-{}", uuid::Uuid::new_v4());
        let abstract_name = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
        let sockets = [
            (UnixDatagram::bind(&path).unwrap(), path.into_os_string()),
            (UnixDatagram::bind_addr(&abstract_name).unwrap(), format!("@{name}").into()),
        ];
        for (socket, address) in sockets {
            Supervisor::at(Some(address)).ready("serving");
            assert_eq!(heard(&socket), ["READY=1\nSTATUS=serving"]);
        }
    }

    #[test]
    fn who_stops_is_never_ready_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let manager = Supervisor::at(Some(path.into_os_string()));
        manager.reloading();
        manager.stopping("draining");
        manager.ready("serving");
        manager.reloading();
        manager.status("draining: 1 buy under way");
        let heard = heard(&socket);
        let first: Vec<&str> = heard.iter().filter_map(|text| text.lines().next()).collect();
        assert_eq!(first, ["RELOADING=1", "STOPPING=1", "STATUS=draining: 1 buy under way"]);
        let since = heard.first().and_then(|text| text.lines().nth(1)?.strip_prefix("MONOTONIC_USEC="));
        assert!(since.unwrap().parse::<u64>().unwrap() > 0);
    }

    #[test]
    fn nobody_to_tell_is_no_reason_to_stop() {
        for address in [None, Some("vsock:2:1".into()), Some("/nobody/listens/here".into())] {
            let manager = Supervisor::at(address);
            manager.ready("serving");
            manager.stopping("draining");
        }
    }
}
