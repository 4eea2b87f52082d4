use serde_json::{Value, json};

use super::*;

#[expect(
    clippy::unnecessary_wraps,
    reason = "it stands for the outcome of a request"
)]
fn answer(status: u16, body: &str) -> Result<Answer, http::Error> {
    Ok(Answer::of(status, body))
}

fn oauth(error: &str) -> Result<Answer, http::Error> {
    answer(
        400,
        &format!(r#"{{"error":"{error}","error_description":"…"}}"#),
    )
}

fn busy(seconds: u64) -> Result<Answer, http::Error> {
    answer(429, "").map(|answer| Answer {
        retry_after: Some(Duration::from_secs(seconds)),
        ..answer
    })
}

fn schedule() -> Schedule {
    Schedule {
        interval: DEFAULT_INTERVAL,
        failures: 0,
    }
}

/// The pause in seconds and what goes on meanwhile.
fn asks_again(next: Next) -> (u64, Activity) {
    match next {
        Next::Ask(pause, activity) => (pause.as_secs(), activity),
        Next::Approved(_) => panic!("approved"),
        Next::Over(failure) => panic!("over: {failure}"),
    }
}

#[test]
fn the_pauses_follow_what_is_answered() {
    for (case, answers, pauses) in [
        (
            "an odd status of the right word does not matter",
            "odd odd",
            &[5, 5][..],
        ),
        (
            "slow_down adds five seconds for good",
            "authorization_pending slow_down authorization_pending slow_down authorization_pending",
            &[5, 10, 10, 15, 15],
        ),
        (
            "they grow while Okta is away",
            "lost lost lost lost lost lost lost",
            &[5, 10, 20, 20, 20, 20, 20],
        ),
        (
            "they are as before when it is back",
            "lost lost lost authorization_pending lost",
            &[5, 10, 20, 5, 5],
        ),
        (
            "none is shorter than a rhythm that was slowed down",
            "slow_down slow_down slow_down slow_down slow_down lost down",
            &[10, 15, 20, 25, 30, 30, 30],
        ),
        ("a named time is kept to", "busy:42 busy:0", &[42, 5]),
    ] {
        let mut schedule = schedule();
        let made = answers.split(' ').map(|word| {
            let outcome = match word {
                "lost" => Err(http::Error::Connection),
                "down" => answer(500, ""),
                "odd" => answer(200, r#"{"error":"authorization_pending"}"#),
                _ => match word.split_once(':') {
                    Some((_, seconds)) => busy(seconds.parse().expect("a number")),
                    None => oauth(word),
                },
            };
            asks_again(schedule.after(outcome, false)).0
        });
        assert_eq!(made.collect::<Vec<_>>(), pauses, "{case}");
    }
}

#[test]
fn nothing_but_oktas_own_word_ends_a_sign_in() {
    for outcome in [
        answer(
            429,
            r#"{"errorCode":"E0000047","errorSummary":"API call exceeded rate limit due to too many requests."}"#,
        ),
        answer(
            403,
            r#"{"errorCode":"E0000047","errorSummary":"API call exceeded rate limit"}"#,
        ),
        answer(500, ""),
        answer(502, "<html>Bad gateway</html>"),
        answer(503, r#"{"error":"temporarily_unavailable"}"#),
        answer(200, "<html>Sign in to the hotel's network</html>"),
        answer(200, ""),
        answer(400, ""),
        answer(400, "{}"),
        answer(302, ""),
        answer(407, "<html>"),
        Err(http::Error::TimedOut),
        Err(http::Error::Connection),
        Err(http::Error::UnknownHost),
        Err(http::Error::Untrusted),
        Err(http::Error::TooLarge),
    ] {
        let (pause, activity) = asks_again(schedule().after(outcome, false));
        assert_eq!((pause, activity), (5, Activity::RetryingOkta));
    }
}

#[test]
fn oktas_own_word_ends_it_with_what_to_do_next() {
    for (error, kind) in [
        ("access_denied", Kind::Denied),
        ("expired_token", Kind::Denied),
        ("invalid_grant", Kind::Denied),
        ("invalid_client", Kind::Okta),
        ("unauthorized_client", Kind::Okta),
        ("use_dpop_nonce", Kind::Okta),
        ("something_new", Kind::Okta),
    ] {
        match schedule().after(oauth(error), false) {
            Next::Over(failure) => {
                assert_eq!(failure.kind, kind, "{error}");
                assert!(failure.cure.is_some(), "{error}");
            }
            _ => panic!("{error} does not end it"),
        }
    }
    assert!(matches!(
        schedule().after(answer(200, r#"{"id_token":"x"}"#), false),
        Next::Approved(_)
    ));
}

fn issued(changes: &Value) -> Result<(DeviceCode, Pending), Failure> {
    let mut body = json!({"device_code": "secret-device-code", "user_code": "BCDFGHJK",
        "verification_uri": "https://org.okta.com/activate",
        "verification_uri_complete": "https://org.okta.com/activate?user_code=BCDFGHJK",
        "expires_in": 600, "interval": 5});
    let object = body.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().expect("an object") {
        object.insert(name.clone(), value.clone());
    }
    serde_json::from_value::<Issued>(body)
        .expect("the fields are there")
        .accept()
}

#[test]
fn a_code_as_okta_issues_it_is_taken_apart() {
    let (code, pending) = issued(&json!({})).expect("accepted");
    assert_eq!(code.user_code, "BCDFGHJK");
    assert_eq!(code.verification_uri, "https://org.okta.com/activate");
    let complete = "https://org.okta.com/activate?user_code=BCDFGHJK";
    assert_eq!(code.verification_uri_complete.as_deref(), Some(complete));
    assert_eq!(pending.interval, Duration::from_secs(5));
    let left = pending.left().as_secs_f32();
    assert!((590.0..=600.0).contains(&left), "{left}");
    let shown = (code.expires_at.to_utc() - Utc::now()).num_seconds();
    assert!((590..=600).contains(&shown), "{shown}");
}

#[test]
fn what_is_left_out_has_the_value_of_the_standard() {
    let bare = json!({"interval": null, "verification_uri_complete": null, "expires_in": null});
    let (code, pending) = issued(&bare).expect("accepted");
    assert_eq!(pending.interval, DEFAULT_INTERVAL);
    assert_eq!(code.verification_uri_complete, None);
    let (_, pending) = issued(&json!({"interval": 0, "expires_in": 0})).expect("accepted");
    assert_eq!(pending.interval, Duration::from_secs(1));
    assert_eq!(pending.left(), Duration::ZERO);
}

#[test]
fn numbers_may_be_text_and_the_address_may_have_its_older_name() {
    let lenient =
        json!({"interval": "7", "expires_in": 60.5, "verification_url": "https://o.example/older"});
    let (code, pending) = issued(&lenient).expect("accepted");
    assert_eq!(pending.interval, Duration::from_secs(7));
    assert!(pending.left() > Duration::from_mins(1));
    assert!(!code.verification_uri.contains("older"));
    let older = json!({"verification_uri": null, "verification_url": "https://o.example/older"});
    let (code, _) = issued(&older).expect("accepted");
    assert_eq!(code.verification_uri, "https://o.example/older");
    assert!(issued(&json!({"verification_uri": null})).is_err());
    for nonsense in [json!(-1), "soon".into(), json!({}), 1e300.into()] {
        let changes = json!({"interval": nonsense});
        let (_, pending) = issued(&changes).expect("accepted");
        let longest = Duration::from_secs(LONGEST_LIFETIME);
        let sane = DEFAULT_INTERVAL..=longest;
        assert!(sane.contains(&pending.interval), "{changes}");
    }
}

#[test]
fn an_address_that_may_not_be_shown_is_refused_or_left_out() {
    for uri in [
        "http://org.okta.com/activate",
        "javascript:alert(1)",
        "",
        "org.okta.com/activate",
        "https://x@org.okta.com/",
    ] {
        let failure = issued(&json!({"verification_uri": uri})).err().expect(uri);
        assert_eq!(failure.kind, Kind::Okta);
        let (code, _) = issued(&json!({"verification_uri_complete": uri})).expect("accepted");
        assert_eq!(code.verification_uri_complete, None);
    }
    let (code, _) =
        issued(&json!({"verification_uri": "https://org.okta.com/\u{1b}[2Jactivate\u{202e}"}))
            .expect("accepted");
    assert!(code.verification_uri.is_ascii() && !code.verification_uri.contains('\u{1b}'));
}

#[test]
fn a_code_that_a_terminal_would_obey_is_refused() {
    for code in ["", "AB\u{1b}[2J", "AB\u{202e}CD", "A\nB", &"A".repeat(65)] {
        assert!(issued(&json!({"user_code": code})).is_err(), "{code:?}");
    }
    assert!(issued(&json!({"device_code": ""})).is_err());
}

/// A code that works for ten minutes, five seconds between two questions.
fn pending() -> Pending {
    let (_, pending) = issued(&json!({})).expect("accepted");
    pending
}

/// Polls against a clock of its own; `answers` is told the seconds since the start. Returns the end, and when it was asked.
async fn polled(
    pending: Pending,
    answers: impl Fn(u64) -> Result<Answer, http::Error>,
) -> (Result<Answer, Failure>, Vec<u64>) {
    let start = Instant::now();
    let asked = std::cell::RefCell::new(Vec::new());
    let ask = || async {
        let seconds = start.elapsed().as_secs();
        asked.borrow_mut().push(seconds);
        answers(seconds)
    };
    let end = pending.poll(ask, false, &Progress::silent()).await;
    (end, asked.into_inner())
}

#[tokio::test(start_paused = true)]
async fn two_minutes_without_network_cost_twenty_seconds_at_most() {
    for (gone, back) in [(3, 123), (0, 599)] {
        let (end, asked) = polled(pending(), |seconds| match seconds {
            seconds if (gone..back).contains(&seconds) => Err(http::Error::Connection),
            seconds if seconds < back => oauth("authorization_pending"),
            _ => answer(200, r#"{"id_token":"x"}"#),
        })
        .await;
        assert!(end.is_ok(), "{:?}", end.err());
        let last = asked.last().expect("asked");
        assert!((back..back + 20).contains(last), "{asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_down_for_ever_ends_with_the_code() {
    let (end, asked) = polled(pending(), |_| oauth("slow_down")).await;
    assert_eq!(end.err().map(|failure| failure.kind), Some(Kind::Denied));
    assert_eq!(asked[..4], [5, 15, 30, 50]);
    assert_eq!(asked.last(), Some(&600));
    assert!(asked.len() < 17, "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_of_hours_is_checked_every_minute() {
    let (end, asked) = polled(pending(), |seconds| {
        if seconds > 100 {
            return answer(200, r#"{"id_token":"x"}"#);
        }
        busy(3 * 3_600)
    })
    .await;
    assert!(end.is_ok());
    assert_eq!(asked, [5, 65, 125]);
}

#[tokio::test(start_paused = true)]
async fn the_clock_ends_a_code_only_where_okta_is_silent() {
    let late = || Pending {
        deadline_on_the_wall: Utc::now() - TimeDelta::hours(1),
        ..pending()
    };
    let (end, asked) = polled(late(), |seconds| match seconds {
        0..60 => oauth("authorization_pending"),
        _ => answer(200, r#"{"id_token":"x"}"#),
    })
    .await;
    assert!(end.is_ok());
    assert_eq!(asked.len(), 12);
    let (end, asked) = polled(late(), |_| Err(http::Error::Connection)).await;
    assert_eq!(end.err().map(|failure| failure.kind), Some(Kind::Denied));
    assert_eq!(asked, [5]);
}
