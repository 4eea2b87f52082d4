//! The environment, and the guide's own `.env.local` that stands in for it when asked. Nothing is exported to the process.

use std::{ffi::OsString, path::Path};

use secrecy::{SecretString, zeroize::Zeroizing};

use super::{Origin, SETTINGS, Setting, Value, file};
use crate::failure::{Failure, Kind};

/// Looks up the variable of a setting. An empty one counts as not set.
pub(super) fn variable(
    setting: Setting,
    look_up: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<Value>, Failure> {
    let Some(name) = setting.variable else {
        return Ok(None);
    };
    let Some(text) = look_up(name) else {
        return Ok(None);
    };
    let text = text.into_string().map_err(|_| {
        Failure::new(
            Kind::Config,
            format!("The variable {name} is not valid UTF-8."),
        )
        .cure("Set it again, or unset it and use the configuration file.")
    })?;
    let text = text.trim();
    Ok((!text.is_empty()).then(|| Value {
        text: SecretString::from(text),
        origin: Origin::Variable(name),
    }))
}

/// Reads the settings in a file of variables. Other variables in it belong to the web app and are left alone.
pub(super) fn read(
    path: &Path,
    warnings: &mut Vec<String>,
) -> Result<Vec<(Setting, Value)>, Failure> {
    let whole = file::text(path)
        .map(Zeroizing::new)
        .map_err(|unreadable| unreadable.failure(path, "Check the path after --env-file."))?;
    let text = whole.trim_start_matches('\u{feff}');
    let mut values: Vec<(Setting, Value)> = Vec::new();
    for item in dotenvy::from_read_iter(text.as_bytes()) {
        let (name, value) = item.map_err(|error| not_variables(path, text, &error))?;
        let setting = SETTINGS
            .into_iter()
            .find(|setting| setting.variable == Some(name.as_str()));
        if let Some((setting, name)) = setting.and_then(|s| Some((s, s.variable?))) {
            // The last one of a name wins, as it does in the web app.
            values.retain(|(other, _)| *other != setting);
            values.push((
                setting,
                Value {
                    text: SecretString::from(value.trim()),
                    origin: Origin::EnvFile(name, path.to_path_buf()),
                },
            ));
        }
    }
    file::warn_if_exposed(path, &values, warnings);
    Ok(values)
}

/// Says where the file is wrong. The error itself repeats the line, which may hold a password: nothing of it is shown.
fn not_variables(path: &Path, text: &str, error: &dotenvy::Error) -> Failure {
    let line = match error {
        dotenvy::Error::LineParse(line, _) => text.find(line.trim_end()),
        _ => None,
    };
    let place = line.map_or(String::new(), |at| {
        format!(", line {}", file::line_and_column(text, at).0)
    });
    Failure::new(
        Kind::Config,
        format!("{}{place}: this is not NAME=value.", path.display()),
    )
    .cure("Put a value with spaces, # or $ in it between single quotes.")
}
