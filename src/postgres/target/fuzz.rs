//! Any connection string, as it might be pasted.

use proptest::prelude::*;

use super::*;
use crate::fuzz;

/// No eight characters of it stand in any message, for they have no other source.
const PASSWORD: &str = "zQ7#k9X2w-J4v8T1y6";
/// As it is written in a URL.
const ENCODED: &str = "zQ7%23k9X2w-J4v8T1y6";

const WORDS: &str = r#"
postgresql:// postgres:// http:// DATABASE_URL= ' " ` @ : / ? & = % %40 %00 %zz %C3 # , ; \ [ ] [::1] ::1 localhost
127.0.0.1 -pooler .neon.tech /var/run @/tmp sslmode=disable sslmode=require sslmode= ssl=0 channel_binding=require
sslrootcert=system sslrootcert=/x sslnegotiation=direct options=endpoint%3Dx options=-c%20statement_timeout%3D5s
hostaddr=10.0.0.1 connect_timeout=-1 statement_timeout=9h port=0 port=70000 user= password= host= dbname=
pgbouncer=true sslmod=x jdbc: Host= Username= Password= &amp; &quot; “ ” \u0026 0 99999999999999999999 -1
"#;

fn words() -> Vec<&'static str> {
    let more = ["psql ", "export ", " "];
    WORDS.split_whitespace().chain(more).collect()
}

fn samples() -> Vec<String> {
    let url = format!(
        "postgresql://alex:{ENCODED}@ep-cool-a1b2c3d4-pooler.us-east-2.aws.neon.tech/neondb?sslmode=require&channel_binding=require"
    );
    vec![
        url.clone(),
        format!("psql '{url}'"),
        format!("psql -d \"{url}\""),
        format!("export DATABASE_URL='{url}';\n"),
        format!(
            "postgres://alex:{PASSWORD}@ep-x.aws.neon.tech:5432/neondb?sslmode=verify-full&sslrootcert=system&options=endpoint%3Dep-x&pgbouncer=true&connect_timeout=15"
        ),
        format!("postgresql://alex:{ENCODED}@[::1]:5433/db?sslmode=disable&application_name=x"),
        format!(
            "postgresql://alex@localhost/db?password={ENCODED}&sslmode=disable&statement_timeout=15s"
        ),
        format!(
            "postgresql:///db?host=db.example.com&user=alex&password={ENCODED}&port=6543&hostaddr=192.0.2.1&sslnegotiation=direct"
        ),
        format!(
            "host=db.example.com port=5432 dbname=neondb user=alex password={PASSWORD} sslmode=require connect_timeout=10"
        ),
        format!(
            "host = 'db.example.com' dbname='my \\'db' user=alex password = '{PASSWORD}' options='-c statement_timeout=5s -c work_mem=4MB'"
        ),
        format!("“jdbc:postgresql://h/d?user=u&amp;password={ENCODED}”,"),
        format!("Host=h;Username=u;Password='{PASSWORD}';Database=d;SSL Mode=VerifyFull;"),
        format!("psql 'host=h user=u password={PASSWORD} dbname=d sslcert=/x sslkey=/y'"),
    ]
}

/// Another role's string leads to the same place in the same way.
fn can_be_handed_on(target: &Target) -> Result<(), TestCaseError> {
    let url = target.url_of("new role", &"p@ss:w/rd?&%".to_owned().into());
    let other = Target::parse(&url)
        .map_err(|failure| TestCaseError::fail(format!("{failure} in {}", url.expose_secret())))?;
    prop_assert_eq!(&other.host, &target.host);
    prop_assert_eq!(other.port, target.port);
    prop_assert_eq!(other.address, target.address);
    prop_assert_eq!(&other.database, &target.database);
    prop_assert_eq!(other.tls, target.tls);
    prop_assert_eq!(&other.extra_roots, &target.extra_roots);
    prop_assert_eq!(
        other.requires_channel_binding(),
        target.requires_channel_binding()
    );
    prop_assert_eq!(&other.user, "new role");
    prop_assert_eq!(other.config.get_password(), Some(&b"p@ss:w/rd?&%"[..]));
    Ok(())
}

#[test]
fn no_pasted_connection_string_panics_or_shows_its_password() {
    let pasted = fuzz::garbled(samples(), &words());
    fuzz::run("connection string", &pasted, |text| {
        match Target::parse(&text.into()) {
            Err(failure) => {
                prop_assert_eq!(failure.kind, Kind::Config);
                prop_assert!(failure.cure.is_some(), "{}", failure);
                let words = failure.to_string();
                fuzz::is_harmless(&words)?;
                fuzz::hides(&words, PASSWORD)?;
                fuzz::hides(&words, ENCODED)
            }
            Ok(target) => {
                let local = target.address.map_or_else(
                    || is_loopback(&target.host),
                    |address| address.is_loopback(),
                );
                prop_assert!(local || target.tls != Tls::Off, "no TLS to {}", target.host);
                prop_assert!(
                    target.port != 0 && !target.host.is_empty() && !target.database.is_empty()
                );
                prop_assert!(!target.host.starts_with('/') && !target.host.contains(','));
                for note in target.notes() {
                    fuzz::is_harmless(note)?;
                    fuzz::hides(note, PASSWORD)?;
                }
                can_be_handed_on(&target)
            }
        }
    });
}
