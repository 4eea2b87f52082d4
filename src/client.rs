//! What a configuration names, put together: Okta, the keyring and the database, as one session. The commands and the screens
//! stand on it, and so does any other program whose people have rows of their own; see `examples/notes.rs`.

use crate::{
    config::{self, Config},
    failure::Failure,
    keyring::Keyring,
    okta::Okta,
    postgres::{Postgres, Target},
    session::{LastSeen, Session},
};

/// A person's session at the Okta organization, in the keyring and at the database of one configuration.
pub type Client = Session<Okta, Keyring, Postgres>;

/// Makes the session of a configuration. No network, and no look into the keyring.
///
/// # Errors
/// When a setting is missing or wrong.
pub fn session(config: &Config) -> Result<Client, Failure> {
    session_at(config, Target::parse(config.database_url()?)?)
}

/// Makes the session of a configuration at a database whose connection string was read before.
pub(crate) fn session_at(config: &Config, target: Target) -> Result<Client, Failure> {
    session_with(config, Postgres::new(target, Some(&config.state_dir)))
}

/// Makes the session of a configuration over something else than its database: over nothing, for who only signs in or out.
pub(crate) fn session_with<Q>(
    config: &Config,
    quotes: Q,
) -> Result<Session<Okta, Keyring, Q>, Failure> {
    let okta = config.okta()?;
    Ok(Session::new(
        Okta::new(okta.clone(), Some(&config.state_dir))?,
        vault(config, okta),
        quotes,
        config.state_dir.clone(),
        &okta.key(),
        config.last_seen,
    ))
}

/// Where the quote is kept that was last seen.
pub(crate) fn last_seen(config: &Config, okta: &config::Okta) -> LastSeen {
    LastSeen::new(&config.state_dir, &okta.key(), config.last_seen)
}

/// Where the session is kept.
pub(crate) fn vault(config: &Config, okta: &config::Okta) -> Keyring {
    Keyring::new(
        config.store,
        &config.state_dir,
        &okta.issuer,
        &okta.client_id,
    )
}
