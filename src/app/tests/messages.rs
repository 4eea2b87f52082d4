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

fn at_the_start(msgs: Vec<Msg>) -> String {
    told_after(&mut started(80, 24), msgs)
}

/// What is told of a save of "x".
fn saving(outcome: Result<SaveOutcome, Failure>) -> String {
    let msgs = vec![paste("x"), key("Enter"), Msg::Saved(outcome)];
    while_reading(None, msgs)
}

fn about_the_session() -> Vec<String> {
    let only_locally = SignOutOutcome::OnlyLocally(unreachable());
    let with_draft = Msg::Restored(Ok(Some(restored(Some("mine")))));
    let no_vault = |what: &str| Msg::Restored(Err(Failure::new(Kind::Vault, what)));
    let choosing = |outcome| {
        at_the_start(vec![
            no_vault("It is locked."),
            key("f"),
            Msg::FileChosen(outcome),
        ])
    };
    let reports = |activity| while_reading(None, vec![Msg::Progressed(activity)]);
    vec![
        signed_out(Ok(SignOutOutcome::Revoked)),
        signed_out(Ok(only_locally)),
        at_the_start(vec![with_draft, Msg::Loaded(Err(session_over()))]),
        signed_out(Err(unreachable())),
        at_the_start(vec![Msg::Restored(Err(unreachable()))]),
        at_the_start(vec![no_vault(
            "There is no keyring here: it is not running.",
        )]),
        while_waiting(Msg::SignedIn(Err(unreachable()))),
        choosing(Ok(())),
        choosing(Err(unreachable())),
        reports(Activity::SessionNotKept(unreachable())),
        reports(Activity::Unguarded(unreachable())),
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
    let after_delete = |more| while_reading(Some("Yes."), [deleted(), more].concat());
    let brought_back = |outcome| after_delete(vec![key("u"), Msg::Saved(Ok(outcome))]);
    let draft = || vec![key("e"), paste(" more"), key("Esc")];
    let with_draft = |more| while_reading(Some("Yes."), [draft(), more].concat());
    let read_again =
        |outcome| while_reading(Some("Yes."), vec![key("r"), Msg::Loaded(Ok(outcome))]);
    let deleting = |outcome| {
        while_reading(
            Some("Yes."),
            vec![key("d"), key("y"), Msg::Deleted(outcome)],
        )
    };
    let failed = [unreachable(), unconfirmed()].map(|failure| deleting(Err(failure)));
    let not_back = [unreachable(), unconfirmed()].map(|failure| {
        let msgs = vec![key("u"), Msg::Saved(Err(failure))];
        after_delete(msgs)
    });
    let unfit = |msgs| while_reading(Some("a\u{1b}b"), msgs);
    let elsewhere = DeleteOutcome::Conflict(saved("No."));
    let lost = SaveOutcome::Conflict(Some(saved("No.")));
    vec![
        read_again(Some(saved("Yes."))),
        read_again(Some(saved("No."))),
        after_delete(vec![]),
        brought_back(SaveOutcome::Saved(saved("Yes."))),
        // Someone wrote meanwhile, and so did the person.
        with_draft([deleted(), vec![key("u"), Msg::Saved(Ok(lost))]].concat()),
        unfit([deleted(), vec![key("u")]].concat()),
        unfit([draft(), deleted(), vec![key("u")]].concat()),
        deleting(Ok(elsewhere)),
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
        read_again(None),
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
    at_the_start(msgs)
}

fn about_writing() -> Vec<String> {
    let long = |bytes| paste(&"x".repeat(bytes));
    let most = quote::MAX_BYTES;
    let conflict = || conflicted(80, 24, "mine", Some("No."));
    let left = Msg::Restored(Ok(Some(restored(Some("mine")))));
    let writing = |msg| while_reading(None, vec![key("e"), msg]);
    vec![
        at_the_start(vec![left, Msg::Loaded(Ok(None))]),
        ahead(Some("mine"), Ok(Some(saved("No.")))),
        ahead(Some("mine"), Ok(None)),
        ahead(None, Err(unreachable())),
        ahead(None, Err(refused())),
        told_after(&mut conflict(), vec![key("e")]),
        writing(key("Ctrl-_")),
        writing(key("Ctrl-R")),
        writing(key("Ctrl-Y")),
        writing(key("Ctrl-X")),
        writing(Msg::ClipboardRead(None)),
        writing(Msg::Typed("\u{fffd}".into())),
        writing(key("Enter")),
        while_reading(Some("Yes."), vec![key("e"), key("Ctrl-U"), key("Enter")]),
        while_reading(Some("Yes."), vec![key("e"), key("Enter")]),
        saving(Ok(SaveOutcome::Saved(saved("x")))),
        saving(Err(unreachable())),
        saving(Err(unconfirmed())),
        saving(Err(refused())),
        while_reading(None, vec![long(most + 1)]),
        while_reading(None, vec![long(most + 1), key("Enter")]),
        while_reading(
            Some("a\u{1b}b"),
            vec![key("e"), paste(" more"), key("Enter")],
        ),
        writing(long(16 * most + 1)),
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
