//! What Linux tells of the processes that run: state, family, processor time.

use std::{fs, time::Duration};

/// A line of `/proc/PID/stat`.
pub(crate) struct Stat {
    pub(crate) name: String,
    fields: Vec<String>,
}

impl Stat {
    /// Reads the line of a process; `None` where there is none of this id.
    pub(crate) fn of(id: u32) -> Option<Self> {
        let line = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name may hold anything.
        let (name, rest) = line.rsplit_once(") ")?;
        Some(Self {
            name: name.to_owned(),
            fields: rest.split_whitespace().map(Into::into).collect(),
        })
    }

    /// Reads the line of every process.
    pub(crate) fn all() -> Vec<Self> {
        ids().filter_map(Self::of).collect()
    }

    /// Whether it has ended, and no one has taken note of that.
    pub(crate) fn is_zombie(&self) -> bool {
        self.fields[0] == "Z"
    }

    /// The process that has started it.
    pub(crate) fn parent(&self) -> u32 {
        self.number(1)
    }

    /// The session of a terminal to which it belongs.
    pub(crate) fn session(&self) -> u32 {
        self.number(3)
    }

    /// A process in the moment of its end belongs to the session -1.
    fn number(&self, field: usize) -> u32 {
        let number: i64 = self.fields[field].parse().expect("a number");
        number.try_into().unwrap_or_default()
    }
}

/// The ids of all processes.
fn ids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The processor time of a process so far, in ticks of 10 ms.
#[track_caller]
pub(crate) fn ticks(id: u32) -> u32 {
    let stat = Stat::of(id).expect("it runs");
    stat.number(11) + stat.number(12)
}

/// The processor time of the processes that a process has started and seen end.
#[track_caller]
pub(crate) fn time_of_ended_children(id: u32) -> Duration {
    let stat = Stat::of(id).expect("it runs");
    Duration::from_millis(10) * (stat.number(13) + stat.number(14))
}

/// The processor time of a server of one thread and of all that it has started.
#[track_caller]
pub(crate) fn time_with_children(id: u32) -> Duration {
    let family = ids().filter(|it| *it == id || Stat::of(*it).is_some_and(|it| it.parent() == id));
    time_of_ended_children(id) + family.map(time_of_first_thread).sum::<Duration>()
}

/// Far finer than ticks, of which each of many short-lived processes would lose half a one.
fn time_of_first_thread(id: u32) -> Duration {
    let line = fs::read_to_string(format!("/proc/{id}/schedstat")).unwrap_or_default();
    let nanoseconds = line.split(' ').next().and_then(|it| it.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}
