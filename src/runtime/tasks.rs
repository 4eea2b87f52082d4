//! Effects under way. A newer one silences the older one in its lane, and the draft file has a lane of its own.

use std::{collections::VecDeque, future, sync::Arc, time::Duration};

use tokio::{
    select,
    sync::mpsc,
    task::{AbortHandle, JoinError, JoinSet},
    time::{self, Instant},
};

use super::Services;
use crate::{
    account::Activity,
    app::{self, Effect, Model, Msg},
    session::Progress,
};

/// How long a change of the draft waits for the next one. It is written once a second at least while someone types.
pub(super) const REST: Duration = Duration::from_millis(250);
/// See [`REST`].
const LONGEST_WAIT: Duration = Duration::from_millis(900);

/// What must not be done at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    SignIn,
    Quote,
    Browser,
    Clipboard,
    Draft,
}

/// An effect that was started.
struct Running {
    id: u64,
    lane: Lane,
    /// Whether it changes something, so that it is to finish when the program ends.
    writes: bool,
    handle: AbortHandle,
}

/// A change of the draft file that was not written yet.
struct DraftChange {
    effect: Effect,
    due: Instant,
    latest: Instant,
}

/// Everything that is under way.
pub(super) struct Tasks<S> {
    services: Arc<S>,
    set: JoinSet<(u64, Option<Msg>)>,
    running: Vec<Running>,
    last_id: u64,
    reports: mpsc::UnboundedReceiver<(u64, Activity)>,
    reporter: mpsc::UnboundedSender<(u64, Activity)>,
    draft: Option<DraftChange>,
    /// Effects that must not overtake a draft that is being written: the session is ended after it, not before.
    behind_draft: VecDeque<Effect>,
    draft_failed: bool,
    /// Outcomes that came in while something else was waited for.
    ready: VecDeque<Msg>,
}

impl<S: Services> Tasks<S> {
    pub(super) fn new(services: Arc<S>) -> Self {
        let (reporter, reports) = mpsc::unbounded_channel();
        Self {
            services,
            set: JoinSet::new(),
            running: Vec::new(),
            last_id: 0,
            reports,
            reporter,
            draft: None,
            behind_draft: VecDeque::new(),
            draft_failed: false,
            ready: VecDeque::new(),
        }
    }

    /// Starts an effect.
    pub(super) fn start(&mut self, effect: Effect) {
        match &effect {
            Effect::KeepDraft(_) | Effect::DropDraft => self.change_draft(effect),
            Effect::SignOut => {
                // The draft goes with the session; a late write must not bring it back.
                self.draft = None;
                if self.is_busy(Lane::Draft) {
                    self.behind_draft.push_back(effect);
                } else {
                    self.spawn(effect);
                }
            }
            _ => self.spawn(effect),
        }
    }

    /// Waits for the next outcome or report. A panic in a task goes on here.
    pub(super) async fn next(&mut self) -> Msg {
        loop {
            if let Some(msg) = self.ready.pop_front() {
                return msg;
            }
            let due = self.draft.as_ref().map(|change| change.due);
            select! {
                biased;
                // Before the ends: what a task reports last is news too.
                Some((id, activity)) = self.reports.recv() => {
                    if self.running.iter().any(|running| running.id == id) {
                        return Msg::Progressed(activity);
                    }
                }
                Some(ended) = self.set.join_next() => {
                    if let Some(msg) = self.end(ended) {
                        return msg;
                    }
                }
                () = wait_until(due) => self.write_draft(),
            }
        }
    }

    /// Writes the draft now, and waits for it.
    pub(super) async fn flush_draft(&mut self) {
        let _ = time::timeout(super::FINISH, async {
            while self.draft.is_some() || self.is_busy(Lane::Draft) {
                self.write_draft();
                match self.set.join_next().await {
                    Some(ended) => {
                        let msg = self.end(ended);
                        self.ready.extend(msg);
                    }
                    None => break,
                }
            }
        })
        .await;
    }

    /// Lets the writes finish, the draft included, and drops everything else.
    pub(super) async fn finish(&mut self, model: &mut Model) {
        for running in self.running.iter().filter(|running| !running.writes) {
            running.handle.abort();
        }
        self.running.retain(|running| running.writes);
        self.write_draft();
        while !self.running.is_empty() {
            let Some(ended) = self.set.join_next().await else {
                break;
            };
            // A save that made it takes its draft away.
            if let Some(msg) = self.end(ended) {
                for effect in app::update(model, msg) {
                    if matches!(effect, Effect::KeepDraft(_) | Effect::DropDraft) {
                        self.start(effect);
                    }
                }
            }
            self.write_draft();
        }
    }

    /// Drops everything, the services included.
    pub(super) async fn close(mut self) {
        self.set.shutdown().await;
    }

    /// Says whether the draft file holds what it was given.
    pub(super) fn keeps_drafts(&self) -> bool {
        !self.draft_failed && self.draft.is_none() && !self.is_busy(Lane::Draft)
    }

    fn is_busy(&self, lane: Lane) -> bool {
        self.running.iter().any(|running| running.lane == lane)
    }

    fn spawn(&mut self, effect: Effect) {
        let (lane, writes) = lane_of(&effect);
        self.silence(lane);
        self.last_id += 1;
        let id = self.last_id;
        let services = Arc::clone(&self.services);
        let reporter = self.reporter.clone();
        let progress = Progress::new(move |activity| {
            // The loop is gone only when the program is.
            let _ = reporter.send((id, activity));
        });
        let handle = self
            .set
            .spawn(async move { (id, services.perform(effect, progress).await) });
        self.running.push(Running {
            id,
            lane,
            writes,
            handle,
        });
    }

    /// Makes sure that no one hears of what is under way in a lane. A read is given up; a write goes on unheard.
    fn silence(&mut self, lane: Lane) {
        for running in self.running.iter().filter(|running| running.lane == lane) {
            if !running.writes {
                running.handle.abort();
            }
        }
        self.running.retain(|running| running.lane != lane);
    }

    /// Takes the end of a task in. Returns its outcome if someone still waits for it.
    fn end(&mut self, ended: Result<(u64, Option<Msg>), JoinError>) -> Option<Msg> {
        let (id, msg) = match ended {
            Ok(ended) => ended,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // It was silenced.
            Err(_) => return None,
        };
        let at = self.running.iter().position(|running| running.id == id)?;
        let running = self.running.swap_remove(at);
        if running.lane == Lane::Draft {
            self.draft_failed = msg.is_some();
            while let Some(effect) = self.behind_draft.pop_front() {
                self.spawn(effect);
            }
        }
        msg
    }

    /// Remembers a change of the draft until there is a rest, so that typing doesn't write a file per key.
    fn change_draft(&mut self, effect: Effect) {
        let now = Instant::now();
        let latest = self
            .draft
            .as_ref()
            .map_or(now + LONGEST_WAIT, |change| change.latest);
        self.draft = Some(DraftChange {
            effect,
            due: (now + REST).min(latest),
            latest,
        });
    }

    /// Writes the change that waits, unless one is being written: two writers of one file have no order.
    fn write_draft(&mut self) {
        if self.is_busy(Lane::Draft) {
            if let Some(change) = &mut self.draft {
                change.due = Instant::now() + REST;
            }
        } else if let Some(change) = self.draft.take() {
            self.spawn(change.effect);
        }
    }
}

/// Returns the lane of an effect, and whether it changes something.
fn lane_of(effect: &Effect) -> (Lane, bool) {
    match effect {
        Effect::Restore | Effect::RequestCode | Effect::AwaitApproval => (Lane::SignIn, false),
        Effect::AbandonSignIn | Effect::ChooseFile | Effect::SignOut => (Lane::SignIn, true),
        Effect::Load => (Lane::Quote, false),
        Effect::Save { .. } | Effect::Delete { .. } => (Lane::Quote, true),
        Effect::KeepDraft(_) | Effect::DropDraft => (Lane::Draft, true),
        Effect::Copy(..) => (Lane::Clipboard, true),
        Effect::ReadClipboard => (Lane::Clipboard, false),
        Effect::OpenBrowser(_)
        | Effect::CopyByTerminal(_)
        | Effect::Redraw
        | Effect::Suspend
        | Effect::Quit => (Lane::Browser, false),
    }
}

/// Waits until a moment, or for ever where there is none: no timer runs while nothing is to be written.
async fn wait_until(due: Option<Instant>) {
    match due {
        Some(due) => time::sleep_until(due).await,
        None => future::pending().await,
    }
}
