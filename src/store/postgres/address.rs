//! Where a PostgreSQL is, who we are there, and how far its certificate is asked for.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::error::StoreError;

/// To one of a host's addresses.
const CONNECT: Duration = Duration::from_secs(5);
/// Bytes that nobody acknowledged for so long mean that the other side is gone.
const UNACKNOWLEDGED: Duration = Duration::from_secs(9);
const KEEPALIVE_AFTER: Duration = Duration::from_secs(10);

/// What moves the bytes of a connection, to be polled as long as it lives.
type Moving = Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send>>;

/// The same for somebody who wants to see what the server says by itself.
pub(super) trait Messages {
    fn poll_message(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<AsyncMessage, tokio_postgres::Error>>>;
}

impl<S, T> Messages for tokio_postgres::Connection<S, T>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    fn poll_message(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<AsyncMessage, tokio_postgres::Error>>> {
        self.poll_message(context)
    }
}

/// An address that was understood. Cheap enough to clone; shows no password.
#[derive(Clone)]
pub struct Address {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    place: String,
    emergency_file: PathBuf,
}

/// How an address is written down.
#[derive(Clone, Copy, Debug)]
pub struct AddressParts<'p> {
    /// `postgres://user@host:port/database?…`, as libpq writes it.
    pub url: &'p str,
    /// The password, which does not belong into a URL.
    pub password: Option<&'p str>,
    /// Root certificates instead of the platform's, PEM.
    pub ca_file: Option<&'p Path>,
    /// Where outcomes go that the database does not take.
    pub emergency_file: &'p Path,
}

impl fmt::Debug for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Address").field(&self.place).finish()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "postgres://{}", self.place)
    }
}

impl Address {
    /// Understands a URL. TLS with a verified certificate, but to this machine or with `sslmode=disable`: there is no way
    /// between the two, because a certificate that nobody verifies keeps nobody out.
    pub fn new(parts: AddressParts<'_>) -> Result<Self, StoreError> {
        let wrong = |what: &dyn fmt::Display| StoreError::Unavailable(format!("storage.url: {what}"));
        let mut config: Config = parts.url.parse().map_err(|error: tokio_postgres::Error| {
            wrong(&std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string))
        })?;
        if let Some(password) = parts.password {
            config.password(password);
        }
        if config.get_hosts().is_empty() {
            return Err(wrong(&"no host"));
        }
        let is_asked_for = parts.url.contains("sslmode=");
        let is_near = config.get_hosts().iter().all(is_this_machine);
        let wants_tls = match config.get_ssl_mode() {
            SslMode::Disable => false,
            SslMode::Prefer if is_asked_for => {
                return Err(wrong(&"sslmode=prefer keeps nobody out; write require or disable"));
            }
            SslMode::Prefer => !is_near,
            SslMode::Require | _ => true,
        };
        config
            .ssl_mode(if wants_tls { SslMode::Require } else { SslMode::Disable })
            .application_name("numbers-gateway")
            .connect_timeout(CONNECT)
            .tcp_user_timeout(UNACKNOWLEDGED)
            .keepalives_idle(KEEPALIVE_AFTER)
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(Self {
            tls: wants_tls.then(|| tls(parts.ca_file)).transpose()?,
            place: place(&config),
            config,
            emergency_file: parts.emergency_file.to_owned(),
        })
    }

    /// Hosts, ports and database, for people.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(in crate::store) fn emergency_file(&self) -> &Path {
        &self.emergency_file
    }

    /// Connects, to hear what the server says by itself.
    pub(super) async fn connect_to_listen(
        &self,
    ) -> Result<(Client, Box<dyn Messages + Send>), tokio_postgres::Error> {
        if let Some(tls) = &self.tls {
            let (client, connection) = self.config.connect(tls.clone()).await?;
            return Ok((client, Box::new(connection)));
        }
        let (client, connection) = self.config.connect(NoTls).await?;
        Ok((client, Box::new(connection)))
    }

    /// Connects.
    pub(super) async fn connect(&self) -> Result<(Client, Moving), tokio_postgres::Error> {
        if let Some(tls) = &self.tls {
            let (client, connection) = self.config.connect(tls.clone()).await?;
            return Ok((client, Box::pin(connection)));
        }
        let (client, connection) = self.config.connect(NoTls).await?;
        Ok((client, Box::pin(connection)))
    }
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

fn place(config: &Config) -> String {
    let ports = config.get_ports();
    let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(5432);
    let hosts = config.get_hosts().iter().enumerate().map(|(index, host)| match host {
        Host::Unix(path) => format!("{}:{}", path.display(), port(index)),
        Host::Tcp(name) => format!("{name}:{}", port(index)),
    });
    format!("{}/{}", hosts.collect::<Vec<_>>().join(","), config.get_dbname().unwrap_or_default())
}

fn tls(ca_file: Option<&Path>) -> Result<MakeRustlsConnect, StoreError> {
    let wrong = |what: &dyn fmt::Display| StoreError::Unavailable(format!("storage.ca_file: {what}"));
    let builder = ClientConfig::builder();
    let config = match ca_file {
        None => builder.with_platform_verifier().map_err(|error| wrong(&error))?,
        Some(path) => {
            let named = |error: &dyn fmt::Display| wrong(&format_args!("{}: {error}", path.display()));
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| named(&error))? {
                let certificate = certificate.map_err(|error| named(&error))?;
                roots.add(certificate).map_err(|error| named(&error))?;
            }
            if roots.is_empty() {
                return Err(named(&"no certificate in it"));
            }
            builder.with_root_certificates(roots)
        }
    };
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::path::Path;

    use super::{Address, AddressParts};

    fn read(url: &str) -> Result<Address, String> {
        // The one choice of cryptography; `main` makes it for the program.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let parts =
            AddressParts { url, password: Some("hunter2"), ca_file: None, emergency_file: Path::new("e") };
        Address::new(parts).map_err(|error| error.to_string())
    }

    #[test]
    fn only_this_machine_is_spoken_to_without_tls_unless_somebody_says_so() {
        for (url, wants_tls) in [
            ("postgres://gw@127.0.0.1:5433/gw", false),
            ("postgres://gw@localhost/gw", false),
            ("postgres:///gw?host=/run/postgresql&user=gw", false),
            ("postgres://gw@localhost/gw?sslmode=require", true),
            ("postgres://gw@db.example/gw", true),
            ("postgres://gw@localhost,db.example/gw", true),
            ("postgres://gw@db.example/gw?sslmode=disable", false),
        ] {
            assert_eq!(read(url).unwrap().tls.is_some(), wants_tls, "{url}");
        }
        assert!(read("postgres://gw@db/gw?sslmode=prefer").unwrap_err().contains("write require or disable"));
        assert!(read("postgres:///gw").unwrap_err().contains("no host"));
        assert!(read("postgres://gw@db/gw?sslmode=maybe").unwrap_err().contains("storage.url"));
    }

    #[test]
    fn an_address_shows_where_and_no_password() {
        let address = read("postgres://gw@db.example:5433,other:5432/gw").unwrap();
        assert_eq!(address.to_string(), "postgres://db.example:5433,other:5432/gw");
        assert_eq!(format!("{address:?}"), "Address(\"db.example:5433,other:5432/gw\")");
    }
}
