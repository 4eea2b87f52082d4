//! What a person is told of a connection string.

use super::*;
use crate::failure::list;

#[test]
fn every_reason_why_a_connection_string_is_none() {
    let strings = [
        "",
        "host=h password=p\0",
        "https://console.neon.tech/app/projects/x",
        "mysql://alex:pw@host/db",
        "psql -h host -U alex",
        "-h host",
        "neondb",
        "postgresql://alex:pw@host.example/my db",
        "postgresql://alex:pw@host.example/db?sslmode",
        "postgresql://alex:pw",
        "postgresql://alex:50%@host.example/db",
        "postgresql://alex:pw@host.example/50%",
        "postgresql://50%:pw@host.example/db",
        "postgresql://alex:pw@host.example/db?options=50%",
        "postgresql://alex:%00@host.example/db",
        "host=host.example password='pw",
        "postgresql://alex:pw@host.example:0/db",
        "postgresql://alex:pw@host.example/db?hostaddr=host",
        "postgresql://alex:pw@host.example/db?sslmode=enable",
        "postgresql://alex:pw@host.example/db?channel_binding=yes",
        "postgresql://alex:pw@host.example/db?connect_timeout=soon",
        "postgresql://alex:pw@host.example/db?statement_timeout=soon",
        "postgresql://alex:pw@host.example/db?ssl_mode=require",
        "postgresql://alex:pw@host.example/db?colour=blue",
        "postgresql://host.example/db",
        "postgresql://alex@host.example/db",
        "postgresql://alex:pw@host.example",
        "postgresql://alex:pw@/db",
        "postgresql:///db?hostaddr=127.0.0.1&user=a&password=b",
        "postgresql://alex:************@host.example/db",
        "postgresql://alex:pw@host.example/db?sslmode=disable",
        "host=/var/run/postgresql user=a password=b dbname=c",
        "postgresql://alex:pw@a.example,b.example/db",
        "host=a+b user=a password=b dbname=c",
    ];
    insta::assert_snapshot!(list(
        strings.map(|string| { Target::parse(&string.to_owned().into()).expect_err(string) })
    ));
}

#[test]
fn every_note_about_a_connection_string() {
    let notes = [
        "postgresql://alex:pw@host.example/db?sslcert=/x",
        "postgresql://alex:pw@ep-x-pooler.eu.aws.neon.tech/db?options=-c%20work_mem%3D4MB",
    ];
    let notes = notes.map(|string| {
        let target = Target::parse(&string.to_owned().into()).expect("a good string");
        target.notes().join(" ")
    });
    insta::assert_snapshot!(notes.join("\n"));
}
