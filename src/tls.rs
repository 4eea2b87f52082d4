//! The one TLS stack: the operating system's library and trust store, plus `SSL_CERT_FILE` where the library ignores it.

use std::{ffi::OsStr, fs};

use native_tls::{Certificate, TlsConnector, TlsConnectorBuilder};

use crate::failure::{Failure, Kind};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Makes a builder that verifies chain and name against the system's trust store, and `SSL_CERT_FILE` on every platform.
///
/// # Errors
/// When `SSL_CERT_FILE` cannot be read as certificates.
pub(crate) fn builder() -> Result<TlsConnectorBuilder, Failure> {
    let mut builder = TlsConnector::builder();
    if let Some(path) = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()) {
        let roots = certificates(&path)?;
        // OpenSSL honours the variable itself, and parsing a whole bundle twice would slow the start.
        if cfg!(any(target_os = "windows", target_vendor = "apple")) {
            for pem in roots {
                let root = Certificate::from_pem(pem.as_bytes()).map_err(|_| unusable(&path))?;
                builder.add_root_certificate(root);
            }
        }
    }
    Ok(builder)
}

fn certificates(path: &OsStr) -> Result<Vec<String>, Failure> {
    let bundle = fs::read(path).map_err(|error| {
        Failure::new(
            Kind::Config,
            format!(
                "SSL_CERT_FILE names {}, which cannot be read: {error}.",
                path.display()
            ),
        )
        .cure("Correct the variable, or unset it to use the system's certificates.")
    })?;
    let bundle = String::from_utf8_lossy(&bundle);
    let found: Vec<String> = bundle
        .split_inclusive(END)
        .filter_map(|part| part.find(BEGIN).map(|at| part[at..].to_owned()))
        .collect();
    if found.is_empty() {
        return Err(unusable(path));
    }
    Ok(found)
}

/// Says whether an error's text means a connection that ended without the farewell of TLS. The libraries give such errors no kind,
/// and OpenSSL 3.2 and later calls one that was reset while it wrote the same.
pub(crate) fn was_cut(text: &str) -> bool {
    let text = text.to_lowercase();
    ["unexpected eof", "connection closed"]
        .iter()
        .any(|says| text.contains(says))
}

/// The library does not take what it is told to do.
pub(crate) fn refused_settings() -> Failure {
    Failure::new(Kind::Failed, "The TLS library rejected its settings.")
        .cure("Look at SSL_CERT_FILE, and at the settings of OpenSSL on this machine.")
}

/// The library broke down.
pub(crate) fn failed() -> Failure {
    Failure::new(Kind::Failed, "The TLS library failed.")
        .cure("Look at the settings of OpenSSL on this machine, and try again.")
}

fn unusable(path: &OsStr) -> Failure {
    Failure::new(
        Kind::Config,
        format!(
            "SSL_CERT_FILE names {}, which holds no certificates in PEM form.",
            path.display()
        ),
    )
    .cure("Correct the variable, or unset it to use the system's certificates.")
}

#[cfg(test)]
mod messages;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_split_into_its_certificates_alone() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let one = format!("{BEGIN}\nMIIB\n{END}");
        fs::write(file.path(), format!("# Root\n{one}\n\nsubject=x\n{one}\n")).expect("written");
        assert_eq!(
            certificates(file.path().as_os_str()),
            Ok(vec![one.clone(), one])
        );
    }

    #[test]
    fn a_file_that_is_missing_or_holds_no_certificate_is_named() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let missing = directory.path().join("absent.pem");
        let empty = directory.path().join("empty.pem");
        fs::write(&empty, "no certificates here").expect("written");
        for path in [missing, empty] {
            let failure = certificates(path.as_os_str()).expect_err("refused");
            assert_eq!(failure.kind, Kind::Config);
            assert!(
                failure.what.contains(&path.display().to_string()),
                "{failure}"
            );
        }
    }
}
