//! The chain as lines of JSON that leave the house, and such lines read again.
//!
//! The first line says what follows, `{"format":"numbers-gateway-audit","version":1,"database_id":…,"from":1,
//! "personal":false,"head":{"sequence":…,"hash":…}}`; each further line is an event,
//! `{"seq":…,"hash":…,"previous_hash":…,"body":"…"}`, whose `body` is the exact text that the hash is over. With
//! personal values there is `"personal":{field:{"salt":base64,"value":…}}` beside it: their commitment is SHA-256
//! over salt and value. The head of the first line is the last one that follows, so that a cut copy shows.

use std::collections::BTreeMap;
use std::io::{self, BufRead, ErrorKind, Read as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::domain::audit::Head;
use crate::domain::canonical::Digest;
use crate::domain::chain::FoundLink;
use crate::service::evidence::findings::{Place, Report};
use crate::service::evidence::head::WitnessedHead;
use crate::service::evidence::links::Links;
use crate::store::personal::{self, KeptValue};
use crate::store::{self, Session, StoreError};

const FORMAT: &str = "numbers-gateway-audit";
const VERSION: u32 = 1;
/// Events of a page: what is in memory at a time.
const PAGE: i64 = 500;
/// A line is an event: its body, and a form with it at most.
const LONGEST_LINE: u64 = 4 << 20;

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The first event.
    pub from: i64,
    /// Whether personal values are.
    pub personal: bool,
}

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FirstLine {
    format: String,
    version: u32,
    database_id: String,
    from: i64,
    personal: bool,
    head: Head,
}

/// The line of an event.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Line {
    seq: i64,
    hash: Option<Digest>,
    previous_hash: Option<Digest>,
    body: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    personal: BTreeMap<String, OpenedValue>,
}

/// A personal value with what makes its commitment.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct OpenedValue {
    salt: String,
    value: String,
}

/// An export under way: its lines, page by page.
#[derive(Clone, Debug)]
pub struct Export {
    wanted: Wanted,
    first_line: Option<FirstLine>,
    last: i64,
    end: i64,
}

impl Export {
    /// An export that ends with the newest event of now.
    pub fn begin(session: &Session<'_>, wanted: Wanted) -> Result<Self, StoreError> {
        let head = store::audit::head(session)?;
        let from = wanted.from.max(1);
        let first_line = FirstLine {
            format: FORMAT.to_owned(),
            version: VERSION,
            database_id: store::audit::database_id(session)?,
            from,
            personal: wanted.personal,
            head,
        };
        Ok(Self { wanted, first_line: Some(first_line), last: from - 1, end: head.sequence })
    }

    /// The next lines; nothing at the end.
    pub fn next_page(&mut self, session: &Session<'_>) -> Result<Option<String>, StoreError> {
        if let Some(first_line) = self.first_line.take() {
            return Ok(Some(serde_json::to_string(&first_line)? + "\n"));
        }
        let left = self.end.saturating_sub(self.last).clamp(0, PAGE);
        let mut rows = store::audit::after(session, self.last, left)?;
        // Only where some are missing does a page reach beyond the end.
        rows.retain(|row| row.link.sequence <= self.end);
        let Some(newest) = rows.last().map(|row| row.link.sequence) else { return Ok(None) };
        let mut values = if self.wanted.personal {
            personal::between(session, self.last + 1, newest)?
        } else {
            Vec::new()
        };
        let mut text = String::new();
        for row in rows {
            let later = values.split_off(values.partition_point(|value| value.sequence <= row.link.sequence));
            let own = std::mem::replace(&mut values, later);
            text += &serde_json::to_string(&Line::new(row.link, own))?;
            text.push('\n');
        }
        self.last = newest;
        Ok(Some(text))
    }
}

impl Line {
    fn new(link: FoundLink, values: Vec<KeptValue>) -> Self {
        let opened = |value: KeptValue| {
            let opened = OpenedValue { salt: STANDARD.encode(value.salt), value: value.value };
            (value.field, opened)
        };
        Self {
            seq: link.sequence,
            hash: link.hash,
            previous_hash: link.previous_hash,
            body: link.body,
            personal: values.into_iter().map(opened).collect(),
        }
    }

    fn values(&self) -> Vec<KeptValue> {
        let kept = |(field, opened): (&String, &OpenedValue)| KeptValue {
            sequence: self.seq,
            field: field.clone(),
            // A salt that cannot be read makes another commitment, which is the fault that it is.
            salt: STANDARD.decode(&opened.salt).unwrap_or_default(),
            value: opened.value.clone(),
        };
        self.personal.iter().map(kept).collect()
    }
}

/// Verifies an export, without a database: its links, the personal values that it has, and its end.
pub fn verify(source: impl BufRead, witnessed: Option<&WitnessedHead>) -> io::Result<Report> {
    let mut source = Lines { source, number: 0 };
    let first = FirstLine::read(&source.next()?.unwrap_or_default())?;
    let before = first.from - 1;
    let mut report = Report::new(first.database_id, before, witnessed.map(|witnessed| witnessed.head));
    let mut chain = Links::after(before);
    while let Some(text) = source.next()? {
        let line: Line = match serde_json::from_str(&text) {
            Ok(line) => line,
            Err(error) => {
                report.tell(Place::Line(source.number), format!("is no event: {error}"));
                continue;
            }
        };
        let values = line.values();
        let found = FoundLink {
            sequence: line.seq,
            previous_hash: line.previous_hash,
            hash: line.hash,
            body: line.body,
        };
        let event = chain.follow(&found, &mut report);
        if first.personal {
            Links::compare_values(event.as_ref(), found.sequence, &values, &mut report);
        }
    }
    // An export from beyond the end has no event, and says so.
    let is_empty = report.events == 0 && first.head.sequence < first.from;
    if report.head != first.head && !is_empty {
        let (end, said) = (report.head.sequence, first.head.sequence);
        report.tell(Place::Head, format!("the export ends at {end}, its first line says {said}"));
    }
    if first.personal && first.from == 1 {
        chain.compare_erasures(&mut report);
    }
    chain.compare_head(witnessed, &mut report);
    Ok(report)
}

impl FirstLine {
    fn read(text: &str) -> io::Result<Self> {
        let wrong = |what: String| io::Error::new(ErrorKind::InvalidData, what);
        let first: Self =
            serde_json::from_str(text).map_err(|error| wrong(format!("no export of a gateway: {error}")))?;
        if first.format != FORMAT || first.version != VERSION || first.from < 1 {
            let (format, version) = (&first.format, first.version);
            return Err(wrong(format!(
                "{format} of version {version}, and not {FORMAT} of version {VERSION}"
            )));
        }
        Ok(first)
    }
}

/// Lines of bounded length.
struct Lines<R> {
    source: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> io::Result<Option<String>> {
        let mut text = Vec::new();
        let read = self.source.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut text)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if text.last() != Some(&b'\n') && u64::try_from(read).is_ok_and(|read| read == LONGEST_LINE) {
            let what = format!("line {} has more than {LONGEST_LINE} bytes", self.number);
            return Err(io::Error::new(ErrorKind::InvalidData, what));
        }
        Ok(Some(String::from_utf8_lossy(&text).into_owned()))
    }
}
