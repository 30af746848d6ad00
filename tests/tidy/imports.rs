//! Who may import whom: the doors between our rooms, and the home of each outside crate.
//!
//! Default deny: a room without a door, or a dependency without a home, is a finding as well.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::source::{Named, Source, paths};
use crate::{AT_HOME_EVERYWHERE, DOORS, GUARDED, HOMES, Opens};

/// The imports of one file, outside of its tests.
pub(super) fn check(source: &Source, found: &mut Vec<String>) {
    let Some(room) = source.room().filter(|_| !source.is_test()) else { return };
    let mut told = BTreeSet::new();
    for named in paths(&source.own) {
        let broken = [
            broken_door(room, &source.module(), &named),
            broken_home(room, &named),
            broken_guard(room, &named),
        ];
        for why in broken.into_iter().flatten() {
            if told.insert((named.line, why.clone())) {
                found.push(format!("{}:{}: {why}", source.path, named.line));
            }
        }
    }
}

fn broken_door(room: &str, module: &[&str], named: &Named<'_>) -> Option<String> {
    let target = target_room(module, &named.segments)?;
    let door = DOORS.iter().find(|door| door.room == room)?;
    match door.opens {
        Opens::Everything => None,
        Opens::Only(rooms) if target == room || rooms.contains(&target) => None,
        Opens::Only([]) => Some(format!("{room} imports {target}; it may import none of our rooms")),
        Opens::Only(rooms) => {
            Some(format!("{room} imports {target}; it may import {} (see DOORS)", rooms.join(", ")))
        }
    }
}

/// The room of ours that a path leads into, if it does.
fn target_room<'s>(module: &[&str], segments: &[&'s str]) -> Option<&'s str> {
    match segments {
        ["crate" | "numbers_gateway", target, ..] => Some(target),
        ["super", ..] => {
            let up = segments.iter().take_while(|segment| **segment == "super").count();
            let target = segments.get(up).copied().filter(|_| up == module.len())?;
            DOORS.iter().any(|door| door.room == target).then_some(target)
        }
        _ => None,
    }
}

fn broken_home(room: &str, named: &Named<'_>) -> Option<String> {
    let first = named.segments.first()?;
    let home = HOMES.iter().find(|home| home.name == *first && !home.rooms.contains(&room))?;
    let rooms = home.rooms.join(", ");
    Some(format!("{room} uses {first}, which is at home in {rooms}: {} (see HOMES)", home.why))
}

fn broken_guard(room: &str, named: &Named<'_>) -> Option<String> {
    let guarded = GUARDED.iter().find(|guarded| {
        guarded.room != Some(room) && named.segments.windows(2).any(|pair| pair == guarded.path)
    })?;
    Some(format!("{} is not called here: {}", guarded.path.join("::"), guarded.why))
}

/// Whether the tables know every room and every dependency.
pub(super) fn check_tables(root: &Path, sources: &[Source], found: &mut Vec<String>) {
    let rooms: BTreeSet<&str> = sources.iter().filter_map(Source::room).collect();
    for room in rooms {
        if !DOORS.iter().any(|door| door.room == room) {
            found.push(format!("src/{room}: a room without a door; say in DOORS what it may import"));
        }
    }
    for (line, name) in dependencies(&root.join("Cargo.toml")) {
        let has_home = HOMES.iter().any(|home| home.name == name);
        if !has_home && !AT_HOME_EVERYWHERE.contains(&name.as_str()) {
            found.push(format!(
                "Cargo.toml:{line}: {name} has no home; say in HOMES where it may be used, and why"
            ));
        }
    }
}

/// The keys of `[dependencies]` as paths spell them, with their lines.
fn dependencies(manifest: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(manifest).unwrap_or_default();
    let section = (1..).zip(text.lines()).skip_while(|(_, line)| *line != "[dependencies]").skip(1);
    section
        .take_while(|(_, line)| !line.starts_with('['))
        .filter_map(|(at, line)| Some((at, line.split_once('=')?.0.trim())))
        .filter(|(_, name)| !name.starts_with('#'))
        .map(|(at, name)| (at, name.replace('-', "_")))
        .collect()
}
