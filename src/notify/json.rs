//! A message as Standard Webhooks has it: `type`, `timestamp` and `data`.

use serde_json::json;

use crate::domain::notice::Message;

/// The body.
pub(super) fn body(message: &Message) -> String {
    let mut data = message.data.clone();
    data.insert("summary".to_owned(), message.summary.as_str().into());
    data.insert("link".to_owned(), message.link.as_deref().into());
    json!({"type": message.kind.as_str(), "timestamp": message.at, "data": data}).to_string()
}
