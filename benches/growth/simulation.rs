//! Many starts, simulated from the measured cost of one: with the program's own retries, and with the limits that Okta and Neon
//! document. The same costs give the same figures.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

/// What one start costs, in seconds of a core.
pub(crate) struct Costs {
    pub(crate) pooler: f64,
    pub(crate) server: f64,
}

/// What the program does, in seconds and counts. See [`the_program_does_so`].
const RETRIES: u32 = 5;
const FIRST_PAUSE: f64 = 0.25;
const START_LIMIT: f64 = 30.0;
const ANSWER_LIMIT: f64 = 20.0;
const OPERATION_LIMIT: f64 = 60.0;
const OKTA_TRIES: u32 = 3;
const OKTA_PATIENCE: f64 = 10.0;

/// How long Okta takes for an answer: assumed, not measured. It matters for the requests under way at once alone.
const OKTA_ANSWERS: f64 = 0.3;
/// The most clients of one pooler (`max_client_conn` of Neon).
const CLIENTS: usize = 10_000;
/// The most connections to one endpoint in so many seconds: what the source of Neon's proxy has where nothing else is set.
const PROXY: [(f64, u32); 3] = [(1.0, 500), (60.0, 18_000), (600.0, 120_000)];

/// Where the search for too many people ends.
const MANY: usize = 1_000_000;

const SECOND: f64 = 1.0;
const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;

/// Fails where a figure above is no longer the program's.
fn the_program_does_so() {
    let operation = include_str!("../../src/postgres/operation.rs");
    let connection = include_str!("../../src/postgres/connection.rs");
    let http = include_str!("../../src/okta/http.rs");
    for (source, line) in [
        (operation, "const RETRIES: u32 = 5;"),
        (
            operation,
            "const FIRST_PAUSE: Duration = Duration::from_millis(250);",
        ),
        (
            operation,
            "const OPERATION_LIMIT: Duration = Duration::from_mins(1);",
        ),
        (
            connection,
            "const START_LIMIT: Duration = Duration::from_secs(30);",
        ),
        (
            connection,
            "const ANSWER_LIMIT: Duration = Duration::from_secs(20);",
        ),
        (http, "const TRIES: u32 = 3;"),
        (http, "const PATIENCE: Duration = Duration::from_secs(10);"),
    ] {
        assert!(source.contains(line), "no longer: {line}");
    }
}

const TIMES: [(f64, &str); 3] = [
    (SECOND, "a second"),
    (MINUTE, "a minute"),
    (HOUR, "an hour with a peak"),
];

/// Ten thousand people with good tokens, in a second, on two cores.
const USUAL: Morning = Morning {
    people: 10_000,
    within: SECOND,
    cores: 2,
    pool: 20,
    proxy: false,
    okta: None,
};

/// What Okta's documentation gives one app of an organization, as half of the whole: of the free plan, of fewer than 10,000
/// licences, of more, and of more than 100,000. How the number of requests at once grows with the licences is assumed.
const OKTA: [Okta; 4] = [
    Okta {
        in_a_minute: 150,
        at_once: 35,
    },
    Okta {
        in_a_minute: 1_000,
        at_once: 75,
    },
    Okta {
        in_a_minute: 5_000,
        at_once: 375,
    },
    Okta {
        in_a_minute: 10_000,
        at_once: 750,
    },
];

/// Prints what comes of some mornings, and how many people are too many.
pub(crate) fn print(costs: &Costs) {
    the_program_does_so();
    println!(
        "\nSimulated from {:.2} ms in the pooler, which has one thread, and {:.2} ms in PostgreSQL:",
        costs.pooler * 1e3,
        costs.server * 1e3
    );
    some_mornings(costs);
    too_many(costs);
}

fn some_mornings(costs: &Costs) {
    let show = |what: &str, morning| Simulation::run(morning, costs).print(what);
    heading("10,000 people with good tokens");
    for (cores, pool) in [(1, 20), (2, 20), (4, 20), (4, 2), (4, 1)] {
        let morning = Morning {
            cores,
            pool,
            ..USUAL
        };
        show(
            &format!("a second, cores: {cores}, connections: {pool}"),
            morning,
        );
    }
    for (within, when) in TIMES {
        let morning = Morning {
            within,
            proxy: true,
            ..USUAL
        };
        show(&format!("{when}, behind Neon's proxy"), morning);
    }
    heading("10,000 people whose tokens have run out");
    for (within, when) in TIMES {
        for okta in &OKTA[..3] {
            let morning = Morning {
                within,
                okta: Some(*okta),
                ..USUAL
            };
            let limit = okta.in_a_minute;
            show(&format!("{when}, {limit} requests a minute"), morning);
        }
    }
    heading("1,000,000 people in an hour with a peak, whose tokens have run out");
    for in_a_minute in [10_000, 20_000, 40_000] {
        let morning = Morning {
            people: 1_000_000,
            within: HOUR,
            okta: Some(Okta {
                in_a_minute,
                at_once: 750,
            }),
            ..USUAL
        };
        show(&format!("{in_a_minute} requests a minute"), morning);
    }
}

/// Prints how many may start, so that no one is told to wait.
fn too_many(costs: &Costs) {
    println!("\nThe most people of whom no one is told to wait, by when they start");
    println!(
        "{:46}{:>12}{:>12}{:>21}",
        "", TIMES[0].1, TIMES[1].1, TIMES[2].1
    );
    let show = |what: &str, morning: Morning| {
        let most = TIMES.map(|(within, _)| most(Morning { within, ..morning }, costs));
        println!("  {what:44}{:>12}{:>12}{:>21}", most[0], most[1], most[2]);
    };
    for cores in [1, 2, 4] {
        let morning = Morning { cores, ..USUAL };
        show(&format!("good tokens, cores: {cores}"), morning);
    }
    let proxy = Morning {
        proxy: true,
        ..USUAL
    };
    show("good tokens, behind Neon's proxy", proxy);
    for okta in OKTA {
        let morning = Morning {
            okta: Some(okta),
            ..USUAL
        };
        let limit = okta.in_a_minute;
        show(
            &format!("tokens run out, {limit} requests a minute"),
            morning,
        );
    }
}

/// Within a fiftieth, and not above [`MANY`].
fn most(morning: Morning, costs: &Costs) -> usize {
    let is_calm = |people| {
        let morning = Morning { people, ..morning };
        let outcome = Simulation::run_until(morning, costs, true);
        outcome.told_by_okta + outcome.told_by_database == 0
    };
    if is_calm(MANY) {
        return MANY;
    }
    let (mut calm, mut too_many) = (1, MANY);
    while too_many > calm + 1 && too_many > calm + calm / 50 {
        let middle = if too_many > 4 * calm {
            calm * 2
        } else {
            calm.midpoint(too_many)
        };
        if is_calm(middle) {
            calm = middle;
        } else {
            too_many = middle;
        }
    }
    calm
}

impl Outcome {
    fn print(&self, what: &str) {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index"
        )]
        let at = |part: f64| self.waits[((self.waits.len() - 1) as f64 * part) as usize];
        println!(
            "  {what:44}{:8}{:9}{:9}{:9}{:8.2} s{:8.2} s{:7.0} s{:9}{:9}{:9}",
            self.waits.len(),
            self.told_by_okta,
            self.told_by_database,
            self.retries,
            at(0.5),
            at(0.99),
            self.end,
            self.most_connections,
            self.most_asked,
            self.most_at_once,
        );
    }
}

/// The columns: who was served and whom Okta or the database told to wait at least once, what the last try of a person took, and
/// the most of a moment or a minute.
fn heading(what: &str) {
    println!(
        "\n{what}\n{:46}{:>8}{:>9}{:>9}{:>9}{:>10}{:>10}{:>9}{:>9}{:>9}{:>9}",
        "",
        "served",
        "Okta",
        "database",
        "retries",
        "median",
        "99 %",
        "over",
        "clients",
        "asked",
        "at once"
    );
}

/// A morning: who starts when, and on what.
#[derive(Clone, Copy)]
struct Morning {
    people: usize,
    /// In how many seconds all start: evenly, or with a peak in the middle of an hour.
    within: f64,
    /// The cores that the pooler and the database share.
    cores: usize,
    /// The connections between the two.
    pool: usize,
    /// Whether Neon's proxy counts connections.
    proxy: bool,
    /// What Okta takes, where everyone's token has run out.
    okta: Option<Okta>,
}

/// Okta's limits for requests for tokens.
#[derive(Clone, Copy)]
struct Okta {
    in_a_minute: u32,
    at_once: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Starts,
    AsksOkta,
    HasToken,
    Connects,
    /// The pooler has taken TLS and the password.
    IsLetIn,
    IsAnswered,
    HasWaitedLong,
}

/// What will happen: in microseconds, which have an order; a number keeps what is due at one moment in its own.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: u64,
    number: u64,
    event: Event,
    person: usize,
    attempt: u32,
}

#[derive(Clone, Copy, Default)]
struct Person {
    /// When this try began, and its part at the database.
    begun: f64,
    connected: f64,
    /// What is under way for an earlier attempt counts no more.
    attempt: u32,
    deadline: f64,
    retries: u32,
    asked: u32,
    was_told: bool,
}

/// What Okta has counted in this minute.
#[derive(Default)]
struct Minute {
    begun: f64,
    asked: u32,
    answered: u32,
}

#[derive(Default)]
struct Outcome {
    waits: Vec<f64>,
    told_by_okta: usize,
    told_by_database: usize,
    retries: usize,
    most_connections: usize,
    most_asked: u32,
    most_at_once: usize,
    end: f64,
}

struct Simulation<'a> {
    morning: Morning,
    costs: &'a Costs,
    now: f64,
    people: Vec<Person>,
    events: BinaryHeap<Reverse<Due>>,
    scheduled: u64,
    random: u64,
    idle_cores: usize,
    at_pooler: VecDeque<(f64, usize, u32)>,
    at_server: VecDeque<(f64, usize, u32)>,
    pooler_works: bool,
    in_pool: usize,
    connections: usize,
    windows: [(f64, u32); 3],
    minute: Minute,
    /// When Okta will have answered what is under way.
    answers: VecDeque<f64>,
    outcome: Outcome,
}

impl<'a> Simulation<'a> {
    fn run(morning: Morning, costs: &'a Costs) -> Outcome {
        Self::run_until(morning, costs, false)
    }

    /// To the end, or only until someone is told to wait.
    fn run_until(morning: Morning, costs: &'a Costs, someone_is_told: bool) -> Outcome {
        let mut it = Self {
            morning,
            costs,
            now: 0.0,
            people: vec![Person::default(); morning.people],
            events: BinaryHeap::new(),
            scheduled: 0,
            random: 14,
            idle_cores: morning.cores,
            at_pooler: VecDeque::new(),
            at_server: VecDeque::new(),
            pooler_works: false,
            in_pool: 0,
            connections: 0,
            windows: [(f64::NEG_INFINITY, 0); 3],
            minute: Minute::default(),
            answers: VecDeque::new(),
            outcome: Outcome::default(),
        };
        for person in 0..morning.people {
            let part = if morning.within < HOUR {
                it.draw()
            } else {
                // The busiest minute has 2.25 times the average.
                (it.draw() + it.draw() + it.draw()) / 3.0
            };
            it.schedule(part * morning.within, Event::Starts, person);
        }
        while let Some(Reverse(due)) = it.events.pop() {
            it.now = seconds(due.at);
            it.happens(due.event, due.person, due.attempt);
            it.work();
            if someone_is_told && it.outcome.told_by_okta + it.outcome.told_by_database > 0 {
                break;
            }
        }
        it.outcome.waits.sort_unstable_by(f64::total_cmp);
        it.outcome
    }

    /// Between 0 and 1 (xorshift, Marsaglia 2003).
    fn draw(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let bits = u32::try_from(self.random >> 32).unwrap_or_default();
        f64::from(bits) / f64::from(u32::MAX)
    }

    fn schedule(&mut self, after: f64, event: Event, person: usize) {
        self.scheduled += 1;
        self.events.push(Reverse(Due {
            at: microseconds(self.now + after),
            number: self.scheduled,
            event,
            person,
            attempt: self.people[person].attempt,
        }));
    }

    fn happens(&mut self, event: Event, person: usize, attempt: u32) {
        let is_current = self.people[person].attempt == attempt;
        match event {
            Event::Starts => {
                let it = &mut self.people[person];
                (it.begun, it.retries, it.asked) = (self.now, 0, 0);
                self.ask(person);
            }
            Event::AsksOkta => self.ask(person),
            Event::HasToken => self.begin(person),
            Event::Connects => self.connect(person),
            Event::IsLetIn => {
                (self.idle_cores, self.pooler_works) = (self.idle_cores + 1, false);
                if is_current {
                    self.limit(person, ANSWER_LIMIT);
                    self.at_server.push_back((self.now, person, attempt));
                }
            }
            Event::IsAnswered => {
                (self.idle_cores, self.in_pool) = (self.idle_cores + 1, self.in_pool - 1);
                if is_current {
                    self.people[person].attempt += 1;
                    self.connections -= 1;
                    self.outcome.end = self.now;
                    let wait = self.now - self.people[person].begun;
                    self.outcome.waits.push(wait);
                }
            }
            Event::HasWaitedLong => {
                if is_current && self.now + 1e-3 > self.people[person].deadline {
                    self.connections -= 1;
                    self.fail(person);
                }
            }
        }
    }

    /// Asks for a new token, where the old one has run out. Okta counts by the minute, and what is under way.
    fn ask(&mut self, person: usize) {
        let Some(okta) = self.morning.okta else {
            return self.begin(person);
        };
        if self.now >= self.minute.begun + MINUTE {
            self.minute = Minute {
                begun: (self.now / MINUTE).floor() * MINUTE,
                ..Minute::default()
            };
        }
        self.minute.asked += 1;
        self.outcome.most_asked = self.outcome.most_asked.max(self.minute.asked);
        while self.answers.front().is_some_and(|due| *due <= self.now) {
            self.answers.pop_front();
        }
        let it = &mut self.people[person];
        it.asked += 1;
        // How long to wait is said of a minute that is used up; else the program waits longer each time.
        let pause = if self.minute.answered >= okta.in_a_minute {
            self.minute.begun + MINUTE - self.now
        } else if self.answers.len() >= okta.at_once {
            it.asked.into()
        } else {
            self.minute.answered += 1;
            self.answers.push_back(self.now + OKTA_ANSWERS);
            self.outcome.most_at_once = self.outcome.most_at_once.max(self.answers.len());
            return self.schedule(OKTA_ANSWERS, Event::HasToken, person);
        };
        if it.asked >= OKTA_TRIES || self.now - it.begun + pause > OKTA_PATIENCE {
            self.outcome.told_by_okta += usize::from(!it.was_told);
            self.tell(person);
        } else {
            self.schedule(pause, Event::AsksOkta, person);
        }
    }

    fn begin(&mut self, person: usize) {
        self.people[person].connected = self.now;
        self.connect(person);
    }

    fn connect(&mut self, person: usize) {
        if self.connections >= CLIENTS || self.morning.proxy && !self.proxy_admits() {
            return self.fail(person);
        }
        self.connections += 1;
        self.outcome.most_connections = self.outcome.most_connections.max(self.connections);
        self.limit(person, START_LIMIT);
        let attempt = self.people[person].attempt;
        self.at_pooler.push_back((self.now, person, attempt));
    }

    /// What is refused is not counted.
    fn proxy_admits(&mut self) -> bool {
        for ((begun, count), (length, _)) in self.windows.iter_mut().zip(PROXY) {
            if self.now >= *begun + length {
                (*begun, *count) = (self.now, 0);
            }
        }
        let mut windows = self.windows.iter().zip(PROXY);
        let admits = windows.all(|((_, count), (_, most))| *count < most);
        if admits {
            self.windows.iter_mut().for_each(|(_, count)| *count += 1);
        }
        admits
    }

    /// Sets how long the next answer may take, within what the whole operation may take.
    fn limit(&mut self, person: usize, limit: f64) {
        let it = &mut self.people[person];
        it.deadline = (self.now + limit).min(it.connected + OPERATION_LIMIT);
        let after = it.deadline - self.now;
        self.schedule(after, Event::HasWaitedLong, person);
    }

    /// An attempt failed for the moment.
    fn fail(&mut self, person: usize) {
        let random = self.draw();
        let it = &mut self.people[person];
        it.attempt += 1;
        let retries = i32::try_from(it.retries).unwrap_or(i32::MAX);
        let pause = FIRST_PAUSE * 2_f64.powi(retries) * (0.5 + random);
        if it.retries == RETRIES || self.now + pause > it.connected + OPERATION_LIMIT {
            self.outcome.told_by_database += usize::from(!it.was_told);
            self.tell(person);
        } else {
            it.retries += 1;
            self.outcome.retries += 1;
            self.schedule(pause, Event::Connects, person);
        }
    }

    /// A person who was told to wait does so, for one to two minutes, and starts again.
    fn tell(&mut self, person: usize) {
        self.people[person].was_told = true;
        let after = MINUTE * (1.0 + self.draw());
        self.schedule(after, Event::Starts, person);
    }

    /// Gives idle cores what has waited longest. The pooler has one thread, and the database works on what is in the pool.
    fn work(&mut self) {
        while self.idle_cores > 0 {
            for (queue, people) in [
                (&mut self.at_pooler, &self.people),
                (&mut self.at_server, &self.people),
            ] {
                while queue.front().is_some_and(|it| people[it.1].attempt != it.2) {
                    queue.pop_front();
                }
            }
            let pooler = self.at_pooler.front().filter(|_| !self.pooler_works);
            let server = self.at_server.front();
            let server = server.filter(|_| self.in_pool < self.morning.pool);
            let is_servers = match (pooler, server) {
                (None, None) => return,
                (Some(pooler), Some(server)) => server.0 < pooler.0,
                (pooler, _) => pooler.is_none(),
            };
            self.idle_cores -= 1;
            let (queue, cost, event) = if is_servers {
                self.in_pool += 1;
                (&mut self.at_server, self.costs.server, Event::IsAnswered)
            } else {
                self.pooler_works = true;
                (&mut self.at_pooler, self.costs.pooler, Event::IsLetIn)
            };
            if let Some((_, person, _)) = queue.pop_front() {
                self.schedule(cost, event, person);
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "hours in microseconds"
)]
fn microseconds(seconds: f64) -> u64 {
    (seconds * 1e6) as u64
}

#[expect(clippy::cast_precision_loss, reason = "hours in microseconds")]
fn seconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1e6
}
