//! The keyring of the operating system, on a thread of its own: a call may wait for a person, or for ever.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use keyring::{Entry, Error};
use keyring_core::api::CredentialStoreApi;
use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroize};
use tokio::sync::oneshot;

use crate::{
    failure::{Cause, Failure, Kind},
    platform::{self, Platform},
    text,
};

const SERVICE: &str = "epigraph";
const CHOOSE_FILE: &str = "set `store = \"file\"` in the configuration (or pass `--store file`) to keep the session in a file that only you can read";

/// How long a call may take without a word. Longer means that the keyring waits for a person, or for ever.
pub(super) const LIMIT: Duration = Duration::from_secs(3);

/// How long a person may take to answer. macOS asks in a window of its own, for the log-in password, and after each upgrade of the
/// program: on the other systems a new attempt finds the keyring unlocked.
pub(super) const PATIENCE: Duration = match Platform::HERE {
    Platform::MacOs => Duration::from_mins(1),
    Platform::Linux | Platform::Windows => LIMIT,
};

type Work = Box<dyn FnOnce(&Entry) -> Result<Option<SecretString>, Error> + Send>;

struct Call {
    user: String,
    work: Work,
    late: Late,
    answer: oneshot::Sender<Result<Option<SecretString>, Failure>>,
}

pub(super) struct System {
    worker: Mutex<Option<Worker>>,
    user: String,
    patience: Duration,
}

/// One at a time, so that calls take effect in the order in which they were made, also those that no one waits for any more.
/// It is never joined: the process ends without it.
#[derive(Clone)]
struct Worker {
    queue: mpsc::Sender<Call>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Since when the worker has been at its present call.
    busy_since: Option<Instant>,
    /// How many calls still have to take effect, with the present one.
    to_do: usize,
}

impl State {
    fn busy_for(&self, limit: Duration) -> bool {
        self.busy_since
            .is_some_and(|since| since.elapsed() >= limit)
    }
}

/// What may become of a call that no one waits for any more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Late {
    /// Its answer is of no use.
    Skip,
    /// It still has to take effect, after those before it.
    Do,
}

impl System {
    pub(super) fn new(user: &str) -> Self {
        Self {
            worker: Mutex::default(),
            user: user.to_owned(),
            patience: PATIENCE,
        }
    }

    pub(super) async fn read(&self) -> Result<Option<SecretString>, Failure> {
        self.call(Late::Skip, |entry| {
            let mut bytes = entry.get_secret()?;
            let secret = SecretString::from(String::from_utf8_lossy(&bytes).into_owned());
            bytes.zeroize();
            Ok(Some(secret))
        })
        .await
    }

    pub(super) async fn write(&self, secret: SecretString) -> Result<(), Failure> {
        self.call(Late::Do, move |entry| {
            entry.set_secret(secret.expose_secret().as_bytes())?;
            Ok(None)
        })
        .await
        .map(drop)
    }

    pub(super) async fn clear(&self) -> Result<(), Failure> {
        self.call(Late::Do, |entry| {
            entry.delete_credential()?;
            Ok(None)
        })
        .await
        .map(drop)
    }

    /// Removes the secret where it is this one.
    pub(super) async fn withdraw(&self, secret: SecretString) -> Result<(), Failure> {
        self.call(Late::Do, move |entry| {
            let mut kept = entry.get_secret()?;
            let same = kept == secret.expose_secret().as_bytes();
            kept.zeroize();
            if same {
                entry.delete_credential()?;
            }
            Ok(None)
        })
        .await
        .map(drop)
    }

    /// Looks whether the keyring could take a secret now, and has no one asked to unlock it.
    pub(super) async fn look(&self) -> Result<(), Failure> {
        self.call(Late::Skip, |_| look().map(|()| None))
            .await
            .map(drop)
    }

    /// Writes an entry that means nothing, and removes it: a write has a person asked to unlock the keyring.
    pub(super) async fn probe(&self) -> Result<(), Failure> {
        self.call_on("probe", Late::Skip, |entry| {
            entry.set_secret(b"probe")?;
            entry.delete_credential()?;
            Ok(None)
        })
        .await
        .map(drop)
    }

    /// The worker. One that waits for an answer that may never come, because the keyring was started anew or its question
    /// went unseen, is left to itself where nothing is lost by it.
    fn worker(&self) -> Worker {
        let mut worker = self.worker.lock();
        let given_up = worker.as_ref().is_some_and(|worker| {
            let state = worker.state.lock();
            state.to_do == 0 && state.busy_for(2 * self.patience)
        });
        if given_up {
            *worker = None;
        }
        worker.get_or_insert_with(start).clone()
    }

    async fn call(
        &self,
        late: Late,
        work: impl FnOnce(&Entry) -> Result<Option<SecretString>, Error> + Send + 'static,
    ) -> Result<Option<SecretString>, Failure> {
        self.call_on(&self.user, late, work).await
    }

    async fn call_on(
        &self,
        user: &str,
        late: Late,
        work: impl FnOnce(&Entry) -> Result<Option<SecretString>, Error> + Send + 'static,
    ) -> Result<Option<SecretString>, Failure> {
        let worker = self.worker();
        let stuck = {
            let mut state = worker.state.lock();
            // Who waited in vain a moment ago does not wait in vain again, and hears at once that nothing has changed.
            let stuck = state.busy_for(self.patience);
            if stuck && late == Late::Skip {
                return Err(waiting(Platform::HERE));
            }
            state.to_do += usize::from(late == Late::Do);
            stuck
        };
        let (answer, answered) = oneshot::channel();
        let call = Call {
            user: user.to_owned(),
            work: Box::new(work),
            late,
            answer,
        };
        // A worker that is gone drops the answer, which is told apart below. The next call has another one.
        if worker.queue.send(call).is_err() {
            *self.worker.lock() = None;
        }
        let limit = if stuck { Duration::ZERO } else { self.patience };
        match tokio::time::timeout(limit, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(no_thread(Platform::HERE)),
            Err(_) => Err(waiting(Platform::HERE)),
        }
    }
}

fn start() -> Worker {
    let (queue, calls) = mpsc::channel::<Call>();
    let state = Arc::<Mutex<State>>::default();
    let shared = Arc::clone(&state);
    let work = move || {
        for call in calls {
            if call.late == Late::Skip && call.answer.is_closed() {
                continue;
            }
            shared.lock().busy_since = Some(Instant::now());
            let result = match open(&call.user) {
                Ok(entry) => match (call.work)(&entry) {
                    Err(Error::NoEntry) => Ok(None),
                    other => other.map_err(|error| failure(Platform::HERE, &error)),
                },
                Err(error) => Err(match &error {
                    Error::PlatformFailure(cause) => Failure {
                        cause: Cause::told_by(cause.as_ref()),
                        ..unopened(Platform::HERE, &cause.to_string(), is_bus_named())
                    },
                    _ => failure(Platform::HERE, &error),
                }),
            };
            {
                let mut state = shared.lock();
                state.busy_since = None;
                state.to_do -= usize::from(call.late == Late::Do);
            }
            let _ = call.answer.send(result);
        }
    };
    if thread::Builder::new()
        .name("keyring".into())
        .spawn(work)
        .is_err()
    {
        tracing::error!(target: "epigraph", "the keyring's thread could not be started");
    }
    Worker { queue, state }
}

/// Finds an entry in a store that is made anew. `Entry::new` looks for the store once a process: a keyring that starts later, or
/// again, would never be found. Calls are rare.
fn open(user: &str) -> Result<Entry, Error> {
    #[cfg(target_os = "macos")]
    use apple_native_keyring_store::keychain::Store;
    #[cfg(windows)]
    use windows_native_keyring_store::Store;
    #[cfg(all(unix, not(target_os = "macos")))]
    use zbus_secret_service_keyring_store::Store;

    let inner = Store::new()?.build(SERVICE, user, None)?;
    Ok(Entry { inner })
}

/// New secrets go into the default collection, where there is one.
#[cfg(all(unix, not(target_os = "macos")))]
fn look() -> Result<(), Error> {
    use secret_service::{EncryptionType, Error as Refusal, blocking::SecretService};

    let look = || {
        let service = SecretService::connect(EncryptionType::Plain)?;
        service.get_default_collection()?.ensure_unlocked()
    };
    look().map_err(|refusal: Refusal| match refusal {
        Refusal::Locked | Refusal::NoResult => Error::NoStorageAccess(refusal.into()),
        _ => Error::PlatformFailure(refusal.into()),
    })
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "Linux has a collection that can be looked at"
)]
fn look() -> Result<(), Error> {
    Ok(())
}

pub(super) fn no_thread(on: Platform) -> Failure {
    Failure::new(
        Kind::Vault,
        format!("No thread could be started to read {}.", on.keyring()),
    )
    .cure("This machine is short of memory or of threads: end other programs, then try again.")
}

/// Says something of the keyring of a system.
fn keyring(on: Platform, what: &str) -> Failure {
    let keyring = text::capital(on.keyring());
    Failure::new(Kind::Vault, format!("{keyring} {what}."))
}

pub(super) fn waiting(on: Platform) -> Failure {
    let unlock = match on {
        Platform::Linux | Platform::Windows => "Unlock it and try again",
        Platform::MacOs => {
            "Answer the window in which macOS asks for your log-in password, or over SSH run `security unlock-keychain`, then try again"
        }
    };
    keyring(on, "is waiting to be unlocked, or does not answer").cure(format!(
        "{unlock}; where that is not possible, {CHOOSE_FILE}."
    ))
}

fn locked(on: Platform) -> Failure {
    keyring(on, "is locked")
    .cure(format!("Unlock it, for example by `epigraph login` at the desktop; where that is not possible, {CHOOSE_FILE}."))
}

fn without_collection(on: Platform) -> Failure {
    keyring(
        on,
        "has no default collection, in which a session could be kept",
    )
    .cure(format!(
        "Make one in the keyring's own program and set it as the default; or {CHOOSE_FILE}."
    ))
}

/// Puts it into words. Of an error that may quote what was stored the text stays out, of the log as well.
pub(super) fn failure(on: Platform, error: &Error) -> Failure {
    match error {
        Error::PlatformFailure(cause) | Error::NoStorageAccess(cause) => Failure {
            cause: Cause::told_by(cause.as_ref()),
            ..words(on, error)
        },
        _ => words(on, error),
    }
}

fn words(on: Platform, error: &Error) -> Failure {
    match error {
        Error::NoDefaultStore => absent(on),
        // It has the name of the number, not its text.
        Error::NoStorageAccess(cause)
            if cause.to_string().contains("ERROR_NO_SUCH_LOGON_SESSION") =>
        {
            keyring(on, "is closed to a sign-in over the network, such as SSH")
            .cure(format!("Use epigraph at the desktop of this computer, or over Remote Desktop; otherwise, {CHOOSE_FILE}."))
        }
        Error::NoStorageAccess(cause) if cause.to_string().contains("object locked") => locked(on),
        Error::NoStorageAccess(cause) if cause.to_string().contains("result not returned") => {
            without_collection(on)
        }
        Error::NoStorageAccess(_) => waiting(on),
        Error::PlatformFailure(cause) => {
            platform(on, &cause.to_string(), platform::code(cause.as_ref()))
        }
        Error::TooLong(..) => {
            Failure::new(Kind::Vault, format!("The session is too long for {}.", on.keyring()))
                .cure(format!("Instead, {CHOOSE_FILE}."))
        }
        Error::Ambiguous(_) => keyring(on, "contains more than one session for this issuer and client")
        .cure("Remove the entries of `epigraph` in the keyring's own program, and sign in again."),
        _ => keyring(on, "contains something that epigraph did not write")
        .cure("Remove the entry of `epigraph` in the keyring's own program, and sign in again."),
    }
}

pub(super) fn absent(on: Platform) -> Failure {
    Failure::new(
        Kind::Vault,
        format!(
            "There is no keyring here: {} is not running, as on most machines without a desktop.",
            on.keyring()
        ),
    )
    .cure(format!("To sign in here, {CHOOSE_FILE}."))
}

/// Whether the environment says where the message bus is.
fn is_bus_named() -> bool {
    Platform::HERE == Platform::Linux
        && std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some_and(|address| !address.is_empty())
}

fn out_of_reach(on: Platform) -> Failure {
    keyring(on, "cannot be reached: no message bus answers at DBUS_SESSION_BUS_ADDRESS")
    .cure(format!("Use a new terminal of your own desktop, as tmux keeps the address of a session that has ended and sudo that of another user; where there is no desktop, {CHOOSE_FILE}."))
}

/// Tells a keyring that refuses from none at all: without one, the message bus answers, or cannot be reached (`bus_is_named` says
/// whether there should be one), or there is no bus either.
pub(super) fn unopened(on: Platform, cause: &str, bus_is_named: bool) -> Failure {
    let lower = cause.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if says(&["accessdenied"]) {
        return denied(on);
    }
    let answers = says(&["org.freedesktop.", "crypto error", "serde error"])
        && !says(&["noserver", "disconnected"]);
    if !answers && bus_is_named {
        return out_of_reach(on);
    }
    let refuses = answers
        && !says(&[
            "serviceunknown",
            "namehasnoowner",
            "spawn.",
            "timedout",
            "timeout",
            "noreply",
        ]);
    if !refuses {
        return absent(on);
    }
    keyring(
        on,
        &format!(
            "is running, but does not work with epigraph: {}",
            text::clause(cause)
        ),
    )
    .cure(format!("Use another keyring; or {CHOOSE_FILE}."))
}

/// macOS is known by its numbers, D-Bus by its names: texts are in the person's language.
fn platform(on: Platform, cause: &str, code: Option<i32>) -> Failure {
    let lower = cause.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    match code {
        // errSecInteractionNotAllowed: a locked keychain, over SSH for example.
        Some(-25308) => return waiting(on),
        // errSecAuthFailed and errSecUserCanceled.
        Some(-25293 | -128) => return denied(on),
        _ => {}
    }
    if says(&["locked"]) {
        return waiting(on);
    }
    // The service went away.
    if says(&["serviceunknown", "namehasnoowner"]) {
        return absent(on);
    }
    if says(&["denied", "dismissed"]) {
        return denied(on);
    }
    keyring(on, &format!("failed: {}", text::clause(cause))).cure(format!(
        "Try again; if this keeps happening, {CHOOSE_FILE}."
    ))
}

fn denied(on: Platform) -> Failure {
    keyring(on, "denied access to epigraph").cure(format!(
        "Allow it when you are asked; otherwise, {CHOOSE_FILE}."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A keyring whose worker has been at one call for so long, and the calls that wait for it.
    fn hung_for(seconds: u64) -> (System, mpsc::Receiver<Call>) {
        hung_before(LIMIT, seconds)
    }

    fn hung_before(patience: Duration, seconds: u64) -> (System, mpsc::Receiver<Call>) {
        let (queue, calls) = mpsc::channel();
        let busy_since = Instant::now().checked_sub(Duration::from_secs(seconds));
        let state = State {
            busy_since,
            to_do: 0,
        };
        let system = System {
            worker: Mutex::new(Some(Worker {
                queue,
                state: Arc::new(Mutex::new(state)),
            })),
            user: String::new(),
            patience,
        };
        (system, calls)
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_never_returns_is_given_up_as_locked() {
        let (system, _calls) = hung_for(0);
        let start = tokio::time::Instant::now();
        let failure = system.read().await.expect_err("nobody answers");
        assert_eq!(start.elapsed(), LIMIT);
        assert!(failure.what.contains("waiting to be unlocked"), "{failure}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_person_has_a_minute_to_answer_a_window() {
        let (system, mut calls) = {
            let (system, calls) = hung_before(Duration::from_mins(1), 4);
            (system, calls.into_iter())
        };
        let reading = tokio::spawn(async move { system.read().await.map(|found| found.is_some()) });
        tokio::time::sleep(Duration::from_secs(59)).await;
        let call = calls.next().expect("it is queued");
        drop(call.answer.send(Ok(Some("secret".into()))));
        assert_eq!(reading.await.expect("no panic"), Ok(true));
    }

    #[tokio::test(start_paused = true)]
    async fn a_hung_keyring_is_waited_for_once_and_queues_changes_only() {
        let (system, calls) = hung_for(4);
        let start = tokio::time::Instant::now();
        assert!(system.read().await.is_err());
        assert!(system.write("secret".into()).await.is_err());
        assert!(system.clear().await.is_err());
        assert_eq!(start.elapsed(), Duration::ZERO);
        let queued: Vec<_> = calls.try_iter().collect();
        assert_eq!(queued.len(), 2);
        assert!(queued.iter().all(|call| call.late == Late::Do));
    }

    #[tokio::test]
    async fn a_hung_worker_is_abandoned_unless_it_has_changes_to_make() {
        let is_left = |system: &System| system.worker().state.lock().busy_since.is_none();
        assert!(!is_left(&hung_for(4).0));
        assert!(is_left(&hung_for(7).0));
        let (system, _calls) = hung_for(7);
        system
            .worker
            .lock()
            .iter()
            .for_each(|worker| worker.state.lock().to_do = 1);
        assert!(!is_left(&system));
    }
}
