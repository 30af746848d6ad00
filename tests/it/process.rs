//! The real program on a stage's database: started, killed, and what it logged.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use crate::chaos::shim::Shim;
use crate::stage::Stage;

/// Longer than any start or end takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `serve`.
pub struct Process {
    child: Child,
    /// Its log, line by line. Read as it comes, so that the pipe never fills; ends with the process.
    log: watch::Receiver<Vec<String>>,
}

impl Drop for Process {
    /// A test that fails leaves no server behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a process ended, and what it had said until then.
pub struct Ended {
    pub status: ExitStatus,
    pub log: String,
}

impl Process {
    /// Starts `serve` and returns when it says that it is ready; the stage's addresses are the process' then.
    pub async fn start(stage: &mut Stage) -> Self {
        Self::starting(stage, None).await.unwrap_or_else(|ended| panic!("{}", ended.log))
    }

    /// The same on a disk that may fail.
    pub async fn start_on(stage: &mut Stage, shim: &Shim) -> Self {
        Self::try_start_on(stage, shim).await.unwrap_or_else(|ended| panic!("{}", ended.log))
    }

    /// The same, where it may end before it is ready.
    pub async fn try_start_on(stage: &mut Stage, shim: &Shim) -> Result<Self, Ended> {
        Self::starting(stage, Some(shim)).await
    }

    async fn starting(stage: &mut Stage, shim: Option<&Shim>) -> Result<Self, Ended> {
        Self::spawn(stage, shim).ready(stage).await
    }

    async fn ready(self, stage: &mut Stage) -> Result<Self, Ended> {
        let Some(line) = self.first_line(|line| line.contains(r#""message":"ready""#)).await else {
            return Err(self.ended().await);
        };
        let ready: Value = serde_json::from_str(&line).unwrap();
        stage.api = format!("http://{}", ready["api"].as_str().unwrap());
        stage.ops = format!("http://{}", ready["ops"].as_str().unwrap());
        Ok(self)
    }

    /// One of several on the stage's database, with files of its own beside it.
    pub async fn replica(stage: &mut Stage, number: usize) -> Self {
        let configuration = stage.configuration();
        let started = Self::replica_but(stage, number, &configuration, None).await;
        started.unwrap_or_else(|ended| panic!("{}", ended.log))
    }

    /// The same with another configuration, on a machine that may fail; it may end before it is ready.
    pub async fn replica_but(
        stage: &mut Stage,
        number: usize,
        configuration: &str,
        shim: Option<&Shim>,
    ) -> Result<Self, Ended> {
        let text = configuration.replace("gateway.emergency", &format!("replica-{number}.emergency"));
        let text = text.replace("audit-head", &format!("audit-head-{number}"));
        Self::spawn_with(stage, &format!("replica-{number}.toml"), &text, shim).ready(stage).await
    }

    /// Starts `serve` and does not wait for it.
    pub fn spawn(stage: &Stage, shim: Option<&Shim>) -> Self {
        Self::spawn_with(stage, "gateway.toml", &stage.configuration(), shim)
    }

    fn spawn_with(stage: &Stage, file: &str, text: &str, shim: Option<&Shim>) -> Self {
        let configuration = stage.folder.path().join(file);
        std::fs::write(&configuration, text).unwrap();
        let mut command = serve(&configuration);
        // A service manager, where the test is one.
        let manager = stage.folder.path().join("notify");
        command.env_remove("NOTIFY_SOCKET");
        if manager.exists() {
            command.env("NOTIFY_SOCKET", manager);
        }
        if let Some(shim) = shim {
            command.envs(shim.environment(stage));
        }
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, log) = watch::channel(Vec::new());
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                sender.send_modify(|log| log.push(line));
            }
        });
        Self { child, log }
    }

    /// Waits until it has logged this.
    pub async fn says(&self, words: &str) {
        let line = self.first_line(|line| line.contains(words)).await;
        assert!(line.is_some(), "the process ended without saying: {words}");
    }

    /// The first line like this, or nothing if the process ends before.
    async fn first_line(&self, is_it: impl Fn(&str) -> bool) -> Option<String> {
        let find = |log: &Vec<String>| log.iter().find(|line| is_it(line)).cloned();
        let mut log = self.log.clone();
        let said = tokio::time::timeout(PATIENCE, log.wait_for(|log| find(log).is_some())).await;
        said.expect("the process says it, or ends").ok().and_then(|log| find(&log))
    }

    /// SIGHUP.
    pub fn hang_up(&self) {
        self.signal(rustix::process::Signal::HUP);
    }

    /// SIGTERM: it drains and ends.
    pub fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// SIGSTOP: it stands still, and its connections stay open.
    pub fn stop(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    /// Waits until it stands still, or is gone.
    pub async fn stands_or_ended(&self) {
        let stat = format!("/proc/{}/stat", self.child.id());
        let is_at_work = || {
            let stat = std::fs::read_to_string(&stat).unwrap();
            // The name before it may have anything in it but stands in brackets.
            !matches!(stat.rsplit(") ").next().and_then(|rest| rest.chars().next()), Some('T' | 'Z'))
        };
        while is_at_work() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// SIGKILL: nothing of the program's own runs any more. What it had logged.
    pub async fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.ended().await.log
    }

    /// Waits until it ends by itself.
    pub async fn ended(mut self) -> Ended {
        let mut log = self.log.clone();
        let ending = async { while log.changed().await.is_ok() {} };
        tokio::time::timeout(PATIENCE, ending).await.expect("the process ends");
        let log = self.log.borrow().join("\n");
        Ended { status: self.child.wait().unwrap(), log }
    }
}

/// `serve` with this configuration, whose log can be read.
pub fn serve(configuration: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_numbers-gateway"));
    command.args(["serve", "--config"]).arg(configuration);
    command.stderr(Stdio::piped()).stdout(Stdio::null());
    command
}
