//! The connection breaks anywhere at all around a save or a delete: at any byte, in either direction, in any way.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    panic::resume_unwind,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    faults::{Random, rounds},
    support::{
        PATIENCE,
        proxy::{Break, Fuse, Proxy, Way},
        pty::{Key, Pty, words},
        served::runtime,
        stage::{INVITATION, Stage},
        wait_for, wait_until,
    },
};

/// Set it to a number that a failure told, and the rounds are those that failed.
const SEED: &str = "EPIGRAPH_TEST_SEED";

/// More than a connection and an operation send, or are sent, and a bit: some fuses outlast the round.
const MOST_REQUESTED: usize = 4_500;
const MOST_ANSWERED: usize = 6_000;

/// What the network does in a round.
#[derive(Debug)]
struct Trouble {
    fuse: Fuse,
    /// Whether the connection is a new one in this round.
    anew: bool,
    /// How long no one is let in after the break; for longer than the program tries, where there is none.
    away: Option<Duration>,
}

impl Trouble {
    fn random(random: &mut Random) -> Self {
        let way = [Way::Request, Way::Answer][usize::from(random.below(2) == 1)];
        let anew = random.below(2) == 0;
        let most = match (way, anew) {
            (_, false) => 2_500,
            (Way::Request, true) => MOST_REQUESTED,
            (Way::Answer, true) => MOST_ANSWERED,
        };
        let after = usize::try_from(random.below(most as u64)).expect("a small one");
        let (then, away) = match random.below(40) {
            // It takes the program five seconds and more to give a silent connection up, and eight to give the network up.
            0 | 1 => (Break::Silent, Some(Duration::ZERO)),
            2 => (Break::Reset, None),
            number => {
                let then = [Break::Closed, Break::Reset][usize::from(number % 2 == 1)];
                let away = if number % 4 < 2 { 0 } else { random.below(900) };
                (then, Some(Duration::from_millis(away)))
            }
        };
        Self {
            fuse: Fuse {
                way,
                after,
                then,
                refuse: away != Some(Duration::ZERO),
            },
            anew,
            away,
        }
    }
}

/// The database, as its owner sees it.
struct Ledger(tokio_postgres::Client);

impl Ledger {
    /// Counts from now on what is really done, whoever asked for it.
    async fn open(stage: &Stage) -> Self {
        let owner = stage.database.owner_session().await;
        owner
            .batch_execute(
                "create table public.done (what text);
                 create function public.count_it() returns trigger language plpgsql security definer as $$ begin
                   insert into public.done values (tg_op); return null;
                 end $$;
                 create trigger count_it after insert or update or delete on public.user_messages
                   for each row execute function public.count_it()",
            )
            .await
            .expect("the owner may");
        Self(owner)
    }

    /// Waits until the server has dealt with all that reached it: what a connection sent before it was cut is done after it.
    async fn is_at_rest(&self, network: &Proxy) {
        let statement = "select count(*) from pg_stat_activity where datname = current_database()
             and backend_type = 'client backend' and pid <> pg_backend_pid()";
        let deadline = Instant::now() + PATIENCE;
        loop {
            let row = self.0.query_one(statement, &[]).await.expect("a row");
            let sessions: i64 = row.get(0);
            if sessions <= i64::try_from(network.open()).expect("a few") {
                return;
            }
            assert!(Instant::now() < deadline, "{sessions} sessions");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The text of the one row, and how many changes led to it.
    async fn read(&self) -> (Option<String>, i64) {
        let statement =
            "select (select message from public.user_messages), (select count(*) from public.done)";
        let row = self.0.query_one(statement, &[]).await.expect("one row");
        (row.get(0), row.get(1))
    }
}

#[test]
fn a_cut_at_any_byte_leaves_a_write_done_once_or_not() {
    let first = std::env::var(SEED).map_or_else(
        |_| RandomState::new().build_hasher().finish(),
        |seed| seed.parse().expect("a number"),
    );
    let lanes = rounds(4, 5);
    let count = rounds(20, 500) / lanes;
    let lane = |lane| {
        let first = first.wrapping_add(u64::from(lane * count));
        thread::spawn(move || runtime().block_on(play(first, count)))
    };
    let lanes: Vec<_> = (0..lanes).map(lane).collect();
    let ended = |lane: JoinHandle<_>| lane.join().unwrap_or_else(|panic| resume_unwind(panic));
    let outcomes: Vec<_> = lanes.into_iter().map(ended).collect();
    let sum = |counted: fn(&[u32; 2]) -> u32| outcomes.iter().map(counted).sum::<u32>();
    assert!(sum(|it| it[0]) > 0, "something gets through");
    assert!(sum(|it| it[1]) > 0, "something breaks");
}

/// Plays so many rounds, each with a seed of its own, and counts those that did what was ordered, and those with a break.
async fn play(first: u64, count: u32) -> [u32; 2] {
    let stage = Stage::signed_in().await;
    // A connection that falls silent while it is made is given up soon.
    let url = stage.database.user().port(stage.database_network.port());
    let ledger = Ledger::open(&stage).await;
    let mut screen = stage.open_at(&url.set("connect_timeout", "6"));
    screen.sees(INVITATION);
    let mut outcomes = [0; 2];
    for number in 0..count {
        let seed = first.wrapping_add(number.into());
        let (is_done, broke) = play_round(&stage, &ledger, &mut screen, seed, number).await;
        outcomes[0] += u32::from(is_done);
        outcomes[1] += u32::from(broke);
    }
    outcomes
}

async fn play_round(
    stage: &Stage,
    ledger: &Ledger,
    screen: &mut Pty,
    seed: u64,
    number: u32,
) -> (bool, bool) {
    let network = &stage.database_network;
    let mut random = Random(seed);
    let trouble = Trouble::random(&mut random);
    let (before, count) = ledger.read().await;
    let deletes = before.is_some() && random.below(4) == 0;
    let wanted = (!deletes).then(|| format!("Text of round {number}."));
    let story = format!("{SEED}={seed}: {trouble:?}, from {before:?} to {wanted:?}");

    if let Some(text) = &wanted {
        screen.key(Key::Char('e'));
        screen.sees("Enter Save Quote");
        screen.key(Key::Ctrl('u'));
        screen.type_(text);
        screen.sees(text);
    } else {
        screen.key(Key::Char('d'));
        screen.sees("Delete your quote?");
    }
    if trouble.anew {
        network.cut();
    }
    network.fuse(Some(trouble.fuse));
    if deletes {
        screen.decides('y');
    } else {
        screen.key(Key::Enter);
    }
    if let Some(away) = trouble.away {
        // From the break on, which may not come at all.
        wait_for(&story, || {
            !network.has_fuse() || is_settled(&screen.screen())
        });
        thread::sleep(away);
        network.refuse(false);
    }
    screen.sees_that(&format!("settles ({story})"), |screen| {
        is_settled(&screen.contents())
    });
    let shown = words(&screen.screen());
    let broke = !network.has_fuse();
    network.fuse(None);
    network.refuse(false);

    ledger.is_at_rest(network).await;
    let (now, new_count) = ledger.read().await;
    let is_done = now == wanted;
    assert!(is_done || now == before, "{story}: {now:?}");
    assert_eq!(new_count - count, i64::from(is_done), "{story}");
    let says_done = shown.contains("Saved.") || shown.contains("Your quote is deleted.");
    let says_nothing = shown.contains("it is unknown whether the quote was");
    // No one else writes.
    assert!(!shown.contains("elsewhere"), "{story}:\n{shown}");
    assert!(
        says_nothing && !says_done || says_done == is_done,
        "{story}:\n{shown}"
    );
    if !says_done && let Some(text) = &wanted {
        assert!(shown.contains(text), "{story}:\n{shown}");
        let outcome = if says_nothing {
            "Perhaps not saved. Your text is still here"
        } else {
            " Not saved. Your text is still here"
        };
        assert!(shown.contains(outcome), "{story}:\n{shown}");
        wait_until(&format!("the draft is kept ({story})"), || {
            stage.draft()?.contains(text).then_some(())
        });
        screen.key(Key::Esc);
        screen.sees("Press e to go on with it.");
    }
    // Read again, the screen says how it is.
    screen.key(Key::Char('r'));
    screen.sees_that(&format!("has read it again ({story})"), |screen| {
        says_one_of(&screen.contents(), &READ_AGAIN)
    });
    match &now {
        Some(text) => screen.reads(text),
        None => screen.sees(INVITATION),
    }
    if is_done && !deletes {
        wait_for(&format!("the draft is gone ({story})"), || {
            stage.draft().is_none()
        });
    }
    let later = ledger.read().await;
    assert_eq!(later, (now, new_count), "{story}: it was changed later");
    (is_done && !says_nothing, broke)
}

/// What the screen says when the quote was read again.
const READ_AGAIN: [&str; 4] = [
    "Up to date.",
    "Your text is saved.",
    "It has changed; this is the new text.",
    "Your quote has since been deleted.",
];

/// Whether the screen says what became of it.
fn is_settled(shown: &str) -> bool {
    let settled = [
        "Saved.",
        "Your quote is deleted.",
        "Your text is still here",
        "it is unknown whether",
        "Try again in a moment",
        "and try again.",
        "elsewhere",
    ];
    says_one_of(shown, &settled)
}

fn says_one_of(shown: &str, all: &[&str]) -> bool {
    let shown = words(shown);
    all.iter().any(|words| shown.contains(words))
}
