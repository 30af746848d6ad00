//! A PostgreSQL of a test's own, which may be killed, copied and promoted. Its programs are where
//! `GATEWAY_TEST_POSTGRES_BIN` says.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::line::Line;
use crate::chaos::shim::Shim;

const PATIENCE: Duration = Duration::from_secs(30);
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = 32MB
autovacuum_naptime = 10min
";

/// A server and its files, which go with it.
pub struct Cluster {
    bin: PathBuf,
    home: TempDir,
    port: u16,
    /// What the server is started with.
    environment: Vec<(&'static str, String)>,
    server: Option<Child>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Cluster {
    /// A fresh one that runs. Nothing where the programs are not; then it has been said.
    pub fn start() -> Option<Self> {
        Self::start_on(None)
    }

    /// The same on a disk that may be full.
    #[expect(clippy::print_stderr, reason = "a test that was skipped says so")]
    pub fn start_on(shim: Option<&Shim>) -> Option<Self> {
        let Some(bin) = std::env::var_os("GATEWAY_TEST_POSTGRES_BIN").filter(|bin| !bin.is_empty()) else {
            eprintln!("skipped: it kills a PostgreSQL of its own: tests/run postgres chaos");
            return None;
        };
        let mut cluster = Self::empty(PathBuf::from(bin));
        let data = cluster.data();
        let options = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-N", "-D"];
        run(cluster.command("initdb").args(options).arg(&data));
        cluster.configure(SETTINGS);
        if let Some(shim) = shim {
            cluster.environment = shim.environment_in(cluster.home.path()).to_vec();
        }
        cluster.start_server();
        Some(cluster)
    }

    fn empty(bin: PathBuf) -> Self {
        let memory = Path::new("/dev/shm");
        let home = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
        if let Some((user, group)) = postgres() {
            std::os::unix::fs::chown(home.path(), Some(user), Some(group)).unwrap();
        }
        Self { bin, home, port: free_port(), environment: Vec::new(), server: None }
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// One of PostgreSQL's programs, by somebody who is not root: they refuse to be.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.current_dir(self.home.path()).stdin(Stdio::null());
        if let Some((user, group)) = postgres() {
            command.uid(user).gid(group);
        }
        command
    }

    fn configure(&self, settings: &str) {
        let mut file =
            std::fs::OpenOptions::new().append(true).open(self.data().join("postgresql.conf")).unwrap();
        std::io::Write::write_all(&mut file, format!("{settings}\nport = {}\n", self.port).as_bytes())
            .unwrap();
    }

    /// From its next start it speaks TLS, with this pair of certificate and key, and its user `gateway` comes by TLS and with
    /// this password or not at all.
    pub fn encrypt(&self, pair: &Path, password: &str) {
        let ours = self.home.path().join("pair.pem");
        std::fs::copy(pair, &ours).unwrap();
        std::fs::set_permissions(&ours, std::fs::Permissions::from_mode(0o600)).unwrap();
        if let Some((user, group)) = postgres() {
            std::os::unix::fs::chown(&ours, Some(user), Some(group)).unwrap();
        }
        self.psql("postgres", &format!("CREATE ROLE gateway LOGIN PASSWORD '{password}'"));
        let who = "host all postgres 127.0.0.1/32 trust\nhostssl all gateway 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(self.data().join("pg_hba.conf"), who).unwrap();
        let ours = ours.display();
        self.configure(&format!("ssl = on\nssl_cert_file = '{ours}'\nssl_key_file = '{ours}'"));
    }

    /// `PgBouncer` before it, as `mode` says; the address where it listens.
    pub fn pooled(&self, mode: &str) -> Option<(Child, String)> {
        let program = Path::new("/usr/sbin/pgbouncer");
        if !program.is_file() {
            return None;
        }
        let port = free_port();
        let folder = self.home.path().join(mode);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("users"), "\"postgres\" \"\"\n").unwrap();
        let file = folder.join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\nauth_file = {}\npool_mode = {mode}\n\
             ignore_startup_parameters = extra_float_digits\n",
            self.port,
            folder.join("users").display()
        );
        std::fs::write(&file, text).unwrap();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let mut command = Command::new(program);
        command.arg(&file).stdout(log.try_clone().unwrap()).stderr(log);
        if let Some((user, group)) = postgres() {
            command.uid(user).gid(group);
        }
        let proxy = command.spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "{}", std::fs::read_to_string(folder.join("log")).unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
        Some((proxy, format!("127.0.0.1:{port}")))
    }

    /// Starts it, after a crash as well; returns when it answers.
    pub fn start_server(&mut self) {
        let log = std::fs::OpenOptions::new().append(true).create(true).open(self.log()).unwrap();
        let mut command = self.command("postgres");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.arg("-D").arg(self.data()).stdout(log.try_clone().unwrap()).stderr(log);
        self.server = Some(command.spawn().unwrap());
        let asking = ["-q", "-h", "127.0.0.1", "-p"];
        let deadline = Instant::now() + PATIENCE;
        while !self.command("pg_isready").args(asking).arg(self.port.to_string()).status().unwrap().success()
        {
            assert!(Instant::now() < deadline, "{}", std::fs::read_to_string(self.log()).unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn log(&self) -> PathBuf {
        self.home.path().join("log")
    }

    /// kill -9 of the whole server: what it had not made durable is gone.
    pub fn kill(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let id = server.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        server.kill().unwrap();
        server.wait().unwrap();
        for child in children.split_whitespace().filter_map(|child| Pid::from_raw(child.parse().ok()?)) {
            // One that saw its parent go is gone already.
            let _ = kill_process(child, Signal::KILL);
        }
    }

    /// A standby of this one that streams through a line.
    pub fn standby(&self, line: &Line) -> Self {
        let mut standby = Self::empty(self.bin.clone());
        let mut copy = standby.command("pg_basebackup");
        copy.args(["-X", "stream", "-c", "fast", "-R", "-d"]);
        copy.arg(format!("postgres://postgres@{}", line.address())).arg("-D").arg(standby.data());
        run(&mut copy);
        standby.configure("");
        standby.start_server();
        standby
    }

    /// Ends a standby's time as one.
    pub fn promote(&self) {
        run(self.command("pg_ctl").args(["promote", "-w", "-D"]).arg(self.data()));
    }

    /// As `GATEWAY_TEST_POSTGRES` names one.
    pub fn url(&self) -> String {
        format!("postgres://postgres@{}", self.address())
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Says it to the server itself, by its own client.
    pub fn psql(&self, database: &str, statement: &str) -> String {
        let mut command = self.command("psql");
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "postgres"]);
        command.args(["-p", &self.port.to_string(), "-d", database, "-c", statement]);
        run(&mut command)
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Debian's user for it, where we are root.
fn postgres() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.starts_with("postgres:")).unwrap();
    let fields: Vec<&str> = line.split(':').collect();
    Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
}

fn run(command: &mut Command) -> String {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}
