//! stub
use serde::{Deserialize, Serialize};
/// What the number is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageType {
    /// Text messages.
    Sms,
    /// Picture messages.
    Mms,
    /// Calls: stands in ClickSend's page and in none of its SDKs, so upstream decides.
    Voice,
}
impl std::str::FromStr for MessageType {
    type Err = MessageTypeError;
    fn from_str(text: &str) -> Result<Self, MessageTypeError> {
        match text {
            "sms" => Ok(Self::Sms),
            "mms" => Ok(Self::Mms),
            "voice" => Ok(Self::Voice),
            _ => Err(MessageTypeError),
        }
    }
}
/// A text that names no message type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a message type: sms, mms or voice")]
pub struct MessageTypeError;
