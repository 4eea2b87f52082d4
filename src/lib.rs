//! epigraph: sign in with Okta and keep your favourite quote in Neon Postgres, from the terminal, with no server in between.
//!
//! ```text
//! main ─▶ cli ─┬▶ runtime ─▶ app     the screens: app decides,  Msg -> update(&mut Model) -> Vec<Effect>
//!              ├▶ terminal ─▶ view               view shows,   draw(&Model, &mut Frame)
//!              ├▶ client               the parts that a configuration names, as one session; no screen
//!              └▶ doctor, admin        every part checked, with a cure; what an administrator does
//!
//! runtime   the loop     owns trait Console ◀─ terminal, trait Services (what session, browser and clipboard can do)
//! session   who is it?   owns traits Identity ◀─ okta, Vault ◀─ keyring, Quotes ◀─ postgres
//! app       the model    stands on quote, editor, keymap, typeset
//! below     for many     account: what every layer says of a person · config · failure: what a person is told
//!                        text: made harmless, measured, wrapped · browser · locale · platform
//!                        background: what waits for a disk, and what must not stop half way
//!                        private_file: 0600, whole or not at all · tls: trust for okta and postgres alike
//! database  the check    migrations: V4 the ID token, V5 the guard of a table, V6 the functions that keep a quote
//! ```
//!
//! Arrows go one way: no module uses one that uses it. `app`, `view`, `editor`, `keymap`, `quote` and `typeset` are pure, and no secret
//! ever enters them.
//!
//! Another program whose people have rows of their own needs `config`, `client`, `session`, `postgres` and `failure`. This is one;
//! `docs/protect.md` has its table, and `examples/notes.rs` the whole of it:
//!
//! ```no_run
//! use epigraph::{client, config::Config, failure::Failure, postgres::Statement};
//! use epigraph::session::{Progress, finish_background_work};
//!
//! # async fn example() -> Result<(), Failure> {
//! let session = client::session(&Config::found()?)?;
//! let progress = Progress::silent();
//! let code = session.request_code(&progress).await?;
//! println!("Open {} and type {}.", code.verification_uri, code.user_code);
//! session.await_approval(&progress).await?;
//! let add = Statement::write("select public.add_note($1)", "the note was added").text("Buy flowers.");
//! session.run(&add.once(), &progress).await?;
//! drop(session);
//! finish_background_work().await;
//! # Ok(())
//! # }
//! ```

pub mod account;
pub mod client;
pub mod config;
pub mod failure;
pub mod keyring;
pub mod okta;
pub mod postgres;
pub mod quote;
pub mod session;

// The program itself, and what its tests and benchmarks look at: no other program's business.
#[doc(hidden)]
pub mod admin;
#[doc(hidden)]
pub mod app;
#[doc(hidden)]
#[expect(rustdoc::bare_urls, reason = "--help prints these lines as they are")]
pub mod cli;
#[doc(hidden)]
pub mod runtime;
#[doc(hidden)]
pub mod terminal;

pub(crate) mod background;
pub(crate) mod browser;
pub(crate) mod clipboard;
pub(crate) mod doctor;
pub(crate) mod editor;
#[cfg(test)]
mod fuzz;
pub(crate) mod keymap;
pub(crate) mod locale;
pub(crate) mod platform;
pub(crate) mod private_file;
pub(crate) mod text;
pub(crate) mod tls;
pub(crate) mod typeset;
pub(crate) mod view;
