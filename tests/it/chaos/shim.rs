//! `shim.c`, compiled once a run, and the folder by which a test tells it what shall fail.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::stage::Stage;

/// A disk, a power supply and a process that fail when they are told to. One a stage.
pub struct Shim {
    library: &'static Path,
    control: TempDir,
    plans: std::cell::Cell<u32>,
}

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// SIGKILL before the call does anything.
    KillBefore,
    /// SIGKILL when the call has done everything.
    KillAfter,
    /// SIGSTOP before the call does anything.
    StopBefore,
    /// SIGSTOP when the call has done everything.
    StopAfter,
    /// As `KillBefore`, and the write-ahead log loses what was not confirmed by an fsync.
    CutPower,
    /// The call fails with EIO.
    Fail,
    /// The disk is full from then on.
    FillAfter,
}

/// A call, as `shim.c` names them, and the how-manieth since the plan was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub name: String,
    pub count: usize,
}

/// At this call, this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub act: Act,
    pub call: Call,
}

impl Shim {
    /// Nothing where there is none: it needs Linux and a C compiler.
    pub fn new() -> Option<Self> {
        let library = library()?;
        Some(Self { library, control: tempfile::tempdir().unwrap(), plans: std::cell::Cell::new(0) })
    }

    /// What the process is started with.
    pub fn environment(&self, stage: &Stage) -> [(&'static str, String); 4] {
        let port = stage.upstream.rsplit(':').next().unwrap().to_owned();
        let [library, folder, control] = self.files(self.library, stage.folder.path());
        [library, folder, control, ("CHAOS_PORT", port)]
    }

    /// What another program is started with that has its files in a folder, under whatever user.
    pub fn environment_in(&self, folder: &Path) -> [(&'static str, String); 3] {
        let library = folder.join("shim.so");
        std::fs::copy(self.library, &library).unwrap();
        for open in [self.control.path(), &library] {
            std::fs::set_permissions(open, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        self.files(&library, folder)
    }

    fn files(&self, library: &Path, folder: &Path) -> [(&'static str, String); 3] {
        let text = |path: &Path| path.canonicalize().unwrap().to_str().unwrap().to_owned();
        [
            ("LD_PRELOAD", text(library)),
            ("CHAOS_DIR", text(folder)),
            ("CHAOS_CONTROL", text(self.control.path())),
        ]
    }

    /// From now on, and only this.
    pub fn plan(&self, plan: &Plan) {
        let act = match plan.act {
            Act::KillBefore => "kill-before",
            Act::KillAfter => "kill-after",
            Act::StopBefore => "stop-before",
            Act::StopAfter => "stop-after",
            Act::CutPower => "cut-before",
            Act::Fail => "fail",
            Act::FillAfter => "fill-after",
        };
        // A number behind it makes it another plan than an equal one before.
        self.plans.set(self.plans.get() + 1);
        let text = format!("{act} {} {} {}", plan.call.name, plan.call.count, self.plans.get());
        let fresh = self.control.path().join("plan.new");
        std::fs::write(&fresh, text).unwrap();
        std::fs::rename(fresh, self.control.path().join("plan")).unwrap();
    }

    /// Nothing happens any more.
    pub fn forget_plan(&self) {
        let _ = std::fs::remove_file(self.control.path().join("plan"));
    }

    /// Whether writes that need a new block fail.
    pub fn set_full(&self, full: bool) {
        let path = self.control.path().join("full");
        if full { std::fs::write(path, "").unwrap() } else { std::fs::remove_file(path).unwrap() }
    }

    /// Writes calls down from now on.
    pub fn begin_log(&self) {
        std::fs::write(self.control.path().join("log"), "").unwrap();
    }

    /// The names of the calls since then, in order.
    pub fn end_log(&self) -> Vec<String> {
        let path = self.control.path().join("log");
        let log = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        log.lines().map(ToOwned::to_owned).collect()
    }
}

fn library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    LIBRARY.get_or_init(compile).as_deref()
}

fn compile() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // Several runs may compile at once; each moves a whole library into place.
    let (fresh, library) = (folder.join(format!("shim-{}.so", std::process::id())), folder.join("shim.so"));
    let compiler = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&fresh)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/chaos/shim.c"))
        .arg("-ldl")
        .output();
    match compiler {
        _ if !cfg!(target_os = "linux") => None,
        Ok(done) if done.status.success() => {
            std::fs::rename(fresh, &library).unwrap();
            Some(library)
        }
        Ok(done) => panic!("{}", String::from_utf8_lossy(&done.stderr)),
        Err(_) => None,
    }
}

/// The shim, or a word in the test's output that it was not tried.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub fn or_skip() -> Option<Shim> {
    let shim = Shim::new();
    if shim.is_none() {
        eprintln!("skipped: a failing disk needs Linux and a C compiler");
    }
    shim
}
