//! Setting up again with something else than the database knows.

use super::Admin;
use crate::support::{
    okta::{Person, Server},
    postgres::shared,
    program::Ran,
    pty::{Key, Pty},
};

fn known(admin: &Admin) -> String {
    admin.database.query(
        "select issuer, audience, (select count(*) from okta.signing_key k where k.issuer = i.issuer) from okta.issuer i",
    )
}

fn setup(admin: &Admin, server: Server, client_id: &str, more: &[&str]) -> Ran {
    let issuer = admin.okta.issuer(server);
    let arguments = ["setup", "--issuer", &issuer, "--client-id", client_id];
    admin.run(&[&arguments[..], more].concat())
}

#[test]
fn another_client_id_or_issuer_has_to_be_agreed_to() {
    let (admin, config) = Admin::set_up(shared());
    let james = admin.person(&config, Person::James);
    james.run(&["set", "Mistakes."]).data();
    let before = known(&admin);
    let refused = setup(&admin, Server::Default, "0oa-another", &[]);
    let client_id = admin.okta.client_id();
    refused.fails(2, &[&client_id, "0oa-another", "every token", "--replace"]);
    let refused = setup(&admin, Server::Org, &admin.okta.client_id(), &[]);
    refused.fails(2, &["the issuer", "do not find theirs", "--replace"]);
    assert_eq!(known(&admin), before);
    assert_eq!(james.run(&["show"]).data().trim_end(), "Mistakes.");

    let ran = setup(&admin, Server::Default, "0oa-another", &["--replace"]);
    ran.says(&["warning: the database knows"]);
    assert_eq!(known(&admin), before.replace(&client_id, "0oa-another"));
    james.run(&["show"]).fails(11, &["client"]);
    let ran = setup(&admin, Server::Org, &admin.okta.client_id(), &["--replace"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let org = format!("{}|{client_id}|", admin.okta.issuer(Server::Org));
    assert!(known(&admin).starts_with(&org), "{}", known(&admin));
    let rows = admin
        .database
        .query("select message from public.user_messages");
    assert_eq!(rows, "Mistakes.");
}

#[test]
fn at_a_terminal_it_asks() {
    let (admin, _) = Admin::set_up(shared());
    let before = known(&admin);
    let mut arguments = admin.to_set_up();
    arguments[5] = "0oa-another".into();
    for (answer, code) in [("", 1), ("n", 1), ("yes", 0)] {
        assert_eq!(known(&admin), before);
        let mut pty = Pty::spawn(&admin.home.command(&arguments), 200, 50);
        pty.sees("every token for the old client id");
        pty.sees("Register the new one in its place?");
        pty.type_(answer);
        pty.key(Key::Enter);
        assert_eq!(pty.exit_status().exit_code(), code, "{}", pty.screen());
    }
    assert_ne!(known(&admin), before);
}
