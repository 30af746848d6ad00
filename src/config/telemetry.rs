//! What the gateway tells about itself, and how it answers older programs.

use crate::config::kind::Kind;
use crate::config::kinds::FLAG;
use crate::config::section::Section;
use crate::config::stand_in::StandIn;
use crate::config::units::{PERCENT, Percent, WEB_URL, WebUrl};

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

const LOG_FORMAT: Kind<LogFormat> = Kind::text("write json or text", |text| match text {
    "json" => Ok(LogFormat::Json),
    "text" => Ok(LogFormat::Text),
    _ => Err("no such format".into()),
});

const SEARCH_SHAPE: Kind<SearchShape> = Kind::text("write object or list", |text| match text {
    "object" => Ok(SearchShape::Object),
    "list" => Ok(SearchShape::List),
    _ => Err("no such shape".into()),
});

impl Telemetry {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            log_format: section.required("log_format", &LOG_FORMAT),
            otlp_endpoint: section.optional("otlp_endpoint", &WEB_URL),
            sample: section.required("sample", &PERCENT),
        }
    }
}

impl Compat {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            search_shape: section.required("search_shape", &SEARCH_SHAPE),
            strict_registration: section.required("strict_registration", &FLAG),
        }
    }
}

impl StandIn for LogFormat {
    fn stand_in() -> Self {
        Self::Json
    }
}

impl StandIn for SearchShape {
    fn stand_in() -> Self {
        Self::Object
    }
}
