//! `doctor`: what `crate::doctor` found, as lines or as JSON.

use serde::Serialize;

use super::output::{self, Outcome, Stop};
use crate::{
    config::Config,
    doctor::{self, Part},
    failure::{Failure, Verdict},
};

/// What `doctor --json` prints.
#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    checks: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    part: &'a str,
    check: &'a str,
    /// `ok`, `warning` or `failed`.
    status: &'static str,
    ms: u128,
    /// What was found, or what is wrong.
    found: &'a str,
    hint: Option<&'a str>,
}

/// Checks every part. Fails with the exit code of the first check that failed.
pub(super) async fn run(loaded: Result<Config, Failure>, json: bool) -> Outcome {
    let parts = doctor::examine(loaded).await;
    let failed: Vec<&Failure> = parts
        .iter()
        .flat_map(|part| &part.checks)
        .filter_map(|check| match &check.verdict {
            Verdict::Failed(failure) => Some(failure),
            _ => None,
        })
        .collect();
    let report = Report {
        ok: failed.is_empty(),
        checks: parts.iter().flat_map(lines).collect(),
    };
    if json {
        output::json(&report)?;
    } else {
        for line in &report.checks {
            output::line(&plain(line))?;
        }
        for part in parts.iter().filter(|part| part.checks.is_empty()) {
            output::say(&format!(
                "{}: not checked, because its settings are missing or wrong",
                part.name
            ));
        }
        output::say(&summary(&report));
    }
    match failed.first() {
        None => Ok(()),
        Some(first) => Err(Stop::Told(first.kind.exit_code())),
    }
}

fn lines(part: &Part) -> impl Iterator<Item = Line<'_>> {
    part.checks.iter().map(|check| {
        let (status, found, hint) = match &check.verdict {
            Verdict::Ok(found) => ("ok", found.as_str(), None),
            Verdict::Warning(failure) => {
                ("warning", failure.what.as_str(), failure.cure.as_deref())
            }
            Verdict::Failed(failure) => ("failed", failure.what.as_str(), failure.cure.as_deref()),
        };
        Line {
            part: part.name,
            check: check.name,
            status,
            ms: check.took.as_millis(),
            found,
            hint,
        }
    })
}

fn plain(line: &Line<'_>) -> String {
    let name = format!("{}: {}", line.part, line.check);
    let took = match line.ms {
        0 => String::new(),
        ms => format!(" ({ms} ms)"),
    };
    let hint = line.hint.map_or(String::new(), |hint| {
        format!("\n         hint: {}", hint.replace('\n', "\n         "))
    });
    format!("{:<8} {name:<34} {}{took}{hint}", line.status, line.found)
}

fn summary(report: &Report<'_>) -> String {
    let count = |status| {
        report
            .checks
            .iter()
            .filter(|line| line.status == status)
            .count()
    };
    let warnings = match count("warning") {
        0 => String::new(),
        1 => "; 1 warning".to_owned(),
        warnings => format!("; {warnings} warnings"),
    };
    match count("failed") {
        0 => format!("everything works{warnings}"),
        failed => format!("{failed} failed{warnings}"),
    }
}
