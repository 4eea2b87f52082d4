//! What Linux tells of the processes that run: state, family, processor time.

use std::fs;

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
        let ids = fs::read_dir("/proc").into_iter().flatten().flatten();
        ids.filter_map(|entry| Self::of(entry.file_name().to_str()?.parse().ok()?))
            .collect()
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

    fn number(&self, field: usize) -> u32 {
        self.fields[field].parse().expect("a number")
    }
}

/// The processor time of a process so far, in ticks of 10 ms.
#[track_caller]
pub(crate) fn ticks(id: u32) -> u32 {
    let stat = Stat::of(id).expect("it runs");
    stat.number(11) + stat.number(12)
}
