//! The demo without a person: the same story with the headless commands, step by step, each one checked.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::ChildStdout,
    time::timeout,
};

use crate::{
    Outcome,
    stage::Stage,
    support::{PATIENCE, ca, okta::Person},
};

const QUOTE: &str = "Mistakes are the portals of discovery - James Joyce";
const EDITED: &str = "Think you’re escaping and run into yourself.\nLongest way round is the shortest way home. - James Joyce";

/// Counts and times the steps, and prints each with its result.
struct Story<'a> {
    stage: &'a Stage<'a>,
    steps: usize,
}

pub(crate) async fn play(stage: &Stage<'_>) -> Outcome {
    let mut story = Story { stage, steps: 0 };
    let person = Person::James;
    println!();
    let config = story.setup("sets the database up, and proves it").await?;
    stage.take_over(&config)?;
    let again = story.setup("takes nothing away when it runs again").await?;
    story.hold("the access keeps its password", again.is_empty())?;
    story.run("no one is signed in yet", &["whoami"], 3).await?;
    story.sign_in(person).await?;
    let whoami = ["whoami", "--json"];
    let whoami = story.run("says who is signed in", &whoami, 0).await?;
    let is_person = json(&whoami)?["id"] == person.id();
    story.hold("it is the person who approved", is_person)?;

    let calls = stage.okta.client_requests();
    story.run("there is no quote yet", &["show"], 5).await?;
    story.run("keeps a quote", &["set", QUOTE], 0).await?;
    story.shows("a new process shows it", QUOTE).await?;
    story.run("edits the quote", &["set", EDITED], 0).await?;
    story
        .shows("shows the edited one, line break and all", EDITED)
        .await?;
    let rows = "select user_id from public.user_messages";
    let is_theirs = stage.database.query(rows) == person.id();
    story.hold("the row in the database is the person's", is_theirs)?;
    let is_quiet = stage.okta.client_requests() == calls;
    story.hold("Okta was asked nothing since the sign-in", is_quiet)?;
    story.run("checks every part", &["doctor"], 0).await?;
    story.notes(person).await?;
    story.trespass(person).await?;
    let delete = ["delete", "--yes"];
    story.run("deletes the quote", &delete, 0).await?;
    story.run("there is no quote", &["show"], 5).await?;
    story.run("signs out", &["logout"], 0).await?;
    story.run("has signed out", &["whoami"], 3).await?;
    let is_over = stage.okta.live_refresh_tokens(person) == 0;
    story.hold("the session is over at Okta as well", is_over)?;
    println!("\nAll {} steps held.", story.steps);
    Ok(())
}

impl Story<'_> {
    async fn setup(&mut self, what: &str) -> Result<String, String> {
        self.step(what, "epigraph admin setup", self.stage.setup(), 0)
            .await
    }

    /// Runs another program, over a table that is made as the page on protecting tables says.
    async fn notes(&mut self, person: Person) -> Outcome {
        let page = include_str!("../../../docs/protect.md");
        let sql = page.split("```sql\n").skip(1);
        let sql: Vec<_> = sql
            .filter_map(|rest| Some(rest.split_once("```")?.0))
            .collect();
        let [table, access, _, functions, _] = sql[..] else {
            return Err("docs/protect.md has other blocks of SQL than this story knows".into());
        };
        let database = &self.stage.database;
        let people = format!(
            "grant notes_user to {}",
            database.query("select rolname from pg_roles where pg_has_role(oid, okta.user_group(), 'member') and rolname like 'epigraph%' and rolcanlogin")
        );
        for sql in [table, access, functions, &people] {
            database.query(sql);
        }
        let note = "Buy the flowers herself.";
        let add = self.stage.notes(&["add", note])?;
        self.step("another program adds a note", "notes add", add, 0)
            .await?;
        let list = self.stage.notes(&["list"])?;
        let listed = self.step("and lists it", "notes list", list, 0).await?;
        self.hold("it is that note", listed.trim_end() == note)?;
        let owner = database.query("select owner_id from public.notes");
        self.hold("the note is the person's", owner == person.id())
    }

    /// Tries what someone could do who has the same connection string, and `psql`.
    async fn trespass(&mut self, person: Person) -> Outcome {
        let stage = self.stage;
        stage.database.query(
            "insert into public.user_messages (user_id, message) values ('00u-colleague', 'A room of one’s own.')",
        );
        let token = self.id_token(person)?;
        let with_token = |sql: &str| {
            format!(
                "begin; select from (select set_config('okta.id_token', '{token}', true)) as token; {sql}; commit;"
            )
        };
        let quote = "select message from epigraph.load_quote()";
        let mut printed = Vec::new();
        for (what, sql, code) in [
            ("without a token the database refuses", quote.into(), 3),
            (
                "with one's own token, one sees one's own quote",
                with_token(quote),
                0,
            ),
            (
                "the table is out of reach",
                with_token(
                    "select user_id from public.user_messages where user_id = '00u-colleague'",
                ),
                3,
            ),
            (
                "a row for another person is refused",
                with_token(
                    "insert into public.user_messages values ('00u-another', now(), 'Mine!')",
                ),
                3,
            ),
            (
                "a guess at a colleague's text is none",
                with_token("select done from epigraph.save_quote('Mine!', 'A room of one’s own.')"),
                0,
            ),
        ] {
            let command = stage.psql(&sql)?;
            printed.push(self.step(what, "psql", command, code).await?);
        }
        self.hold("it is the same text", printed[1].trim_end() == EDITED)?;
        self.hold("and saves nothing", printed[4].trim() == "f")?;
        let theirs =
            "delete from public.user_messages where user_id = '00u-colleague' returning message";
        let is_there = stage
            .database
            .query(theirs)
            .starts_with("A room of one’s own.");
        self.hold("the colleague's row is as it was", is_there)
    }

    /// The token that the person's session has.
    fn id_token(&self, person: Person) -> Result<String, String> {
        let is_theirs = |token: &String| {
            let claims = token.split('.').nth(1).unwrap_or_default();
            let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap_or_default();
            let claims: Value = serde_json::from_slice(&claims).unwrap_or_default();
            claims["sub"] == person.id() && claims["aud"] == *self.stage.okta.client_id()
        };
        let mut secrets = self.stage.okta.issued_secrets().into_iter();
        secrets
            .rfind(is_theirs)
            .ok_or_else(|| "the person has no ID token".into())
    }

    /// Runs a command, and returns its output if it ended with this exit code and told no one a secret.
    async fn run(&mut self, what: &str, arguments: &[&str], code: i32) -> Result<String, String> {
        let command = self.stage.command(arguments);
        let shown = format!("epigraph {}", shown(arguments));
        self.step(what, &shown, command, code).await
    }

    async fn shows(&mut self, what: &str, quote: &str) -> Outcome {
        let output = self.run(what, &["show"], 0).await?;
        let is_same = output.trim_end_matches('\n') == quote;
        self.hold("it is the same text", is_same)
    }

    async fn step(
        &mut self,
        what: &str,
        shown: &str,
        command: tokio::process::Command,
        code: i32,
    ) -> Result<String, String> {
        let started = Instant::now();
        let output = self.stage.run(command).await;
        let output = output.map_err(|error| format!("{shown}: {error}"))?;
        let [stdout, stderr] = [output.stdout, output.stderr]
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let leaks = self.leaks(&stdout) || self.leaks(&stderr);
        let held = output.status.code() == Some(code) && !leaks;
        let reported = self.report(what, shown, held, started.elapsed());
        let status = output.status;
        reported.map_err(|_| {
            if leaks {
                return format!("{shown} printed a token");
            }
            format!(
                "{shown} was to end with exit code {code} and ended with {status}. It printed:\n{stdout}{stderr}"
            )
        })?;
        Ok(stdout)
    }

    /// Signs in by device code: the program prints its events, and the demo does what a person does in a browser.
    async fn sign_in(&mut self, person: Person) -> Outcome {
        let started = Instant::now();
        let mut command = self.stage.command(["login", "--json"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut running = self.stage.start(command)?;
        let stdout = running.child.stdout.take().expect("its output is piped");
        let mut events = BufReader::new(stdout).lines();
        let code = event(&mut events, "code").await?;
        let user_code = code["user_code"].as_str().unwrap_or_default().to_owned();
        let page = code["verification_uri"].as_str().unwrap_or_default();
        let is_shown = !user_code.is_empty() && page == self.stage.okta.activate_page();
        let (what, login) = (
            format!("shows the code {user_code}"),
            "epigraph login --json",
        );
        self.report(&what, login, is_shown, started.elapsed())?;
        self.approve(page, &user_code, person).await?;
        let signed_in = event(&mut events, "signed_in").await?;
        let status = timeout(PATIENCE, running.ended())
            .await
            .map_err(|_| "epigraph login did not end".to_owned())??;
        let held = status.success() && signed_in["id"] == person.id();
        let what = "goes on when the person has approved in a browser";
        self.report(what, login, held, started.elapsed())
    }

    /// Opens the page and posts its form.
    async fn approve(&self, page: &str, user_code: &str, person: Person) -> Outcome {
        let failed = |error: reqwest::Error| format!("the page to approve on: {error}");
        let browser = ca::http_client(&self.stage.authority);
        let page_with_code = format!("{page}?user_code={user_code}");
        let shown = browser.get(page_with_code).send().await.map_err(failed)?;
        let shown = shown.text().await.map_err(failed)?;
        if !shown.contains(&format!("value=\"{user_code}\"")) {
            return Err("the page to approve on does not show the code".into());
        }
        let first_name = person.name().split(' ').next().unwrap_or_default();
        let form = format!("user_code={user_code}&person={first_name}&decision=approve");
        let sent = browser.post(page).body(form).send().await;
        let sent = sent.and_then(reqwest::Response::error_for_status);
        sent.map(drop).map_err(failed)
    }

    fn hold(&mut self, what: &str, held: bool) -> Outcome {
        self.report(what, "", held, Duration::ZERO)
    }

    fn report(&mut self, what: &str, command: &str, held: bool, took: Duration) -> Outcome {
        self.steps += 1;
        let result = if held { "ok" } else { "FAILED" };
        println!(
            "{:>3}  {result:<6}  {:>5.2} s  {what:<50}  {command}",
            self.steps,
            took.as_secs_f32()
        );
        let failed = || format!("this did not hold: {what}");
        held.then_some(()).ok_or_else(failed)
    }

    fn leaks(&self, output: &str) -> bool {
        let secrets = self.stage.okta.issued_secrets();
        secrets.iter().any(|secret| output.contains(secret))
    }
}

/// Reads events up to one of this name.
async fn event(events: &mut Lines<BufReader<ChildStdout>>, name: &str) -> Result<Value, String> {
    let search = async {
        while let Some(line) = events.next_line().await.map_err(|it| it.to_string())? {
            let event = json(&line)?;
            if event["event"] == name {
                return Ok(event);
            }
            if event["event"] == "failed" {
                return Err(format!("epigraph login failed: {event}"));
            }
        }
        Err(format!("epigraph login ended without the event {name:?}"))
    };
    timeout(PATIENCE, search)
        .await
        .unwrap_or_else(|_| Err(format!("epigraph login never printed the event {name:?}")))
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("this is not JSON ({error}): {text}"))
}

/// Writes arguments as one types them; a long one is cut.
fn shown(arguments: &[&str]) -> String {
    let cut = |argument: &&str| match argument.char_indices().nth(24) {
        Some((end, _)) => format!("'{}…'", &argument[..end]),
        None => (*argument).to_owned(),
    };
    let words: Vec<_> = arguments.iter().map(cut).collect();
    words.join(" ")
}
