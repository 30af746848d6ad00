//! Counting what people say became of something that nothing else can settle: one voice a human being.

use crate::domain::approval::is_same_address;
use crate::domain::principal::Principal;
use crate::store::resolutions::Voice;
use crate::store::{self, StoreError, Tx};

/// Puts somebody's voice about a target into the place of the same human being's earlier one; how many say the same
/// now.
pub(super) fn speak(
    tx: &mut Tx<'_>,
    kind: &str,
    id: &str,
    principal: &Principal,
    outcome: &str,
) -> Result<usize, StoreError> {
    let mine = Voice {
        person: principal.person.clone(),
        email: principal.email.clone(),
        outcome: outcome.to_owned(),
    };
    let mut agreeing = 1;
    for voice in store::resolutions::of(tx.session(), kind, id)? {
        if voice.person == mine.person || is_same_address(voice.email.as_deref(), mine.email.as_deref()) {
            store::resolutions::remove(tx, kind, id, &voice.person)?;
        } else if voice.outcome == mine.outcome {
            agreeing += 1;
        }
    }
    store::resolutions::insert(tx, kind, id, &mine)?;
    Ok(agreeing)
}
