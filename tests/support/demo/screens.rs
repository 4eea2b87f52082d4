//! The demo for a person: epigraph in this terminal, as often as they like.

use std::{
    io::{self, Write},
    sync::Arc,
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{
    Outcome,
    stage::Stage,
    support::okta::{Okta, Person},
};

/// How long a code stays on the screen before the demo approves it by itself: long enough to be seen.
const PAUSE: Duration = Duration::from_secs(3);

enum Choice {
    Open,
    Approve,
    End,
}

pub(crate) async fn play(stage: &Stage<'_>, mut approve: bool) -> Outcome {
    let setup = stage.run(stage.setup()).await?;
    if !setup.status.success() {
        let said = String::from_utf8_lossy(&setup.stderr);
        return Err(format!("epigraph admin setup failed:\n{said}"));
    }
    stage.take_over(&String::from_utf8_lossy(&setup.stdout))?;
    if approve {
        approve_all(stage.okta.clone());
    }
    explain(stage, approve);
    let mut question = if approve {
        "Enter opens epigraph, q ends the demo: "
    } else {
        "Enter opens epigraph, a opens it and approves by itself, q ends the demo: "
    };
    loop {
        match ask(question).await {
            Choice::End => return Ok(()),
            Choice::Approve if !approve => {
                approve = true;
                approve_all(stage.okta.clone());
            }
            Choice::Open | Choice::Approve => {}
        }
        let status = stage.start(stage.command::<&str>([]))?.ended().await?;
        println!();
        if status.success() {
            println!(
                "Open it again: you are still signed in, unless you signed out, and your quote is still there."
            );
        } else {
            println!("epigraph ended with {status}.");
        }
        question = "Enter opens epigraph again, q ends the demo: ";
    }
}

fn explain(stage: &Stage<'_>, approve: bool) {
    let page = stage.okta.activate_page();
    println!();
    if approve {
        println!("Log in, and the demo approves by itself after three seconds, as James Joyce.");
        println!();
        return;
    }
    let text = format!(
        "\
epigraph will show a code and an address. Approve the sign-in

  - in a browser on this machine: {page}
    It warns, because the demo made its own certificate a moment ago: choose
    \"Advanced\" and go on. Type the code, choose who you are, press Approve.
  - or in another terminal, with the code in place of CODE:
    curl -kd decision=approve -d user_code=CODE {}
  - or let the demo approve, as James Joyce: type a.
",
        page.trim_end_matches("/activate")
    );
    println!("{text}");
}

/// Asks, and reads one line. The terminal is read only here, so that epigraph gets every other key.
async fn ask(question: &str) -> Choice {
    let question = question.to_owned();
    let (answer, answered) = oneshot::channel();
    thread::spawn(move || {
        loop {
            print!("{question}");
            io::stdout().flush().ok();
            let mut line = String::new();
            let choice = match io::stdin().read_line(&mut line) {
                // The end of the input is an answer, too: there will be no other.
                Ok(0) | Err(_) => Choice::End,
                Ok(_) => match line.trim().to_lowercase().as_str() {
                    "" => Choice::Open,
                    "a" => Choice::Approve,
                    "q" => Choice::End,
                    _ => continue,
                },
            };
            answer.send(choice).ok();
            return;
        }
    });
    answered.await.unwrap_or(Choice::End)
}

fn approve_all(okta: Arc<Okta>) {
    thread::spawn(move || {
        loop {
            // The stand-in goes with the demo, and so does this thread's share of it.
            if let Some(code) = okta.next_code_within(Duration::from_secs(1)) {
                thread::sleep(PAUSE);
                okta.approve(&code, Person::James).ok();
            } else if Arc::strong_count(&okta) == 1 {
                return;
            }
        }
    });
}
