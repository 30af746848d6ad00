//! What the gateway tells about itself, and how it answers older programs.

use crate::config::units::{Percent, WebUrl};

/// `[telemetry]`
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// Default JSON.
    pub log_format: LogFormat,
    /// OTLP over HTTP. Default none: no traces leave.
    pub otlp_endpoint: Option<WebUrl>,
    /// The share of traces that are sent. Default 1 %.
    pub sample: Percent,
}

/// `telemetry.log_format`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One object a line.
    Json,
    /// For eyes.
    Text,
}

/// `[compat]`
#[derive(Clone, Debug)]
pub struct Compat {
    /// Default object, as the live service answers.
    pub search_shape: SearchShape,
    /// Whether a registration must bring all eight fields of ClickSend's schema instead of the six of its page.
    /// Default no.
    pub strict_registration: bool,
}

/// `compat.search_shape`: what `data` of a search answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchShape {
    /// The page object.
    Object,
    /// The bare list, for programs written to ClickSend's older page.
    List,
}
