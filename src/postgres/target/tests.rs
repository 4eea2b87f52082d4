use super::*;

const POOLED: &str = "postgresql://alex:AbC123dEf@ep-cool-darkness-a1b2c3d4-pooler.us-east-2.aws.neon.tech/neondb?sslmode=require&channel_binding=require";
const HOST: &str = "ep-cool-darkness-a1b2c3d4-pooler.us-east-2.aws.neon.tech";
const PARAMETERS: &str = "sslmode=require&channel_binding=require";
const PASSWORD: &str = "p@s/s:w#o?r%d&=";

fn parse(text: &str) -> Result<Target, Failure> {
    Target::parse(&text.to_owned().into())
}

#[track_caller]
fn good(text: &str) -> Target {
    parse(text).unwrap_or_else(|failure| panic!("{text}: {failure}"))
}

#[track_caller]
fn bad(text: &str) -> String {
    match parse(text) {
        Ok(target) => panic!("{text} was taken: {target:?}"),
        Err(failure) => {
            assert_eq!(failure.kind, Kind::Config);
            assert!(failure.cure.is_some(), "{failure}");
            failure.to_string()
        }
    }
}

fn password(target: &Target) -> &str {
    std::str::from_utf8(target.config.get_password().expect("it has one")).expect("it is text")
}

#[test]
fn an_international_name_is_looked_up_as_the_network_knows_it() {
    let target = good("postgresql://alex:pw@Bücher.example/db");
    assert_eq!(target.host, "xn--bcher-kva.example");
}

#[test]
fn a_string_is_taken_out_of_what_is_pasted_around_it() {
    for pasted in [
        POOLED.to_owned(),
        format!("  {POOLED}\n"),
        format!("\u{feff}{POOLED}\r\n"),
        format!("psql '{POOLED}'"),
        format!("psql \"{POOLED}\""),
        format!("  psql '{POOLED}' \n"),
        format!("psql {POOLED}"),
        format!("psql -d '{POOLED}'"),
        format!("'{POOLED}'"),
        format!("\"{POOLED}\""),
        format!("`{POOLED}`"),
        format!("DATABASE_URL={POOLED}"),
        format!("DATABASE_URL='{POOLED}'"),
        format!("DATABASE_URL = \"{POOLED}\""),
        format!("export DATABASE_URL=\"{POOLED}\"\n"),
        POOLED.replace("postgresql://", "postgres://"),
        POOLED.replace("postgresql://", "POSTGRESQL://"),
        POOLED.replace("postgresql://", "postgresql+psycopg2://"),
        POOLED.replace("postgresql://", "postgresql+asyncpg://"),
        POOLED.replace("postgresql://", "postgis://"),
        POOLED.replace("postgresql://", "ecto://"),
        POOLED.replace('&', "&amp;"),
        POOLED.replace('&', "\\u0026"),
        format!("&quot;{}&quot;", POOLED.replace('&', "&amp;")),
        format!("\"url\": \"{}\",", POOLED.replace('/', "\\/")),
        format!("\\\"{POOLED}\\\""),
        format!("\"DATABASE_URL\": \"{POOLED}\","),
        format!("  url: {POOLED}"),
        format!("spring.datasource.url = '{POOLED}'"),
        format!("$ psql '{POOLED}' -c \"select 1\""),
        format!("psql {POOLED} -c 'select 1'"),
        format!("PGSSLMODE=require psql \"{POOLED}\""),
        format!("{POOLED} # production"),
        format!("const sql = neon(\"{POOLED}\");"),
        format!("“{POOLED}”"),
        format!("‘{POOLED}’"),
        format!("«{POOLED}»"),
        format!("<{POOLED}>"),
        format!("{POOLED}”"),
        format!("{POOLED};"),
        format!("{POOLED}\","),
        format!("'{POOLED}',"),
        format!("{POOLED})"),
        format!("{POOLED}&schema=public&pgbouncer=true&pool=5&search_path=app&lock_timeout=5s"),
        format!(
            "jdbc:postgresql://{HOST}:5432/neondb?{PARAMETERS}&user=alex&password=AbC123dEf&currentSchema=x"
        ),
        format!(
            "Host={HOST};Database=neondb;Username=alex;Password=AbC123dEf;SSL Mode=VerifyFull;Channel Binding=Require;Pooling=true;"
        ),
        format!(
            "\"Server={HOST}; Port=5432; User Id=alex; Password='AbC123dEf'; Database=neondb; sslmode=Require; ChannelBinding=require\""
        ),
        format!(
            "Server={HOST}; Port=5432; Initial Catalog=neondb; User Id=alex; Pwd=AbC123dEf; Channel Binding=Require"
        ),
        format!(
            "host={HOST};database=neondb;username=alex;password=AbC123dEf;channel_binding=require"
        ),
        format!(
            "pgsql:host={HOST};port=5432;dbname=neondb;user=alex;password=AbC123dEf;{}",
            PARAMETERS.replace('&', ";")
        ),
        format!(
            "host={HOST} user=alex password=AbC123dEf {} dbname=neondb;",
            PARAMETERS.replace('&', " ")
        ),
        format!("DATABASE_URL=‘{POOLED}’;"),
    ] {
        let target = good(&pasted);
        assert_eq!(target.host, HOST, "{pasted}");
        assert_eq!(target.user, "alex");
        assert_eq!(password(&target), "AbC123dEf", "{pasted}");
        assert_eq!(target.database, "neondb");
        assert_eq!(target.port, 5432);
        assert_eq!(target.tls, Tls::DirectIfTaken);
        assert_eq!(target.config.get_ssl_mode(), SslMode::Require);
        assert!(target.requires_channel_binding());
        assert_eq!(target.summary(), "neondb · pooled");
        assert!(target.notes().is_empty(), "{:?}", target.notes());
    }
}

#[test]
fn every_parameter_of_a_real_string_is_taken() {
    let string = |parameters: &str| {
        format!("postgresql://alex:pw@ep-x.eu-central-1.aws.neon.tech/neondb?{parameters}")
    };
    for parameters in [
        "sslmode=verify-full",
        "sslmode=verify-ca",
        "sslmode=require",
        "sslmode=prefer",
        "sslmode=allow",
        "",
        "sslmode=verify-full&sslrootcert=system",
        "sslmode=require&connect_timeout=30&pool_timeout=30&pgbouncer=true",
        "uselibpqcompat=true&sslmode=require",
        "options=endpoint%3Dep-x",
        "sslmode=require&options=project%3Dep-x",
        "sslnegotiation=direct",
        "statement_timeout=5000",
        "tcp_user_timeout=30000&keepalives=1&keepalives_idle=30&target_session_attrs=read-write",
        "application_name=me%40home",
        "application_name=me@home",
        "schema=public&connection_limit=1&sslaccept=strict",
    ] {
        let target = good(&string(parameters));
        let (mode, host) = (target.config.get_ssl_mode(), &*target.host);
        let expected = (SslMode::Require, "ep-x.eu-central-1.aws.neon.tech");
        assert_eq!((mode, host), expected, "{parameters}");
        assert_eq!(target.summary(), "neondb · direct", "{parameters}");
    }
    let taken = |parameter| good(&string(parameter));
    assert_eq!(taken("sslnegotiation=direct").tls, Tls::Direct);
    assert_eq!(taken("sslnegotiation=postgres").tls, Tls::Negotiated);
    assert_eq!(taken("statement_timeout=5s").statement_timeout, "5s");
    assert_eq!(taken("connect_timeout=0").connect_timeout, None);
    let short = taken("connect_timeout=1").connect_timeout;
    assert_eq!(short, Some(Duration::from_secs(2)));
    assert_eq!(taken("sslrootcert=system").extra_roots, None);
    let file = taken("sslrootcert=%2Fa%20b.pem").extra_roots;
    assert_eq!(file, Some("/a b.pem".into()));
    let options = taken("options=endpoint%3Dep-x").config;
    assert_eq!(options.get_options(), Some("endpoint=ep-x"));
    let named = taken("application_name=me@home").config;
    assert_eq!(named.get_application_name(), Some("me@home"));
}

#[test]
fn options_reach_a_direct_host_and_not_a_pooler() {
    let options = "?options=endpoint%3Dep-x%20-c%20statement_timeout%3D5s%20-csearch_path%3Dx%20--work_mem%3D4MB";
    let direct = good(&format!(
        "postgresql://a:b@ep-x.eu.aws.neon.tech/db{options}"
    ));
    let all = "endpoint=ep-x -c search_path=x -c work_mem=4MB";
    assert_eq!(direct.config.get_options(), Some(all));
    assert_eq!(direct.statement_timeout, "5s");
    let pooled = good(&format!(
        "postgresql://a:b@ep-x-pooler.eu.aws.neon.tech/db{options}"
    ));
    assert_eq!(pooled.config.get_options(), Some("endpoint=ep-x"));
    assert_eq!(pooled.statement_timeout, "5s");
    assert_eq!(pooled.notes().len(), 2, "{:?}", pooled.notes());
}

#[test]
fn a_password_is_read_encoded_and_as_it_is_where_that_is_clear() {
    for (written, meant) in [
        ("p%40s%2Fs%3Aw%23o%3Fr%25d%26%3D", PASSWORD),
        ("a%2fb", "a/b"),
        ("p@ss", "p@ss"),
        ("p@ss@word@", "p@ss@word@"),
        ("p/ss", "p/ss"),
        ("p:ss", "p:ss"),
        ("p#ss", "p#ss"),
        ("p?ss=1", "p?ss=1"),
        ("p@ss/word", "p@ss/word"),
        ("a@b/c?d=e", "a@b/c?d=e"),
        ("a+b", "a+b"),
        ("pä%C3%9F", "päß"),
    ] {
        for rest in [
            "host.example/db",
            "host.example:5433/db?sslmode=require&application_name=x@y",
        ] {
            let target = good(&format!("postgresql://user:{written}@{rest}"));
            assert_eq!(password(&target), meant, "{written}");
            assert_eq!(target.user, "user");
            assert_eq!(target.host, "host.example");
            assert_eq!(target.database, "db");
        }
    }
}

#[test]
fn the_other_way_to_write_it_is_taken_too() {
    let target = good(
        "host=ep-x.eu.aws.neon.tech port=5433 user=alex password='a\\'b c\\\\' dbname = neondb sslmode=require",
    );
    assert_eq!(password(&target), "a'b c\\");
    assert_eq!((target.port, target.database.as_str()), (5433, "neondb"));
    let target = good("postgresql:///neondb?host=localhost&user=alex&password=pw");
    assert_eq!((&*target.host, &*target.user), ("localhost", "alex"));
    let target = good("postgresql://a:b@[::1]:5433/db?sslmode=disable");
    assert_eq!((target.host.as_str(), target.port), ("::1", 5433));
    let target = good("postgresql://a:b@db.example/db?hostaddr=127.0.0.1");
    assert_eq!(target.address, Some([127, 0, 0, 1].into()));
}

#[test]
fn only_this_machine_is_reached_without_tls() {
    for host in [
        "localhost",
        "127.0.0.1",
        "127.1.2.3",
        "[::1]",
        "db.localhost",
    ] {
        let target = good(&format!("postgresql://a:b@{host}/db?sslmode=disable"));
        assert_eq!(target.tls, Tls::Off);
        let target = good(&format!("postgresql://a:b@{host}/db"));
        assert_eq!(target.tls, Tls::Negotiated);
    }
    for string in [
        "postgresql://a:b@ep-x.eu.aws.neon.tech/db?sslmode=disable",
        "postgresql://a:b@localhost.example/db?sslmode=disable",
        "postgresql://a:b@10.0.0.1/db?sslmode=disable",
        "postgresql://a:b@localhost/db?sslmode=disable&hostaddr=10.0.0.1",
        "postgresql://a:b@db.example/db?ssl=false",
    ] {
        assert!(bad(string).contains("unencrypted"));
    }
}

#[test]
fn the_password_is_never_repeated() {
    let secret = "hunter2/secret";
    for string in [
        format!("postgresql://alex:{secret}@"),
        format!("postgresql://alex:{secret}%@host.example/db"),
        format!("postgresql://alex:{secret}@host.example"),
        format!("postgresql://alex:{secret}@host.example:x/db"),
        format!("postgresql://alex:{secret}"),
        format!("postgresql://alex:{secret} @host.example/db"),
        format!("postgresql://alex:{secret}@host.example/db?colour=blue"),
        format!("mysql://alex:{secret}@host.example/db"),
        format!("hunter2postgresql://alex:{secret}@host.example/db"),
        format!("host={secret}@host.example user=alex dbname=db"),
        format!("alex:{secret}@host.example/db"),
        format!("host=host.example password={secret} x y z"),
        format!("host=host.example password='{secret} x y z"),
    ] {
        let said = bad(&string);
        for part in secret.split('/') {
            assert!(!said.contains(part), "{said}");
        }
    }
    let target = good(&format!("postgresql://alex:{secret}@host.example/db"));
    assert_eq!(password(&target), secret);
    assert!(!format!("{target:?}").contains("hunter2"));
    assert_eq!(target.summary(), "db · host.example");
}

#[test]
fn a_password_keeps_what_would_end_a_string_elsewhere() {
    for (string, meant) in [
        ("postgresql:///db?host=h&user=a&password=p;", "p;"),
        ("host=h user=a dbname=db password=p;", "p;"),
        ("host=h user=a dbname=db password='p;'", "p;"),
        ("host=h user=a dbname=db password=a;b=c", "a;b=c"),
        ("\"postgresql://a:p\"w@h/db\"", "p\"w"),
        ("Host=h;Database=db;Username=a;Password=\"p;w\";", "p;w"),
        ("Host=h;Database=db;Username=a;Password=p=w", "p=w"),
        ("postgresql://a:<secret>@h/db", "<secret>"),
    ] {
        assert_eq!(password(&good(string)), meant, "{string}");
    }
}

#[test]
fn another_role_reaches_the_same_host_and_address_scope() {
    let target = good("host=fe80::1%eth0 user=alex password=pw dbname=db");
    let url = target.url_of("visitor", &"other".to_owned().into());
    assert_eq!(good(url.expose_secret()).host, "fe80::1%eth0");
}
