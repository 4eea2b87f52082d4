//! The pictures of the README, taken of the real program. They show what it shows today, or this fails: `scripts/pictures` takes
//! them anew.

use std::{fs, path::Path, thread, time::Duration};

use vt100::Screen;

use crate::support::{
    postgres::shared,
    pty::{Key, Pty},
    stage::{INVITATION, Stage},
    svg::{DARK, LIGHT, picture, sequence},
    wait_until,
};

const QUOTE: &str = "Mistakes are the portals of discovery. - James Joyce";

/// James Joyce and his database, which has a name worth a picture and a clock that stands still.
async fn a_stage_for_pictures() -> Stage {
    let mut stage = Stage::new().await;
    let name = stage.database.name();
    let postgres = |sql: String| shared().query("postgres", &sql);
    postgres(format!(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
    ));
    postgres(format!("alter database {name} rename to neondb"));
    shared().query(
        "neondb",
        "create function public.stand_still() returns trigger language plpgsql as $$ begin
           new.create_ts := '2026-05-03 14:02'; return new;
         end $$;
         create trigger stand_still before insert or update on public.user_messages
           for each row execute function public.stand_still()",
    );
    let mut url = stage.database.user().port(stage.database_network.port());
    url.database = "neondb".into();
    stage.home.set("DATABASE_URL", url.to_string());
    stage
}

/// Plays the story, and looks at the screen where it is worth it.
async fn story() -> Vec<(&'static str, Screen)> {
    let stage = a_stage_for_pictures().await;
    let mut taken = Vec::new();
    let mut look = |name, screen: &Pty| {
        let whole = wait_until("the frame is there to its end", || {
            let before = screen.bytes_written();
            thread::sleep(Duration::from_millis(100));
            (screen.bytes_written() == before).then(|| screen.look())
        });
        taken.push((name, whole));
    };
    let mut screen = stage.open();
    screen.sees("Enter Log in");
    look("log-in", &screen);
    let code = stage.ask_for_code(&mut screen);
    screen.sees("q quit");
    look("code", &screen);
    stage.okta.let_in(&code);
    screen.sees(INVITATION);
    screen.sees("Enter write");
    look("empty", &screen);
    screen.key(Key::Enter);
    screen.sees("Ctrl-C quit");
    screen.type_(QUOTE);
    screen.sees("not saved yet");
    look("edit", &screen);
    screen.saves();
    look("quote", &screen);
    screen.key(Key::Char('e'));
    screen.sees("Ctrl-C quit");
    shared().query(
        "neondb",
        "update public.user_messages set message = 'Mistakes are the gates of all discovery. - James Joyce'",
    );
    screen.type_(", Ulysses");
    screen.sees(", Ulysses");
    screen.key(Key::Enter);
    screen.sees("Your quote was changed elsewhere.");
    look("conflict", &screen);
    screen.decides('k');
    screen.sees("Saved.");
    screen.key(Key::Char('d'));
    screen.sees("Delete your quote?");
    look("delete", &screen);
    screen.decides('y');
    screen.sees("Press u to bring it back.");
    look("deleted", &screen);
    screen.key(Key::Char('u'));
    screen.sees("Your quote is back.");
    screen.key(Key::Char('?'));
    screen.sees("Esc back");
    look("help", &screen);
    screen.key(Key::Esc);
    screen.reads("Mistakes");
    screen.key(Key::Char('s'));
    screen.sees("Sign out, here and at Okta?");
    look("sign-out", &screen);
    screen.decides('y');
    screen.sees("You are signed out.");
    look("signed-out", &screen);
    taken
}

#[tokio::test]
async fn the_pictures_of_the_readme_show_the_program_of_today() {
    let taken = story().await;
    let of = |name: &str| {
        let found = taken.iter().find(|(taken, _)| *taken == name);
        found.expect("it was taken").1.clone()
    };
    let moving = [
        "log-in",
        "code",
        "empty",
        "edit",
        "quote",
        "conflict",
        "sign-out",
        "signed-out",
    ];
    let moving = moving.map(of);
    let alone = ["quote", "code", "edit", "conflict", "delete", "help"];
    let mut stale = Vec::new();
    for (palette, light) in [(DARK, "dark"), (LIGHT, "light")] {
        let alone = alone.map(|name| (name, picture(&of(name), palette)));
        let all = alone
            .into_iter()
            .chain([("story", sequence(&moving, palette))]);
        for (name, drawn) in all {
            let name = format!("{name}-{light}.svg");
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join(".github/pictures")
                .join(&name);
            let kept = fs::read_to_string(&path).unwrap_or_default();
            if std::env::var_os("EPIGRAPH_PICTURES").is_some() {
                fs::write(&path, drawn).expect("written");
            } else if steady(&kept) != steady(&drawn) {
                stale.push(name);
            }
        }
    }
    assert_eq!(
        stale, [""; 0],
        "these show another program than this one: run scripts/pictures, and look at them"
    );
}

/// A picture without what differs from run to run: the code in letters and blocks, its time, the port of Okta's stand-in.
fn steady(picture: &str) -> Vec<String> {
    let is_steady = |line: &&str| !line.contains("class=\"q\"");
    picture
        .lines()
        .filter(is_steady)
        .map(|line| {
            let Some((before, text)) = line.split_once('>') else {
                return line.to_owned();
            };
            let words = text.split_inclusive([' ', '<']).map(|word| {
                let bare = word.trim_end_matches([' ', '<']);
                let is_code = bare.len() == 8 && bare.bytes().all(|byte| byte.is_ascii_uppercase());
                if is_code {
                    "CODE".to_owned()
                } else {
                    word.replace(|c: char| c.is_ascii_digit(), "0")
                }
            });
            format!("{before}>{}", words.collect::<String>())
        })
        .collect()
}
