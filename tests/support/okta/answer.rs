//! What an endpoint answers, and the ways in which it can be told to misbehave.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::keys;

/// An answer that a test queues in place of the true one.
pub(crate) struct Answer {
    pub(super) after: Duration,
    pub(super) then: Then,
}

pub(super) enum Then {
    /// The request is handled as ever.
    Handle,
    /// The request is handled as ever, and the connection closed before a byte of the answer is sent.
    HandleAndLose,
    /// The request is handled as ever, and never answered.
    HandleAndHold,
    Close,
    Silence,
    Reply(Reply),
}

/// A complete HTTP answer, and how its body is sent.
pub(crate) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(Cow<'static, str>, String)>,
    pub(super) body: Vec<u8>,
    pub(super) pace: Pace,
}

#[derive(Clone, Copy)]
pub(super) enum Pace {
    Whole,
    /// Half the body, then the connection ends, although the length said more.
    Half,
    /// A byte at a time, with this pause before each.
    Slow(Duration),
}

impl Answer {
    /// Handles the request as ever; useful with [`Answer::after`], or to let some requests pass.
    pub(crate) fn handle() -> Self {
        Self::then(Then::Handle)
    }

    /// Handles the request, so that codes are used up and tokens rotate, but closes the connection instead of answering.
    pub(crate) fn lost() -> Self {
        Self::then(Then::HandleAndLose)
    }

    /// Handles the request, so that codes are used up and tokens rotate, and never answers.
    pub(crate) fn held() -> Self {
        Self::then(Then::HandleAndHold)
    }

    /// Closes the connection without an answer.
    pub(crate) fn close() -> Self {
        Self::then(Then::Close)
    }

    /// Never answers.
    pub(crate) fn silence() -> Self {
        Self::then(Then::Silence)
    }

    /// Answers with any status, content type and body.
    pub(crate) fn http(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::then(Then::Reply(Reply::new(status, content_type, body)))
    }

    /// Answers with JSON.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::then(Then::Reply(Reply::json(status, body)))
    }

    /// Answers with an OAuth error.
    pub(crate) fn error(status: u16, error: &str, description: &str) -> Self {
        Self::then(Then::Reply(Reply::error(status, error, description)))
    }

    /// Answers with the web page of something between here and Okta.
    pub(crate) fn proxy_page(status: u16) -> Self {
        let page = "<!DOCTYPE html><html><head><title>Blocked</title></head><body><h1>Access to this site is blocked</h1></body></html>";
        Self::http(status, "text/html; charset=utf-8", page)
    }

    /// Answers as Okta does when a rate limit is used up; the limit is reset `seconds` from now.
    pub(crate) fn rate_limited(seconds: i64) -> Self {
        let reset = crate::support::token::now() + seconds;
        Self::then(Then::Reply(
            Reply::api_error(
                429,
                "E0000047",
                "API call exceeded rate limit due to too many requests.",
            )
            .header("X-Rate-Limit-Limit", "600")
            .header("X-Rate-Limit-Remaining", "0")
            .header("X-Rate-Limit-Reset", reset.to_string()),
        ))
    }

    /// Sends the client elsewhere.
    pub(crate) fn redirect(location: &str) -> Self {
        Self::http(302, "text/plain", "").header("Location", location)
    }

    /// Adds a header, or replaces it.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Then::Reply(reply) = self.then {
            self.then = Then::Reply(reply.header(name, value));
        }
        self
    }

    /// Waits before anything else happens.
    pub(crate) fn after(mut self, wait: Duration) -> Self {
        self.after = wait;
        self
    }

    /// Ends the connection in the middle of the body.
    pub(crate) fn truncated(self) -> Self {
        self.paced(Pace::Half)
    }

    /// Sends the body a byte at a time, with this pause before each.
    pub(crate) fn slowly(self, pause: Duration) -> Self {
        self.paced(Pace::Slow(pause))
    }

    fn paced(mut self, pace: Pace) -> Self {
        if let Then::Reply(reply) = &mut self.then {
            reply.pace = pace;
        }
        self
    }

    fn then(then: Then) -> Self {
        Self {
            after: Duration::ZERO,
            then,
        }
    }
}

impl Reply {
    pub(super) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".into(), content_type.to_owned())],
            body: body.into(),
            pace: Pace::Whole,
        }
    }

    /// JSON as Okta sends it: with the charset that some clients trip over.
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json;charset=UTF-8", body.to_string())
            .header("Cache-Control", "no-cache, no-store")
            .header("Pragma", "no-cache")
    }

    /// An error of the OAuth endpoints.
    pub(super) fn error(status: u16, error: &str, description: &str) -> Self {
        Self::json(
            status,
            &json!({ "error": error, "error_description": description }),
        )
    }

    /// An error of Okta's own API, which the OAuth endpoints use too: it has no `error` member.
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

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.into(), value.into()));
        self
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
