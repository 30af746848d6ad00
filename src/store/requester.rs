//! Who asked, as the nine columns that purchases and registrations share: issuer, subject, name, roles, email,
//! `actor_issuer`, `actor_subject`, `on_behalf_of`, team.

use crate::domain::principal::Person;
use crate::domain::purchase::Requester;
use crate::store::error::StoreError;
use crate::store::session::{Param, Row};

/// Reads the columns, in this order.
pub(super) fn read(row: &mut Row<'_>) -> Result<Requester, StoreError> {
    Ok(Requester {
        person: Person { issuer: row.text()?, subject: row.text()? },
        name: row.optional_text()?,
        roles: row.json()?,
        email: row.optional_text()?,
        actor: row
            .optional_text()?
            .zip(row.optional_text()?)
            .map(|(issuer, subject)| Person { issuer, subject }),
        on_behalf_of: row.optional_text()?,
        team: row.parsed()?,
    })
}

/// The columns for an INSERT, in this order. `roles` is their JSON.
pub(super) fn params<'r>(requester: &'r Requester, roles: &'r str) -> [Param<'r>; 9] {
    let actor = requester.actor.as_ref();
    [
        (&requester.person.issuer).into(),
        (&requester.person.subject).into(),
        requester.name.as_deref().into(),
        roles.into(),
        requester.email.as_deref().into(),
        actor.map(|actor| actor.issuer.as_str()).into(),
        actor.map(|actor| actor.subject.as_str()).into(),
        requester.on_behalf_of.as_deref().into(),
        requester.team.as_str().into(),
    ]
}
