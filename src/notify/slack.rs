//! A message as Slack's incoming webhooks take it: `text` for notifications, `blocks` for the channel.
//!
//! Everything that a person or ClickSend may have written is escaped: a name must not become a link or call
//! `<!channel>`.

use serde_json::{Value, json};

use crate::domain::notice::Message;

/// Slack refuses more fields in a section.
const FIELDS: usize = 10;
/// Slack refuses a longer text of a section, and longer fields.
const SECTION: usize = 3_000;
const FIELD: usize = 2_000;

/// The body.
pub(super) fn body(message: &Message) -> String {
    let summary = escaped(&message.summary, SECTION);
    let mut blocks = vec![json!({"type": "section", "text": mrkdwn(&format!("*{summary}*"))})];
    let fields: Vec<Value> = message
        .facts
        .iter()
        .take(FIELDS)
        .map(|(label, text)| mrkdwn(&format!("*{label}*\n{}", escaped(text, FIELD))))
        .collect();
    if !fields.is_empty() {
        blocks.push(json!({"type": "section", "fields": fields}));
    }
    if let Some(link) = &message.link {
        let text = mrkdwn(&format!("<{}|Open in Numbers Gateway>", escaped(link, SECTION)));
        blocks.push(json!({"type": "section", "text": text}));
    }
    json!({"text": summary, "blocks": blocks}).to_string()
}

fn mrkdwn(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": text})
}

/// The three characters that Slack reads as its own, and no more text than it takes with the words around it.
fn escaped(text: &str, most: usize) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        let before = escaped.len();
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
        if escaped.len() > most - 100 {
            escaped.truncate(before);
            escaped.push('…');
            break;
        }
    }
    escaped
}
