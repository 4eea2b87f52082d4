//! A desktop's keyring: GNOME Keyring on a message bus of its own, in good and in bad health.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

use rustix::process::Signal;

use super::{
    guardian::{Scratch, Started},
    wait_for,
};

/// How the keyring is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// It answers, and its default collection is open.
    Unlocked,
    /// Its default collection is locked, and there is no screen on which a person could be asked for the password.
    Locked,
    /// Its default collection is locked, and the person who is asked for the password never answers.
    WaitingForPassword,
    /// It answers, and no one ever made a collection in it.
    Empty,
    /// There is a bus, and no keyring on it.
    Absent,
    /// It is there and never answers.
    Hung,
    /// The bus tries to start it, and it never gets ready.
    NeverStarts,
    /// It is there, and the bus lets no one speak to it.
    Denied,
}

/// A message bus and the keyring on it. Both end at drop.
pub(crate) struct SecretService {
    address: String,
    health: Health,
    keyring: Option<Started>,
    bus: Option<Started>,
    // After the processes that run in it.
    scratch: Scratch,
}

const SERVICE: &str = "org.freedesktop.secrets";
const DEFAULT_COLLECTION: &str = "/org/freedesktop/secrets/aliases/default";

impl SecretService {
    /// Starts a bus and the keyring, and waits until it is as ordered.
    pub(crate) fn start(health: Health) -> Self {
        let scratch = Scratch::new("secret-service");
        for directory in ["home", "run", "services"] {
            super::privilege::own_dir(&scratch.path().join(directory));
        }
        let (bus, address) = start_bus(&scratch, health);
        let mut service = Self {
            address,
            health,
            keyring: None,
            bus: Some(bus),
            scratch,
        };
        if !matches!(health, Health::Absent | Health::NeverStarts) {
            service.start_again();
            if matches!(health, Health::Locked | Health::WaitingForPassword) {
                service.lock();
            }
            if health == Health::Hung {
                service.hang(true);
            }
        }
        service
    }

    /// Ends the keyring. What it holds is on its disk.
    pub(crate) fn end(&mut self) {
        self.keyring = None;
    }

    /// Starts the keyring, once more or for the first time, with its default collection open.
    pub(crate) fn start_again(&mut self) {
        self.end();
        self.keyring = Some(self.start_keyring());
    }

    /// Ends the bus, and with it the keyring.
    pub(crate) fn end_bus(&mut self) {
        self.bus = None;
        self.end();
    }

    /// Starts a bus at the same address, without the keyring.
    pub(crate) fn start_bus_again(&mut self) {
        self.end_bus();
        let (bus, address) = start_bus(&self.scratch, self.health);
        assert_eq!(address, self.address);
        self.bus = Some(bus);
    }

    /// Has the keyring answer no one, or go on.
    pub(crate) fn hang(&self, hang: bool) {
        let signal = if hang { Signal::STOP } else { Signal::CONT };
        self.keyring.as_ref().expect("it runs").signal(signal);
    }

    /// Puts a secret into the keyring, with a program that is not ours, where the attributes say; returns whether that worked.
    pub(crate) fn stores(&self, secret: &str, attributes: &[&str]) -> bool {
        let mut command = Command::new("sh");
        let script = "printf %s \"$0\" | timeout 5 secret-tool store --label=test \"$@\"";
        command.args(["-c", script, secret]).args(attributes);
        self.offer(&mut command);
        self.scratch.run(command).status.success()
    }

    /// The address of the bus.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Has a program use this bus.
    pub(crate) fn offer(&self, command: &mut Command) {
        command
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .env("XDG_RUNTIME_DIR", self.scratch.path().join("run"));
    }

    /// Reads the secrets that have this attribute, with a program that is not ours: one a line.
    pub(crate) fn secrets(&self, attribute: &str, value: &str) -> Vec<String> {
        let mut command = Command::new("secret-tool");
        command.args(["search", "--all", attribute, value]);
        self.offer(&mut command);
        let output = self.scratch.run(command);
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| line.strip_prefix("secret = "))
            .map(Into::into)
            .collect()
    }

    fn start_keyring(&self) -> Started {
        let home = self.scratch.path().join("home");
        let mut command = Command::new("gnome-keyring-daemon");
        command
            .args(["--foreground", "--components=secrets"])
            .args((self.health != Health::Empty).then_some("--unlock"))
            .env("HOME", home)
            .env_remove("XDG_DATA_HOME")
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .stdin(Stdio::piped());
        self.offer(&mut command);
        let mut keyring = self.scratch.spawn_with_input(command);
        keyring
            .input()
            .expect("its input is piped")
            .write_all(b"password of the keyring")
            .expect("it reads its password");
        if matches!(self.health, Health::Denied | Health::Empty) {
            // No one may ask it, but the bus says whether it is there.
            let asked = [
                "/org/freedesktop/DBus",
                "org.freedesktop.DBus.NameHasOwner",
                &format!("string:{SERVICE}"),
            ];
            keyring.wait_until("it has its name", |_| {
                let answer = self.call("org.freedesktop.DBus", &asked)?;
                answer.contains("boolean true").then_some(())
            });
            return keyring;
        }
        // GNOME Keyring 48 sometimes aborts when it is asked while it starts.
        let is_open = keyring.wait_until("the default collection is open", |keyring| {
            let aborted = keyring.log().contains("Bail out! GLib-GIO:ERROR");
            let is_open = self.is_locked() == Some(false);
            (is_open || aborted).then_some(is_open)
        });
        if is_open {
            keyring
        } else {
            self.start_keyring()
        }
    }

    /// Whether the default collection is locked; `None` while no one answers.
    fn is_locked(&self) -> Option<bool> {
        let asked = [
            DEFAULT_COLLECTION,
            "org.freedesktop.DBus.Properties.Get",
            "string:org.freedesktop.Secret.Collection",
            "string:Locked",
        ];
        let answer = self.call(SERVICE, &asked)?;
        if answer.contains("boolean true") {
            Some(true)
        } else {
            answer.contains("boolean false").then_some(false)
        }
    }

    /// Locks the default collection, as a screen saver may.
    pub(crate) fn lock(&self) {
        let asked = [
            "/org/freedesktop/secrets",
            "org.freedesktop.Secret.Service.Lock",
            &format!("array:objpath:{DEFAULT_COLLECTION}"),
        ];
        self.call(SERVICE, &asked)
            .expect("the keyring locks its collection");
        wait_for("the default collection is locked", || {
            self.is_locked() == Some(true)
        });
    }

    fn call(&self, service: &str, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new("dbus-send");
        command
            .args(["--session", "--print-reply", "--reply-timeout=10000"])
            .arg(format!("--dest={service}"))
            .args(arguments);
        self.offer(&mut command);
        let output = self.scratch.run(command);
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Starts a bus that knows of no services but the given ones: the machine's own must not come to help.
fn start_bus(scratch: &Scratch, health: Health) -> (Started, String) {
    let path = scratch.path();
    let stuck = match health {
        Health::WaitingForPassword => Some("org.gnome.keyring.SystemPrompter"),
        Health::NeverStarts => Some(SERVICE),
        _ => None,
    };
    if let Some(name) = stuck {
        fs::write(
            path.join("services").join(format!("{name}.service")),
            format!("[D-BUS Service]\nName={name}\nExec=/bin/sleep 600\n"),
        )
        .expect("the scratch directory is writable");
    }
    let denied = if health == Health::Denied {
        format!("<deny send_destination=\"{SERVICE}\"/>")
    } else {
        String::new()
    };
    let socket = path.join("run/bus");
    fs::remove_file(&socket).ok();
    let configuration = path.join("bus.conf");
    fs::write(
        &configuration,
        format!(
            r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={}</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{}</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    {denied}
  </policy>
  <limit name="service_start_timeout">600000</limit>
</busconfig>
"#,
            socket.display(),
            path.join("services").display()
        ),
    )
    .expect("the scratch directory is writable");
    let mut command = Command::new("dbus-daemon");
    command
        .args([
            "--nofork",
            "--nopidfile",
            "--print-address",
            "--config-file",
        ])
        .arg(configuration)
        .env_remove("DBUS_SESSION_BUS_ADDRESS");
    let mut bus = scratch.spawn(command);
    let address = bus.wait_until("it says its address", |bus| {
        let log = bus.log();
        let (address, _) = log.split_once('\n')?;
        // Without the id of this very bus, so that it is the address of the next one as well.
        let (address, _) = address.split_once(",guid=").unwrap_or((address, ""));
        address.starts_with("unix:").then(|| address.to_owned())
    });
    (bus, address)
}
