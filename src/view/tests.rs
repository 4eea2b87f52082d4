use std::collections::BTreeSet;

use crossterm::event::Event;
use ratatui::{
    Terminal,
    backend::TestBackend,
    buffer::{Buffer, Cell},
    style::{Color, Modifier},
};

use super::draw;
use crate::{
    account::{Activity, Restored},
    app::{
        Model, Msg, Size,
        samples::{
            code_on_screen, conflicted, press, reading, restored, saved, session_over, started,
            unconfirmed, unreachable, waiting, write,
        },
        update,
    },
    failure::{Failure, Kind},
    quote::{DeleteOutcome, SaveOutcome},
};

/// The sizes of every picture: what a terminal has at first, a large one, and the smallest that works.
const SIZES: [(u16, u16); 4] = [(80, 24), (120, 40), (40, 12), (20, 5)];

const LONG: &str = "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a wife.\n\nHowever little known the feelings or views of such a man may be on his first entering a neighbourhood, this truth is so well fixed in the minds of the surrounding families, that he is considered the rightful property of some one or other of their daughters.\n";

fn drawn(model: &Model) -> Terminal<TestBackend> {
    let Size { columns, rows } = model.size;
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a screen");
    terminal.draw(|frame| draw(model, frame)).expect("a frame");
    terminal
}

/// Takes a picture at every size, and sees that any other size breaks nothing and keeps everything inside.
fn pictures(name: &str, model: impl Fn(u16, u16) -> Model) {
    let usual = model(80, 24);
    for columns in [0, 1, 2, 9, 20, 29, 80, 300] {
        for rows in [0, 1, 2, 3, 5, 9, 24, 100] {
            let mut model = usual.clone();
            update(&mut model, Msg::Terminal(Event::Resize(columns, rows)));
            is_inside(name, &model);
        }
    }
    for (columns, rows) in SIZES {
        let terminal = drawn(&model(columns, rows));
        is_legible(name, terminal.backend().buffer());
        insta::assert_snapshot!(format!("{name}_{columns}x{rows}"), terminal.backend());
    }
    insta::assert_snapshot!(format!("{name}_colours"), both_looks(usual));
}

/// Looks whether letters can be read on every background: none has a colour but in a block, and nothing bold has one.
#[track_caller]
fn is_legible(name: &str, buffer: &Buffer) {
    for cell in buffer.content() {
        let coloured = (cell.fg, cell.bg) != (Color::Reset, Color::Reset);
        let is_letter = cell.symbol().chars().any(char::is_alphanumeric);
        let bold_and_coloured = coloured && cell.modifier.contains(Modifier::BOLD);
        let coloured_letter = is_letter && cell.fg != Color::Reset && cell.bg == Color::Reset;
        assert!(!bold_and_coloured && !coloured_letter, "{name}: {cell:?}");
    }
}

/// Lists what wears a style at 80x24, with colours and without.
fn both_looks(mut model: Model) -> String {
    let with = looks(drawn(&model).backend().buffer());
    model.about.without.colours = true;
    let without = looks(drawn(&model).backend().buffer());
    format!("{with}\nNO_COLOR\n{without}")
}

/// Lists what wears a style, row by row.
fn looks(buffer: &Buffer) -> String {
    let look = |cell: &Cell| (cell.fg, cell.bg, cell.modifier);
    let mut lines = Vec::new();
    for row in buffer.content().chunks(buffer.area.width.into()) {
        for run in row.chunk_by(|one, other| look(one) == look(other)) {
            let (foreground, background, modifier) = look(&run[0]);
            let text: String = run.iter().map(Cell::symbol).collect();
            let is_plain = (foreground, background, modifier) == look(&Cell::EMPTY);
            let is_edge = text.trim_matches(['│', ' ']).is_empty();
            if is_plain || is_edge && background == Color::Reset {
                continue;
            }
            let mut words = Vec::new();
            if foreground != Color::Reset {
                words.push(format!("{foreground}"));
            }
            if background != Color::Reset {
                words.push(format!("on {background}"));
            }
            words.extend(modifier.iter_names().map(|(name, _)| name.to_lowercase()));
            let line = format!("{:<22} {text}", words.join(" "));
            if lines.last() != Some(&line) {
                lines.push(line);
            }
        }
    }
    lines.join("\n")
}

/// Makes the model of someone whose quote is being read, and who saw this one last.
fn loading(columns: u16, rows: u16, seen: Option<&str>) -> Model {
    let mut model = started(columns, rows);
    let restored = Restored {
        seen: seen.map(saved),
        ..restored(None)
    };
    update(&mut model, Msg::Restored(Ok(Some(restored))));
    model
}

/// Makes the model of someone who waits for a database that has to be woken.
fn waking(columns: u16, rows: u16) -> Model {
    let mut model = loading(columns, rows, None);
    update(&mut model, Msg::Progressed(Activity::WakingDatabase));
    model
}

/// Takes pictures of what is shown after these keys.
fn pressed(name: &str, start: impl Fn(u16, u16) -> Model, keys: &str) {
    pictures(name, |columns, rows| {
        let mut model = start(columns, rows);
        press(&mut model, keys);
        model
    });
}

/// Takes pictures of what is shown after these keys, and what comes then.
fn told(name: &str, start: impl Fn(u16, u16) -> Model, keys: &str, then: &Msg) {
    pictures(name, |columns, rows| {
        let mut model = start(columns, rows);
        press(&mut model, keys);
        update(&mut model, then.clone());
        model
    });
}

fn no_quote(columns: u16, rows: u16) -> Model {
    reading(columns, rows, None)
}

fn one(columns: u16, rows: u16) -> Model {
    reading(columns, rows, Some("One."))
}

const YES: &str = "e Y e s . Enter";
const QUITE_SO: &str = "e Q u i t e Space s o .";
const BY_JOYCE: &str = "Mistakes are the portals of discovery. - James Joyce";

#[test]
fn every_screen_looks_as_it_should() {
    let nobody = Msg::Restored(Ok(None));
    pictures("restoring", started);
    told("signed_out", started, "", &nobody);
    let failure = Failure::new(
        Kind::Vault,
        "There is no keyring here: the keyring (Secret Service) is not running, as on most machines without a desktop.",
    );
    told("no_keyring", started, "", &Msg::Restored(Err(failure)));
    pictures("requesting", |columns, rows| {
        let mut model = started(columns, rows);
        update(&mut model, nobody.clone());
        press(&mut model, "Enter");
        model
    });
    pictures("waiting", waiting);
    pictures("loading", waking);
    let seen = |columns, rows| loading(columns, rows, Some(BY_JOYCE));
    let wakes = Msg::Progressed(Activity::WakingDatabase);
    let unread = Msg::Loaded(Err(unreachable()));
    pictures("seen", seen);
    told("seen_while_waking", seen, "", &wakes);
    told("seen_and_unread", seen, "", &unread);
    let save_ahead = format!("{QUITE_SO} Enter");
    pressed("writing_ahead", waking, QUITE_SO);
    pressed("saving_ahead", waking, &save_ahead);
    let unseen = |columns, rows| loading(columns, rows, None);
    told(
        "conflict_with_a_quote_that_nobody_had_seen",
        unseen,
        &save_ahead,
        &Msg::Loaded(Ok(Some(saved("Yes.")))),
    );
    told("unread", unseen, "", &unread);
    pictures("no_quote", no_quote);
    let read = |quote: &'static str| move |columns, rows| reading(columns, rows, Some(quote));
    let with_an_author = "“Mistakes are the portals\nof discovery.” - James Joyce";
    pictures("quote_with_an_author", read(with_an_author));
    pictures("quote", read("Mistakes are the portals of discovery."));
    let long = LONG.repeat(6);
    let long = |columns, rows| reading(columns, rows, Some(&long));
    pressed("long_quote", long, "PgDn");
}

#[test]
fn every_step_of_writing_looks_as_it_should() {
    pressed("writing_nothing_yet", no_quote, "e");
    pictures("writing", |columns, rows| {
        let mut model = one(columns, rows);
        press(&mut model, "e");
        update(&mut model, Msg::Terminal(Event::Paste(LONG.into())));
        write(&mut model, "日本語 👨‍👩‍👧 e\u{301}");
        model
    });
    pressed("saving", no_quote, YES);
    pictures("just_saved", |columns, rows| {
        let mut model = no_quote(columns, rows);
        press(&mut model, "e");
        write(&mut model, BY_JOYCE);
        press(&mut model, "Enter");
        let outcome = SaveOutcome::Saved(saved(BY_JOYCE));
        update(&mut model, Msg::Saved(Ok(outcome)));
        model
    });
    let (failed, over) = (unreachable(), session_over());
    told("save_failed", no_quote, YES, &Msg::Saved(Err(failed)));
    told("session_over", no_quote, YES, &Msg::Saved(Err(over)));
    pressed("draft_waiting", one, "e Space T w o . Esc");
    let (long, mine) = (LONG.repeat(3), "This is mine.");
    for (name, mine, theirs) in [
        ("conflict", mine, Some("This is theirs.")),
        ("conflict_of_long_texts", &long, Some(long.as_str())),
        ("conflict_with_nothing", mine, None),
    ] {
        pictures(name, |columns, rows| {
            conflicted(columns, rows, mine, theirs)
        });
    }
}

#[test]
fn every_question_and_its_answer_look_as_they_should() {
    pressed("asking_to_delete", one, "d");
    let done = Msg::Deleted(Ok(DeleteOutcome::Deleted));
    told("deleted", one, "d y", &done);
    pressed("asking_to_sign_out", one, "e Space T w o . Esc s");
    pressed("asking_to_sign_out_with_nothing_to_lose", one, "s");
    pressed("signing_out", one, "s y");
    pressed("help", one, "?");
}

/// Draws on a screen that is larger than the model knows, and one that is much smaller.
#[track_caller]
fn is_inside(name: &str, model: &Model) {
    const MORE: u16 = 3;
    let Size { columns, rows } = model.size;
    let backend = TestBackend::new(columns + MORE, rows + MORE);
    let mut terminal = Terminal::new(backend).expect("a screen");
    terminal.draw(|frame| draw(model, frame)).expect("a frame");
    let backend = terminal.backend();
    let cursor = backend.cursor_visible().then(|| backend.cursor_position());
    let buffer = terminal.backend().buffer();
    for y in 0..rows + MORE {
        for x in 0..columns + MORE {
            let outside = x >= columns || y >= rows;
            let is_blank = buffer[(x, y)] == Cell::EMPTY;
            assert!(!outside || is_blank, "{name} at {columns}x{rows}: {x},{y}");
        }
    }
    let is_inside = cursor.is_none_or(|at| at.x < columns && at.y < rows);
    assert!(is_inside, "{name} at {columns}x{rows}: cursor {cursor:?}");
    let smaller = TestBackend::new(columns / 3, rows / 3);
    let mut terminal = Terminal::new(smaller).expect("a screen");
    terminal.draw(|frame| draw(model, frame)).expect("a frame");
}

/// Where a word stands on the screen.
fn place_of(model: &Model, word: &str) -> Option<(usize, usize)> {
    let screen = text(&drawn(model));
    let mut rows = screen.lines().enumerate();
    rows.find_map(|(row, line)| Some((line[..line.find(word)?].chars().count(), row)))
}

#[test]
fn a_text_stays_where_it_is_whatever_becomes_of_it() {
    let tall = "many words that are read and written ".repeat(60);
    for text in [
        "First words.",
        "First words. - James Joyce",
        "First words of\nverse,\nand more\n— Someone",
        // It fits as it is read, and not as it is written.
        &format!("First\n{}\n\n\n— Someone", "line\n".repeat(8)),
        &format!("First {tall}"),
    ] {
        for (columns, rows) in [(80, 24), (120, 40), (40, 12), (72, 18), (50, 14)] {
            let mut model = reading(columns, rows, None);
            press(&mut model, "e");
            update(&mut model, Msg::Terminal(Event::Paste(text.into())));
            press(&mut model, "Ctrl-Home");
            let written = place_of(&model, "First");
            assert!(written.is_some(), "{text} at {columns}x{rows}");
            let mut stays = |keys: &str, then: Option<Msg>| {
                press(&mut model, keys);
                if let Some(msg) = then {
                    update(&mut model, msg);
                }
                let place = place_of(&model, "First");
                assert_eq!(place, written, "{text} at {columns}x{rows} after {keys}");
            };
            stays("Enter", None);
            stays("", Some(Msg::Saved(Err(unreachable()))));
            stays("Enter", Some(Msg::Saved(Err(unconfirmed()))));
            let outcome = SaveOutcome::Saved(saved(text));
            stays("Enter", Some(Msg::Saved(Ok(outcome))));
            stays("d", None);
            stays("n r", None);
            stays("", Some(Msg::Loaded(Ok(Some(saved(text))))));
            stays("d y", None);
            stays("", Some(Msg::Deleted(Err(unreachable()))));
            stays("e Ctrl-Home", None);
            stays("! Esc", None);
            stays("s", None);
        }
    }
}

#[test]
fn a_text_has_the_room_that_it_needs_while_it_is_written() {
    // As it is read, it would fit further down.
    let tall = format!("First\n{}\n\n\n— Someone", "line\n".repeat(8));
    let mut model = no_quote(80, 24);
    press(&mut model, "e");
    update(&mut model, Msg::Terminal(Event::Paste(tall)));
    let screen = text(&drawn(&model));
    assert!(!screen.contains("rows "), "{screen}");
}

#[test]
fn the_shorter_of_two_texts_stops_at_its_end() {
    let mut model = conflicted(80, 24, &"long ".repeat(500), Some("short"));
    press(&mut model, "End");
    let screen = text(&drawn(&model));
    assert!(screen.contains("short") && screen.contains('↑'), "{screen}");
}

#[test]
fn a_screen_without_frames_says_the_same() {
    let states: [fn(u16, u16) -> Model; 4] = [
        one,
        no_quote,
        |columns, rows| conflicted(columns, rows, "Mine.", Some("Theirs.")),
        waiting,
    ];
    for state in states {
        let mut model = state(80, 24);
        let framed = text(&drawn(&model));
        model.about.without.frames = true;
        update(&mut model, Msg::Terminal(Event::Resize(80, 24)));
        let plain = text(&drawn(&model));
        assert!(!plain.contains(['│', '─', '╭']), "{plain}");
        let words = |screen: &str| {
            let words = screen.split(|c: char| !c.is_alphabetic());
            words.map(str::to_owned).collect::<BTreeSet<_>>()
        };
        let (framed, plain) = (words(&framed), words(&plain));
        let lost: Vec<_> = framed.difference(&plain).collect();
        // What it is and where: the first to go.
        let may_go = [
            "epigraph", "neondb", "direct", "Log", "in", "code", "The", "works", "until",
        ];
        let is_missed = |word: &&&String| !may_go.contains(&word.as_str());
        assert_eq!(lost.iter().find(is_missed), None);
    }
}

/// Reads the screen as plain text.
fn text(terminal: &Terminal<TestBackend>) -> String {
    terminal.backend().to_string()
}

#[test]
fn a_stranger_cannot_draw_on_the_screen() {
    let mut model = started(80, 24);
    let mut restored = restored(None);
    restored.user.name = "Eve\x1b[2J\u{202e}\nWelcome".into();
    update(&mut model, Msg::Restored(Ok(Some(restored))));
    let quote = saved("red \x1b[31m\u{9b}0m\u{2066}x\ttab\r\nnext");
    update(&mut model, Msg::Loaded(Ok(Some(quote))));
    let screen = text(&drawn(&model));
    for shown in [
        "Welcome, Eve␛[2J\u{fffd} Welcome!",
        "red ␛[31m\u{fffd}0m\u{fffd}x    tab",
    ] {
        assert!(screen.contains(shown), "{screen}");
    }
    assert!(!screen.contains(['\x1b', '\u{9b}', '\u{202e}', '\u{2066}', '\r']));
}

#[test]
fn the_address_keeps_its_own_line_beside_the_qr_code() {
    for columns in [80, 81, 120] {
        for rows in [22, 24, 40] {
            let model = waiting(columns, rows);
            let screen = text(&drawn(&model));
            let address = "https://dev-12345678.okta.com/activate";
            let line = screen
                .lines()
                .find(|line| line.contains(address))
                .unwrap_or_else(|| panic!("no address at {columns}x{rows}\n{screen}"));
            let rest: String = line
                .replace(address, "")
                .replace("1 Open on any device:", "");
            assert!(!rest.contains(char::is_alphanumeric), "{line}");
            assert!(screen.contains("WDJBMJHT"), "{screen}");
        }
    }
}

#[test]
fn a_long_address_is_never_cut() {
    let address =
        "https://a-rather-long-name-of-an-organization-that-moved-1234567.okta-emea.com/activate";
    for (columns, rows) in [(80, 24), (100, 40), (60, 20), (40, 12)] {
        let mut model = waiting(columns, rows);
        let code = code_on_screen(&mut model);
        code.verification_uri = address.into();
        code.verification_uri_complete = Some(format!("{address}?user_code=WDJBMJHT"));
        let terminal = drawn(&model);
        let buffer = terminal.backend().buffer();
        let underlined = |cell: &&Cell| cell.modifier.contains(Modifier::UNDERLINED);
        let cells = buffer.content().iter().filter(underlined);
        let shown: String = cells.map(Cell::symbol).collect();
        assert_eq!(shown, address, "{columns}x{rows}");
    }
}

#[test]
fn the_qr_code_is_shown_whole_or_not_at_all() {
    for (columns, rows, expected) in [
        (80, 24, true),
        (76, 24, true),
        (74, 24, false),
        (80, 22, false),
        (200, 60, true),
    ] {
        let terminal = drawn(&waiting(columns, rows));
        let buffer = terminal.backend().buffer();
        let light = |cell: &ratatui::buffer::Cell| cell.bg == Color::Indexed(231);
        let lit: Vec<(u16, u16)> = (0..rows)
            .flat_map(|y| (0..columns).map(move |x| (x, y)))
            .filter(|&position| light(&buffer[position]))
            .collect();
        assert_eq!(!lit.is_empty(), expected, "at {columns}x{rows}");
        let Some((left, top)) = lit.first().copied() else {
            continue;
        };
        // 33 modules and four blank ones at either side, two to a row.
        assert_eq!(lit.len(), 41 * 21, "at {columns}x{rows}");
        for (x, y) in lit {
            let cell = &buffer[(x, y)];
            assert_eq!(cell.fg, Color::Indexed(16));
            if x < left + 4 || x >= left + 37 || y < top + 2 {
                assert_eq!(cell.symbol(), " ", "the quiet zone at {x}, {y}");
            }
        }
    }
}

#[test]
fn without_colours_only_the_qr_code_has_any() {
    let mut model = waiting(80, 24);
    model.about.without.colours = true;
    code_on_screen(&mut model).verification_uri_complete = None;
    let terminal = drawn(&model);
    let coloured = |cell: &&Cell| cell.fg != Color::Reset || cell.bg != Color::Reset;
    let mut cells = terminal.backend().buffer().content().iter();
    assert_eq!(cells.find(coloured), None);
}

#[test]
fn the_cursor_is_where_the_text_goes_on() {
    let mut model = reading(80, 24, None);
    press(&mut model, "e");
    write(&mut model, "日本👨‍👩‍👧");
    for (keys, column) in [("", 20), ("Left Left", 16)] {
        press(&mut model, keys);
        let mut terminal = drawn(&model);
        terminal.backend_mut().assert_cursor_position((column, 10));
    }
}
