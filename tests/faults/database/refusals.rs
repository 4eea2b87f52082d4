//! The database answers, and refuses; or someone else has changed what was to be written.

use super::{give, is_saved, looking_at, save, write};
use crate::support::{
    okta::{Endpoint, Person},
    postgres::{Cluster, LOCK, Settings, literal},
    pty::Key,
    stage::{INVITATION, Stage, ends},
};

/// How the table comes to refuse a save, what is said then, and how it is made good again.
const REFUSALS: [(&str, &[&str], &str); 8] = [
    (
        "do $$ begin execute format('revoke execute on function epigraph.save_quote(text, text) from %I', okta.user_group()); end $$",
        &["may not keep a quote", "epigraph admin invite"],
        "select epigraph.grant_access(okta.user_group())",
    ),
    // As a database that was set up by the first release.
    (
        "alter schema epigraph rename to later",
        &["lacks functions that this version", "epigraph admin setup"],
        "alter schema later rename to epigraph",
    ),
    (
        "alter table public.user_messages rename message to body",
        &["does not have the columns", "epigraph admin migrate"],
        "alter table public.user_messages rename body to message",
    ),
    (
        "alter table public.user_messages rename to elsewhere",
        &["has no table public.user_messages", "The owner of the"],
        "alter table public.elsewhere rename to user_messages",
    ),
    // As Neon words it when a project has reached its size.
    (
        "create function public.full() returns trigger language plpgsql as $$ begin
           raise exception 'could not extend file because project size limit (512 MB) has been exceeded' using errcode = 'disk_full';
         end $$;
         create trigger refuse before insert or update on public.user_messages execute function public.full()",
        &["is out of space", "raise its limit"],
        "drop function public.full() cascade",
    ),
    (
        "create function public.full() returns trigger language plpgsql as $$ begin
           raise exception 'out of memory' using errcode = 'out_of_memory';
         end $$;
         create trigger refuse before insert or update on public.user_messages execute function public.full()",
        &["is out of memory"],
        "drop function public.full() cascade",
    ),
    (
        "alter table public.user_messages add column later text, add constraint later check (later is not null) not valid",
        &["The database refused: ", "violates check constraint"],
        "alter table public.user_messages drop column later",
    ),
    (
        "select okta.block(user_id) from public.user_messages",
        &["blocked you", "Ask the owner"],
        "select okta.unblock(user_id) from public.user_messages",
    ),
];

#[tokio::test]
async fn a_refused_save_says_why_and_keeps_the_text() {
    let (stage, mut screen) = looking_at("Text 0").await;
    for (round, (breaks, says, mends)) in REFUSALS.iter().enumerate() {
        let before = stage.quote();
        write(&mut screen, &format!(" {round}"));
        let text = format!("{before} {round}");
        stage.database.query(breaks);
        screen.key(Key::Enter);
        for part in *says {
            screen.sees(part);
        }
        screen.sees("Not saved, but kept.");
        screen.sees(&text);
        stage.keeps(&text);
        stage.database.query(mends);
        assert_eq!(stage.quote(), before, "{breaks}");
        screen.key(Key::Enter);
        is_saved(&stage, &mut screen, &text);
        stage.keeps_no_draft();
    }
}

/// Someone holds the row, and no one lets go: the server's own limit ends the statement, and the text is there for another try.
#[tokio::test]
async fn a_locked_row_is_waited_for_up_to_the_statement_timeout() {
    let stage = Stage::signed_in().await;
    give(&stage, "One");
    let url = stage.database.user().set("statement_timeout", "300ms");
    let mut screen = stage.open_at(&url);
    screen.reads("One");
    let owner = stage.database.owner_begins(LOCK).await;
    save(&mut screen, " and two");
    screen.sees("cancelled the statement because it took too long");
    screen.sees("Not saved. Your text is still here");
    owner.batch_execute("rollback").await.expect("it is open");
    screen.key(Key::Enter);
    is_saved(&stage, &mut screen, "One and two");
}

#[tokio::test]
async fn a_role_that_may_no_longer_log_in_is_told_so() {
    let stage = Stage::signed_in().await;
    give(&stage, "Here.");
    let role = stage.database.user_name();
    let alter = |how: &str| stage.database.query(&format!("alter role {role} {how}"));
    for (change, code, says) in [
        ("nologin", 11, "is not permitted to log in"),
        ("login connection limit 0", 7, "has no free connections"),
        (
            "connection limit -1 valid until '2020-01-01'",
            11,
            "with this password",
        ),
    ] {
        alter(change);
        stage.run(&["show"]).fails(code, &[says]);
    }
    alter("valid until 'infinity'");
    assert_eq!(stage.run(&["show"]).data(), "Here.");
    // A change of its password counts for the next connection, and the one that is open goes on.
    let mut screen = stage.open_reading("Here.");
    alter("password 'changed'");
    save(&mut screen, " Still");
    screen.sees("Saved.");
    stage.database.end_sessions();
    save(&mut screen, " now");
    screen.sees("rejected the role");
    screen.sees("Not saved, but kept.");
    let drop = format!("drop owned by {role}; drop role {role}");
    stage.database.query(&drop);
    screen.key(Key::Enter);
    screen.sees("rejected the role");
    screen.sees("Here. Still now");
}

/// The database's clock decides: what is refused there is renewed at Okta, once, and tried again.
#[tokio::test]
async fn a_save_with_an_expired_token_renews_it_and_succeeds() {
    let (stage, mut screen) = looking_at("One").await;
    for (spent, done) in [(true, true), (false, false)] {
        let issued = stage.okta.issued_secrets();
        let issued: Vec<_> = issued.iter().map(|token| literal(token)).collect();
        let condition = if spent {
            format!("in ({})", issued.join(", "))
        } else {
            "is not null".into()
        };
        stage.database.query(&format!(
            "create or replace function public.expire() returns trigger language plpgsql as $$ begin
               if current_setting('okta.id_token') {condition} then
                 raise exception 'The token has expired.' using errcode = '28E08';
               end if;
               return new;
             end $$;
             create or replace trigger expire before update on public.user_messages
               for each row execute function public.expire()"
        ));
        let refreshes = stage.okta.count(Endpoint::Token);
        save(&mut screen, ", more");
        if done {
            is_saved(&stage, &mut screen, "One, more");
        } else {
            screen.sees("even a new session has expired");
            screen.sees("Not saved, but kept.");
            screen.sees("One, more, more");
            assert_eq!(stage.quote(), "One, more");
        }
        assert_eq!(stage.okta.count(Endpoint::Token), refreshes + 1);
    }
}

/// What a program does not know of is no reason to fail.
#[tokio::test]
async fn a_database_of_a_newer_program_serves_this_one() {
    let stage = Stage::signed_in().await;
    stage.database.query(
        "insert into public.epigraph_schema_history values (1000, 'future', '2030-01-01T00:00:00Z', '1');
         alter table public.user_messages add column mood text not null default 'fine';
         alter table public.user_messages add column first_column bigint generated always as identity",
    );
    assert_eq!(stage.run(&["set", "Of the future."]).code, Some(0));
    assert_eq!(stage.run(&["show"]).data(), "Of the future.");
    assert_eq!(stage.run(&["delete", "--yes"]).code, Some(0));
    assert_eq!(stage.rows(), "");
}

#[tokio::test]
async fn a_change_elsewhere_is_never_overwritten_unseen() {
    let (stage, mut screen) = looking_at("One").await;
    write(&mut screen, " of mine");
    give(&stage, "Two");
    screen.key(Key::Enter);
    screen.sees("Your quote was changed elsewhere.");
    screen.sees("One of mine");
    screen.sees("Two");
    assert_eq!(stage.quote(), "Two");
    screen.decides('t');
    screen.reads("Two");

    write(&mut screen, " of mine");
    stage.database.query("delete from public.user_messages");
    screen.key(Key::Enter);
    screen.sees("Your quote was deleted elsewhere.");
    screen.sees("Two of mine");
    assert_eq!(stage.rows(), "");
    screen.decides('k');
    is_saved(&stage, &mut screen, "Two of mine");

    // What is to be deleted is what was on the screen.
    give(&stage, "Three");
    screen.deletes();
    screen.sees("Not deleted. It was changed elsewhere");
    screen.reads("Three");
    assert_eq!(stage.quote(), "Three");
    stage.database.query("delete from public.user_messages");
    screen.deletes();
    screen.sees(INVITATION);

    // What was deleted can be brought back, and not over what someone else has put there since.
    give(&stage, "Four");
    screen.key(Key::Char('u'));
    screen.sees("There is already a quote.");
    screen.sees("Three");
    assert_eq!(stage.quote(), "Four");

    // Another program's commands, in the same way.
    screen.decides('t');
    screen.reads("Four");
    give(&stage, "Five");
    screen.key(Key::Char('r'));
    screen.sees("It has changed; this is the new text.");
    screen.reads("Five");
    stage.database.query("delete from public.user_messages");
    screen.key(Key::Char('r'));
    screen.sees("Your quote has since been deleted. Press u to bring it back.");
    screen.key(Key::Char('u'));
    screen.reads("Five");
    assert_eq!(stage.quote(), "Five");
}

#[tokio::test]
async fn a_read_replica_shows_the_quote_and_refuses_the_save_in_words() {
    let stage = Stage::signed_in().await;
    let mut primary = Cluster::start(Settings::default());
    let standby = primary.standby();
    let database = primary.trusting(&stage.okta).await;
    database.query(&format!(
        "insert into public.user_messages (user_id, message) values ('{}', 'Original')",
        Person::James.id()
    ));
    standby.catches_up_with(&primary);
    let url = database.user().port(standby.port());
    let mut screen = stage.open_at(&url);
    screen.reads("Original");
    save(&mut screen, " and copy");
    screen.sees("The database is read-only.");
    screen.sees("connection string of the primary");
    screen.sees("Not saved, but kept.");
    screen.key(Key::Ctrl('c'));
    ends(&mut screen, 0);
    stage.keeps("Original and copy");
    let kept = database.query("select message from public.user_messages");
    assert_eq!(kept, "Original");
}
