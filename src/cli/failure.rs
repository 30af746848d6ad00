//! How a command fails: a message for people, an exit code for scripts.

use std::fmt;
use std::process::ExitCode;

use crate::app::{DiskLost, StartError};

/// What kind of failure it was; but for the first, the numbers are those of `sysexits.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 1: nothing failed, and what was looked at is not as it should be, or the gateway refused what was asked of it.
    Amiss,
    /// 64: the command line or what stands on standard input.
    Usage,
    /// 69: something that the command depends on is not there: a database, a port, ClickSend.
    Dependency,
    /// 70: a fault of this program or of the machine.
    Internal,
    /// 78: the configuration.
    Configuration,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Amiss => 1,
            Status::Usage => 64,
            Status::Dependency => 69,
            Status::Internal => 70,
            Status::Configuration => 78,
        })
    }
}

/// A command that did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind.
    pub status: Status,
    /// What happened and what to do, without a newline at the end.
    pub message: String,
}

impl Failure {
    pub(super) fn amiss(message: impl fmt::Display) -> Self {
        Self::new(Status::Amiss, message)
    }

    pub(super) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Status::Usage, message)
    }

    pub(super) fn dependency(message: impl fmt::Display) -> Self {
        Self::new(Status::Dependency, message)
    }

    pub(super) fn internal(message: impl fmt::Display) -> Self {
        Self::new(Status::Internal, message)
    }

    pub(super) fn configuration(message: impl fmt::Display) -> Self {
        Self::new(Status::Configuration, message)
    }

    fn new(status: Status, message: impl fmt::Display) -> Self {
        Self { status, message: message.to_string() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<DiskLost> for Failure {
    fn from(lost: DiskLost) -> Self {
        Self::internal(lost)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Dependency(message) => Self::dependency(message),
            StartError::Configuration(message) => Self::configuration(message),
            StartError::Internal(message) => Self::internal(message),
        }
    }
}
