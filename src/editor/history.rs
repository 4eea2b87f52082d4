//! What was changed, so that it can be undone and redone.

/// The most steps that are remembered.
const STEPS: usize = 1_000;

/// One step of undo: a part of the text replaced by another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) at: usize,
    pub(super) removed: String,
    pub(super) inserted: String,
    /// Where the cursor was before.
    pub(super) cursor: usize,
}

/// The steps made, and those taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct History {
    done: Vec<Change>,
    undone: Vec<Change>,
    /// Whether the last step may grow: what is typed without a pause in meaning is one step.
    growing: bool,
}

impl History {
    pub(super) fn record(&mut self, change: Change) {
        self.undone.clear();
        match self.done.last_mut() {
            Some(last) if self.growing && last.extends(&change) => {
                last.inserted.push_str(&change.inserted);
            }
            _ => {
                if self.done.len() == STEPS {
                    self.done.remove(0);
                }
                self.done.push(change);
            }
        }
        self.growing = true;
    }

    /// Ends the step: what comes next is taken back by itself.
    pub(super) fn seal(&mut self) {
        self.growing = false;
    }

    pub(super) fn undo(&mut self) -> Option<Change> {
        self.growing = false;
        let change = self.done.pop()?;
        self.undone.push(change.clone());
        Some(change)
    }

    pub(super) fn redo(&mut self) -> Option<Change> {
        self.growing = false;
        let change = self.undone.pop()?;
        self.done.push(change.clone());
        Some(change)
    }
}

impl Change {
    /// Says whether `next` goes on where this one ended, within the same word.
    fn extends(&self, next: &Self) -> bool {
        let adjoins = next.removed.is_empty() && next.at == self.at + self.inserted.len();
        let last = self.inserted.chars().next_back();
        let goes_on = last
            .zip(next.inserted.chars().next())
            .is_some_and(|(last, next)| !begins_step(last, next));
        adjoins && goes_on
    }
}

/// Says whether a character that is typed after another one begins a step: a word or a line does.
fn begins_step(last: char, next: char) -> bool {
    next == '\n' || last.is_whitespace() && !next.is_whitespace()
}

/// Cuts a text into the steps that its characters make.
pub(super) fn steps(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut last = rest.chars().next()?;
        let end = rest.char_indices().skip(1).find(|(_, next)| {
            let begins = begins_step(last, *next);
            last = *next;
            begins
        });
        let (step, more) = rest.split_at(end.map_or(rest.len(), |(at, _)| at));
        rest = more;
        Some(step)
    })
}
