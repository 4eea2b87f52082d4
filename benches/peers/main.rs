//! What a person waits for, beside programs that everybody knows, as ratios of one run. `scripts/bench` starts it on the
//! program as it is released, and keeps what it prints in `docs/performance.md`.

#![expect(clippy::print_stdout, reason = "it is there to print")]

#[path = "../../tests/support/mod.rs"]
mod support;

mod report;
mod timed;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use report::{Figure, Series};
use support::{
    okta::Server,
    postgres::{Database, Url, shared, shared_18},
    proxy::Proxy,
    stage::Stage,
};
use timed::Timed;

/// One way, in the runs over a slow network.
const DELAY: Duration = Duration::from_millis(25);

/// What the screen says when the database has answered; the words before it are there already.
const LOADED: &str = "is wonderful";

/// Where Debian and others keep the roots that the system trusts.
const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What is measured, and beside what.
struct Bench {
    program: PathBuf,
    stage: Stage,
    /// The same on a server that takes TLS first.
    direct: Database<'static>,
    nano: bool,
    vim: bool,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (stage, direct) = runtime.block_on(async {
        let stage = Stage::signed_in().await;
        let direct = shared_18().migrated().await;
        let okta = &stage.okta;
        let issuer = okta.issuer(Server::Default);
        direct.trust(&issuer, &okta.client_id(), &okta.published_keys());
        (stage, direct)
    });
    let program = env::var_os("EPIGRAPH_BENCH_PROGRAM").map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_epigraph")),
        PathBuf::from,
    );
    let bench = Bench {
        program,
        stage,
        direct,
        nano: is_there("nano"),
        vim: is_there("vim"),
    };
    for (name, found) in [("nano", bench.nano), ("vim", bench.vim)] {
        if !found {
            println!("NOT MEASURED BESIDE: there is no {name} here.");
        }
    }
    let short = text(10);
    let long = text(960);
    let [slow, slow_trips] = bench.over_a_network(
        [
            "a row over a network of 50 ms, TLS negotiated",
            "round trips until then",
        ],
        false,
    );
    let [direct, direct_trips] =
        bench.over_a_network(["the same with direct TLS", "round trips until then"], true);
    let [resident, unshared] = bench.memory();
    let mut figures = vec![
        bench.keys("a key until it is on the screen, 10 lines", &short),
        bench.keys("the same in a text of 60,000 bytes", &long),
        bench.first_byte(),
        bench.quote_on_the_screen(),
        bench.commands(),
        slow,
        slow_trips,
        direct,
        direct_trips,
        resident,
        unshared,
        bench.on_the_disk(),
    ];
    figures.extend(bench.with_the_systems_roots());
    figures.extend(bench.system_calls().into_iter().flatten());
    let machine = machine();
    println!("\n{}", report::table(&machine, &figures));
    if let Some(page) = env::var_os("EPIGRAPH_BENCH_PAGE") {
        let page = Path::new(&page);
        report::write_into(page, &report::table(&machine, &figures));
        let pictures = page.with_extension("");
        fs::create_dir_all(&pictures).expect("a directory");
        let [
            short,
            long,
            first,
            quote,
            commands,
            slow,
            _,
            slow_direct,
            ..,
        ] = &figures[..]
        else {
            return;
        };
        for (name, title, figures) in [
            (
                "keys",
                "A key, until it is on the screen",
                &[short, long][..],
            ),
            ("start", "A start", &[first, quote, commands]),
            (
                "network",
                "From nothing to the quote, 50 ms there and back",
                &[slow, slow_direct],
            ),
        ] {
            let picture = report::plot(title, figures);
            fs::write(pictures.join(name).with_extension("svg"), picture).expect("a picture");
        }
    }
}

impl Bench {
    /// The program, in the home of the person who is signed in.
    fn epigraph(&self, arguments: &[&str]) -> Command {
        let home = self.stage.home.command(arguments);
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear();
        for (name, value) in home.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.current_dir(self.stage.home.path());
        command
    }

    /// The editors that are here, on a file of their own, without anybody's settings.
    fn editors(&self, text: &str) -> Vec<(&'static str, Command, &'static str)> {
        let file = self.stage.home.write("text", text.as_bytes());
        let mut editors = Vec::new();
        if self.nano {
            let mut nano = Command::new("nano");
            nano.arg("--ignorercfiles")
                .arg(&file)
                .env("HOME", "/nonexistent");
            // To the end of the last line.
            editors.push(("nano", nano, "\x1b/\x1b[F"));
        }
        if self.vim {
            let mut vim = Command::new("vim");
            vim.args(["-u", "NONE", "-i", "NONE", "-n"]).arg(&file);
            editors.push(("vim", vim, "GA"));
        }
        editors
    }

    /// Makes this the quote of the person.
    fn save(&self, text: &str) {
        self.command_ends(&["set", text]);
    }

    fn command_ends(&self, arguments: &[&str]) {
        let output = self.epigraph(arguments).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
    }

    /// A letter at the end of a text, taken back each time.
    fn keys(&self, what: &'static str, text: &str) -> Figure {
        self.save(text);
        let mut ours = Timed::start(&self.epigraph(&[]));
        ours.shows("saved");
        ours.settle();
        ours.press("e");
        let mut programs = vec![("epigraph", ours)];
        for (name, command, to_the_end) in self.editors(text) {
            let mut editor = Timed::start(&command);
            editor.first_byte();
            editor.settle();
            editor.press(to_the_end);
            programs.push((name, editor));
        }
        let mut times = vec![Vec::new(); programs.len()];
        for _ in 0..40 {
            for ((_, program), times) in programs.iter_mut().zip(&mut times) {
                for turn in 0..11 {
                    let took = program.answers("x", "x");
                    program.settle();
                    program.press("\x7f");
                    // The first one after the others had their turn finds nothing in the caches.
                    if turn > 0 {
                        times.push(took);
                    }
                }
            }
        }
        let names = programs.iter().map(|(name, _)| *name);
        Figure {
            what,
            unit: "ms",
            series: series(names, &times),
        }
    }

    /// Beside the editors as they come, and without anything that they would read first.
    fn first_byte(&self) -> Figure {
        let mut programs = vec![("epigraph", self.epigraph(&[]))];
        for (name, command, _) in self.editors("A line.\n") {
            let bare = match name {
                "nano" => "nano --ignorercfiles",
                _ => "vim -u NONE",
            };
            let mut usual = Command::new(name);
            usual.arg(self.stage.home.path().join("text"));
            usual.env("HOME", "/nonexistent");
            programs.push((name, usual));
            programs.push((bare, command));
        }
        let times = in_turn(12, programs.len(), |index| {
            Timed::start(&programs[index].1).first_byte()
        });
        let names = programs.iter().map(|(name, _)| *name);
        Figure {
            what: "from exec to the first byte",
            unit: "ms",
            series: series(names, &times),
        }
    }

    fn quote_on_the_screen(&self) -> Figure {
        self.save("Mistakes are the portals of discovery.");
        let times = in_turn(8, 2, |index| {
            let mut screen = Timed::start(&self.epigraph(&[]));
            screen.shows(["portals", LOADED][index])
        });
        named(
            "from exec to the quote",
            ["the one seen last", "from the database"],
            &times,
        )
    }

    /// Whole processes, on this machine.
    fn commands(&self) -> Figure {
        let mut psql = psql(&self.stage.database.user());
        let times = in_turn(8, 3, |index| match index {
            0 => ends(&mut self.epigraph(&["show"])),
            1 => ends(&mut self.epigraph(&["show", "--cached"])),
            _ => ends(&mut psql),
        });
        let names = ["epigraph show", "epigraph show --cached", PSQL];
        named("a command, from exec to its end", names, &times)
    }

    /// The same where the system's bundle of root certificates is read, which is what most machines have.
    fn with_the_systems_roots(&self) -> Option<Figure> {
        let bundle = fs::read(BUNDLE).ok()?;
        let user = self.stage.database.user();
        let own = user
            .parameters
            .iter()
            .find(|(name, _)| *name == "sslrootcert")?;
        let own = fs::read(&own.1).ok()?;
        let all = self.stage.home.write("roots.pem", &[bundle, own].concat());
        let mut psql = psql(&user);
        psql.env("PGSSLROOTCERT", all);
        let mut show = self.epigraph(&["show"]);
        show.env_remove("SSL_CERT_FILE");
        let times = in_turn(8, 2, |index| ends([&mut show, &mut psql][index]));
        Some(named(
            "the same command with the system's root certificates",
            ["epigraph show", PSQL],
            &times,
        ))
    }

    /// The same through a network that is not near.
    fn over_a_network(&self, [what, trips_until]: [&'static str; 2], direct: bool) -> [Figure; 2] {
        let network = Proxy::to(if direct {
            shared_18().port()
        } else {
            shared().port()
        });
        let url = if direct {
            self.direct.user()
        } else {
            self.stage.database.user()
        };
        let url = url.port(network.port());
        let ours = if direct {
            url.clone().set("sslnegotiation", "direct")
        } else {
            url.clone()
        };
        let at_it = |arguments: &[&str]| {
            let mut command = self.epigraph(arguments);
            command.env("DATABASE_URL", ours.to_string());
            command
        };
        ends(&mut at_it(&[
            "set",
            "Mistakes are the portals of discovery.",
        ]));
        let mut show = at_it(&["show"]);
        let mut psql = psql(&url);
        network.delay(DELAY);
        let mut trips = [0, 0];
        let times = in_turn(2, 2, |index| {
            network.forget();
            let took = ends([&mut show, &mut psql][index]);
            trips[index] = network.counts().round_trips;
            took
        });
        let names = ["epigraph show", PSQL];
        let counted = names
            .into_iter()
            .zip(trips)
            .map(|(name, trips)| Series::amounts(name, vec![count(0..trips)]));
        let counted = Figure {
            what: trips_until,
            unit: "",
            series: counted.collect(),
        };
        [named(what, names, &times), counted]
    }

    /// What is resident while a quote is shown, or a file with the same text, and what of it no other process can share.
    fn memory(&self) -> [Figure; 2] {
        let quote = text(10);
        self.save(&quote);
        let mut ours = Timed::start(&self.epigraph(&[]));
        ours.shows(LOADED);
        let mut programs = vec![("epigraph", ours)];
        for (name, command, _) in self.editors(&quote) {
            let mut editor = Timed::start(&command);
            editor.first_byte();
            programs.push((name, editor));
        }
        for (_, program) in &mut programs {
            program.settle();
        }
        [
            ("resident memory while a quote is shown", "Rss:"),
            ("what of it is the process's own", "Anonymous:"),
        ]
        .map(|(what, line)| Figure {
            what,
            unit: "MiB",
            series: programs
                .iter()
                .map(|(name, program)| Series::amounts(name, vec![memory_of(program.id(), line)]))
                .collect(),
        })
    }

    /// How large the programs are.
    fn on_the_disk(&self) -> Figure {
        let mut series = vec![Series::amounts("epigraph", vec![megabytes(&self.program)])];
        for name in ["nano", "vim", "psql"] {
            let found = env::split_paths(&env::var_os("PATH").unwrap_or_default())
                .find_map(|directory| directory.join(name).canonicalize().ok());
            if let Some(path) =
                found.filter(|path| fs::read(path).is_ok_and(|it| it.starts_with(b"\x7fELF")))
            {
                series.push(Series::amounts(name, vec![megabytes(&path)]));
            }
        }
        Figure {
            what: "the program on the disk, without its libraries",
            unit: "MB",
            series,
        }
    }

    /// System calls, and files that were opened, from exec to the quote.
    fn system_calls(&self) -> Option<[Figure; 2]> {
        if !is_there("strace") {
            println!("NOT MEASURED: there is no strace here, which counts system calls.");
            return None;
        }
        let mut commands = vec![("epigraph", self.epigraph(&[]), LOADED)];
        for (name, command, _) in self.editors("A line.\n") {
            commands.push((name, command, "A line."));
        }
        let mut calls = Vec::new();
        let mut files = Vec::new();
        for (name, command, text) in commands {
            let trace = self.stage.home.path().join("trace");
            let mut traced = Command::new("strace");
            traced
                .args(["-f", "-o"])
                .arg(&trace)
                .arg(command.get_program());
            traced.args(command.get_args());
            for (name, value) in command.get_envs() {
                traced.env(name, value.unwrap_or_default());
            }
            Timed::start(&traced).shows(text);
            let trace = fs::read_to_string(trace).unwrap_or_default();
            let is_opened = |line: &&str| line.contains("openat(") && !line.contains(" = -1 ");
            calls.push(Series::amounts(name, vec![count(trace.lines())]));
            files.push(Series::amounts(
                name,
                vec![count(trace.lines().filter(is_opened))],
            ));
        }
        let figure = |what, series| Figure {
            what,
            unit: "",
            series,
        };
        Some([
            figure("system calls from exec to the text", calls),
            figure("files opened until then", files),
        ])
    }
}

fn named<const N: usize>(
    what: &'static str,
    names: [&'static str; N],
    times: &[Vec<Duration>],
) -> Figure {
    Figure {
        what,
        unit: "ms",
        series: series(names.into_iter(), times),
    }
}

fn series(names: impl Iterator<Item = &'static str>, times: &[Vec<Duration>]) -> Vec<Series> {
    let pairs = names.zip(times);
    pairs.map(|(name, times)| Series::of(name, times)).collect()
}

/// Measures several in turn, five times each, so that what else the machine does meets all alike.
fn in_turn(
    turns: usize,
    many: usize,
    mut measure: impl FnMut(usize) -> Duration,
) -> Vec<Vec<Duration>> {
    let mut times = vec![Vec::new(); many];
    for _ in 0..turns {
        for (index, times) in times.iter_mut().enumerate() {
            // The first one after the others finds in the caches what they have left, and one of them may be the same program.
            measure(index);
            times.extend((0..5).map(|_| measure(index)));
        }
    }
    times
}

/// Runs a command to its end, and says how long it took.
fn ends(command: &mut Command) -> Duration {
    let begun = Instant::now();
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    let took = begun.elapsed();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} says: {said}");
    took
}

const PSQL: &str = "psql -c 'select 1'";

/// The least that `psql` does, with the same password over the same TLS.
fn psql(url: &Url) -> Command {
    let root = url
        .parameters
        .iter()
        .find(|(name, _)| *name == "sslrootcert");
    let mut command = Command::new("psql");
    command
        .args(["-X", "-q", "-A", "-t", "-c", "select 1", "-h", &url.host])
        .args([
            "-p",
            &url.port.to_string(),
            "-U",
            &url.user,
            "-d",
            &url.database,
        ])
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", "/nonexistent")
        .env("PGPASSWORD", &url.password)
        .env("PGSSLMODE", "verify-full")
        .env("PGSSLROOTCERT", root.map_or("", |(_, path)| path));
    command
}

/// So many lines, in 60,000 bytes at most.
fn text(lines: usize) -> String {
    let line = "Mistakes are, after all, the foundations of truth, I think.";
    vec![line; lines].join("\n")
}

fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    command
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A line of what Linux says of a process's memory, in MiB.
fn memory_of(process: u32, line: &str) -> f64 {
    let memory = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    let line = memory.lines().find_map(|found| found.strip_prefix(line));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

fn count<T>(all: impl Iterator<Item = T>) -> f64 {
    u32::try_from(all.count()).map_or(f64::INFINITY, f64::from)
}

fn megabytes(path: &Path) -> f64 {
    let bytes = fs::metadata(path).map_or(0, |it| it.len());
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1e6
}

/// What it was measured on.
fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let versions = ["nano", "vim", "psql"].map(|name| {
        let output = Command::new(name).arg("--version").output();
        let output = output.map_or_else(|_| Vec::new(), |output| output.stdout);
        let text = String::from_utf8_lossy(&output).into_owned();
        text.lines().next().unwrap_or("none").trim().to_owned()
    });
    format!(
        "Measured on {} {}, {cores} cores of {}, PostgreSQL {} and {}, beside {}.",
        env::consts::OS,
        env::consts::ARCH,
        cpu.map_or("an unknown processor", |(_, name)| name),
        shared().version() / 10_000,
        shared_18().version() / 10_000,
        versions.join("; ")
    )
}
