//! The first page: for each part the one that they come for.

use axum::response::Redirect;

use super::session::Visitor;
use crate::domain::principal::Role;

/// Whoever decides sees what waits for them; the others see what they can do something about.
pub(super) async fn start(visitor: Visitor) -> Redirect {
    let principal = &visitor.principal;
    let page = if principal.may_decide() {
        "/console/waiting"
    } else if principal.may_request() {
        "/console/requests"
    } else if principal.has(Role::Auditor) {
        "/console/audit"
    } else if principal.has(Role::Finance) {
        "/console/budgets"
    } else {
        "/console/numbers"
    };
    Redirect::to(page)
}
