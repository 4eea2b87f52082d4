//! Files that are no one else's business, and their names: 0600 in a 0700 directory from the first moment, replaced as a whole, no symbolic link followed.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// Why a private file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The name leads elsewhere: a symbolic link may point at anybody's file.
    #[error("it is a symbolic link")]
    SymbolicLink,
    /// It is a directory, a pipe, a device.
    #[error("it is not a regular file")]
    NotAFile,
    /// Something that is no directory has the name of the directory.
    #[error("a file is in the place of its directory")]
    NotADirectory,
    /// The name of the directory leads elsewhere.
    #[error("its directory is a symbolic link")]
    LinkedDirectory,
    /// The file or its directory belongs to another user.
    #[cfg_attr(
        not(any(unix, test)),
        expect(dead_code, reason = "only Unix has owners of this kind")
    )]
    #[error("it, or its directory, belongs to another user")]
    Foreign,
    /// It is longer than anything this program writes.
    #[error("it is too large")]
    TooLarge,
    /// The operating system refuses.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// What a private file held.
#[derive(Debug)]
pub(crate) struct Contents {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether others could read them.
    pub privacy: Privacy,
}

/// Whether others can read a private file.
#[cfg_attr(
    not(unix),
    expect(dead_code, reason = "only Unix has modes of this kind")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Privacy {
    /// No one else can.
    Private,
    /// Others could until now. Its mode has been corrected; what it held may be known to them.
    Corrected,
    /// Others still can, as far as the modes go, which the file system does not keep (vfat, a Windows drive in WSL).
    Open,
}

/// Reads a private file of at most `limit` bytes; `None` where there is none.
///
/// # Errors
/// When it is a link, no file, another user's, too large, or cannot be read.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Contents>, Error> {
    no_link(split(path)?.0)?;
    let mut options = OpenOptions::new();
    no_follow(options.read(true));
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) if absent(&error) => return Ok(None),
        Err(error) => return Err(opening(path, error)),
    };
    let privacy = own(&file, 0o600)?;
    // Room for all of it: what grows leaves copies behind, and it may be a secret.
    let length = file.metadata()?.len().min(limit);
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default() + 1);
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > limit) {
        return Err(Error::TooLarge);
    }
    Ok(Some(Contents { bytes, privacy }))
}

/// Replaces a private file as a whole, or makes it, and its directory: after a crash it holds the old bytes or the new. Says whether
/// it is private.
///
/// # Errors
/// When its place is taken by something else, or the operating system refuses. The old file is then unharmed.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<Privacy, Error> {
    let mut new = begin(path)?;
    let privacy = own(new.as_file(), 0o600)?;
    new.as_file_mut().write_all(bytes)?;
    new.as_file().sync_all()?;
    new.persist(path).map_err(|error| error.error)?;
    sync_directory(split(path)?.0);
    Ok(privacy)
}

/// Finds out whether a private file could be written now. Leaves what is there as it is, but makes the directory.
///
/// # Errors
/// Where [`write()`] would fail.
pub(crate) fn could_write(path: &Path) -> Result<(), Error> {
    // A full disk may well take an empty file.
    begin(path)?.as_file_mut().write_all(&[b' '; ROOM])?;
    Ok(())
}

/// Makes a private file that was not there, as a whole, in a directory that is: nothing is ever overwritten.
///
/// # Errors
/// When something has its name, whatever it is, or the operating system refuses.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut new = begin_new(path)?;
    new.as_file_mut().write_all(bytes)?;
    new.as_file().sync_all()?;
    new.persist_noclobber(path).map_err(|error| error.error)?;
    sync_directory(directory_of(path));
    Ok(())
}

/// Finds out whether a private file could be made now. Leaves nothing behind.
///
/// # Errors
/// Where [`create`] would fail.
pub(crate) fn could_create(path: &Path) -> Result<(), Error> {
    begin_new(path)?.as_file_mut().write_all(&[b' '; ROOM])?;
    Ok(())
}

/// Begins a file that is to be at `path`, where nothing is yet.
fn begin_new(path: &Path) -> Result<tempfile::NamedTempFile, Error> {
    let (_, name) = split(path)?;
    match fs::symlink_metadata(path) {
        Ok(_) => return Err(Error::Io(io::ErrorKind::AlreadyExists.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let made = tempfile::Builder::new()
        .prefix(&unfinished(name))
        .tempfile_in(directory_of(path));
    made.map_err(|error| Error::Io(error.kind().into()))
}

/// Returns where a file is, also where its path is its name alone.
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    }
}

/// As much as a session takes.
const ROOM: usize = 8 * 1024;

/// Begins a file that is to replace the one at `path`.
fn begin(path: &Path) -> Result<tempfile::NamedTempFile, Error> {
    let (directory, name) = split(path)?;
    make_directory(directory)?;
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => return Err(Error::SymbolicLink),
        Ok(found) if !found.is_file() => return Err(Error::NotAFile),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    // The name of the unfinished file, which its error would add, tells no one anything.
    let made = tempfile::Builder::new()
        .prefix(&unfinished(name))
        .tempfile_in(directory);
    made.map_err(|error| Error::Io(error.kind().into()))
}

/// Removes a private file, and what a killed process may have left unfinished of it. No error where there is none.
///
/// # Errors
/// When the operating system refuses.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    let (directory, name) = split(path)?;
    no_link(directory)?;
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if absent(&error) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let unfinished = unfinished(name);
    for entry in entries {
        let entry = entry?;
        let found = entry.file_name();
        if found.to_str() == Some(name)
            || found
                .to_str()
                .is_some_and(|found| found.starts_with(&unfinished))
        {
            match fs::remove_file(entry.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
    }
    sync_directory(directory);
    Ok(())
}

/// Gives a private file another name in its directory, one that is free, and returns that.
///
/// # Errors
/// When the operating system refuses.
pub(crate) fn set_aside(path: &Path) -> Result<PathBuf, Error> {
    let (directory, name) = split(path)?;
    no_link(directory)?;
    let aside = (1..1000)
        .map(|number| directory.join(format!("{name}.aside-{number}")))
        .find(|aside| fs::symlink_metadata(aside).is_err())
        .ok_or_else(|| io::Error::from(io::ErrorKind::AlreadyExists))?;
    fs::rename(path, &aside)?;
    sync_directory(directory);
    Ok(aside)
}

/// Opens a private file that is only there to be locked, and makes it and its directory where they are missing.
///
/// # Errors
/// When it is a link, no file, another user's, or cannot be made.
pub(crate) fn open_lock(path: &Path) -> Result<File, Error> {
    make_directory(split(path)?.0)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    no_follow(&mut options);
    let file = options.open(path).map_err(|error| opening(path, error))?;
    own(&file, 0o600)?;
    Ok(file)
}

/// Says whether the file system of a directory keeps modes, as far as a new file there shows: vfat and a Windows drive in WSL keep none.
#[cfg(unix)]
pub(crate) fn keeps_modes(directory: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let made = tempfile::NamedTempFile::new_in(directory);
    let found = made.and_then(|made| made.as_file().metadata());
    !found.is_ok_and(|found| found.mode() & 0o077 != 0)
}

/// Names a file after a key that may hold anything, and that the name must not tell.
pub(crate) fn short_hash(key: &str) -> String {
    use std::fmt::Write;

    Sha256::digest(key.as_bytes())
        .iter()
        .take(8)
        .fold(String::new(), |mut name, byte| {
            let _ = write!(name, "{byte:02x}");
            name
        })
}

fn split(path: &Path) -> Result<(&Path, &str), Error> {
    let directory = path.parent().ok_or(Error::NotADirectory)?;
    let name = path.file_name().and_then(|name| name.to_str());
    Ok((directory, name.ok_or(Error::NotAFile)?))
}

fn unfinished(name: &str) -> String {
    format!(".{name}.")
}

/// A path below something that is no directory does not exist either.
fn absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// `O_NOFOLLOW` reports a link as `ELOOP`, which says little to a person.
fn opening(path: &Path, error: io::Error) -> Error {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Error::SymbolicLink,
        Ok(found) if !found.is_file() => Error::NotAFile,
        _ => error.into(),
    }
}

#[cfg(unix)]
pub(crate) fn no_follow(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;

    // NONBLOCK: opening a pipe that someone put there must not wait for its other end.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options
        .mode(0o600)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
}

#[cfg(windows)]
fn no_follow(options: &mut OpenOptions) {
    use std::os::windows::fs::OpenOptionsExt;

    /// Opens a link itself, which [`own`] then refuses: to look before would leave time to put one there.
    const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
    options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT);
}

/// Checks that an open file or directory is the user's own and closes it to others. Says whether it was open to them.
#[cfg(unix)]
fn own(file: &File, mode: u32) -> Result<Privacy, Error> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    let found = file.metadata()?;
    if mode == 0o600 && !found.is_file() {
        return Err(Error::NotAFile);
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(Error::Foreign);
    }
    let is_open = |found: fs::Metadata| found.mode() & 0o077 != 0;
    if !is_open(found) {
        return Ok(Privacy::Private);
    }
    // A file system that keeps no modes refuses another one, or takes it and forgets it.
    let closed = file.set_permissions(fs::Permissions::from_mode(mode));
    match closed.map_err(|error| error.kind()) {
        Ok(()) | Err(io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported) => {}
        Err(other) => return Err(Error::Io(other.into())),
    }
    Ok(if is_open(file.metadata()?) {
        Privacy::Open
    } else {
        Privacy::Corrected
    })
}

#[cfg(windows)]
fn own(file: &File, _mode: u32) -> Result<Privacy, Error> {
    let found = file.metadata()?;
    if found.is_symlink() {
        return Err(Error::SymbolicLink);
    }
    if !found.is_file() {
        return Err(Error::NotAFile);
    }
    Ok(Privacy::Private)
}

/// The directories above are the person's or the system's to arrange; this one is the program's. A junction of Windows is a link as well.
fn no_link(directory: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(directory) {
        Ok(found) if found.is_symlink() => Err(Error::LinkedDirectory),
        _ => Ok(()),
    }
}

fn make_directory(directory: &Path) -> Result<(), Error> {
    no_link(directory)?;
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .recursive(true)
        .create(directory)
        .map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => Error::NotADirectory,
            _ => error.into(),
        })?;
    #[cfg(unix)]
    own(&File::open(directory)?, 0o700)?;
    Ok(())
}

/// Makes the new name last through a power cut. Some file systems cannot, and the file itself is safe by then.
fn sync_directory(directory: &Path) {
    if cfg!(unix) {
        let _ = File::open(directory).and_then(|directory| directory.sync_all());
    }
}

#[cfg(all(test, windows))]
mod windows_tests {
    use super::*;

    #[test]
    fn a_junction_in_the_place_of_the_directory_is_refused() {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let [target, junction] = ["target", "junction"].map(|name| scratch.path().join(name));
        fs::create_dir(&target).expect("made");
        let made = std::process::Command::new("cmd")
            .args(["/d", "/c", "mklink", "/J"])
            .args([&junction, &target])
            .status();
        assert!(made.expect("cmd").success());
        let path = junction.join("session.json");
        assert!(matches!(write(&path, b"x"), Err(Error::LinkedDirectory)));
        assert!(matches!(read(&path, 10), Err(Error::LinkedDirectory)));
        assert_eq!(fs::read_dir(&target).expect("listed").count(), 0);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        let found = fs::symlink_metadata(path).expect("it is there");
        found.permissions().mode() & 0o7777
    }

    fn scratch() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary directory")
    }

    fn names_in(directory: &Path) -> Vec<std::ffi::OsString> {
        let entries = fs::read_dir(directory).expect("listed");
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        names
    }

    /// All that is done with a file; each fails in this way.
    #[track_caller]
    fn all_fail(path: &Path, is_so: impl Fn(&Error) -> bool) {
        for outcome in [
            read(path, 100).map(drop),
            write(path, b"x").map(drop),
            could_write(path),
            open_lock(path).map(drop),
        ] {
            assert!(outcome.as_ref().is_err_and(&is_so), "{outcome:?}");
        }
    }

    #[test]
    fn a_file_is_read_as_it_was_written_and_is_always_private() {
        let scratch = scratch();
        let path = scratch.path().join("deep/er/state.json");
        for text in ["first", "second, which is longer", ""] {
            write(&path, text.as_bytes()).expect("written");
            let contents = read(&path, 100).expect("read").expect("there");
            assert_eq!(contents.bytes, text.as_bytes());
            assert_eq!(contents.privacy, Privacy::Private);
        }
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&scratch.path().join("deep/er")), 0o700);
        assert_eq!(mode(&scratch.path().join("deep")), 0o700);
        assert_eq!(names_in(&scratch.path().join("deep/er")), ["state.json"]);
    }

    #[test]
    fn a_new_file_takes_the_place_of_nothing_and_makes_no_directory() {
        let scratch = scratch();
        let path = scratch.path().join("config.toml");
        could_create(&path).expect("it could");
        assert!(!path.exists());
        create(&path, b"first").expect("made");
        assert_eq!(mode(&path), 0o600);
        fs::create_dir(scratch.path().join("directory")).expect("made");
        symlink("nowhere", scratch.path().join("dangling")).expect("linked");
        for name in ["config.toml", "directory", "dangling"] {
            let path = scratch.path().join(name);
            for refused in [could_create(&path), create(&path, b"second")] {
                let is_there = matches!(&refused, Err(Error::Io(error)) if error.kind() == io::ErrorKind::AlreadyExists);
                assert!(is_there, "{name}: {refused:?}");
            }
        }
        for name in ["missing/config.toml", "config.toml/below"] {
            let path = scratch.path().join(name);
            for refused in [could_create(&path), create(&path, b"second")] {
                assert!(matches!(refused, Err(Error::Io(_))), "{name}");
            }
        }
        assert_eq!(fs::read(&path).ok(), Some(b"first".into()));
        let names = ["config.toml", "dangling", "directory"];
        assert_eq!(names_in(scratch.path()), names);
    }

    #[test]
    fn what_is_not_there_is_none_and_can_be_removed() {
        let scratch = scratch();
        let path = scratch.path().join("a/b");
        assert!(read(&path, 10).expect("no error").is_none());
        remove(&path).expect("no error");
        assert!(!scratch.path().join("a").exists());
    }

    #[test]
    fn a_symbolic_link_is_refused_and_its_target_left_alone() {
        let scratch = scratch();
        let target = scratch.path().join("target");
        fs::write(&target, "precious").expect("written");
        let link = scratch.path().join("link");
        symlink(&target, &link).expect("linked");
        let dangling = scratch.path().join("dangling");
        symlink(scratch.path().join("nowhere"), &dangling).expect("linked");
        for link in [&link, &dangling] {
            all_fail(link, |error| matches!(error, Error::SymbolicLink));
        }
        assert!(!scratch.path().join("nowhere").exists());
        remove(&link).expect("the link itself can go");
        assert_eq!(fs::read(&target).ok(), Some(b"precious".into()));
    }

    #[test]
    fn a_symbolic_link_to_a_directory_is_refused() {
        let scratch = scratch();
        let target = scratch.path().join("target");
        write(&target.join("file"), b"precious").expect("written");
        fs::set_permissions(&target, fs::Permissions::from_mode(0o755)).expect("opened up");
        let link = scratch.path().join("link");
        symlink(&target, &link).expect("linked");
        let path = link.join("file");
        all_fail(&path, |error| matches!(error, Error::LinkedDirectory));
        assert!(matches!(set_aside(&path), Err(Error::LinkedDirectory)));
        assert!(matches!(remove(&path), Err(Error::LinkedDirectory)));
        assert_eq!(fs::read(target.join("file")).ok(), Some(b"precious".into()));
        assert_eq!(mode(&target), 0o755);
    }

    #[test]
    fn a_file_or_directory_open_to_others_is_closed_and_named() {
        let scratch = scratch();
        let path = scratch.path().join("d/file");
        write(&path, b"x").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("opened up");
        let contents = read(&path, 10).expect("read").expect("there");
        assert_eq!(contents.privacy, Privacy::Corrected);
        assert_eq!(mode(&path), 0o600);
        let directory = scratch.path().join("d");
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).expect("opened up");
        write(&path, b"y").expect("written");
        assert_eq!(mode(&directory), 0o700);
    }

    /// The kernel's own files have modes that no one can change.
    #[cfg(target_os = "linux")]
    #[test]
    fn no_mode_is_claimed_that_the_file_system_does_not_keep() {
        let path = format!("/proc/{}/comm", std::process::id());
        let contents = read(Path::new(&path), 100).expect("read").expect("there");
        assert_eq!(contents.privacy, Privacy::Open);
        assert_ne!(mode(Path::new(&path)) & 0o077, 0);
    }

    #[test]
    fn a_file_system_that_keeps_modes_is_known() {
        let scratch = scratch();
        assert!(keeps_modes(scratch.path()));
        assert_eq!(names_in(scratch.path()), [""; 0]);
    }

    #[test]
    fn what_is_no_file_or_no_directory_is_refused_without_waiting() {
        let scratch = scratch();
        let directory = scratch.path().join("directory");
        fs::create_dir(&directory).expect("made");
        assert!(matches!(read(&directory, 10), Err(Error::NotAFile)));
        assert!(matches!(write(&directory, b"x"), Err(Error::NotAFile)));
        let pipe = scratch.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("mkfifo").success());
        assert!(matches!(read(&pipe, 10), Err(Error::NotAFile)));
        let file = scratch.path().join("file");
        fs::write(&file, "").expect("written");
        assert!(matches!(
            write(&file.join("below"), b"x"),
            Err(Error::NotADirectory)
        ));
    }

    #[test]
    fn another_users_file_is_refused() {
        // A normal user owns nothing of root's and root owns nothing of others: both have a foreign file at hand.
        let scratch = scratch();
        let foreign = if rustix::process::geteuid().is_root() {
            let path = scratch.path().join("foreign");
            fs::write(&path, "x").expect("written");
            std::os::unix::fs::chown(&path, Some(65534), None).expect("given away");
            path
        } else {
            Path::new("/etc/passwd").to_owned()
        };
        assert!(matches!(read(&foreign, 1 << 20), Err(Error::Foreign)));
    }

    #[test]
    fn asking_whether_a_file_could_be_written_leaves_it_as_it_is() {
        let scratch = scratch();
        let path = scratch.path().join("d/file");
        could_write(&path).expect("it could");
        assert!(read(&path, 10).expect("no error").is_none());
        write(&path, b"x").expect("written");
        could_write(&path).expect("it could");
        assert_eq!(names_in(&scratch.path().join("d")), ["file"]);
        assert!(could_write(&path.join("below")).is_err());
    }

    #[test]
    fn the_names_of_files_tell_nothing_and_keys_do_not_meet() {
        let name = short_hash("https://issuer.example client");
        assert_eq!(name.len(), 16);
        assert!(name.chars().all(|c| c.is_ascii_hexdigit()));
        assert_ne!(name, short_hash("https://issuer.example client2"));
    }

    #[test]
    fn what_is_set_aside_takes_no_other_files_place() {
        let scratch = scratch();
        let path = scratch.path().join("file");
        let mut asides = Vec::new();
        for text in ["first", "second"] {
            write(&path, text.as_bytes()).expect("written");
            asides.push(set_aside(&path).expect("set aside"));
            assert!(!path.exists());
        }
        // A removal is of the file, not of what was set aside.
        remove(&path).expect("no error");
        let texts: Vec<_> = asides.iter().map(|path| fs::read(path).ok()).collect();
        assert_eq!(texts, [Some(b"first".to_vec()), Some(b"second".to_vec())]);
        assert_eq!(mode(&asides[0]), 0o600);
    }

    #[test]
    fn a_file_longer_than_the_limit_is_refused() {
        let scratch = scratch();
        let path = scratch.path().join("long");
        write(&path, &[b'x'; 11]).expect("written");
        assert!(matches!(read(&path, 10), Err(Error::TooLarge)));
        assert!(read(&path, 11).is_ok());
    }

    #[test]
    fn removing_a_file_removes_its_unfinished_copies() {
        let scratch = scratch();
        let path = scratch.path().join("session.json");
        write(&path, b"x").expect("written");
        fs::write(scratch.path().join(".session.json.abc"), "half").expect("written");
        fs::write(scratch.path().join("session.json.other"), "keep").expect("written");
        remove(&path).expect("removed");
        assert_eq!(names_in(scratch.path()), ["session.json.other"]);
    }
}
