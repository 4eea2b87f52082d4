//! The device grant after RFC 8628: what a code is made of, and when to ask again.

use std::time::Duration;

use chrono::{DateTime, Local, TimeDelta, Utc};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::{
    http::{self, Answer},
    refusal::{Asked, Refusal, expired},
};
use crate::{
    account::{Activity, DeviceCode},
    failure::{Failure, Kind},
    session::Progress,
    text::one_line,
};

/// RFC 8628 section 3.2: where the server names none.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
/// RFC 8628 section 3.5.
const SLOW_DOWN: Duration = Duration::from_secs(5);
/// The longest pause that is this program's own idea: the person may approve at any moment.
const LONGEST_BACKOFF: Duration = Duration::from_secs(20);
/// The longest pause that a server may ask for: Okta's limits are by the minute, and a clock may be wrong.
const LONGEST_ASKED: Duration = Duration::from_mins(1);
const DEFAULT_LIFETIME: u64 = 600;
const LONGEST_LIFETIME: u64 = 24 * 60 * 60;
const LONGEST_USER_CODE: usize = 64;

/// The answer to a request for a code.
#[derive(Deserialize)]
pub(super) struct Issued {
    device_code: String,
    user_code: String,
    verification_uri: Option<String>,
    /// Its name before the standard was one, which some servers still use, or use as well.
    verification_url: Option<String>,
    verification_uri_complete: Option<String>,
    expires_in: Option<Value>,
    interval: Option<Value>,
}

/// A sign-in under way; holds the device code.
pub struct Pending {
    pub(super) device_code: SecretString,
    interval: Duration,
    /// The code's end by a clock that stops while the machine sleeps, and by one that does not.
    deadline: Instant,
    deadline_on_the_wall: DateTime<Utc>,
}

impl Issued {
    /// Splits the answer into what a person may see and what stays here. Nothing in it is trusted to be fit for a screen.
    pub(super) fn accept(self) -> Result<(DeviceCode, Pending), Failure> {
        let unusable = |what: &str| {
            Failure::new(Kind::Okta, format!("Okta issued an unusable code: {what}."))
                .cure("Try again; if this keeps happening, show this message to an administrator of your Okta organization.")
        };
        let user_code = one_line(&self.user_code);
        if user_code.is_empty()
            || user_code != self.user_code
            || user_code.len() > LONGEST_USER_CODE
        {
            return Err(unusable("it is not a code that a person can type"));
        }
        if self.device_code.is_empty() {
            return Err(unusable("a part is missing"));
        }
        let verification_uri = self.verification_uri.or(self.verification_url);
        let verification_uri = verification_uri
            .as_deref()
            .and_then(https)
            .ok_or_else(|| unusable("the address on which to type it is not https"))?;
        let seconds = self
            .expires_in
            .as_ref()
            .and_then(number_of_seconds)
            .unwrap_or(DEFAULT_LIFETIME)
            .min(LONGEST_LIFETIME);
        let lifetime = Duration::from_secs(seconds);
        let wall = TimeDelta::from_std(lifetime).unwrap_or_default();
        let now = Local::now();
        let code = DeviceCode {
            user_code,
            verification_uri,
            verification_uri_complete: self.verification_uri_complete.as_deref().and_then(https),
            expires_at: (now + wall).fixed_offset(),
        };
        let pending = Pending {
            device_code: self.device_code.into(),
            interval: self
                .interval
                .as_ref()
                .and_then(number_of_seconds)
                .map_or(DEFAULT_INTERVAL, |seconds| {
                    Duration::from_secs(seconds.clamp(1, LONGEST_LIFETIME))
                }),
            deadline: Instant::now() + lifetime,
            deadline_on_the_wall: now.to_utc() + wall,
        };
        Ok((code, pending))
    }
}

/// Reads a number of seconds, also from servers that write it as text or with a fraction, which is rounded up.
fn number_of_seconds(value: &Value) -> Option<u64> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok()?,
        number => number.as_f64()?,
    };
    let duration = Duration::try_from_secs_f64(number.ceil()).ok()?;
    Some(duration.as_secs())
}

/// An address that may be shown and opened, in its canonical form, which has no control characters.
fn https(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    (url.scheme() == "https" && url.host_str().is_some() && url.username().is_empty())
        .then(|| url.into())
}

impl Pending {
    /// How long the code still works, as far as this machine was awake.
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Asks until the person has decided, or the code has come to its end.
    pub(super) async fn poll<F: Future<Output = Result<Answer, http::Error>>>(
        &self,
        ask: impl Fn() -> F,
        with_secret: bool,
        progress: &Progress,
    ) -> Result<Answer, Failure> {
        let mut schedule = self.schedule();
        let mut pause = schedule.first();
        progress.report(Activity::WaitingForApproval);
        loop {
            tokio::time::sleep(pause.min(self.left())).await;
            // The last question is asked after the end, so that an approval at the last moment counts.
            let over = self.left() == Duration::ZERO;
            let over_on_the_wall = self.deadline_on_the_wall <= Utc::now();
            match schedule.after(ask().await, with_secret) {
                Next::Approved(answer) => return Ok(answer),
                Next::Over(failure) => return Err(failure),
                Next::Ask(..) if over => return Err(expired()),
                // The machine slept for longer than the code works, or its clock was set: then Okta still waits.
                Next::Ask(_, Activity::RetryingOkta) if over_on_the_wall => return Err(expired()),
                Next::Ask(wait, activity) => {
                    progress.report(activity);
                    pause = wait;
                }
            }
        }
    }

    /// The rhythm in which to ask.
    pub(super) fn schedule(&self) -> Schedule {
        Schedule {
            interval: self.interval,
            failures: 0,
        }
    }
}

/// When to ask next. Pure, so that every answer can be tried.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    interval: Duration,
    /// How many times in a row the question did not reach Okta.
    failures: u32,
}

/// What an answer to a poll leads to.
pub(super) enum Next {
    /// Ask again after this pause; meanwhile this is going on.
    Ask(Duration, Activity),
    /// The person has approved: the answer holds the tokens.
    Approved(Answer),
    /// It is over.
    Over(Failure),
}

impl Schedule {
    /// The pause before the first question.
    pub(super) fn first(&self) -> Duration {
        self.interval
    }

    /// Decides after an answer, or after there was none. Only Okta's own word ends a sign-in.
    pub(super) fn after(
        &mut self,
        outcome: Result<Answer, http::Error>,
        with_secret: bool,
    ) -> Next {
        let answer = match outcome {
            Ok(answer) => answer,
            Err(http::Error::Setup(failure)) => return Next::Over(failure),
            Err(_) => return self.retry(None),
        };
        if answer.is_busy() {
            return self.retry(answer.retry_after);
        }
        let Some(refusal) = Refusal::read(&answer) else {
            // A captive portal answers 200 as well.
            let is_json = answer.json::<serde_json::Map<String, serde_json::Value>>();
            return match is_json {
                Some(_) if answer.status == 200 => Next::Approved(answer),
                _ => self.retry(None),
            };
        };
        self.failures = 0;
        match refusal.error.as_str() {
            "authorization_pending" => Next::Ask(self.interval, Activity::WaitingForApproval),
            "slow_down" => {
                self.interval += SLOW_DOWN;
                Next::Ask(self.interval, Activity::WaitingForApproval)
            }
            "expired_token" => Next::Over(expired()),
            // A rate limit under another status.
            "E0000047" => self.retry(answer.retry_after),
            _ => Next::Over(refusal.failure(Asked::Approval, with_secret)),
        }
    }

    fn retry(&mut self, asked_to_wait: Option<Duration>) -> Next {
        let backoff = self
            .interval
            .saturating_mul(1 << self.failures.min(4))
            .min(LONGEST_BACKOFF);
        self.failures += 1;
        // Never sooner than the interval, which `slow_down` may have raised beyond the longest backoff.
        let pause = asked_to_wait
            .map_or(backoff, |asked| asked.min(LONGEST_ASKED))
            .max(self.interval);
        Next::Ask(pause, Activity::RetryingOkta)
    }
}

#[cfg(test)]
mod tests;
