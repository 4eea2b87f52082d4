//! What a person is told of a connection string.

use super::*;
use crate::failure::table;

const STRINGS: &str = "
neondb
https://console.neon.tech/app/projects/x
mysql://a:b@host/db
jdbc:postgresql://host/db
prisma+postgres://accelerate.example/?api_key=x
PGPASSWORD=pw psql -h host -U alex
psql -h host -U alex
postgresql://host.example/db
postgresql://alex@host.example/db
postgresql://alex:@host.example/db
postgresql://alex:pw@/db
postgresql:///db?host=a+b&user=alex
postgresql:///db?host=.&user=alex
postgresql://alex:pw@host.example
postgresql://alex:pw@host.example/
postgresql://alex:pw@host.example/?sslmode=require
postgresql://alex:************@host.example/db
postgresql://alex:[YOUR-PASSWORD]@host.example/db
postgresql://alex:pw@host.example:99999/db
postgresql://alex:pw@host.example:0/db
postgresql://alex:pw@host.example:postgresql/db
postgresql://alex:<password>@host.example/db
postgresql://alex:${PGPASSWORD}@host.example/db
Host=host.example;Database=db;Username=alex
Host=host.example;Database=db;Username=alex;Password=pw;SSL Mode=Disable
postgresql://alex:pw@ho!st.example/db
postgresql://alex:pw@host.example/db?channelBinding=require
postgresql://alex:pw@a.example,b.example/db
postgresql://alex:pw@host.example/db?sslmode=enable
postgresql://alex:pw@host.example/db?channel_binding=yes
postgresql://alex:pw@host.example/db?sslnegotiation=fast
postgresql://alex:pw@host.example/db?ssl_mode=require
postgresql://alex:pw@host.example/db?chanel_binding=require
postgresql://alex:pw@host.example/db?colour=blue
postgresql://alex:pw@host.example/db?sslmode
postgresql://alex:pw@host.example/db?connect_timeout=soon
postgresql://alex:pw@host.example/db?statement_timeout=soon
postgresql://alex:pw@host.example/db?hostaddr=host
postgresql:///db?hostaddr=127.0.0.1&user=a&password=b
postgresql://alex:50%@host.example/db
postgresql://alex:%zz@host.example/db
postgresql://alex:%00@host.example/db
postgresql://alex:pw@host.example/my db
host=host.example user=alex dbname=db
host=host.example password='pw user=alex
host=/var/run/postgresql user=a password=b dbname=c
mysql://alex:pw@host/db
postgresql://alex:pw@host/db?sslmode=require”&channel_binding=require
postgresql://alex:pw@host/“db”x
-h host
postgresql://alex:pw
postgresql://alex:pw@host.example/50%
postgresql://50%:pw@host.example/db
postgresql://alex:pw@host.example/db?options=50%
host=host.example password='pw
host=a+b user=a password=b dbname=c
postgresql://alex:pw@host.example/db?sslmode=disable
";

#[test]
fn every_reason_why_a_connection_string_is_none() {
    let odd = [
        "",
        "  ''  ",
        "host=h dbname=d user=u password=p\0",
        "postgresql://alex:pw@host.example/\ndb",
    ];
    let cases = STRINGS.trim().lines().chain(odd).map(|string| {
        let failure = Target::parse(&string.to_owned().into()).expect_err(string);
        (string.escape_debug(), failure)
    });
    insta::assert_snapshot!(table(cases));
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
