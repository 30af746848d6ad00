//! What is counted, by which: closed sets, never what a client sent.

/// A cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheName {
    /// Numbers on sale.
    Search,
    /// Owned numbers.
    Numbers,
}

/// Where an answer came from, the cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CacheResult {
    /// Kept and fresh.
    Hit,
    /// Kept, and being refreshed or all there is.
    Stale,
    /// Somebody else's upstream call served it.
    Coalesced,
    /// It cost an upstream call.
    Miss,
}

impl CacheResult {
    /// The metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Coalesced => "coalesced",
            Self::Miss => "miss",
        }
    }
}

/// A limit of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Requests of one address, whoever makes them.
    Addresses,
    /// Searches, lists and looks.
    Reads,
    /// Searches that go upstream.
    Misses,
    /// Purchases and registrations.
    Writes,
    /// Approvals, rejections and withdrawals.
    Decisions,
}

impl Limit {
    pub(super) const ALL: [Self; 5] =
        [Self::Addresses, Self::Reads, Self::Misses, Self::Writes, Self::Decisions];

    /// The metric label, and the name in `RateLimit` headers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Addresses => "addresses",
            Self::Reads => "reads",
            Self::Misses => "misses",
            Self::Writes => "writes",
            Self::Decisions => "decisions",
        }
    }

    /// For people.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Addresses => "requests of one address",
            Self::Reads => "searches and lists",
            Self::Misses => "searches that go to ClickSend",
            Self::Writes => "purchases and registrations",
            Self::Decisions => "decisions",
        }
    }
}

/// What came of an attempt to tell a webhook something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeOutcome {
    /// It was taken.
    Delivered,
    /// It is tried again.
    Failed,
    /// It is not tried any more.
    Dead,
}

impl NoticeOutcome {
    pub(super) const ALL: [Self; 3] = [Self::Delivered, Self::Failed, Self::Dead];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Dead => "dead",
        }
    }
}
