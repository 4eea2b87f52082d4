//! The environment, and the guide's own `.env.local` that stands in for it when asked. Nothing is exported to the process.

use std::{ffi::OsString, path::Path};

use secrecy::zeroize::Zeroizing;

use super::{SETTINGS, Setting, Value, env_file, file, misconfigured};
use crate::failure::Failure;

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
        misconfigured(format!("The variable {name} is not valid UTF-8."))
            .cure("Set it again, or unset it and use the configuration file.")
    })?;
    let value = Value::new(&text, format!("the variable {name}"));
    Ok(Some(value).filter(|value| !value.text().is_empty()))
}

/// Reads the settings in a file of variables. All else in it belongs to the web app and is left alone, whatever it is.
pub(super) fn read(
    path: &Path,
    look_up: &dyn Fn(&str) -> Option<OsString>,
    warnings: &mut Vec<String>,
) -> Result<Vec<(Setting, Value)>, Failure> {
    let bytes = file::bytes(path)
        .map(Zeroizing::new)
        .map_err(|unreadable| unreadable.failure(path, "Check the path after --env-file."))?;
    let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
    let environment = |name: &str| {
        let value = look_up(name)?.into_string().ok()?;
        (!value.is_empty()).then_some(value)
    };
    let mut values = Vec::new();
    for (name, value) in env_file::parse(&text, &environment) {
        let is_of = |setting: &Setting| setting.variable == Some(name.as_str());
        let Some(setting) = SETTINGS.into_iter().find(is_of) else {
            continue;
        };
        let value = value.map(Zeroizing::new);
        let value = value.ok_or_else(|| refers_to_itself(path, &name))?;
        let origin = format!("{name} in {}", path.display());
        values.push((setting, Value::new(&value, origin)));
    }
    file::warn_if_exposed(path, &values, warnings);
    Ok(values)
}

fn refers_to_itself(path: &Path, name: &str) -> Failure {
    let path = path.display();
    let what = format!("{path}: the variable {name} refers to itself.");
    misconfigured(what)
        .cure("Write its value, or put it between single quotes with a backslash before each $.")
}
