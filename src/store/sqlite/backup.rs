//! A copy of a database that somebody serves from: one state of it, whole, and nobody waits for it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::domain::audit::Head;
use crate::store::audit;
use crate::store::error::StoreError;
use crate::store::migrations;
use crate::store::session::{Link, Session};
use crate::store::sqlite::open_for_reading;

/// All pages in one step: what is copied page by page begins anew with every commit beside it.
const ALL: i32 = -1;

/// Copies a database of this version into a file that is not there yet, and gives the end of the copy's chain. The file is
/// whole and on the disk when this returns, or not there.
pub(in crate::store) fn backup(from: &Path, to: &Path) -> Result<Head, StoreError> {
    let unwritable = |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", to.display()));
    let source = open_for_reading(from)?;
    migrations::check(&Session::new(Link::Sqlite(&source)))?;
    if to.exists() {
        return Err(StoreError::Unavailable(format!("{} is there already; it is left alone", to.display())));
    }
    let partial = to.with_extension("partial");
    // Personal values are in it, so nobody else reads it.
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial);
    file.map_err(unwritable)?;
    let copied = copy(&source, &partial);
    let moved = copied.and_then(|head| {
        // Without replacing: somebody may have made one of that name meanwhile.
        std::fs::hard_link(&partial, to).map_err(unwritable)?;
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritable)?;
        Ok(head)
    });
    // What is left of it is of no use to anybody.
    let _ = std::fs::remove_file(&partial);
    moved
}

fn copy(source: &Connection, to: &Path) -> Result<Head, StoreError> {
    let mut target = Connection::open(to)?;
    let stepped = Backup::new(source, &mut target)?.step(ALL)?;
    if !matches!(stepped, StepResult::Done) {
        return Err(StoreError::Busy);
    }
    // A single file: whoever opens it for serving takes a log beside it again.
    target.execute_batch("PRAGMA journal_mode = DELETE;")?;
    let sound: String = target.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if sound != "ok" {
        return Err(StoreError::Corrupt(format!("the copy is not sound: {sound}")));
    }
    let head = audit::head(&Session::new(Link::Sqlite(&target)))?;
    drop(target);
    File::open(to)
        .and_then(|file| file.sync_all())
        .map_err(|error| StoreError::NotDurable(error.to_string()))?;
    Ok(head)
}
