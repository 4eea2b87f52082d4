//! The one TLS stack: the operating system's library and trust store, plus `SSL_CERT_FILE` where the library ignores it.

use std::{
    error::Error,
    ffi::{OsStr, OsString},
    fs, io,
};

use native_tls::{Certificate, TlsConnector, TlsConnectorBuilder};

use crate::{
    failure::{Cause, Failure, Kind},
    platform::{self, Platform},
};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// What a certificate in PEM form is made of: anything else makes OpenSSL pass over the whole file without a word.
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n";

/// Whether the system's library has no regard for `SSL_CERT_FILE`.
const IGNORES_FILE: bool = cfg!(any(target_os = "windows", target_vendor = "apple"));

/// Makes a builder that verifies chain and name against the system's trust store, and `SSL_CERT_FILE` on every platform.
///
/// # Errors
/// When `SSL_CERT_FILE` cannot be read as certificates.
pub(crate) fn builder() -> Result<TlsConnectorBuilder, Failure> {
    let mut builder = TlsConnector::builder();
    if let Some(path) = named_file() {
        let (roots, are_glued) = certificates(&path)?;
        // OpenSSL honours the variable itself, and parsing a whole bundle twice would slow the start. Blocks without a line break
        // between them are none to it.
        if are_glued || IGNORES_FILE {
            for pem in roots {
                let root = Certificate::from_pem(pem.as_bytes())
                    .map_err(|error| damaged(&path).because(Cause::of(error)))?;
                builder.add_root_certificate(root);
            }
        }
    }
    Ok(builder)
}

/// Says whose certificates are trusted.
pub(crate) fn roots() -> String {
    let Some(path) = named_file() else {
        return "trusted as by this system".to_owned();
    };
    let path = path.display();
    if IGNORES_FILE {
        format!("trusted as by this system, and those of {path} (SSL_CERT_FILE)")
    } else {
        // OpenSSL reads the file in place of the system's own, and the directory beside it.
        format!("trusted are those of {path} (SSL_CERT_FILE), and those of the system's directory")
    }
}

fn named_file() -> Option<OsString> {
    std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty())
}

/// Takes a file of certificates apart. Says as well whether two stand on one line.
fn certificates(path: &OsStr) -> Result<(Vec<String>, bool), Failure> {
    let bundle =
        fs::read(path).map_err(|error| unusable(path, &format!("cannot be read: {error}")))?;
    let bundle = String::from_utf8_lossy(&bundle);
    let found = blocks(&bundle);
    if found.is_empty() {
        return Err(unusable(path, "contains no certificates in PEM form"));
    }
    let is_whole = |pem: &String| {
        let body = pem[BEGIN.len()..].strip_suffix(END);
        body.is_some_and(|body| body.chars().all(|c| BASE64.contains(c)))
    };
    if !found.iter().all(is_whole) {
        return Err(damaged(path));
    }
    Ok((found, bundle.contains(&[END, BEGIN].concat())))
}

/// Finds the certificates in a text, whatever stands between them.
pub(crate) fn blocks(bundle: &str) -> Vec<String> {
    bundle
        .split_inclusive(END)
        .filter_map(|part| part.find(BEGIN).map(|at| part[at..].to_owned()))
        .collect()
}

/// Says whether an error's text means a connection that ended without the farewell of TLS. The libraries give such errors no kind,
/// and OpenSSL 3.2 and later calls one that was reset while it wrote the same.
pub(crate) fn was_cut(text: &str) -> bool {
    let text = text.to_lowercase();
    ["unexpected eof", "connection closed"]
        .iter()
        .any(|says| text.contains(says))
}

/// What is wrong with a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is for another name.
    OtherName,
    Expired,
    NotYetValid,
    /// One of these two: Windows does not say which.
    Time,
    /// Its chain leads to no root that this machine trusts, or breaks off.
    Untrusted,
    /// Its key, or a signature in its chain, is too weak for this machine.
    Weak,
    /// It is not made for a server.
    OtherUse,
}

/// What a number means: those of OpenSSL are positive (`X509_V_ERR_…`), those of `SecureTransport` (`errSSL…`), of Apple's evaluation of
/// trust (`errSec…`) and of schannel (`CERT_E_…`, `SEC_E_…`) negative.
const FAULTS: &[(i32, Fault)] = &[
    (9, Fault::NotYetValid),
    (10, Fault::Expired),
    (26, Fault::OtherUse),
    (62, Fault::OtherName),
    (64, Fault::OtherName),
    (66, Fault::Weak),
    (67, Fault::Weak),
    (68, Fault::Weak),
    (-9807, Fault::Untrusted),
    (-9808, Fault::Untrusted),
    (-9812, Fault::Untrusted),
    (-9813, Fault::Untrusted),
    (-9814, Fault::Expired),
    (-9815, Fault::NotYetValid),
    (-9843, Fault::OtherName),
    (-25318, Fault::Untrusted),
    (-67602, Fault::OtherName),
    (-67609, Fault::OtherUse),
    (-67818, Fault::Expired),
    (-67819, Fault::NotYetValid),
    (hresult(0x800b_0101), Fault::Time),
    (hresult(0x8009_0328), Fault::Time),
    (hresult(0x800b_0106), Fault::OtherUse),
    (hresult(0x800b_010f), Fault::OtherName),
    (hresult(0x800b_0110), Fault::OtherUse),
    (hresult(0x8009_0322), Fault::OtherName),
    (hresult(0x8009_0325), Fault::Untrusted),
    (hresult(0x8009_0327), Fault::Untrusted),
];

/// As `std::io::Error` has it.
const fn hresult(code: u32) -> i32 {
    code.cast_signed()
}

/// All other numbers of Apple's evaluation of trust, and of `WinVerifyTrust`: a reason not to trust a certificate.
const TRUST: [std::ops::RangeInclusive<i32>; 2] =
    [-67999..=-67585, hresult(0x800b_0100)..=hresult(0x800b_01ff)];

/// Finds what an error, or one of its causes, says against a certificate: by number, because the texts of the libraries are in the
/// person's language. The one place for all of them.
pub(crate) fn fault(error: &(dyn Error + 'static)) -> Option<Fault> {
    fault_shown(&shown(error)?)
}

/// Says whether it is the TLS library of macOS or Windows that gave up, for another reason than that the connection ended
/// (`errSSLClosed…`, and the numbers of sockets, which are positive).
pub(crate) fn gave_up(error: &(dyn Error + 'static)) -> bool {
    shown(error).is_some_and(|error| gave_up_shown(&error))
}

/// What `Debug` shows of the TLS library's error among the causes of an error.
fn shown(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<native_tls::Error>() {
            return Some(format!("{error:?}"));
        }
        let wrapped = error.downcast_ref::<io::Error>();
        next = match wrapped.and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The same, from what was shown: `native_tls` hands out neither the numbers nor the types that have them.
fn fault_shown(error: &str) -> Option<Fault> {
    let known = |code| FAULTS.iter().find(|(known, _)| *known == code);
    if let Some((_, result)) = error.rsplit_once("X509VerifyResult { code: ") {
        let code = platform::leading_number(result).filter(|code| *code != 0)?;
        return Some(known(code).map_or(Fault::Untrusted, |(_, fault)| *fault));
    }
    let code = platform::shown_code(error).filter(|code| *code < 0)?;
    let is_trust = TRUST.iter().any(|range| range.contains(&code));
    known(code)
        .map(|(_, fault)| *fault)
        .or(is_trust.then_some(Fault::Untrusted))
}

fn gave_up_shown(error: &str) -> bool {
    let code = platform::shown_code(error);
    code.is_some_and(|code| code < 0 && ![-9805, -9806, -9816].contains(&code))
}

/// The library does not take what it is told to do.
pub(crate) fn refused_settings() -> Failure {
    Failure::new(Kind::Failed, "The TLS library rejected its settings.")
        .cure(Platform::HERE.tls_settings())
}

fn unusable(path: &OsStr, why: &str) -> Failure {
    let what = format!("SSL_CERT_FILE names {}, which {why}.", path.display());
    Failure::new(Kind::Config, what)
        .cure("Correct the variable, or unset it to use the system's certificates.")
}

fn damaged(path: &OsStr) -> Failure {
    unusable(path, "contains a damaged certificate")
        .cure("Copy the certificates into it anew, each with its BEGIN and its END line.")
}

#[cfg(test)]
mod messages;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_certificate_is_known_by_its_number() {
        let openssl = |code: i32| {
            format!(
                "Ssl(Error {{ code: ErrorCode(1), cause: Some(Ssl(ErrorStack([Error {{ code: 167772294 }}]))) }}, X509VerifyResult {{ code: {code}, error: \"words\" }})"
            )
        };
        let apple = |code: i32| format!("Error {{ code: {code}, message: \"Wörter\" }}");
        let windows = |code: u32| {
            let error = io::Error::from_raw_os_error(code.cast_signed());
            format!("{error:?}")
        };
        for (shown, fault) in [
            (openssl(0), None),
            (openssl(9), Some(Fault::NotYetValid)),
            (openssl(10), Some(Fault::Expired)),
            (openssl(18), Some(Fault::Untrusted)),
            (openssl(20), Some(Fault::Untrusted)),
            (openssl(62), Some(Fault::OtherName)),
            (openssl(64), Some(Fault::OtherName)),
            (openssl(26), Some(Fault::OtherUse)),
            (openssl(66), Some(Fault::Weak)),
            (openssl(67), Some(Fault::Weak)),
            (openssl(68), Some(Fault::Weak)),
            (apple(-9806), None),
            (apple(-9807), Some(Fault::Untrusted)),
            (apple(-9814), Some(Fault::Expired)),
            (apple(-9815), Some(Fault::NotYetValid)),
            (apple(-9843), Some(Fault::OtherName)),
            (apple(-67818), Some(Fault::Expired)),
            (apple(-67843), Some(Fault::Untrusted)),
            (apple(-67602), Some(Fault::OtherName)),
            (apple(-67609), Some(Fault::OtherUse)),
            (windows(0x800b_0101), Some(Fault::Time)),
            (windows(0x800b_0109), Some(Fault::Untrusted)),
            (windows(0x800b_010a), Some(Fault::Untrusted)),
            (windows(0x800b_010f), Some(Fault::OtherName)),
            (windows(0x800b_0110), Some(Fault::OtherUse)),
            (windows(0x8009_0326), None),
            // WSAECONNRESET.
            (windows(10054), None),
        ] {
            assert_eq!(fault_shown(&shown), fault, "{shown}");
        }
    }

    #[test]
    fn a_library_that_gave_up_is_told_from_a_connection_that_ended() {
        for (code, gave_up) in [
            (-9836, true),
            (hresult(0x8009_0326), true),
            (-9806, false),
            (10054, false),
        ] {
            let shown = format!("Error {{ code: {code}, message: \"\" }}");
            assert_eq!(gave_up_shown(&shown), gave_up, "{code}");
        }
        assert!(!gave_up_shown("EmptyChain"));
    }

    #[test]
    fn a_bundle_is_split_into_its_certificates_alone() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let one = format!("{BEGIN}\nMIIB\n{END}");
        fs::write(file.path(), format!("# Root\n{one}\n\nsubject=x\n{one}\n")).expect("written");
        assert_eq!(
            certificates(file.path().as_os_str()),
            Ok((vec![one.clone(), one], false))
        );
    }

    #[test]
    fn a_file_that_is_missing_or_damaged_is_named() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let missing = directory.path().join("absent.pem");
        let empty = directory.path().join("empty.pem");
        fs::write(&empty, "no certificates here").expect("written");
        let escaped = directory.path().join("escaped.pem");
        fs::write(&escaped, format!("{BEGIN}\\nMIIB\\n{END}")).expect("written");
        let cut = directory.path().join("cut.pem");
        fs::write(&cut, format!("{BEGIN}\nMI\n{BEGIN}\nMIIB\n{END}\n")).expect("written");
        for path in [missing, empty, escaped, cut] {
            let failure = certificates(path.as_os_str()).expect_err("refused");
            assert_eq!(failure.kind, Kind::Config);
            assert!(
                failure.what.contains(&path.display().to_string()),
                "{failure}"
            );
        }
    }
}
