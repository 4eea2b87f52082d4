//! Connection strings: every form in which Neon's console, `neonctl`, the guide or a shell history gives them.

mod syntax;

use std::{net::IpAddr, path::PathBuf, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::{ChannelBinding, Config, SslMode, SslNegotiation};

use crate::failure::{Failure, Kind};

/// How long one statement may take on the server, where the string does not say.
const STATEMENT_TIMEOUT: &str = "15s";

/// How TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    /// Not at all: only on the loopback interface, and only when asked.
    Off,
    /// After a question in PostgreSQL's own protocol.
    Negotiated,
    /// At once, as the string asks.
    Direct,
    /// At once, and after a question when the server does not take that.
    DirectIfTaken,
}

/// A checked connection string. Its `Debug` shows no password, as that of [`Config`] does not.
#[derive(Clone, Debug)]
pub struct Target {
    pub(crate) config: Config,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) address: Option<IpAddr>,
    pub(crate) database: String,
    pub(crate) user: String,
    pub(crate) tls: Tls,
    pub(crate) extra_roots: Option<PathBuf>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) statement_timeout: String,
    notes: Vec<String>,
}

/// Settings that we obey.
const OBEYED: [&str; 16] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "fallback_application_name",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "statement_timeout",
    "user",
];

/// Settings of libpq, of other drivers and of ORMs that mean nothing here, or nothing that changes what is asked of the database.
const IGNORED: &str = "
advisory_locks async_fallback binary_parameters checkout_timeout client_encoding conn_health_checks conn_max_age
connection_limit datestyle default_query_exec_mode default_transaction_isolation description_cache_capacity encoding
gssdelegation gssencmode gsslib idle_in_transaction_session_timeout idle_timeout intervalstyle keepalives
keepalives_count keepalives_idle keepalives_interval keepalives_retries krbsrvname load_balance_hosts lock_timeout
max_lifetime max_protocol_version min_protocol_version passfile pgbouncer pool pool_health_check_period
pool_max_conn_idle_time pool_max_conn_lifetime pool_max_conns pool_min_conns pool_size pool_timeout prepare
prepare_threshold prepared_statement_cache_size prepared_statements reaping_frequency replication require_auth
requirepeer schema scram_client_key scram_server_key search_path service servicefile single_use_connections
socket_timeout ssl_max_protocol_version ssl_min_protocol_version sslaccept sslcert sslcertmode sslcompression sslcrl
sslcrldir sslidentity sslkey sslkeylogfile sslpassword sslsni statement_cache_capacity statement_cache_size
target_session_attrs tcp_user_timeout timezone uselibpqcompat";

fn is_known(key: &str) -> bool {
    OBEYED.contains(&key) || IGNORED.split_whitespace().any(|known| known == key)
}

fn malformed(what: impl Into<String>) -> Failure {
    Failure::new(Kind::Config, what)
}

impl Target {
    /// Reads a connection string in any form that Neon's console, `neonctl`, the guide or a shell history gives.
    ///
    /// # Errors
    /// Says what is malformed and how to write it, never repeating the password.
    pub fn parse(url: &SecretString) -> Result<Self, Failure> {
        let mut draft = Parsed::default();
        for (key, value) in syntax::settings(url.expose_secret())? {
            draft.set(&key, value)?;
        }
        draft.finish()
    }

    /// Writes the connection string of another role for the same database, reached in the same way.
    #[must_use]
    pub(crate) fn url_of(&self, role: &str, password: &SecretString) -> SecretString {
        // Blanks as %20: what a form makes of them is not read back everywhere.
        let encode = |text: &str| -> String {
            url::form_urlencoded::byte_serialize(text.as_bytes())
                .map(|part| if part == "+" { "%20" } else { part })
                .collect()
        };
        let tls = if self.tls == Tls::Off {
            "disable"
        } else {
            "require"
        };
        let path = |path: &PathBuf| path.display().to_string();
        let parameters = [
            ("sslmode", Some(tls.to_owned())),
            (
                "channel_binding",
                self.requires_channel_binding().then(|| "require".into()),
            ),
            (
                "sslnegotiation",
                (self.tls == Tls::Direct).then(|| "direct".into()),
            ),
            ("sslrootcert", self.extra_roots.as_ref().map(path)),
            ("hostaddr", self.address.map(|address| address.to_string())),
            ("options", self.config.get_options().map(str::to_owned)),
        ];
        let parameters: Vec<_> = parameters
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", encode(&value?))))
            .collect();
        // The scope of an address has one.
        let host = self.host.replace('%', "%25");
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host
        };
        let port = match self.port {
            5432 => String::new(),
            port => format!(":{port}"),
        };
        SecretString::from(format!(
            "postgresql://{}:{}@{host}{port}/{}?{}",
            encode(role),
            encode(password.expose_secret()),
            encode(&self.database),
            parameters.join("&"),
        ))
    }

    /// Names the database in a few words for the screen, for example `neondb · pooled`.
    #[must_use]
    pub(crate) fn summary(&self) -> String {
        let way = if !is_neon(&self.host) {
            &self.host
        } else if is_pooled(&self.host) {
            "pooled"
        } else {
            "direct"
        };
        format!("{} · {way}", self.database)
    }

    /// What of the connection string is not obeyed although it changes something, each a sentence.
    #[must_use]
    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    pub(crate) fn requires_channel_binding(&self) -> bool {
        self.config.get_channel_binding() == ChannelBinding::Require
    }
}

/// What has been read of a connection string so far.
#[derive(Default)]
struct Parsed {
    user: Option<String>,
    password: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    address: Option<IpAddr>,
    database: Option<String>,
    no_tls: bool,
    channel_binding: Option<ChannelBinding>,
    negotiation: Option<SslNegotiation>,
    extra_roots: Option<PathBuf>,
    connect_timeout: Option<Duration>,
    statement_timeout: Option<String>,
    application_name: Option<String>,
    options: String,
    notes: Vec<String>,
}

impl Parsed {
    fn set(&mut self, key: &str, value: String) -> Result<(), Failure> {
        match key {
            "user" => self.user = Some(value),
            "password" => self.password = Some(value),
            "dbname" => self.database = Some(value),
            "host" => self.host = Some(value),
            "application_name" => self.application_name = Some(value),
            "fallback_application_name" => {
                self.application_name.get_or_insert(value);
            }
            "options" => self.options = value,
            "port" => {
                let port = value.parse().ok().filter(|port| *port != 0);
                self.port = Some(port.ok_or_else(|| {
                    malformed("The port in the connection string is not a number from 1 to 65535.")
                        .cure("Neon's port is 5432, and may be left out.")
                })?);
            }
            "hostaddr" => {
                let address = value.parse().map_err(|_| {
                    malformed("hostaddr in the connection string is not an IP address.").cure("Leave it out: the host's name is enough.")
                })?;
                self.address = Some(address);
            }
            "sslmode" => self.no_tls = !wants_tls(&value)?,
            "ssl" => self.no_tls = matches!(value.as_str(), "false" | "0" | "off" | "no" | "disable"),
            "channel_binding" => {
                let choices = [
                    ("disable", ChannelBinding::Disable),
                    ("prefer", ChannelBinding::Prefer),
                    ("require", ChannelBinding::Require),
                ];
                self.channel_binding = Some(choose(key, &value, &choices)?);
            }
            "sslnegotiation" => {
                let choices = [
                    ("postgres", SslNegotiation::Postgres),
                    ("direct", SslNegotiation::Direct),
                ];
                self.negotiation = Some(choose(key, &value, &choices)?);
            }
            "sslrootcert" if value == "system" => self.extra_roots = None,
            "sslrootcert" => self.extra_roots = Some(value.into()),
            "connect_timeout" => {
                self.connect_timeout = connect_timeout(&value)?;
            }
            "statement_timeout" => self.statement_timeout = Some(duration(value)?),
            "sslcert" | "sslkey" => self.notes.push(format!(
                "{key} in the connection string is ignored: this program signs in to the database by password only."
            )),
            _ if is_known(key) => {}
            _ => return Err(unknown(key)),
        }
        Ok(())
    }

    /// How TLS begins. Without it, nothing leaves this machine.
    fn tls(&self, host: &str) -> Result<Tls, Failure> {
        let local = match self.address {
            Some(address) => address.is_loopback(),
            None => is_loopback(host),
        };
        if self.no_tls && !local {
            return Err(
                malformed("sslmode=disable would send what you write unencrypted through the network, so it is refused.")
                    .cure("Write sslmode=require in its place; the server's certificate is checked with either."),
            );
        }
        Ok(match self.negotiation {
            _ if self.no_tls => Tls::Off,
            Some(SslNegotiation::Direct) => Tls::Direct,
            None if is_neon(host) => Tls::DirectIfTaken,
            _ => Tls::Negotiated,
        })
    }

    fn finish(mut self) -> Result<Target, Failure> {
        let host = self.checked_host()?;
        let given =
            |setting: Option<String>, what, place| setting.ok_or_else(|| missing(what, place));
        let user = given(self.user.take(), "user name", "after postgresql://")?;
        let password = self.password.take();
        let password = given(password, "password", "after the user name and a colon")?;
        let place = "after the host and a slash (Neon's first one is neondb)";
        let database = given(self.database.take(), "database", place)?;
        if is_placeholder(&password) {
            return Err(malformed(
                "The connection string has a placeholder where the password belongs.",
            )
            .cure("Turn \"Show password\" on in Neon's console, and copy the string again."));
        }
        let tls = self.tls(&host)?;
        let options = self.sift_options(is_pooled(&host))?;

        let mut config = Config::new();
        config
            .user(&user)
            .password(&password)
            .dbname(&database)
            .ssl_mode(if tls == Tls::Off {
                SslMode::Disable
            } else {
                SslMode::Require
            })
            .channel_binding(self.channel_binding.unwrap_or(ChannelBinding::Prefer))
            .application_name(self.application_name.as_deref().unwrap_or("epigraph"));
        if !options.is_empty() {
            config.options(options);
        }
        Ok(Target {
            config,
            port: self.port.unwrap_or(5432),
            address: self.address,
            database,
            user,
            tls,
            extra_roots: self.extra_roots,
            connect_timeout: self.connect_timeout,
            statement_timeout: self
                .statement_timeout
                .unwrap_or_else(|| STATEMENT_TIMEOUT.into()),
            notes: self.notes,
            host,
        })
    }

    fn checked_host(&mut self) -> Result<String, Failure> {
        let Some(host) = self.host.take() else {
            return Err(if self.address.is_some() {
                malformed("The connection string has a hostaddr and no host.")
                    .cure("Add the host's name: the server's certificate is checked against it, and Neon finds the database by it.")
            } else {
                missing("host", "after the @")
            });
        };
        if host.starts_with('/') || host.starts_with('@') {
            return Err(malformed("The connection string points to a Unix socket.")
                .cure("Use host=localhost."));
        }
        if host.contains(',') {
            return Err(
                malformed("The connection string names several hosts.").cure("Use a single host.")
            );
        }
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        // A name in letters of its own goes through the network in ASCII.
        let host = match url::Host::parse(&host) {
            Ok(url::Host::Domain(ascii)) if !host.is_ascii() => ascii,
            _ => host,
        };
        let of_a_name = |c: char| c.is_ascii_alphanumeric() || "-._:%".contains(c);
        if host.is_empty() || !host.chars().all(of_a_name) {
            return Err(malformed(
                "The host in the connection string is neither a name nor an address.",
            )
            .cure(
                "Copy the whole string from Neon's console: Connect, with \"Show password\" on.",
            ));
        }
        Ok(host)
    }

    /// Keeps of `options` what the server will take. Neon's pooler refuses every option but its own.
    fn sift_options(&mut self, pooled: bool) -> Result<String, Failure> {
        let mut kept = Vec::new();
        let options = std::mem::take(&mut self.options);
        let mut words = options.split_whitespace();
        while let Some(word) = words.next() {
            let assignment = if word == "-c" {
                words.next()
            } else {
                word.strip_prefix("-c").or_else(|| word.strip_prefix("--"))
            };
            match assignment.map(|text| text.split_once('=').unwrap_or((text, ""))) {
                Some(("statement_timeout", value)) => {
                    self.statement_timeout = Some(duration(value.to_owned())?);
                }
                Some((name, _)) if pooled => self.notes.push(format!(
                    "The option {name} in the connection string is ignored: Neon's pooler takes none. Use the direct connection string if it matters."
                )),
                Some((name, value)) => kept.push(format!("-c {name}={value}")),
                None => kept.push(word.to_owned()),
            }
        }
        Ok(kept.join(" "))
    }
}

fn wants_tls(mode: &str) -> Result<bool, Failure> {
    // .NET writes VerifyFull.
    match mode.to_ascii_lowercase().replace('-', "").as_str() {
        "disable" => Ok(false),
        // Whatever is asked, the chain and the name are checked, so all of these come to the same.
        "allow" | "prefer" | "require" | "verifyca" | "verifyfull" | "noverify" => Ok(true),
        _ => Err(
            malformed("sslmode in the connection string has a value that does not exist.")
                .cure("Write sslmode=require."),
        ),
    }
}

fn choose<T: Copy>(key: &str, value: &str, choices: &[(&str, T)]) -> Result<T, Failure> {
    choices
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(value))
        .map(|(_, choice)| *choice)
        .ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            malformed(format!(
                "{key} in the connection string has a value that does not exist."
            ))
            .cure(format!("It is one of {}.", names.join(", ")))
        })
}

/// Checks a time as PostgreSQL writes it: milliseconds, or a number with a unit.
fn duration(value: String) -> Result<String, Failure> {
    let digits = value
        .trim_end_matches(|c: char| c.is_ascii_alphabetic())
        .len();
    let (number, unit) = value.split_at(digits);
    if number.parse::<u32>().is_ok() && matches!(unit, "" | "ms" | "s" | "min" | "h" | "d") {
        Ok(value)
    } else {
        Err(
            malformed("statement_timeout in the connection string is not a time.")
                .cure("Write milliseconds, or a number with s or min behind it."),
        )
    }
}

fn unknown(key: &str) -> Failure {
    let nearest = OBEYED
        .iter()
        .map(|known| (strsim::jaro_winkler(key, known), known))
        .filter(|(likeness, known)| *likeness > 0.85 && strsim::levenshtein(key, known) < 3)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    let failure = malformed(format!(
        "The connection string has a parameter {} that is unknown.",
        key.chars().take(40).collect::<String>()
    ));
    match nearest {
        Some((_, known)) => failure.cure(format!("Did you mean {known}?")),
        None => failure.cure("Leave it out."),
    }
}

fn missing(what: &str, place: &str) -> Failure {
    malformed(format!("The connection string has no {what}.")).cure(format!(
        "It belongs {place}. Neon's console shows the whole string under Connect, with \"Show password\" on."
    ))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn is_neon(host: &str) -> bool {
    [".neon.tech", ".neon.build", ".neon.com"]
        .iter()
        .any(|domain| host.ends_with(domain))
}

fn is_pooled(host: &str) -> bool {
    host.split('.')
        .next()
        .is_some_and(|label| label.ends_with("-pooler"))
}

/// As libpq has it: 0 and less mean none, and one second is taken as two.
fn connect_timeout(value: &str) -> Result<Option<Duration>, Failure> {
    let seconds: i64 = value.parse().map_err(|_| {
        malformed("connect_timeout in the connection string is not a number of seconds.")
            .cure("Leave it out, or write for example connect_timeout=30.")
    })?;
    Ok(u64::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds > 0)
        .map(|seconds| Duration::from_secs(seconds.max(2))))
}

/// What consoles and examples show in place of a password.
fn is_placeholder(password: &str) -> bool {
    let words = password
        .trim_matches(|c| "<>[]{}$".contains(c))
        .to_ascii_lowercase();
    let is_bracketed = words.len() < password.len();
    password.chars().all(|c| c == '*' || c == '•')
        || matches!(&*words, "your-password" | "your_password")
        || is_bracketed && (words.contains("password") || words == "pwd")
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod tests;
