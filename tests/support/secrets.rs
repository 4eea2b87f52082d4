//! What no output may hold: every secret of the run. All that the program writes is looked through, in every test.

use std::{
    collections::HashSet,
    fs,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A secret is known by its pieces of this length, so that a part of one is found as well: nothing else in an output is so random.
const PIECE: usize = 12;

static PIECES: Mutex<Option<HashSet<Vec<u8>>>> = Mutex::new(None);

/// Remembers a secret, from before anybody could have written it down.
pub(crate) fn know(secret: &str) {
    assert!(
        secret.len() >= PIECE,
        "too short to be told from anything else"
    );
    let mut known = known();
    let pieces = known.get_or_insert_default();
    pieces.extend(secret.as_bytes().chunks_exact(PIECE).map(<[u8]>::to_vec));
}

/// Looks through what was written. Panics where a secret shows, and names the place alone.
#[track_caller]
pub(crate) fn none_in(place: &str, written: &[u8]) {
    let found = find(written);
    assert!(
        found.is_none(),
        "there is a secret in {place}, at byte {found:?}"
    );
}

/// Looks through the files below a directory, but for those that are there to hold a secret: the kept session, and what a test put there.
#[track_caller]
pub(crate) fn none_below(directory: &Path, exempt: &[std::path::PathBuf]) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let holds_secrets =
            name.to_string_lossy().starts_with("session-") || exempt.contains(&path);
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => none_below(&path, exempt),
            Ok(kind) if kind.is_file() && !holds_secrets => {
                none_in(
                    &path.display().to_string(),
                    &fs::read(&path).unwrap_or_default(),
                );
            }
            _ => {}
        }
    }
}

fn find(written: &[u8]) -> Option<usize> {
    let known = known();
    let pieces = known.as_ref()?;
    written
        .windows(PIECE)
        .position(|window| pieces.contains(window))
}

fn known() -> MutexGuard<'static, Option<HashSet<Vec<u8>>>> {
    PIECES.lock().unwrap_or_else(PoisonError::into_inner)
}
