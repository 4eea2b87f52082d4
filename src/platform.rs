//! The operating systems: what each calls the same thing, and the numbers that its libraries give their errors.

use std::fmt;

/// An operating system, as far as words go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    /// Linux, and every other Unix.
    Linux,
    MacOs,
    Windows,
}

impl Platform {
    /// The one that this program was built for. The library's own tests see Linux everywhere, so that the lists of messages and the
    /// pictures of the screens are the same; what differs takes the platform as an argument.
    pub(crate) const HERE: Self = if cfg!(test) {
        Self::Linux
    } else if cfg!(windows) {
        Self::Windows
    } else if cfg!(target_vendor = "apple") {
        Self::MacOs
    } else {
        Self::Linux
    };

    #[cfg(test)]
    pub(crate) const ALL: [Self; 3] = [Self::Linux, Self::MacOs, Self::Windows];

    /// The keyring.
    pub(crate) const fn keyring(self) -> &'static str {
        match self {
            Self::Linux => "the keyring (Secret Service)",
            Self::MacOs => "the macOS keychain",
            Self::Windows => "the Windows Credential Manager",
        }
    }

    /// What ends the input at a terminal.
    pub(crate) const fn end_of_input(self) -> &'static str {
        match self {
            Self::Linux | Self::MacOs => "Ctrl-D",
            Self::Windows => "Ctrl-Z and Enter",
        }
    }

    /// What gives an account a home directory.
    pub(crate) const fn needs_home(self) -> &'static str {
        match self {
            Self::Linux | Self::MacOs => "Set the variable HOME to a directory that you own.",
            Self::Windows => "Use an account of Windows that has a profile of its own.",
        }
    }

    /// What makes a file readable.
    pub(crate) const fn allow_reading(self) -> &'static str {
        match self {
            Self::Linux | Self::MacOs => {
                "Run: ls -l on it, and give yourself the right to read it."
            }
            Self::Windows => "Give yourself the right to read it: Properties › Security.",
        }
    }

    /// What makes a text UTF-8.
    pub(crate) const fn convert(self) -> &'static str {
        match self {
            Self::Linux | Self::MacOs => "Convert it first, for example with: iconv -t UTF-8",
            Self::Windows => "Save it as UTF-8 first; a console writes UTF-8 after: chcp 65001",
        }
    }

    /// What names an editor.
    pub(crate) const fn name_editor(self) -> &'static str {
        match self {
            Self::Linux | Self::MacOs => "Name one: EDITOR=nano epigraph set --edit",
            Self::Windows => "Name one in the variable EDITOR, for example notepad.",
        }
    }

    /// What settles a TLS library, where it has settings of its own.
    pub(crate) const fn tls_settings(self) -> &'static str {
        match self {
            Self::Linux => "Look at SSL_CERT_FILE, and at the settings of OpenSSL on this machine.",
            Self::MacOs => "Look at SSL_CERT_FILE, and at the certificates in Keychain Access.",
            Self::Windows => {
                "Look at SSL_CERT_FILE, and at the certificates of this computer (certlm.msc)."
            }
        }
    }
}

/// The number that a library of the system gave an error. Its text is in the person's language, or is left out; what `Debug`
/// shows of `std::io::Error` and of `security_framework::base::Error` has it.
pub(crate) fn code(error: &(impl fmt::Debug + ?Sized)) -> Option<i32> {
    shown_code(&format!("{error:?}"))
}

/// The same, from what `Debug` has shown.
pub(crate) fn shown_code(error: &str) -> Option<i32> {
    leading_number(error.rsplit_once("code: ")?.1)
}

/// The number at the start of a text.
pub(crate) fn leading_number(text: &str) -> Option<i32> {
    let is_part = |c: char| c == '-' || c.is_ascii_digit();
    text.split(|c| !is_part(c)).next()?.parse().ok()
}

#[cfg(test)]
mod messages;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_an_error_is_read_whatever_its_text_says() {
        #[derive(Debug)]
        #[expect(dead_code, reason = "it is shown by its `Debug`")]
        struct Error {
            code: i32,
            message: &'static str,
        }
        let apple = Error {
            code: -9814,
            message: "Ein abgelaufenes Zertifikat wurde erkannt.",
        };
        assert_eq!(code(&apple), Some(-9814));
        let system = std::io::Error::from_raw_os_error(13);
        assert_eq!(code(&system), Some(13));
        assert_eq!(code(&std::io::Error::other(system)), Some(13));
        assert_eq!(code("no code"), None);
        assert_eq!(code(&std::io::Error::other("code: none")), None);
    }
}
