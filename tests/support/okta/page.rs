//! The web page on which a person types the code and approves: plain forms, for a browser and for curl.

use super::{
    Form,
    answer::Answer,
    org::{CodeError, Decision, Org, Person},
};

const STYLE: &str = include_str!("page.css");

/// Shows the page, or takes the form.
pub(super) fn activate(org: &mut Org, is_post: bool, form: &Form, wants_html: bool) -> Answer {
    let field = |name: &str| form.get(name).map_or("", |value| value.trim());
    let code = field("user_code");
    // Whoever uses curl and names no one is James Joyce.
    let name = Some(field("person"))
        .filter(|name| !name.is_empty())
        .unwrap_or("james");
    let person = Person::named(name);
    if !is_post {
        return page(200, &entry(code, person, None));
    }
    let decision = match (field("decision"), person) {
        ("deny", _) => Ok(Decision::Denied),
        ("approve", Some(person)) => Ok(Decision::Approved(person)),
        ("approve", None) => Err("There is no such person.".to_owned()),
        _ => Err("Say whether to approve or to deny (decision=approve or decision=deny).".into()),
    };
    let outcome = decision.and_then(|decision| {
        org.decide(code, decision)
            .map_err(|error: CodeError| error.to_string())?;
        Ok(decision)
    });
    let (status, heading, text) = match &outcome {
        Ok(Decision::Approved(person)) => (
            200,
            "Device activated",
            format!(
                "You are signed in as {}. Go back to your terminal.",
                person.name()
            ),
        ),
        Ok(Decision::Denied) => (
            200,
            "Device not activated",
            "You denied the request. Nobody was signed in.".to_owned(),
        ),
        Err(error) => (400, "Not activated", error.clone()),
    };
    if !wants_html {
        let words = format!("{heading}. {text}\n");
        return Answer::http(status, "text/plain; charset=utf-8", words);
    }
    match outcome {
        Ok(_) => {
            let body = format!("<h1>{heading}</h1>\n<p role=\"status\">{text}</p>");
            page(status, &body)
        }
        Err(error) => page(status, &entry(code, person, Some(&error))),
    }
}

fn entry(code: &str, chosen: Option<Person>, error: Option<&str>) -> String {
    let people = Person::ALL
        .into_iter()
        .map(|person| {
            let first_name = person.name().split(' ').next().unwrap_or_default();
            format!(
                "<label class=\"person\"><input type=\"radio\" name=\"person\" value=\"{}\"{}> <span>{}<br><small>{}</small></span></label>\n",
                first_name.to_lowercase(),
                if chosen == Some(person) { " checked" } else { "" },
                person.name(),
                person.login(),
            )
        })
        .collect::<Vec<_>>()
        .concat();
    let error = error.map_or_else(String::new, |error| {
        format!("<p class=\"error\" role=\"alert\">{}</p>\n", escape(error))
    });
    format!(
        "<h1>Activate your device</h1>
<p>Type the code that your terminal shows. Approve it only if you started the sign-in yourself.</p>
{error}<form method=\"post\" action=\"/activate\">
<label for=\"code\">Code</label>
<input id=\"code\" name=\"user_code\" value=\"{}\" required minlength=\"8\" maxlength=\"11\" autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\" autofocus>
<fieldset>
<legend>Sign in as</legend>
{people}</fieldset>
<div class=\"buttons\">
<button name=\"decision\" value=\"approve\">Approve</button>
<button name=\"decision\" value=\"deny\" class=\"quiet\">Deny</button>
</div>
</form>",
        escape(code)
    )
}

fn page(status: u16, body: &str) -> Answer {
    let html = format!(
        "<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>Activate your device</title>
<style>
{STYLE}</style>
</head>
<body>
<main>
{body}
</main>
<footer>A local stand-in for Okta. Nothing here leaves this machine, and nobody needs a password.</footer>
</body>
</html>
"
    );
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";
    Answer::http(status, "text/html; charset=utf-8", html)
        .header("Cache-Control", "no-store")
        .header("Content-Security-Policy", policy)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
