//! The real world: effects carried out by the session, the browser and the clipboard.

use super::Services;
use crate::{
    app::{Effect, Msg},
    background, browser, clipboard,
    failure::Failure,
    session::{Identity, Progress, Quotes, Session, Vault},
};

impl<I: Identity, V: Vault, Q: Quotes> Services for Session<I, V, Q> {
    async fn perform(&self, effect: Effect, progress: Progress) -> Option<Msg> {
        Some(match effect {
            Effect::Restore => Msg::Restored(logged(self.restore(&progress).await)),
            Effect::ChooseFile => Msg::FileChosen(logged(self.choose_file().await)),
            Effect::RequestCode => Msg::CodeIssued(logged(self.request_code(&progress).await)),
            Effect::AwaitApproval => Msg::SignedIn(logged(self.await_approval(&progress).await)),
            Effect::AbandonSignIn => {
                self.abandon_sign_in().await;
                return None;
            }
            Effect::SignOut => Msg::SignedOut(logged(self.sign_out().await)),
            Effect::Load => Msg::Loaded(logged(self.load(&progress).await)),
            Effect::Save { quote, based_on } => Msg::Saved(logged(
                self.save(&quote, based_on.as_deref(), &progress).await,
            )),
            Effect::Delete { based_on } => {
                Msg::Deleted(logged(self.delete(Some(&based_on), &progress).await))
            }
            Effect::KeepDraft(draft) => {
                Msg::DraftFailed(logged(self.keep_draft(draft).await).err()?)
            }
            Effect::DropDraft => Msg::DraftFailed(logged(self.drop_draft().await).err()?),
            Effect::OpenBrowser(address) => Msg::BrowserOpened(logged(open_browser(address).await)),
            Effect::Copy(what, text) => Msg::Copied(what, clipboard::copy(&text).await.ok_or(text)),
            Effect::ReadClipboard => Msg::ClipboardRead(clipboard::paste().await),
            // The loop's own work.
            Effect::CopyByTerminal(_) | Effect::Redraw | Effect::Suspend | Effect::Quit => {
                return None;
            }
        })
    }
}

fn logged<T>(outcome: Result<T, Failure>) -> Result<T, Failure> {
    outcome.inspect_err(Failure::log)
}

/// Starts the browser on another thread: finding it may take a while.
async fn open_browser(address: String) -> Result<(), Failure> {
    background::on_a_thread(move || browser::open(&address)).await?
}
