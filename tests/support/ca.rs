//! A certificate authority of our own, with keys and signatures as Neon has them (RSA of 2,048 bits, SHA-256).

use std::{
    fs,
    net::IpAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{LazyLock, OnceLock},
};

use openssl::{
    asn1::Asn1Time,
    bn::{BigNum, MsbOption},
    error::ErrorStack,
    hash::MessageDigest,
    pkey::{PKey, Private},
    rsa::Rsa,
    x509::{
        X509, X509Builder, X509Name, X509NameBuilder,
        extension::{
            AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage,
            SubjectAlternativeName, SubjectKeyIdentifier,
        },
    },
};

use native_tls::Identity;
use tokio_native_tls::TlsAcceptor;

use super::guardian::Scratch;

const DAY: i64 = 24 * 60 * 60;

/// When a certificate holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Validity {
    /// Since yesterday, and for a month.
    Current,
    /// It ended yesterday.
    Expired,
    /// It begins tomorrow.
    NotYet,
}

/// A certificate authority.
pub(crate) struct Ca {
    certificate: X509,
    key: PKey<Private>,
    pem_path: PathBuf,
    _scratch: Scratch,
}

/// A server's certificate and its key.
pub(crate) struct Leaf {
    /// The certificate, as PEM.
    pub(crate) certificate_pem: Vec<u8>,
    /// The key, as PEM (PKCS#8).
    pub(crate) key_pem: Vec<u8>,
    acceptor: OnceLock<TlsAcceptor>,
}

/// The authority that the tests of this process have their clients trust.
pub(crate) fn trusted() -> &'static Ca {
    static CA: OnceLock<Ca> = OnceLock::new();
    CA.get_or_init(|| Ca::new(&Scratch::new("ca"), "epigraph test authority"))
}

/// An authority that no one trusts.
pub(crate) fn stranger() -> &'static Ca {
    static CA: OnceLock<Ca> = OnceLock::new();
    CA.get_or_init(|| Ca::new(&Scratch::new("stranger-ca"), "epigraph untrusted authority"))
}

/// A current certificate of the trusted authority for `localhost` and `127.0.0.1`, shared because making one takes a while.
pub(crate) fn localhost() -> &'static Leaf {
    static LEAF: OnceLock<Leaf> = OnceLock::new();
    LEAF.get_or_init(|| trusted().leaf(&["localhost", "127.0.0.1"], Validity::Current))
}

/// A client that trusts the authority of this certificate as well, and follows no redirect.
pub(crate) fn http_client(root: &Path) -> reqwest::Client {
    let root = fs::read(root).expect("the authority's certificate");
    reqwest::Client::builder()
        .add_root_certificate(reqwest::Certificate::from_pem(&root).expect("it is PEM"))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("an HTTP client")
}

impl Ca {
    /// Makes an authority whose certificate is a file in the scratch directory.
    pub(crate) fn new(scratch: &Scratch, common_name: &str) -> Self {
        let (certificate, key) = authority(common_name).expect("OpenSSL makes an authority");
        let pem_path = scratch
            .path()
            .join(format!("{}.pem", common_name.replace(' ', "-")));
        fs::write(
            &pem_path,
            certificate.to_pem().expect("a certificate has a PEM form"),
        )
        .expect("the scratch directory is writable");
        Self {
            certificate,
            key,
            pem_path,
            _scratch: scratch.clone(),
        }
    }

    /// The file of its certificate: for `sslrootcert`, `SSL_CERT_FILE` and the like.
    pub(crate) fn pem_path(&self) -> &Path {
        &self.pem_path
    }

    /// Issues a server's certificate for host names and addresses.
    pub(crate) fn leaf(&self, names: &[&str], validity: Validity) -> Leaf {
        self.issue(names, validity)
            .expect("OpenSSL issues a certificate")
    }

    fn issue(&self, names: &[&str], validity: Validity) -> Result<Leaf, ErrorStack> {
        // One for all of them, because making one takes a while.
        static KEY: LazyLock<PKey<Private>> =
            LazyLock::new(|| new_key().expect("OpenSSL makes an RSA key"));
        let key = KEY.clone();
        let (from, until) = match validity {
            Validity::Current => (-1, 30),
            Validity::Expired => (-30, -1),
            Validity::NotYet => (1, 30),
        };
        let issuer = self.certificate.subject_name();
        let subject = name(names[0])?;
        let mut builder = builder(&subject, &key, from, until)?;
        builder.set_issuer_name(issuer)?;
        let mut alternatives = SubjectAlternativeName::new();
        for name in names {
            if name.parse::<IpAddr>().is_ok() {
                alternatives.ip(name);
            } else {
                alternatives.dns(name);
            }
        }
        let context = builder.x509v3_context(Some(&self.certificate), None);
        let extensions = [
            BasicConstraints::new().critical().build()?,
            KeyUsage::new()
                .critical()
                .digital_signature()
                .key_encipherment()
                .build()?,
            ExtendedKeyUsage::new().server_auth().build()?,
            SubjectKeyIdentifier::new().build(&context)?,
            AuthorityKeyIdentifier::new().keyid(true).build(&context)?,
            alternatives.build(&context)?,
        ];
        for extension in extensions {
            builder.append_extension(extension)?;
        }
        builder.sign(&self.key, MessageDigest::sha256())?;
        Ok(Leaf {
            certificate_pem: builder.build().to_pem()?,
            key_pem: key.private_key_to_pem_pkcs8()?,
            acceptor: OnceLock::new(),
        })
    }
}

impl Leaf {
    /// What takes TLS with it; made once, because that takes a while.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let make = || {
            let identity = Identity::from_pkcs8(&self.certificate_pem, &self.key_pem);
            let acceptor = native_tls::TlsAcceptor::new(identity.expect("both are PEM"));
            acceptor.expect("they belong together").into()
        };
        self.acceptor.get_or_init(make).clone()
    }

    /// Writes both as `STEM.crt` and `STEM.key` (0600) and returns their paths.
    pub(crate) fn write(&self, directory: &Path, stem: &str) -> (PathBuf, PathBuf) {
        let write = |extension: &str, pem: &[u8]| {
            let path = directory.join(format!("{stem}.{extension}"));
            fs::OpenOptions::new()
                .create_new(true)
                .write(true)
                .mode(0o600)
                .open(&path)
                .and_then(|mut file| std::io::Write::write_all(&mut file, pem))
                .expect("the directory is writable and has no such file");
            // A server that root starts runs as someone else.
            super::privilege::give_away(&path);
            path
        };
        (
            write("crt", &self.certificate_pem),
            write("key", &self.key_pem),
        )
    }
}

fn new_key() -> Result<PKey<Private>, ErrorStack> {
    PKey::from_rsa(Rsa::generate(2048)?)
}

fn authority(common_name: &str) -> Result<(X509, PKey<Private>), ErrorStack> {
    let key = new_key()?;
    let subject = name(common_name)?;
    let mut builder = builder(&subject, &key, -60, 300)?;
    builder.set_issuer_name(&subject)?;
    let context = builder.x509v3_context(None, None);
    let extensions = [
        BasicConstraints::new().critical().ca().build()?,
        KeyUsage::new()
            .critical()
            .key_cert_sign()
            .crl_sign()
            .build()?,
        SubjectKeyIdentifier::new().build(&context)?,
    ];
    for extension in extensions {
        builder.append_extension(extension)?;
    }
    builder.sign(&key, MessageDigest::sha256())?;
    Ok((builder.build(), key))
}

fn name(common_name: &str) -> Result<X509Name, ErrorStack> {
    let mut builder = X509NameBuilder::new()?;
    builder.append_entry_by_text("CN", common_name)?;
    Ok(builder.build())
}

fn builder(
    subject: &X509Name,
    key: &PKey<Private>,
    from_day: i64,
    until_day: i64,
) -> Result<X509Builder, ErrorStack> {
    let now = chrono::Utc::now().timestamp();
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(serial.to_asn1_integer()?.as_ref())?;
    builder.set_subject_name(subject)?;
    builder.set_pubkey(key)?;
    builder.set_not_before(Asn1Time::from_unix(now + from_day * DAY)?.as_ref())?;
    builder.set_not_after(Asn1Time::from_unix(now + until_day * DAY)?.as_ref())?;
    Ok(builder)
}
