//! A second program on the same parts: notes of one's own, in a table that `docs/protect.md` makes. It takes the configuration and
//! the session of `epigraph` itself.
#![expect(clippy::print_stdout, reason = "it is there to print")]

use epigraph::{
    client,
    config::Config,
    postgres::Statement,
    session::{Progress, finish_background_work},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let session = client::session(&Config::found()?)?;
    let progress = Progress::silent();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["login"] => {
            let code = session.request_code(&progress).await?;
            println!(
                "Open {} and type {}.",
                code.verification_uri, code.user_code
            );
            let restored = session.await_approval(&progress).await?;
            println!("Signed in as {}.", restored.user.name);
        }
        ["add", body] => {
            let add = Statement::write("select public.add_note($1)", "the note was added");
            session.run(&add.text(body).once(), &progress).await?;
        }
        ["list"] => {
            let list = Statement::read("select body from public.my_notes()");
            for note in session.run(&list, &progress).await? {
                println!("{}", note.try_get::<_, &str>("body")?);
            }
        }
        _ => anyhow::bail!("usage: notes login | notes add TEXT | notes list"),
    }
    // The connection ends in order, and what Okta publishes about itself is kept.
    drop(session);
    finish_background_work().await;
    Ok(())
}
