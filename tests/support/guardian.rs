//! A scratch directory and the processes started in it: gone at drop, and also when our own process dies any way, SIGKILL included.
//!
//! A small shell process in a process group of its own makes the directory and reads from a pipe whose write end only we hold.
//! At its end of file it stops the processes that it was told of and removes the directory.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::Access,
    process::{Pid, Signal, kill_process_group},
};

use super::{PATIENCE, alone, privilege, signals};

/// A directory that goes when it is dropped, after everything that was started in it.
#[derive(Clone)]
pub(crate) struct Scratch(Arc<Guardian>);

struct Guardian {
    shell: Child,
    orders: Mutex<Option<ChildStdin>>,
    path: PathBuf,
    started: AtomicUsize,
}

/// What must be free in memory, in bytes, for databases to be there: those of all tests at once take less than half of it.
const ENOUGH: u64 = 4 << 30;

impl Scratch {
    /// Makes a scratch directory; `name` shows in its path.
    pub(crate) fn new(name: &str) -> Self {
        Self::within(&base_directory(), name)
    }

    /// The same in memory, where that has room and no place was asked for: a database writes far more than all else.
    pub(crate) fn in_memory(name: &str) -> Self {
        let memory = Path::new("/dev/shm");
        let free = rustix::fs::statvfs(memory).map_or(0, |found| found.f_bavail * found.f_frsize);
        let writable = rustix::fs::access(memory, Access::WRITE_OK | Access::EXEC_OK).is_ok();
        let anywhere = std::env::var_os("TMPDIR").is_none();
        if anywhere && free > ENOUGH && writable && is_open_to_all(memory) {
            Self::within(memory, name)
        } else {
            Self::new(name)
        }
    }

    fn within(base: &Path, name: &str) -> Self {
        signals::hear_what_is_ignored();
        let starting = alone();
        // Servers that root starts run as another user, who has to reach what is his in here.
        let mode = if privilege::is_root() { "711" } else { "700" };
        let mut shell = Command::new("/bin/sh")
            .args(["-c", include_str!("guardian.sh"), "guardian"])
            .arg(base)
            .args([name, mode])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .current_dir("/")
            // Ctrl-C and a closed terminal reach the group of the terminal's foreground, and not this one.
            .process_group(0)
            .spawn()
            .expect("/bin/sh starts");
        drop(starting);
        let orders = shell.stdin.take();
        let mut path = String::new();
        BufReader::new(shell.stdout.take().expect("its output is piped"))
            .read_line(&mut path)
            .expect("the guardian names its directory");
        let path = PathBuf::from(path.trim_end_matches('\n'));
        assert!(path.is_dir(), "the guardian could not make a directory");
        Self(Arc::new(Guardian {
            shell,
            orders: Mutex::new(orders),
            path,
            started: AtomicUsize::new(0),
        }))
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }

    /// Starts a process in a group of its own, with its output in a log file of the directory and no standard input.
    /// It ends when the returned value is dropped.
    pub(crate) fn spawn(&self, mut command: Command) -> Started {
        command.stdin(Stdio::null());
        self.spawn_with_input(command)
    }

    /// As [`Scratch::spawn`], with the standard input that the command already has.
    pub(crate) fn spawn_with_input(&self, mut command: Command) -> Started {
        let program = Path::new(command.get_program()).file_name();
        let program = program.unwrap_or_default().to_string_lossy();
        let number = self.0.started.fetch_add(1, Ordering::Relaxed);
        let log = self.path().join(format!("{number}-{program}.log"));
        let file = File::create_new(&log).expect("a log file in the scratch directory");
        command
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .process_group(0);
        self.guard(command, log)
    }

    /// Runs a command to its end under the same guard, and returns its output.
    pub(crate) fn run(&self, mut command: Command) -> Output {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        self.guard(command, PathBuf::new()).into_output()
    }

    /// Runs a command that must succeed, and returns what it printed.
    #[track_caller]
    pub(crate) fn done(&self, command: Command) -> String {
        let program = program(&command);
        let output = self.run(command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {said}");
        String::from_utf8(output.stdout).expect("it prints UTF-8")
    }

    /// Stops a process with our own end that was started elsewhere and shares our process group, because it has our terminal.
    pub(crate) fn watch(&self, process: u32) {
        self.0.tell("start", &process.to_string());
    }

    /// Forgets a process of [`Scratch::watch`] that has ended.
    pub(crate) fn forget(&self, process: u32) {
        self.0.tell("end", &process.to_string());
    }

    fn guard(&self, mut command: Command, log: PathBuf) -> Started {
        let starting = alone();
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program(&command)));
        drop(starting);
        self.0.tell("start", &group_of(&child));
        Started {
            child: Some(child),
            program: program(&command),
            log,
            scratch: self.clone(),
        }
    }
}

/// Names the process group of a child, as `kill` wants it.
fn group_of(child: &Child) -> String {
    format!("-{}", child.id())
}

/// Names the program alone: arguments and environment may hold a password.
fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// The system's directory for temporary files, or `/tmp` when an unprivileged user could not get at what is in there.
fn base_directory() -> PathBuf {
    let wanted = std::env::temp_dir();
    if privilege::is_root() && !is_open_to_all(&wanted) {
        PathBuf::from("/tmp")
    } else {
        wanted
    }
}

/// Whether every user may enter this directory and those above it.
pub(crate) fn is_open_to_all(directory: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let is_open = |part| fs::metadata(part).is_ok_and(|it| it.permissions().mode() & 1 != 0);
    directory.ancestors().all(is_open)
}

impl Guardian {
    fn tell(&self, word: &str, target: &str) {
        if let Some(orders) = self.orders.lock().expect("no panic under lock").as_mut() {
            // One line is one write, so that a kill cannot cut it.
            orders
                .write_all(format!("{word} {target}\n").as_bytes())
                .expect("the guardian listens");
        }
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        self.orders.lock().map(|mut orders| orders.take()).ok();
        self.shell.wait().ok();
    }
}

/// A process that was started in a scratch directory; it ends when this is dropped.
pub(crate) struct Started {
    child: Option<Child>,
    program: String,
    log: PathBuf,
    scratch: Scratch,
}

impl Started {
    /// Its process id, which is also the id of its process group.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Its standard input, where the command has it piped; to be had once.
    pub(crate) fn input(&mut self) -> Option<ChildStdin> {
        self.child.as_mut()?.stdin.take()
    }

    /// What it has printed so far.
    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How it ended, if it has ended.
    pub(crate) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok()?
    }

    /// Sends a signal to its process group.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            kill_process_group(Pid::from_child(child), signal).ok();
        }
    }

    /// Waits until `condition` gives something. Panics with its log if it ends first, or if that never happens.
    #[track_caller]
    pub(crate) fn wait_until<T>(
        &mut self,
        what: &str,
        mut condition: impl FnMut(&Self) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.exit_status();
            if let Some(found) = condition(self) {
                return found;
            }
            let waited = if let Some(status) = status {
                format!("it ended ({status})")
            } else if Instant::now() > deadline {
                format!("not within {PATIENCE:?}")
            } else {
                thread::sleep(Duration::from_millis(10));
                continue;
            };
            let (program, log) = (&self.program, self.log());
            panic!("{program}: {what}: {waited}. It printed:\n{log}");
        }
    }

    /// Waits until it has printed that it is ready, or that its port is taken.
    #[track_caller]
    pub(crate) fn is_ready(&mut self, ready: &str, taken: &str) -> bool {
        self.wait_until("it is ready", |process| {
            let log = process.log();
            let is_ready = log.contains(ready);
            (is_ready || log.contains(taken)).then_some(is_ready)
        })
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait_for_end(&mut self) -> ExitStatus {
        super::wait_until(&format!("{} ends", self.program), || self.exit_status())
    }

    fn into_output(mut self) -> Output {
        let child = self.child.take().expect("it was just started");
        let group = group_of(&child);
        let output = child.wait_with_output().expect("its output is readable");
        self.scratch.0.tell("end", &group);
        output
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if self.child.is_none() {
            return;
        }
        // QUIT first: PostgreSQL then takes its children and its shared memory with it.
        self.signal(Signal::QUIT);
        self.signal(Signal::CONT);
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.exit_status().is_none() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        // Whatever of its group is still there.
        self.signal(Signal::KILL);
        if let Some(mut child) = self.child.take() {
            child.wait().ok();
            self.scratch.0.tell("end", &group_of(&child));
        }
    }
}
