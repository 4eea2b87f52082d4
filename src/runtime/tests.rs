use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Instant,
};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::{Terminal as Screen, backend::TestBackend};
use tokio::sync::{mpsc as channel, oneshot};

use super::*;
use crate::{
    account::{Activity, SignOutOutcome},
    app::Copied,
    app::samples::{
        about, kept, key_event, press, reading, restored, saved, unconfirmed, unreachable,
    },
    quote::{DeleteOutcome, SaveOutcome},
    view,
};

/// What the world is to answer to an effect.
enum Answer {
    Msg(Msg),
    /// Reports something in the very moment of the answer.
    Reported(Activity, Msg),
    /// Answers when the test says so.
    Later(oneshot::Receiver<Msg>),
    Never,
    Panic,
}

/// The order to keep what was made of "Yes.".
fn kept_draft(text: &str) -> Effect {
    Effect::KeepDraft(kept(text, Some("Yes.")))
}

/// A world that follows a script: what comes next, for which effect.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<(&'static str, Answer)>>>,
    /// Every order, as it came in.
    log: Arc<Mutex<Vec<Effect>>>,
    /// How many frames there were before the first order.
    frames_before: Arc<Mutex<Option<usize>>>,
    frames: Arc<Mutex<usize>>,
}

impl Script {
    fn on(self, effect: &'static str, answer: Answer) -> Self {
        self.answers
            .lock()
            .expect("a lock")
            .push_back((effect, answer));
        self
    }

    fn orders(&self) -> Vec<Effect> {
        self.log.lock().expect("a lock").clone()
    }
}

impl Services for Script {
    async fn perform(&self, effect: Effect, progress: Progress) -> Option<Msg> {
        self.frames_before
            .lock()
            .expect("a lock")
            .get_or_insert(*self.frames.lock().expect("a lock"));
        self.log.lock().expect("a lock").push(effect.clone());
        progress.report(Activity::WakingDatabase);
        let name = format!("{effect:?}");
        let answer = {
            let mut answers = self.answers.lock().expect("a lock");
            let at = answers
                .iter()
                .position(|(effect, _)| name.starts_with(effect))?;
            answers.remove(at)?.1
        };
        match answer {
            Answer::Msg(msg) => Some(msg),
            Answer::Reported(activity, msg) => {
                progress.report(activity);
                Some(msg)
            }
            Answer::Later(msg) => msg.await.ok(),
            Answer::Never => std::future::pending().await,
            Answer::Panic => panic!("a bug in a task"),
        }
    }
}

/// What comes behind it in one moment is there when the loop asks once more.
const PAUSE: Event = Event::FocusGained;

/// A terminal that a test types at and looks at.
struct FakeConsole {
    keys: channel::Receiver<io::Result<Vec<Event>>>,
    /// The rest of what came in one moment.
    at_hand: VecDeque<Event>,
    frames: mpsc::Sender<String>,
    count: Arc<Mutex<usize>>,
    calls: Arc<Mutex<Vec<String>>>,
    /// Whether a key was given out, and nothing came in the same moment.
    rests: bool,
    /// How often what was drawn is on the screen when the loop asks.
    takes_frames: Arc<AtomicUsize>,
    /// Whether it shows a letter before its frame.
    echoes: bool,
}

impl Console for FakeConsole {
    fn size(&self) -> io::Result<Size> {
        Ok(Size {
            columns: 80,
            rows: 24,
        })
    }

    fn draw(&mut self, model: &Model) -> io::Result<()> {
        let mut screen = Screen::new(TestBackend::new(80, 24)).expect("a screen");
        screen
            .draw(|frame| view::draw(model, frame))
            .expect("a frame");
        *self.count.lock().expect("a lock") += 1;
        let shown = screen.backend().to_string();
        assert!(!shown.contains("(bug)"), "a bug in the view");
        if shown.contains("(gone)") {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        // The test may have seen enough.
        let _ = self.frames.send(shown);
        Ok(())
    }

    fn is_shown(&mut self) -> bool {
        let one_less = |times: usize| times.checked_sub(1);
        let relaxed = Ordering::Relaxed;
        let taken = self.takes_frames.fetch_update(relaxed, relaxed, one_less);
        taken.is_ok()
    }

    async fn next(&mut self) -> io::Result<Option<Event>> {
        if std::mem::take(&mut self.rests) {
            return Ok(None);
        }
        match self.keys.recv().await {
            Some(events) => {
                self.rests = true;
                self.at_hand.extend(events?);
                Ok(self.at_hand.pop_front())
            }
            None => std::future::pending().await,
        }
    }

    fn at_hand(&mut self) -> io::Result<Option<Event>> {
        Ok(self.at_hand.pop_front().filter(|event| *event != PAUSE))
    }

    fn echo(&mut self, letter: char) -> io::Result<bool> {
        if self.echoes {
            self.rests = false;
            self.called(&format!("echo {letter}"))?;
        }
        Ok(self.echoes)
    }

    fn redraw(&mut self) -> io::Result<()> {
        self.called("redraw")
    }

    fn resume(&mut self) -> io::Result<()> {
        self.called("resume")
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.called("suspend")
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        self.called(&format!("copy {text}"))
    }
}

impl FakeConsole {
    /// One that echoes, and shows no frame.
    fn new(
        keys: channel::Receiver<io::Result<Vec<Event>>>,
        frames: mpsc::Sender<String>,
        calls: &Arc<Mutex<Vec<String>>>,
    ) -> Self {
        Self {
            keys,
            at_hand: VecDeque::new(),
            frames,
            count: Arc::default(),
            calls: Arc::clone(calls),
            rests: false,
            takes_frames: Arc::default(),
            echoes: true,
        }
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "it stands for calls that can fail"
    )]
    fn called(&self, name: &str) -> io::Result<()> {
        self.calls.lock().expect("a lock").push(name.to_owned());
        Ok(())
    }
}

/// The loop, running on a thread, and the ends that a test holds.
struct Running {
    keys: channel::Sender<io::Result<Vec<Event>>>,
    frames: mpsc::Receiver<String>,
    calls: Arc<Mutex<Vec<String>>>,
    takes_frames: Arc<AtomicUsize>,
    ended: thread::JoinHandle<Result<ExitReason, Error>>,
    script: Script,
}

impl Running {
    fn start(script: Script) -> Self {
        let (keys, receiver) = channel::channel(64);
        let (sender, frames) = mpsc::channel();
        let calls = Arc::<Mutex<Vec<String>>>::default();
        let takes_frames = Arc::new(AtomicUsize::new(usize::MAX));
        let mut console = FakeConsole {
            count: Arc::clone(&script.frames),
            takes_frames: Arc::clone(&takes_frames),
            echoes: false,
            ..FakeConsole::new(receiver, sender, &calls)
        };
        let services = script.clone();
        let ended = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let mut signals = Signals::listen().expect("signals");
                run_on(&mut console, &mut signals, about(), services).await
            })
        });
        Self {
            keys,
            frames,
            calls,
            takes_frames,
            ended,
            script,
        }
    }

    /// Waits until a text is on the screen.
    fn sees(&self, text: &str) -> String {
        let mut last = String::new();
        while let Ok(frame) = self.frames.recv_timeout(Duration::from_secs(20)) {
            if frame.contains(text) {
                return frame;
            }
            last = frame;
        }
        panic!("{text:?} is not on the screen:\n{last}");
    }

    fn press(&self, keys: &str) {
        for key in keys.split_whitespace() {
            self.comes_at_once(vec![Event::Key(key_event(key))]);
        }
    }

    fn comes_at_once(&self, events: Vec<Event>) {
        self.keys.try_send(Ok(events)).expect("a loop");
    }

    /// Quits, and waits until the loop is at its end: what is answered from now on comes too late for the screen.
    fn quit(&self) {
        self.press("Ctrl-C");
        let patience = Instant::now() + Duration::from_secs(20);
        while self.keys.capacity() < self.keys.max_capacity() {
            assert!(Instant::now() < patience, "the key is not taken");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn end(self) -> Result<ExitReason, Error> {
        self.ended.join().expect("no panic")
    }

    /// What is told when it was quit.
    fn last(self) -> Last {
        match self.end().expect("an end") {
            ExitReason::Quit { last } => last,
            ExitReason::Signal { number, .. } => panic!("signal {number}"),
        }
    }

    /// Quits, and waits for the end.
    fn leave(self) -> Last {
        self.press("Ctrl-C");
        self.last()
    }

    fn orders_until(&self, last: &Effect) -> Vec<Effect> {
        let patience = Instant::now() + Duration::from_secs(20);
        loop {
            let orders = self.script.orders();
            if orders.contains(last) {
                return orders;
            }
            assert!(Instant::now() < patience, "no {last:?} in {orders:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// With someone who is signed in.
fn restores() -> Script {
    let restored = Msg::Restored(Ok(Some(restored(None))));
    Script::default().on("Restore", Answer::Msg(restored))
}

fn signed_in() -> Script {
    restores().on("Load", Answer::Msg(Msg::Loaded(Ok(Some(saved("Yes."))))))
}

/// With someone who is signed in and reads their quote.
fn reads(script: Script) -> Running {
    let running = Running::start(script);
    running.sees("Yes.");
    running
}

#[test]
fn a_frame_is_on_the_screen_before_anybody_is_asked() {
    let running = reads(signed_in());
    let frames_before = *running.script.frames_before.lock().expect("a lock");
    assert_eq!(frames_before, Some(1));
    running.press("q");
    assert_eq!(running.last(), Last::Nothing);
}

#[test]
fn what_is_reported_with_the_last_breath_is_heard() {
    let loaded = Msg::Loaded(Ok(Some(saved("Yes."))));
    let answer = Answer::Reported(Activity::Unguarded(unreachable()), loaded);
    let running = Running::start(restores().on("Load", answer));
    let frame = running.sees("Yes.");
    assert!(frame.contains("Others may read your quote."), "{frame}");
    running.leave();
}

#[test]
fn what_is_waited_for_is_on_the_screen() {
    let (answer, later) = oneshot::channel();
    let running = Running::start(restores().on("Load", Answer::Later(later)));
    running.sees("Waking the database…");
    answer
        .send(Msg::Loaded(Ok(None)))
        .expect("a loop that waits");
    let frame = running.sees("Save an inspiring quote for yourself...");
    assert!(!frame.contains("Waking"), "{frame}");
    running.leave();
}

#[test]
fn a_newer_sign_in_silences_the_older() {
    let code = |user_code: &str| {
        let mut code = crate::app::samples::code();
        code.user_code = user_code.into();
        Msg::CodeIssued(Ok(code))
    };
    let (late, later) = oneshot::channel();
    let script = Script::default()
        .on("Restore", Answer::Msg(Msg::Restored(Ok(None))))
        .on("RequestCode", Answer::Later(later))
        .on("RequestCode", Answer::Msg(code("SECONDXX")))
        .on("AwaitApproval", Answer::Never);
    let running = Running::start(script);
    running.sees("Log in");
    running.press("Enter");
    running.sees("Waking");
    running.press("Esc Enter");
    running.sees("SECONDXX");
    assert!(late.is_closed(), "the older one was given up");
    running.leave();
}

#[test]
fn drafts_are_written_seldom_and_the_last_one_always() {
    let running = reads(signed_in());
    running.press("e a b c");
    let orders = running.orders_until(&kept_draft("Yes.abc"));
    let kept = orders
        .iter()
        .filter(|effect| matches!(effect, Effect::KeepDraft(_)));
    assert!(kept.count() <= 2, "{orders:?}");
    // This one has no time to rest.
    running.press("d");
    let script = running.script.clone();
    assert_eq!(running.leave(), Last::Kept);
    assert_eq!(script.orders().last(), Some(&kept_draft("Yes.abcd")));
}

/// Two writers of one file have no order: a slow disk could keep the older text.
#[test]
fn a_draft_is_written_only_when_the_one_before_is() {
    let (written, later) = oneshot::channel();
    let running = Running::start(signed_in().on("KeepDraft", Answer::Later(later)));
    running.sees("Yes.");
    running.press("e a");
    running.orders_until(&kept_draft("Yes.a"));
    running.press("b");
    running.sees("Yes.ab");
    thread::sleep(2 * tasks::REST);
    assert!(!running.script.orders().contains(&kept_draft("Yes.ab")));
    drop(written);
    running.orders_until(&kept_draft("Yes.ab"));
    running.press("Ctrl-C");
    running.end().expect("an end");
}

#[test]
fn a_draft_file_that_fails_is_not_promised() {
    let script = signed_in().on("KeepDraft", Answer::Msg(Msg::DraftFailed(unreachable())));
    let running = reads(script);
    running.press("e a");
    running.sees("The database does not answer.");
    assert_eq!(running.leave(), Last::OnlyCopy("Yes.a".into()));
}

#[test]
fn a_save_under_way_may_finish_and_takes_its_draft_away() {
    let (answer, later) = oneshot::channel();
    let running = reads(signed_in().on("Save", Answer::Later(later)));
    running.press("e a Enter");
    running.sees("Waking");
    running.quit();
    answer
        .send(Msg::Saved(Ok(SaveOutcome::Saved(saved("Yes.a")))))
        .expect("a task that waits");
    let script = running.script.clone();
    assert_eq!(running.last(), Last::Done(Order::Save));
    assert_eq!(script.orders().last(), Some(&Effect::DropDraft));
}

#[test]
fn a_save_that_stayed_in_question_is_in_question_on_the_way_out() {
    let script = signed_in().on("Save", Answer::Msg(Msg::Saved(Err(unconfirmed()))));
    let running = reads(script);
    running.press("e a Enter");
    running.sees("Perhaps not saved.");
    assert_eq!(running.leave(), Last::KeptUnconfirmed);
}

#[test]
fn the_outcome_of_orders_under_way_is_told_on_quit() {
    let end = |keys: &str, shown: &str, answer: Option<Msg>| {
        let (sender, later) = oneshot::channel();
        let (later, sender) = match answer {
            Some(msg) => (Answer::Later(later), Some((sender, msg))),
            None => (Answer::Never, None),
        };
        let order = if keys == "s y" { "SignOut" } else { "Delete" };
        let running = reads(signed_in().on(order, later));
        running.press(keys);
        running.sees(shown);
        running.quit();
        if let Some((sender, msg)) = sender {
            sender.send(msg).expect("a task that waits");
        }
        running.last()
    };
    let signed_out = |answer| end("s y", "Signing out…", answer);
    let revoked = Msg::SignedOut(Ok(SignOutOutcome::Revoked));
    assert_eq!(signed_out(Some(revoked)), Last::Done(Order::SignOut));
    let here = Msg::SignedOut(Ok(SignOutOutcome::OnlyLocally(unreachable())));
    assert!(
        matches!(signed_out(Some(here)), Last::Told(words) if words.contains("lives on until it expires"))
    );
    let refused = Msg::SignedOut(Err(unreachable()));
    assert!(matches!(signed_out(Some(refused)), Last::Told(_)));
    assert_eq!(signed_out(None), Last::Unconfirmed(Order::SignOut));

    let deleted = |answer| end("d y", "Deleting…", answer);
    let done = Msg::Deleted(Ok(DeleteOutcome::Deleted));
    assert_eq!(deleted(Some(done)), Last::Done(Order::Delete));
    let failed = Msg::Deleted(Err(unreachable()));
    assert!(matches!(deleted(Some(failed)), Last::Told(_)));
    assert_eq!(deleted(None), Last::Unconfirmed(Order::Delete));
}

#[test]
fn whatever_hangs_quitting_takes_less_than_a_second() {
    let script = signed_in()
        .on("Save", Answer::Never)
        .on("KeepDraft", Answer::Never);
    let running = reads(script);
    running.press("e a Enter");
    running.sees("Waking");
    let start = Instant::now();
    running.press("q");
    // Neither the save nor the draft came to its end.
    assert_eq!(running.last(), Last::OnlyCopy("Yes.a".into()));
    let took = start.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn a_bug_in_a_task_ends_the_program_and_the_draft_is_kept() {
    let running = reads(signed_in().on("Save", Answer::Panic));
    running.press("e a Enter");
    let script = running.script.clone();
    assert!(matches!(running.end(), Err(Error::Bug { .. })));
    assert!(script.orders().contains(&kept_draft("Yes.a")));
}

#[test]
fn a_bug_in_the_view_or_a_lost_screen_keeps_every_letter() {
    for (keys, text, panics) in [
        ("e ( b u g )", "Yes.(bug)", true),
        ("e ( g o n e )", "Yes.(gone)", false),
    ] {
        let running = reads(signed_in());
        running.press(keys);
        let script = running.script.clone();
        match running.end().expect_err("no way out") {
            Error::Bug {
                last: Last::Kept, ..
            } => assert!(panics),
            Error::Lost(_) => assert!(!panics),
            other => panic!("{other}"),
        }
        assert_eq!(script.orders().last(), Some(&kept_draft(text)));
    }
}

#[test]
fn a_bug_in_an_update_keeps_every_letter() {
    let end = |running: Running, text, based_on| {
        let script = running.script.clone();
        let ended = running.end().expect_err("no way out");
        let Error::Bug { last, .. } = ended else {
            panic!("{ended}")
        };
        assert_eq!(last, Last::Kept, "{text}");
        let kept = Effect::KeepDraft(kept(text, based_on));
        assert_eq!(script.orders().last(), Some(&kept));
    };
    // Where a key is pressed.
    let running = reads(signed_in());
    running.press("e ( f a u l t ) Enter");
    end(running, "Yes.(fault)", Some("Yes."));
    // Where an outcome comes in.
    let (loads, later) = oneshot::channel();
    let running = Running::start(restores().on("Load", Answer::Later(later)));
    running.sees("James Joyce");
    running.press("e ( f a u l t )");
    running.sees("(fault)");
    loads
        .send(Msg::Loaded(Ok(None)))
        .expect("a task that waits");
    end(running, "(fault)", None);
}

#[test]
fn a_terminal_that_goes_away_ends_the_program() {
    let running = reads(signed_in());
    let gone = io::ErrorKind::UnexpectedEof.into();
    running.keys.try_send(Err(gone)).expect("a loop");
    assert!(matches!(running.end(), Err(Error::Lost(_))));
}

#[test]
fn suspend_copy_and_redraw_reach_the_console() {
    let not_copied = Msg::Copied(Copied::Quote, Err("Yes.".into()));
    let running = reads(signed_in().on("Copy", Answer::Msg(not_copied)));
    running.press("c");
    running.sees("Sent the quote to your terminal's clipboard.");
    running.press("Ctrl-L e a Ctrl-Z");
    running.orders_until(&kept_draft("Yes.a"));
    let calls = Arc::clone(&running.calls);
    running.leave();
    assert_eq!(
        *calls.lock().expect("a lock"),
        ["copy Yes.", "redraw", "suspend"]
    );
}

#[test]
fn a_session_is_ended_behind_the_draft_that_is_being_written() {
    let (written, later) = oneshot::channel();
    let script = signed_in().on("KeepDraft", Answer::Later(later)).on(
        "SignOut",
        Answer::Msg(Msg::SignedOut(Ok(SignOutOutcome::Revoked))),
    );
    let running = reads(script);
    running.press("e a");
    running.orders_until(&kept_draft("Yes.a"));
    running.press("b Esc s y");
    running.sees("Signing out…");
    assert!(!running.script.orders().contains(&Effect::SignOut));
    drop(written);
    running.sees("You are signed out.");
    let script = running.script.clone();
    running.leave();
    assert_eq!(script.orders().last(), Some(&Effect::SignOut));
}

/// What a console of Windows sends for a text that is pasted: every key, and that it is let go.
fn pasted_in_a_console(text: &str) -> Vec<Event> {
    let kinds = [KeyEventKind::Press, KeyEventKind::Release];
    let keys = text.chars().map(|c| match c {
        '\n' => KeyCode::Enter,
        c => KeyCode::Char(c),
    });
    keys.flat_map(|code| {
        kinds.map(|kind| Event::Key(KeyEvent::new_with_kind(code, KeyModifiers::NONE, kind)))
    })
    .collect()
}

#[test]
fn a_paste_in_a_console_of_windows_is_a_paste() {
    let running = reads(signed_in());
    running.comes_at_once(pasted_in_a_console("sunny\nquit, dy\n"));
    running.sees("To paste, press e first.");
    running.press("e");
    running.comes_at_once(pasted_in_a_console("one\nquit\ndy"));
    running.orders_until(&kept_draft("Yes.one\nquit\ndy"));
    let orders = running.script.orders();
    let mut saves = orders.iter().filter(|it| matches!(it, Effect::Save { .. }));
    assert_eq!(saves.next(), None);
    running.leave();
}

/// Presses `y` where the question is not on the screen, and sees that it is still asked.
fn answer_too_early(running: &Running, question: &str) {
    running.press("y ?");
    running.sees("Esc back");
    running.press("Esc");
    running.sees(question);
    running.takes_frames.store(usize::MAX, Ordering::Relaxed);
    // A terminal that goes on wakes the loop.
    running.press("down");
    is_shown(running);
}

/// Waits until the loop knows that the question is on the screen.
fn is_shown(running: &Running) {
    let patience = Instant::now() + Duration::from_secs(20);
    while running.takes_frames.load(Ordering::Relaxed) == usize::MAX {
        assert!(Instant::now() < patience, "no one asks whether it is shown");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_question_that_is_not_on_the_screen_takes_no_answer() {
    let running = reads(signed_in());
    running.press("d");
    running.sees("Delete your quote?");
    is_shown(&running);
    // It is left and asked once more in one moment, and the terminal stands still.
    running.takes_frames.store(0, Ordering::Relaxed);
    let again = ["n", "down", "d"].map(|key| Event::Key(key_event(key)));
    running.comes_at_once(again.to_vec());
    answer_too_early(&running, "Delete your quote?");
    running.press("y");
    let text = "Yes.".to_owned();
    running.orders_until(&Effect::Delete { based_on: text });
    running.leave();
}

#[test]
fn a_question_takes_no_answer_to_the_one_before_it() {
    let running = reads(signed_in());
    // The first is on the screen while keys for the second are there already, and then the terminal stands still.
    running.takes_frames.store(1, Ordering::Relaxed);
    let mut keys = vec![Event::Key(key_event("d")), PAUSE];
    keys.extend(["n", "down", "s"].map(|key| Event::Key(key_event(key))));
    running.comes_at_once(keys);
    running.sees("Sign out, here and at Okta?");
    answer_too_early(&running, "Sign out, here and at Okta?");
    running.press("y");
    running.orders_until(&Effect::SignOut);
    running.leave();
}

#[tokio::test(start_paused = true)]
async fn a_letter_has_the_terminal_for_itself_before_its_frame() {
    let (keys, receiver) = channel::channel(64);
    let calls = Arc::<Mutex<Vec<String>>>::default();
    let mut console = FakeConsole::new(receiver, mpsc::channel().0, &calls);
    let mut model = reading(80, 24, None);
    press(&mut model, "e");
    let key = |name: &str| Event::Key(key_event(name));
    let begun = time::Instant::now();
    // Nothing more comes; something comes soon after.
    for then in [None, Some("y")] {
        let mut events = VecDeque::new();
        keys.try_send(Ok(vec![key("x")])).expect("room");
        let gathering = gather(&mut console, &model, &mut events);
        let coming = async {
            assert_eq!(
                calls.lock().expect("a lock").pop().as_deref(),
                Some("echo x")
            );
            if let Some(then) = then {
                keys.try_send(Ok(vec![key(then)])).expect("room");
            }
        };
        let (gathered, ()) = tokio::join!(gathering, coming);
        gathered.expect("a terminal");
        let came: Vec<_> = ["x"].into_iter().chain(then).map(key).collect();
        assert_eq!(events, came);
    }
    assert!(begun.elapsed() >= LEAD, "{:?}", begun.elapsed());
}
