//! The parts of the demo, and the configuration that leads epigraph to them.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::PathBuf,
    sync::Arc,
};

use crate::support::{
    ca::{Ca, Leaf, Validity},
    guardian::Scratch,
    okta::{Okta, Server},
    postgres::{Cluster, Database, Settings},
};

/// What runs beside epigraph. The order is the order in which it goes.
pub(crate) struct Parts {
    okta: Arc<Okta>,
    cluster: Cluster,
    authority: Ca,
    scratch: Scratch,
}

/// The parts, with a database that waits to be set up and a configuration.
pub(crate) struct Stage<'a> {
    pub(crate) okta: Arc<Okta>,
    pub(crate) database: Database<'a>,
    pub(crate) scratch: Scratch,
    /// The program that is shown: the real one, from the same build.
    pub(crate) epigraph: PathBuf,
    pub(crate) authority: PathBuf,
    pub(crate) config: PathBuf,
    pub(crate) state: PathBuf,
}

impl Parts {
    /// Starts everything. It blocks, but for no longer than a few seconds.
    pub(crate) fn start() -> Self {
        println!("Starting throw-away parts, on this machine alone:");
        let scratch = Scratch::new("demo");
        let authority = Ca::new(&scratch, "epigraph demo authority");
        let leaf = authority.leaf(&["localhost", "127.0.0.1"], Validity::Current);
        let cluster = database(&authority, &leaf);
        let okta = Okta::start_with(&leaf);
        // Five seconds after the approval, as Okta has it, are long for someone who tries things out.
        okta.configure(|settings| settings.interval = Some(1));
        println!(
            "  sign-in   a stand-in for Okta at {}",
            okta.issuer(Server::Org)
        );
        println!("  files     in {}", scratch.path().display());
        println!("            (the session is kept there as well, and not in your keyring)");
        Self {
            okta: Arc::new(okta),
            cluster,
            authority,
            scratch,
        }
    }
}

fn database(authority: &Ca, leaf: &Leaf) -> Cluster {
    let cluster = Cluster::start(Settings {
        leaf: Some(leaf),
        ca: Some(authority),
        ..Settings::default()
    });
    println!(
        "  database  PostgreSQL {} on port {} of localhost, over TLS",
        cluster.version() / 10_000,
        cluster.port()
    );
    cluster
}

impl<'a> Stage<'a> {
    /// Makes a database and writes the configuration of someone who may only use it.
    pub(crate) fn on(parts: &'a Parts) -> Result<Self, String> {
        let database = parts.cluster.database();
        let directory = parts.scratch.path();
        let stage = Self {
            okta: parts.okta.clone(),
            epigraph: epigraph()?,
            authority: parts.authority.pem_path().to_owned(),
            config: directory.join("config.toml"),
            state: directory.join("state"),
            scratch: parts.scratch.clone(),
            database,
        };
        stage
            .configure()
            .map_err(|error| format!("the demo cannot write its configuration: {error}"))?;
        Ok(stage)
    }

    /// What the administrator knows before the set-up: nothing of the database.
    fn configure(&self) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(&self.state)?;
        self.write(&format!(
            "issuer = {:?}\nclient_id = {:?}\n",
            self.okta.issuer(Server::Org),
            self.okta.client_id(),
        ))
    }

    /// Takes over the configuration that the set-up has printed, as whoever it was sent to does.
    pub(crate) fn take_over(&self, printed: &str) -> Result<(), String> {
        self.write(printed)
            .map_err(|error| format!("the demo cannot write its configuration: {error}"))
    }

    fn write(&self, text: &str) -> io::Result<()> {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&self.config)?
            .write_all(format!("{text}store = \"file\"\n").as_bytes())
    }
}

/// Finds epigraph beside this program: `target/PROFILE/epigraph` and `target/PROFILE/examples/demo`.
fn epigraph() -> Result<PathBuf, String> {
    let demo =
        std::env::current_exe().map_err(|error| format!("the demo cannot find itself: {error}"))?;
    demo.ancestors()
        .nth(2)
        .map(|profile| profile.join("epigraph"))
        .filter(|path| path.is_file())
        .ok_or_else(|| {
            "epigraph is not built; start the demo with scripts/demo, which builds it".into()
        })
}
