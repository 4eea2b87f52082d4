//! What the screens tell a person under the text, in one piece.

use super::*;
use crate::{app::samples::key_event, quote};

/// What is told after the last of these.
fn told_after(model: &mut Model, msgs: Vec<Msg>) -> String {
    for msg in msgs {
        update(model, msg);
    }
    told(model)
}

fn key(name: &str) -> Msg {
    Msg::Terminal(Event::Key(key_event(name)))
}

fn paste(text: &str) -> Msg {
    Msg::Terminal(Event::Paste(text.into()))
}

fn signed_out(outcome: Result<SignOutOutcome, Failure>) -> String {
    let mut model = reading(80, 24, Some("Yes."));
    told_after(
        &mut model,
        vec![key("s"), key("y"), Msg::SignedOut(outcome)],
    )
}

fn while_reading(quote: Option<&str>, msgs: Vec<Msg>) -> String {
    told_after(&mut reading(80, 24, quote), msgs)
}

fn while_waiting(msg: Msg) -> String {
    told_after(&mut waiting(80, 24), vec![msg])
}

fn about_the_session() -> Vec<String> {
    let only_locally = SignOutOutcome::OnlyLocally(unreachable());
    let mut with_draft = started(80, 24);
    update(
        &mut with_draft,
        Msg::Restored(Ok(Some(restored(Some("mine"))))),
    );
    vec![
        signed_out(Ok(SignOutOutcome::Revoked)),
        signed_out(Ok(only_locally)),
        told_after(&mut with_draft, vec![Msg::Loaded(Err(session_over()))]),
        signed_out(Err(unreachable())),
        told_after(
            &mut started(80, 24),
            vec![Msg::Restored(Err(unreachable()))],
        ),
        told_after(
            &mut started(80, 24),
            vec![Msg::Restored(Err(Failure::new(
                Kind::Vault,
                "There is no keyring here: it is not running.",
            )))],
        ),
        while_waiting(Msg::SignedIn(Err(unreachable()))),
        told_after(
            &mut started(80, 24),
            vec![
                Msg::Restored(Err(Failure::new(Kind::Vault, "It is locked."))),
                key("f"),
                Msg::FileChosen(Ok(())),
            ],
        ),
        told_after(
            &mut started(80, 24),
            vec![
                Msg::Restored(Err(Failure::new(Kind::Vault, "It is locked."))),
                key("f"),
                Msg::FileChosen(Err(unreachable())),
            ],
        ),
        while_reading(
            None,
            vec![Msg::Progressed(Activity::SessionNotKept(unreachable()))],
        ),
        while_reading(
            None,
            vec![Msg::Progressed(Activity::Unguarded(unreachable()))],
        ),
        while_waiting(Msg::BrowserOpened(Err(unreachable()))),
        while_waiting(Msg::BrowserOpened(Ok(()))),
        while_waiting(Msg::Copied(Copied::Code, Ok(Clipboard::System))),
        while_waiting(Msg::Copied(Copied::Address, Ok(Clipboard::Tmux))),
        while_waiting(Msg::Copied(Copied::Quote, Err(String::new()))),
        while_waiting(Msg::Copied(Copied::Selection, Ok(Clipboard::System))),
    ]
}

fn about_the_quote() -> Vec<String> {
    let deleted = || vec![key("d"), key("y"), Msg::Deleted(Ok(DeleteOutcome::Deleted))];
    let after_delete =
        |more: Vec<Msg>| while_reading(Some("Yes."), deleted().into_iter().chain(more).collect());
    let brought_back = |outcome| after_delete(vec![key("u"), Msg::Saved(Ok(outcome))]);
    let draft = || vec![key("e"), paste(" more"), key("Esc")];
    let with_draft =
        |more: Vec<Msg>| while_reading(Some("Yes."), draft().into_iter().chain(more).collect());
    let read_again = |text| {
        while_reading(
            Some("Yes."),
            vec![key("r"), Msg::Loaded(Ok(Some(saved(text))))],
        )
    };
    let failed = [unreachable(), unconfirmed()].map(Err::<DeleteOutcome, _>);
    let failed = failed.map(|outcome| {
        let msgs = vec![key("d"), key("y"), Msg::Deleted(outcome)];
        while_reading(Some("Yes."), msgs)
    });
    let not_back = [unreachable(), unconfirmed()].map(|failure| {
        let msgs = vec![key("u"), Msg::Saved(Err(failure))];
        after_delete(msgs)
    });
    let elsewhere = DeleteOutcome::Conflict(saved("No."));
    let lost = SaveOutcome::Conflict(Some(saved("No.")));
    vec![
        read_again("Yes."),
        read_again("No."),
        after_delete(vec![]),
        brought_back(SaveOutcome::Saved(saved("Yes."))),
        // Someone wrote meanwhile, and so did the person.
        with_draft(
            deleted()
                .into_iter()
                .chain([key("u"), Msg::Saved(Ok(lost))])
                .collect(),
        ),
        while_reading(
            Some("a\u{1b}b"),
            deleted().into_iter().chain([key("u")]).collect(),
        ),
        while_reading(
            Some("a\u{1b}b"),
            draft()
                .into_iter()
                .chain(deleted())
                .chain([key("u")])
                .collect(),
        ),
        while_reading(
            Some("Yes."),
            vec![key("d"), key("y"), Msg::Deleted(Ok(elsewhere))],
        ),
        while_reading(Some("Yes."), vec![paste("x")]),
        with_draft(vec![]),
        with_draft(vec![key("x"), key("y")]),
        with_draft(vec![key("r"), Msg::Loaded(Ok(Some(saved("Yes. more"))))]),
        with_draft(vec![key("r"), Msg::Loaded(Err(unreachable()))]),
        // Sent, not answered, and written on.
        while_reading(
            None,
            vec![
                paste("Yes."),
                key("Enter"),
                Msg::Saved(Err(unconfirmed())),
                paste(" more"),
                key("Esc"),
                key("r"),
                Msg::Loaded(Ok(Some(saved("Yes.")))),
            ],
        ),
        while_reading(Some("Yes."), vec![key("r"), Msg::Loaded(Ok(None))]),
    ]
    .into_iter()
    .chain(failed)
    .chain(not_back)
    .collect()
}

/// What is told to someone who writes before the quote has been read.
fn ahead(based_on: Option<&str>, outcome: Result<Option<Saved>, Failure>) -> String {
    let earlier = Restored {
        draft: Some(kept("more", based_on)),
        ..restored(None)
    };
    let msgs = vec![
        Msg::Restored(Ok(Some(earlier))),
        key("e"),
        Msg::Loaded(outcome),
    ];
    told_after(&mut started(80, 24), msgs)
}

fn about_writing() -> Vec<String> {
    let long = |bytes| paste(&"x".repeat(bytes));
    let most = quote::MAX_BYTES;
    let conflict = || conflicted(80, 24, "mine", Some("No."));
    let mut left = started(80, 24);
    update(&mut left, Msg::Restored(Ok(Some(restored(Some("mine"))))));
    vec![
        told_after(&mut left, vec![Msg::Loaded(Ok(None))]),
        ahead(Some("mine"), Ok(Some(saved("No.")))),
        ahead(Some("mine"), Ok(None)),
        ahead(None, Err(unreachable())),
        ahead(None, Err(refused())),
        told_after(&mut conflict(), vec![key("e")]),
        while_reading(None, vec![key("e"), key("Ctrl-_")]),
        while_reading(None, vec![key("e"), key("Ctrl-R")]),
        while_reading(None, vec![key("e"), key("Ctrl-Y")]),
        while_reading(None, vec![key("e"), key("Ctrl-X")]),
        while_reading(None, vec![key("e"), Msg::ClipboardRead(None)]),
        while_reading(None, vec![key("e"), Msg::Typed("\u{fffd}".into())]),
        while_reading(None, vec![key("e"), key("Enter")]),
        while_reading(Some("Yes."), vec![key("e"), key("Ctrl-U"), key("Enter")]),
        while_reading(Some("Yes."), vec![key("e"), key("Enter")]),
        while_reading(
            None,
            vec![
                paste("x"),
                key("Enter"),
                Msg::Saved(Ok(SaveOutcome::Saved(saved("x")))),
            ],
        ),
        while_reading(
            None,
            vec![paste("x"), key("Enter"), Msg::Saved(Err(unreachable()))],
        ),
        while_reading(
            None,
            vec![paste("x"), key("Enter"), Msg::Saved(Err(unconfirmed()))],
        ),
        while_reading(
            None,
            vec![paste("x"), key("Enter"), Msg::Saved(Err(refused()))],
        ),
        while_reading(None, vec![long(most + 1)]),
        while_reading(None, vec![long(most + 1), key("Enter")]),
        while_reading(
            Some("a\u{1b}b"),
            vec![key("e"), paste(" more"), key("Enter")],
        ),
        while_reading(None, vec![key("e"), long(16 * most + 1)]),
        while_reading(None, vec![Msg::DraftFailed(unreachable())]),
    ]
}

#[test]
fn every_message_of_the_screens() {
    let all = [about_the_session(), about_the_quote(), about_writing()].concat();
    for told in &all {
        // The outcome, and two sentences: see docs/look.md.
        let more = told.split(". ").skip(1);
        let more = more.filter(|next| next.starts_with(char::is_uppercase));
        assert!(!told.is_empty() && more.count() <= 2, "{told}");
    }
    insta::assert_snapshot!(all.join("\n"));
}
