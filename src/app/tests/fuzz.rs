//! Any message, in any order.

use proptest::{prelude::*, test_runner::TestCaseResult};
use ratatui::{Terminal, backend::TestBackend};

use super::*;
use crate::{
    app::samples::{about, key_event},
    fuzz,
    keymap::Section,
};

fn outcome() -> impl Strategy<Value = Msg> {
    let text = prop::sample::select(vec![
        "Yes.",
        "No.",
        "mine",
        "long enough to be wrapped ".repeat(9).leak(),
    ]);
    let quote = prop::option::of(text.clone()).prop_map(|text| text.map(saved));
    let failure = prop::sample::select(vec![unreachable(), unconfirmed(), session_over()]);
    let somebody = (any::<bool>(), prop::option::of(text.clone())).prop_map(|(other, draft)| {
        let mut restored = restored(draft);
        if other {
            restored.user.id = "00u2other".into();
        }
        restored
    });
    let activity = prop::sample::select(vec![
        Activity::AskingKeyring,
        Activity::KeyringAsks,
        Activity::AskingOkta,
        Activity::WaitingForApproval,
        Activity::RetryingOkta,
        Activity::ConnectingDatabase,
        Activity::WakingDatabase,
        Activity::RetryingDatabase,
        Activity::SessionNotKept(unreachable()),
        Activity::Unguarded(unreachable()),
    ]);
    let fails = prop::sample::select(&FAILS[..]);
    let failed = (fails, failure).prop_map(|(fails, failure)| fails(failure));
    let good = prop_oneof![
        activity.prop_map(Msg::Progressed),
        prop::option::of(somebody.clone()).prop_map(|who| Msg::Restored(Ok(who))),
        Just(Msg::CodeIssued(Ok(code()))),
        somebody.prop_map(|who| Msg::SignedIn(Ok(who))),
        Just(Msg::SignedOut(Ok(SignOutOutcome::Revoked))),
        quote.clone().prop_map(|quote| Msg::Loaded(Ok(quote))),
        text.prop_map(|text| Msg::Saved(Ok(SaveOutcome::Saved(saved(text))))),
        quote
            .clone()
            .prop_map(|quote| Msg::Saved(Ok(SaveOutcome::Conflict(quote)))),
        Just(Msg::Deleted(Ok(DeleteOutcome::Deleted))),
        Just(Msg::Deleted(Ok(DeleteOutcome::Conflict(saved("No."))))),
        Just(Msg::BrowserOpened(Ok(()))),
        Just(Msg::Copied(Copied::Quote, Ok(Clipboard::System))),
        Just(Msg::Copied(Copied::Selection, Err("Yes.".into()))),
        prop::option::of(fuzz::odd_text()).prop_map(Msg::ClipboardRead),
    ];
    prop_oneof![2 => good, 1 => failed]
}

/// What may come to nothing.
const FAILS: [fn(Failure) -> Msg; 8] = [
    |it| Msg::Restored(Err(it)),
    |it| Msg::CodeIssued(Err(it)),
    |it| Msg::SignedIn(Err(it)),
    |it| Msg::SignedOut(Err(it)),
    |it| Msg::Loaded(Err(it)),
    |it| Msg::Saved(Err(it)),
    |it| Msg::Deleted(Err(it)),
    Msg::DraftFailed,
];

fn input() -> impl Strategy<Value = Msg> {
    let bound: Vec<Event> = Section::ALL
        .into_iter()
        .flat_map(Section::bindings)
        .flat_map(|binding| binding.keys)
        .map(|chord| Event::Key(chord.event()))
        .collect();
    let by_terminal = prop_oneof![
        6 => prop::sample::select(bound),
        1 => any::<char>().prop_map(|c| Event::Key(KeyEvent::from(KeyCode::Char(c)))),
        1 => fuzz::odd_text().prop_map(Event::Paste),
        1 => (0_u16..140, 0_u16..45).prop_map(|(columns, rows)| Event::Resize(columns, rows)),
    ];
    prop_oneof![
        4 => by_terminal.prop_map(Msg::Terminal),
        1 => any::<char>().prop_map(|c| Msg::Typed(c.into())),
    ]
}

/// What comes next: anything, or one of the outcomes that are waited for, so that deep states are reached.
#[derive(Clone, Debug)]
enum Turn {
    Any(Msg),
    Awaited(prop::sample::Index),
}

impl Turn {
    fn msg(self, model: &Model) -> Msg {
        match self {
            Self::Any(msg) => msg,
            Self::Awaited(index) => index.get(&awaited(model)).clone(),
        }
    }
}

fn awaited(model: &Model) -> Vec<Msg> {
    let text = |text: &str| Msg::Terminal(Event::Paste(text.into()));
    let keys = |keys: &str| {
        let keys = keys.split(' ').map(key_event);
        keys.map(|key| Msg::Terminal(Event::Key(key))).collect()
    };
    if model.context_under_help() == keymap::Context::Asking {
        return keys("y n");
    }
    match waits_for(model) {
        Some(Asked::Restore) => vec![
            Msg::Restored(Ok(Some(restored(None)))),
            Msg::Restored(Ok(Some(restored(Some("mine"))))),
        ],
        Some(Asked::Code) => vec![Msg::CodeIssued(Ok(code()))],
        Some(Asked::File) => vec![Msg::FileChosen(Ok(()))],
        Some(Asked::Approval) => vec![Msg::SignedIn(Ok(restored(None)))],
        Some(Asked::End) => vec![
            Msg::SignedOut(Ok(SignOutOutcome::Revoked)),
            Msg::SignedOut(Err(unreachable())),
        ],
        Some(Asked::Quote) => {
            let outcomes = vec![
                text("ahead"),
                Msg::Loaded(Ok(Some(saved("Yes.")))),
                Msg::Loaded(Ok(None)),
                Msg::Loaded(Err(unreachable())),
                Msg::Loaded(Err(session_over())),
            ];
            [keys("e Enter"), outcomes].concat()
        }
        Some(Asked::Save) => saves(model),
        Some(Asked::Delete) => vec![
            Msg::Deleted(Ok(DeleteOutcome::Deleted)),
            Msg::Deleted(Err(unreachable())),
            Msg::Deleted(Err(session_over())),
        ],
        None => match &model.screen {
            Screen::SignedIn { pane, .. } => match pane {
                Pane::Unread {
                    ahead: Ahead::Looking(_),
                    ..
                } => keys("r"),
                Pane::Quote { .. } => keys("e d u r s"),
                Pane::Editor { .. } | Pane::Unread { .. } => {
                    [keys("Enter Esc"), vec![text("mine")]].concat()
                }
                Pane::Choice(_) => keys("k e t"),
            },
            _ => keys("Enter f r"),
        },
    }
}

/// How a save ends. The row may hold what was sent before, and not answered.
fn saves(model: &Model) -> Vec<Msg> {
    let sheet = match &model.screen {
        Screen::SignedIn {
            pane: Pane::Editor { sheet, .. },
            ..
        } => Some(sheet),
        _ => None,
    };
    let sent = sheet.into_iter().flat_map(|it| &it.draft.unconfirmed);
    let conflict = |text: &String| Msg::Saved(Ok(SaveOutcome::Conflict(Some(saved(text)))));
    let own: Vec<_> = sent.map(conflict).collect();
    if !own.is_empty() {
        return own;
    }
    vec![
        Msg::Saved(Ok(SaveOutcome::Saved(saved("Yes.")))),
        Msg::Saved(Ok(SaveOutcome::Conflict(Some(saved("No."))))),
        Msg::Saved(Err(unreachable())),
        Msg::Saved(Err(unconfirmed())),
        Msg::Saved(Err(session_over())),
    ]
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        2 => outcome().prop_map(Turn::Any),
        2 => input().prop_map(Turn::Any),
        3 => any::<prop::sample::Index>().prop_map(Turn::Awaited),
    ]
}

/// Returns the pane that has the keys, where one has.
fn open_pane(model: &Model) -> Option<&Pane> {
    match &model.screen {
        Screen::SignedIn {
            pane, over: None, ..
        } => Some(pane),
        _ => None,
    }
}

/// Says whether the row holds what this person sent before and got no answer to, so that their save goes on from it.
fn is_own(msg: &Msg, before: &Model) -> bool {
    match (msg, open_pane(before)) {
        (
            Msg::Saved(Ok(SaveOutcome::Conflict(Some(theirs)))),
            Some(Pane::Editor {
                sheet,
                saving: true,
            }),
        ) => sheet.draft.clone().recognizes(Some(theirs)),
        _ => false,
    }
}

/// Returns what was written and not saved.
fn unsaved(model: &Model) -> Option<String> {
    Some(model.unsaved()?.editor.text().to_owned())
}

/// Returns what waits for the person who gets a code, where one is shown.
fn unsaved_behind_code(model: &Model) -> Option<&Unsaved> {
    match &model.screen {
        Screen::SignedOut {
            unsaved,
            sign_in: SignIn::Waiting(_),
        } => unsaved.as_ref(),
        _ => None,
    }
}

/// Says whether an outcome may take a draft away: it was saved, or it goes with the session, or it is someone else's
/// (then it still is in the draft file), or the database has that text already.
fn may_take(msg: &Msg, before: &Model, draft: &str) -> bool {
    match (msg, open_pane(before)) {
        (Msg::Saved(Ok(SaveOutcome::Saved(_))), Some(Pane::Editor { saving: true, .. })) => true,
        (
            Msg::Saved(Ok(SaveOutcome::Saved(saved))),
            Some(Pane::Quote {
                desk,
                order: Some(DeskOrder::Undelete),
            }),
        ) => desk.brings_back() || saved.text == draft,
        (Msg::SignedIn(Ok(restored)), _) => {
            unsaved_behind_code(before).is_some_and(|unsaved| restored.user.id != unsaved.user_id)
        }
        (Msg::Loaded(Ok(Some(saved))), _) => saved.text == draft,
        _ => false,
    }
}

/// Follows what the draft file of the person at the screen holds.
fn follow(file: &mut Option<String>, before: &Model, msg: &Msg, effects: &[Effect]) {
    let enters = match msg {
        Msg::Restored(Ok(restored)) if before.screen == Screen::Restoring => restored.as_ref(),
        Msg::SignedIn(Ok(restored)) if shows_code(before) => Some(restored),
        _ => None,
    };
    if let Some(restored) = enters {
        let same =
            unsaved_behind_code(before).is_some_and(|unsaved| unsaved.user_id == restored.user.id);
        if !same {
            *file = restored.draft.as_ref().map(|draft| draft.text.clone());
        }
    }
    for effect in effects {
        match effect {
            Effect::KeepDraft(draft) => *file = Some(draft.text.clone()),
            Effect::DropDraft | Effect::SignOut => *file = None,
            _ => {}
        }
    }
}

fn shows_code(model: &Model) -> bool {
    model.context_under_help() == keymap::Context::Waiting
}

/// Returns what is being written.
fn writing(model: &Model) -> Option<Draft> {
    let pane = open_pane(model)?.clone();
    let writes = model.context_under_help() == keymap::Context::Writing;
    pane.in_editor().filter(|_| writes).cloned()
}

/// What the world was asked, as far as the person waits for the answer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Asked {
    Restore,
    Code,
    File,
    Approval,
    End,
    Quote,
    Save,
    Delete,
}

fn asks(effect: &Effect) -> Option<Asked> {
    Some(match effect {
        Effect::Restore => Asked::Restore,
        Effect::RequestCode => Asked::Code,
        Effect::ChooseFile => Asked::File,
        Effect::AwaitApproval => Asked::Approval,
        Effect::SignOut => Asked::End,
        Effect::Load => Asked::Quote,
        Effect::Save { .. } => Asked::Save,
        Effect::Delete { .. } => Asked::Delete,
        _ => return None,
    })
}

/// The answer that the screen waits for.
fn waits_for(model: &Model) -> Option<Asked> {
    Some(match &model.screen {
        Screen::Restoring => Asked::Restore,
        Screen::SignedOut { sign_in, .. } => match sign_in {
            SignIn::Idle | SignIn::VaultFailed => return None,
            SignIn::ChoosingFile => Asked::File,
            SignIn::Requesting => Asked::Code,
            SignIn::Waiting(_) => Asked::Approval,
        },
        Screen::SignedIn {
            over: Some(Over::SigningOut),
            ..
        } => Asked::End,
        Screen::SignedIn { pane, .. } => match pane {
            Pane::Unread { failure: None, .. }
            | Pane::Quote {
                order: Some(DeskOrder::Reload),
                ..
            } => Asked::Quote,
            Pane::Editor { saving: true, .. }
            | Pane::Quote {
                order: Some(DeskOrder::Undelete),
                ..
            } => Asked::Save,
            Pane::Quote {
                order: Some(DeskOrder::Delete),
                ..
            } => Asked::Delete,
            _ => return None,
        },
    })
}

/// Whoever waits, waits for what was asked last, and nothing is asked while a write is under way.
fn keeps_to_its_lane(
    before: &Model,
    model: &Model,
    effects: &[Effect],
    asked: &mut Option<Asked>,
) -> TestCaseResult {
    let questions: Vec<Asked> = effects.iter().filter_map(asks).collect();
    prop_assert!(questions.len() <= 1, "all at once: {:?}", effects);
    let write_under_way = matches!(
        waits_for(before),
        Some(Asked::Save | Asked::Delete | Asked::End)
    );
    prop_assert!(
        questions.is_empty() || !write_under_way || waits_for(before) != waits_for(model),
        "{:?} while {:?} is under way",
        effects,
        waits_for(before)
    );
    *asked = questions.first().copied().or(*asked);
    let waited_for = waits_for(model);
    prop_assert!(
        waited_for.is_none() || waited_for == *asked,
        "{:?} waits for what nobody asked: {:?}",
        model.screen,
        asked
    );
    Ok(())
}

/// Says whether only a person orders this.
fn is_by_key_alone(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Save { .. }
            | Effect::Delete { .. }
            | Effect::SignOut
            | Effect::OpenBrowser(_)
            | Effect::Copy(..)
            | Effect::ReadClipboard
            | Effect::CopyByTerminal(_)
            | Effect::Quit
            | Effect::Suspend
    )
}

/// Draws, and finds nothing that a terminal obeys, and the cursor where one writes.
fn can_be_drawn(model: &Model) -> TestCaseResult {
    let Size { columns, rows } = model.size;
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a screen");
    terminal
        .draw(|frame| crate::view::draw(model, frame))
        .expect("a frame");
    let cursor = terminal.backend().cursor_position();
    let buffer = terminal.backend().buffer();
    for cell in buffer.content() {
        fuzz::is_harmless(cell.symbol())?;
        let misleads = cell.symbol().contains(['\n', '\u{202e}', '\u{2066}']);
        prop_assert!(!misleads, "{:?} is shown", cell.symbol());
    }
    let inside = cursor.x < columns.max(1) && cursor.y < rows.max(1);
    prop_assert!(inside, "the cursor is at {}", cursor);
    Ok(())
}

#[test]
fn whatever_happens_nothing_breaks_and_nothing_written_is_lost() {
    let turns = prop::collection::vec((turn(), prop::bool::weighted(0.1)), 1..80);
    fuzz::run("update", &turns, |turns| {
        let size = Size {
            columns: 80,
            rows: 24,
        };
        let (mut model, _) = init(about(), size);
        let mut asked = Some(Asked::Restore);
        let mut file = None;
        for (turn, is_drawn) in turns {
            let msg = turn.msg(&model);
            let before = model.clone();
            let effects = update(&mut model, msg.clone());

            // The key for a save that was wanted ahead counts when the quote has come.
            let wanted = matches!(
                open_pane(&before),
                Some(Pane::Unread {
                    ahead: Ahead::ToSave(_),
                    ..
                })
            );
            let by_key = matches!(
                msg,
                Msg::Terminal(_) | Msg::Typed(_) | Msg::ClipboardRead(_) | Msg::Copied(..)
            ) || wanted
                || is_own(&msg, &before);
            if let Some(draft) = unsaved(&before)
                && !by_key
                && !may_take(&msg, &before, &draft)
            {
                let lost = unsaved(&model) != Some(draft);
                prop_assert!(!lost, "lost by {:?} in {:?}", msg, before.screen);
            }
            if shows_code(&model) && !shows_code(&before) {
                prop_assert!(matches!(msg, Msg::CodeIssued(Ok(_))));
            }
            for effect in &effects {
                let ordered = by_key || !is_by_key_alone(effect);
                prop_assert!(ordered, "{:?}: {:?}", msg, effect);
            }
            // A letter is a letter until the person leaves the editor, or the session ends.
            if writing(&before).is_some()
                && !matches!(msg, Msg::Terminal(_))
                && before.help.is_none()
            {
                let still =
                    writing(&model).is_some() || matches!(model.screen, Screen::SignedOut { .. });
                prop_assert!(still, "{:?} ends {:?}", msg, before.screen);
            }
            // The draft file follows the editor.
            if let (Some(now), Some(then)) = (writing(&model), writing(&before))
                && now.editor.text() != then.editor.text()
            {
                let expected = if now.is_worth_keeping() {
                    effects.first() == Some(&Effect::KeepDraft(now.to_file()))
                } else {
                    effects.first() == Some(&Effect::DropDraft) || !then.is_worth_keeping()
                };
                prop_assert!(
                    expected,
                    "{:?} from {:?} leads to {:?} and {:?}",
                    msg,
                    before.screen,
                    model.screen,
                    effects
                );
            }
            follow(&mut file, &before, &msg, &effects);
            let text = unsaved(&model);
            prop_assert!(
                text.is_none() || text == file,
                "{:?} is in no file, but {:?}, after {:?} in {:?}",
                text,
                file,
                msg,
                before.screen
            );
            if is_own(&msg, &before) {
                asked = Some(Asked::Save);
            } else {
                keeps_to_its_lane(&before, &model, &effects, &mut asked)?;
            }
            // Drawing is what takes the time.
            if is_drawn {
                can_be_drawn(&model)?;
            }
        }
        can_be_drawn(&model)
    });
}
