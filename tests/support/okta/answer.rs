//! What an endpoint answers, and the ways in which it can be told to misbehave.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::keys;

/// The true answer of an endpoint, or one that a test queues in its place.
pub(crate) struct Answer {
    pub(super) after: Duration,
    /// Whether the request is handled as ever, so that codes are used up and tokens rotate.
    pub(super) handles: bool,
    pub(super) then: Then,
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    pace: Pace,
}

/// What the client gets.
#[derive(Clone, Copy)]
pub(super) enum Then {
    /// What the endpoint answers.
    True,
    /// This answer.
    This,
    /// The end of the connection.
    Close,
    /// Nothing.
    Silence,
}

/// How the body is sent.
#[derive(Clone, Copy)]
enum Pace {
    Whole,
    /// Half the body, then the connection ends, although the length said more.
    Half,
    /// A byte at a time, with this pause before each.
    Slow(Duration),
}

impl Answer {
    /// Handles the request as ever; useful with [`Answer::after`], or to let some requests pass.
    pub(crate) fn handle() -> Self {
        Self::then(true, Then::True)
    }

    /// Handles the request, but closes the connection instead of answering.
    pub(crate) fn lost() -> Self {
        Self::then(true, Then::Close)
    }

    /// Handles the request, and never answers.
    pub(crate) fn held() -> Self {
        Self::then(true, Then::Silence)
    }

    /// Closes the connection without an answer.
    pub(crate) fn close() -> Self {
        Self::then(false, Then::Close)
    }

    /// Never answers.
    pub(crate) fn silence() -> Self {
        Self::then(false, Then::Silence)
    }

    fn then(handles: bool, then: Then) -> Self {
        Self {
            after: Duration::ZERO,
            handles,
            then,
            status: 200,
            headers: Vec::new(),
            body: Vec::new(),
            pace: Pace::Whole,
        }
    }

    /// Answers with any status, content type and body.
    pub(crate) fn http(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let answer = Self {
            status,
            body: body.into(),
            ..Self::then(false, Then::This)
        };
        answer.header("Content-Type", content_type)
    }

    /// Answers with JSON as Okta sends it: with the charset that some clients trip over.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::http(status, "application/json;charset=UTF-8", body.to_string())
            .header("Cache-Control", "no-cache, no-store")
            .header("Pragma", "no-cache")
    }

    /// Answers with an error of the OAuth endpoints.
    pub(crate) fn error(status: u16, error: &str, description: &str) -> Self {
        let error = json!({ "error": error, "error_description": description });
        Self::json(status, &error)
    }

    /// Answers with an error of Okta's own API, which the OAuth endpoints use too: it has no `error` member.
    pub(super) fn api_error(status: u16, code: &str, summary: &str) -> Self {
        Self::json(
            status,
            &json!({
                "errorCode": code,
                "errorSummary": summary,
                "errorLink": code,
                "errorId": keys::identifier("oae"),
                "errorCauses": [],
            }),
        )
    }

    /// Answers with the web page of something between here and Okta.
    pub(crate) fn proxy_page(status: u16) -> Self {
        let page = "<!DOCTYPE html><html><head><title>Blocked</title></head><body><h1>Access to this site is blocked</h1></body></html>";
        Self::http(status, "text/html; charset=utf-8", page)
    }

    /// Answers as Okta does when a rate limit is used up; the limit is reset `seconds` from now.
    pub(crate) fn rate_limited(seconds: i64) -> Self {
        let reset = crate::support::token::now() + seconds;
        let summary = "API call exceeded rate limit due to too many requests.";
        Self::api_error(429, "E0000047", summary)
            .header("X-Rate-Limit-Limit", "600")
            .header("X-Rate-Limit-Remaining", "0")
            .header("X-Rate-Limit-Reset", &reset.to_string())
    }

    /// Sends the client elsewhere.
    pub(crate) fn redirect(location: &str) -> Self {
        Self::http(302, "text/plain", "").header("Location", location)
    }

    /// Adds a header, or replaces it.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Waits before anything else happens.
    pub(crate) fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    /// Ends the connection in the middle of the body.
    pub(crate) fn truncated(self) -> Self {
        let pace = Pace::Half;
        Self { pace, ..self }
    }

    /// Sends the body a byte at a time, with this pause before each.
    pub(crate) fn slowly(self, pause: Duration) -> Self {
        let pace = Pace::Slow(pause);
        Self { pace, ..self }
    }

    pub(super) fn into_body(self) -> Sent {
        let (pieces, pause) = match self.pace {
            Pace::Whole => {
                let whole = Full::new(Bytes::from(self.body));
                return whole.map_err(|never| match never {}).boxed_unsync();
            }
            Pace::Half => {
                let half = Bytes::copy_from_slice(&self.body[..self.body.len() / 2]);
                // Without a pause the first half would be thrown away with the connection.
                (vec![Ok(half), Err(Closed)], Duration::from_millis(20))
            }
            Pace::Slow(pause) => {
                let bytes = self.body.chunks(1).map(Bytes::copy_from_slice);
                (bytes.map(Ok).collect(), pause)
            }
        };
        let frames = stream::iter(pieces).then(move |piece| async move {
            sleep(pause).await;
            piece.map(Frame::data)
        });
        StreamBody::new(frames).boxed_unsync()
    }
}

/// A body that is sent at its own pace and may end too early.
pub(crate) type Sent = UnsyncBoxBody<Bytes, Closed>;

/// The connection ends here, on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed on purpose")]
pub(crate) struct Closed;
