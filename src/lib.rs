//! epigraph: sign in with Okta and keep your favourite quote in Neon Postgres, from the terminal, with no server in between.
//!
//! ```text
//! main ─▶ cli ─▶ runtime ─▶ app ─▶ { quote, editor, keymap }         app decides: Msg -> update(&mut Model) -> Vec<Effect>
//!          │       │  └───▶ view ─▶ app                              view shows:  draw(&Model, &mut Frame)
//!          │       ├── trait Console  ◀── terminal
//!          │       └── trait Services ◀── session ─▶ traits Identity, Vault, Quotes ◀── okta, keyring, postgres
//!          └─────▶ session, doctor, admin                            the headless commands: the same session, no screen
//! ```
//!
//! No secret ever enters `app`: tokens and passwords live in `session`, `okta`, `keyring` and `postgres` only.

pub mod admin;
pub mod app;
pub mod browser;
pub mod cli;
pub mod config;
pub mod doctor;
pub mod editor;
pub mod failure;
pub mod keymap;
pub mod keyring;
pub mod okta;
pub mod postgres;
pub mod private_file;
pub mod quote;
pub mod runtime;
pub mod session;
pub mod terminal;
pub mod text;
pub mod tls;
pub mod view;
