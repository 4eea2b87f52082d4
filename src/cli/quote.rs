//! `show`, `set` and `delete`.

use std::io::{self, IsTerminal};

use chrono::SecondsFormat;
use serde::Serialize;

use super::{
    account::quiet,
    draft::{DraftFile, typed},
    edit,
    input::{answer, can_ask, of_input, standard_input},
    output::{self, Outcome},
};
use crate::{
    client,
    config::Config,
    failure::{Failure, Kind},
    quote::{DeleteOutcome, Quote, QuoteError, SaveOutcome, Saved},
};

/// What `show --json` prints.
#[derive(Serialize)]
struct Shown<'a> {
    quote: &'a str,
    saved_at: String,
}

/// Prints the quote.
pub(super) async fn show(config: &Config, json: bool) -> Outcome {
    let session = client::session(config)?;
    let saved = session.load(&quiet()).await?.ok_or_else(no_quote)?;
    print(&saved, json)
}

/// Prints the quote as it was last seen here. It asks neither the vault nor the network: the file goes with the session.
pub(super) fn show_cached(config: &Config, json: bool) -> Outcome {
    let seen = client::last_seen(config, config.okta()?).read_now(None);
    print(&seen.ok_or_else(|| not_seen(config.last_seen))?, json)
}

fn print(saved: &Saved, json: bool) -> Outcome {
    if json {
        output::json(&Shown {
            quote: &saved.text,
            saved_at: saved.saved_at.to_rfc3339_opts(SecondsFormat::Secs, false),
        })
    } else if io::stdout().is_terminal() {
        output::line(&saved.text)
    } else {
        output::data(saved.text.as_bytes())
    }
}

/// Saves a quote, based on what is there now. What was typed for it is kept where it cannot be saved.
pub(super) async fn set(config: &Config, text: Option<String>, edit: bool) -> Outcome {
    let mut draft = None;
    match (write(config, text, edit, &mut draft).await, draft) {
        (Ok(done), draft) => {
            draft.into_iter().for_each(DraftFile::remove);
            output::say(done);
            Ok(())
        }
        (Err(failure), Some(draft)) => Err(draft.keep(failure).into()),
        (Err(failure), None) => Err(failure.into()),
    }
}

/// Takes the text from where it comes, and saves it. Returns what was done, in a word.
async fn write(
    config: &Config,
    text: Option<String>,
    edit: bool,
    draft: &mut Option<DraftFile>,
) -> Result<&'static str, Failure> {
    // What can be told to be no quote is refused before anything is asked of anybody.
    let given = match text.as_deref() {
        _ if edit => None,
        None => return Err(no_text(io::stdin().is_terminal())),
        Some("-") if io::stdin().is_terminal() => {
            let draft = draft.insert(DraftFile::new(&config.state_dir, "")?);
            Some(checked(&of_input(typed(draft).await?)?)?)
        }
        Some("-") => Some(checked(&standard_input().await?)?),
        Some(text) => Some(checked(text)?),
    };
    let session = client::session(config)?;
    let current = session
        .load(&quiet())
        .await
        .map_err(|failure| nothing_done(failure, "saved"))?
        .map(|saved| saved.text);
    let quote = if let Some(quote) = given {
        quote
    } else {
        let Some((text, edited)) = edit::edit(config, current.as_deref()).await? else {
            return Ok("nothing was changed");
        };
        *draft = Some(edited);
        checked(&text)?
    };
    let under_way = UnderWay::begin("saved");
    let outcome = session.save(&quote, current.as_deref(), &quiet()).await;
    under_way.end();
    match outcome.map_err(|failure| nothing_done(failure, "saved"))? {
        SaveOutcome::Saved(_) => Ok("saved"),
        SaveOutcome::Conflict(there) => Err(conflict(there.as_ref())),
    }
}

/// Deletes the quote.
pub(super) async fn delete(config: &Config, yes: bool) -> Outcome {
    let ask = !yes;
    if ask && !can_ask() {
        return Err(nobody_to_ask().into());
    }
    let session = client::session(config)?;
    let deleted_nothing = |failure| nothing_done(failure, "deleted");
    let saved = session.load(&quiet()).await.map_err(deleted_nothing)?;
    let saved = saved.ok_or_else(no_quote)?;
    if ask {
        output::say(&format!("{}\n", saved.text));
        if answer("Delete this quote? [y/N] ").await != Some(true) {
            return Err(kept().into());
        }
    }
    let under_way = UnderWay::begin("deleted");
    let outcome = session.delete(Some(&saved.text), &quiet()).await;
    under_way.end();
    match outcome.map_err(deleted_nothing)? {
        DeleteOutcome::Deleted => {
            output::say("deleted");
            Ok(())
        }
        DeleteOutcome::Conflict(_) => Err(still_there().into()),
    }
}

/// A write whose answer is waited for. Where a signal ends the wait, no one knows what came of it, and the person hears that.
struct UnderWay(Option<&'static str>);

impl UnderWay {
    const fn begin(done: &'static str) -> Self {
        Self(Some(done))
    }

    fn end(mut self) {
        self.0 = None;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(done) = self.0 {
            output::say(&format!(
                "it is unknown whether the quote was {done}; look at it with `epigraph show`"
            ));
        }
    }
}

/// Says of a failure that nothing came of what was asked, unless no one knows.
pub(super) fn nothing_done(failure: Failure, done: &str) -> Failure {
    if failure.unconfirmed {
        return failure;
    }
    Failure {
        what: format!("{} Nothing was {done}.", failure.what),
        ..failure
    }
}

pub(super) fn nobody_to_ask() -> Failure {
    Failure::new(
        Kind::Usage,
        "There is no terminal on which to ask whether to delete the quote.",
    )
    .cure("Run `epigraph delete --yes`.")
}

/// It was the answer to a question: there is nothing to do.
pub(super) fn kept() -> Failure {
    Failure::new(Kind::Failed, "Nothing was deleted.")
}

pub(super) fn still_there() -> Failure {
    Failure::new(
        Kind::Conflict,
        "The quote was changed elsewhere while it was about to be deleted; it is still there.",
    )
    .cure("Look at it with `epigraph show`, then delete it again.")
}

pub(super) fn no_text(at_a_terminal: bool) -> Failure {
    let cure = if at_a_terminal {
        "Type it after the command, in quotes: `epigraph set \"…\"`; or write it in your editor: `epigraph set --edit`."
    } else {
        "To take it from standard input, run `epigraph set -`."
    };
    Failure::new(Kind::Usage, "There is no text to save.").cure(cure)
}

pub(super) fn not_seen(is_kept: bool) -> Failure {
    let (what, cure) = if is_kept {
        (
            "No quote has been seen on this computer.",
            "Read yours with `epigraph show`.",
        )
    } else {
        (
            "The configuration says that no quote is kept on this computer.",
            "Take last_seen = \"off\" out of it, or read yours with `epigraph show`.",
        )
    };
    Failure::new(Kind::NoQuote, what).cure(cure)
}

pub(super) fn no_quote() -> Failure {
    Failure::new(Kind::NoQuote, "There is no quote.").cure("Save one with `epigraph set \"…\"`.")
}

pub(super) fn conflict(there: Option<&Saved>) -> Failure {
    let what = match there {
        Some(_) => "The quote was changed elsewhere meanwhile; nothing was overwritten.",
        None => "The quote was deleted elsewhere meanwhile; nothing was saved.",
    };
    Failure::new(Kind::Conflict, what)
        .cure("Look at it with `epigraph show`, then set yours again if you still want to.")
}

pub(super) fn checked(text: &str) -> Result<Quote, Failure> {
    Quote::new(text).map_err(|error| {
        let cure = match error {
            QuoteError::Empty => "To remove the quote, run `epigraph delete`".to_owned(),
            QuoteError::TooLong { .. } => "Shorten it; it was not saved.".to_owned(),
            QuoteError::Control { .. } => {
                "Take the character out; only line breaks and tabs can be kept.".to_owned()
            }
        };
        let mut what = error.to_string();
        what[..1].make_ascii_uppercase();
        Failure::new(Kind::Usage, format!("{what}.")).cure(cure)
    })
}
