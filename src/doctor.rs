//! Checks every part and says what to do.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::{
    client,
    config::Config,
    failure::{Check, Failure, Kind, Verdict},
    locale,
    okta::Okta,
    postgres::{self, Target},
};

/// A part of the whole, and what was looked at in it.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Its name.
    pub name: &'static str,
    /// What was looked at, in order. Empty where the configuration does not allow a look.
    pub checks: Vec<Check>,
}

/// Looks at every part, also when an earlier one has failed, and tells the log what is wrong. The slow ones are looked at side
/// by side.
pub(crate) async fn examine(loaded: Result<Config, Failure>) -> Vec<Part> {
    let parts = look(loaded).await;
    for part in &parts {
        for check in &part.checks {
            let ms = check.took.as_millis();
            tracing::debug!(target: "epigraph", ms, "checked {}, {}", part.name, check.name);
            if let Verdict::Warning(failure) | Verdict::Failed(failure) = &check.verdict {
                failure.log();
            }
        }
    }
    parts
}

async fn look(loaded: Result<Config, Failure>) -> Vec<Part> {
    let started = Instant::now();
    let config = match loaded {
        Ok(config) => config,
        Err(failure) => {
            return vec![Part {
                name: "configuration",
                checks: vec![check("file", started, Verdict::Failed(failure))],
            }];
        }
    };
    let target = config.database_url().and_then(Target::parse);
    // The database is asked for the keys that Okta turns out to publish.
    let (publish, published) = oneshot::channel();
    let (keyring, okta, database) = futures_util::future::join3(
        keyring(&config),
        okta(&config, publish),
        database(target.as_ref().ok(), async {
            published.await.unwrap_or_default()
        }),
    )
    .await;
    vec![
        Part {
            name: "configuration",
            checks: configuration(&config, &target, started),
        },
        Part {
            name: "keyring",
            checks: keyring,
        },
        Part {
            name: "okta",
            checks: okta,
        },
        Part {
            name: "database",
            checks: database,
        },
    ]
}

fn check(name: &'static str, started: Instant, verdict: Verdict) -> Check {
    Check {
        name,
        took: started.elapsed(),
        verdict,
    }
}

fn configuration(
    config: &Config,
    target: &Result<Target, Failure>,
    started: Instant,
) -> Vec<Check> {
    let mut checks = vec![check(
        "file",
        started,
        Verdict::Ok(config.file.as_ref().map_or_else(
            || "none; the environment alone".to_owned(),
            |file| file.display().to_string(),
        )),
    )];
    checks.extend(config.warnings.iter().map(|warning| {
        let warning = Failure::new(Kind::Config, warning.clone());
        check("file", started, Verdict::Warning(warning))
    }));
    let locale = locale::not_utf8(|name| std::env::var(name).ok());
    checks.extend(locale.map(|failure| check("locale", started, Verdict::Warning(failure))));
    let okta = config.okta().map_or_else(Verdict::Failed, |okta| {
        Verdict::Ok(format!("{}, client {}", okta.issuer, okta.client_id))
    });
    checks.push(check("Okta settings", started, okta));
    // A good one is the database's own to report, and what is missing for both is said once.
    if let Err(failure) = target
        && config.okta().err().as_ref() != Some(failure)
    {
        checks.push(check(
            "database settings",
            started,
            Verdict::Failed(failure.clone()),
        ));
    }
    for check in &mut checks {
        check.took = Duration::ZERO;
    }
    checks
}

async fn keyring(config: &Config) -> Vec<Check> {
    let Ok(okta) = config.okta() else {
        return Vec::new();
    };
    vec![client::vault(config, okta).check().await]
}

async fn okta(config: &Config, publish: oneshot::Sender<Vec<String>>) -> Vec<Check> {
    let started = Instant::now();
    let Ok(settings) = config.okta() else {
        return Vec::new();
    };
    match Okta::new(settings.clone(), Some(&config.state_dir)) {
        Ok(okta) => {
            let checks = okta.check().await;
            let _ = publish.send(okta.known_key_names().await);
            checks
        }
        Err(failure) => vec![check("client", started, Verdict::Failed(failure))],
    }
}

async fn database(
    target: Option<&Target>,
    published_keys: impl Future<Output = Vec<String>>,
) -> Vec<Check> {
    match target {
        Some(target) => postgres::check(target, published_keys).await,
        None => Vec::new(),
    }
}
