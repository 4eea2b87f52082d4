//! PgBouncer in transaction mode, as it stands behind Neon's `-pooler` hosts, with TLS on both sides.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    ca, free_port,
    guardian::{Scratch, Started},
    postgres::{Cluster, Database},
    privilege,
};

/// A running pooler; it goes when it is dropped.
pub(crate) struct PgBouncer {
    process: Started,
    port: u16,
}

impl PgBouncer {
    /// Starts it before a cluster, with so many server connections for each database and user, for these databases' users.
    pub(crate) fn start(cluster: &Cluster, pool_size: usize, databases: &[&Database]) -> Self {
        Self::start_with(cluster, pool_size, databases, "")
    }

    /// The same with more lines for its settings.
    pub(crate) fn start_with(
        cluster: &Cluster,
        pool_size: usize,
        databases: &[&Database],
        more: &str,
    ) -> Self {
        let scratch = Scratch::new("pgbouncer");
        let home = scratch.path().join("home");
        privilege::private_dir(&home);
        let (certificate, key) = ca::localhost().write(&home, "server");
        let users = home.join("users.txt");
        let lines = databases
            .iter()
            .flat_map(|database| database.roles())
            .fold(String::new(), |lines, (name, password)| {
                lines + &format!("\"{name}\" \"{password}\"\n")
            });
        write_private(&users, &lines);
        (0..5)
            .find_map(|_| {
                let port = free_port();
                let ini = home.join(format!("{port}.ini"));
                let server = cluster.port();
                let root = ca::trusted().pem_path().display();
                let text = format!(
                    "[databases]\n* = host=127.0.0.1 port={server}\n\
                     [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
                     pool_mode = transaction\ndefault_pool_size = {pool_size}\nmax_client_conn = 2000\n\
                     auth_type = scram-sha-256\nauth_file = {}\n\
                     client_tls_sslmode = require\nclient_tls_cert_file = {}\nclient_tls_key_file = {}\n\
                     server_tls_sslmode = verify-full\nserver_tls_ca_file = {root}\n{more}",
                    users.display(),
                    certificate.display(),
                    key.display(),
                );
                write_private(&ini, &text);
                let mut command = Command::new(program());
                command.arg(&ini);
                let mut process = scratch.spawn(privilege::as_unprivileged(command));
                let ready = process.is_ready("process up", "in use");
                ready.then_some(Self {
                    process,
                    port,
                })
            })
            .expect("PgBouncer finds a free port within five tries")
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its port on the loopback interface.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

fn write_private(path: &Path, text: &str) {
    fs::write(path, text).expect("the directory is writable");
    privilege::give_away(path);
}

/// It lives among the programs for administrators, which are not on everybody's `PATH`.
fn program() -> PathBuf {
    env::var_os("PATH")
        .iter()
        .flat_map(env::split_paths)
        .chain(
            [
                "/usr/sbin",
                "/usr/bin",
                "/opt/homebrew/bin",
                "/usr/local/bin",
            ]
            .map(PathBuf::from),
        )
        .map(|directory| directory.join("pgbouncer"))
        .find(|path| path.is_file())
        .expect("PgBouncer is installed")
}
