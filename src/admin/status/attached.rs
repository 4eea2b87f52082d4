//! What hangs on the tables that matter, what a session starts with, and what the next table will be open to.

use tokio_postgres::Row;

use super::{
    Findings,
    roles::{EVERYBODY, Kind, Sorted},
    texts,
};

/// Says what opens a table, or runs someone else's code where rows are written.
pub(super) fn judge(
    attached: &[Row],
    sorted: &Sorted,
    found: &mut Findings,
) -> Result<(), tokio_postgres::Error> {
    for row in attached {
        let [what, name, relation, kind] = texts(row)?;
        let (coder, cure): (Option<u32>, &str) = (row.try_get(4)?, row.try_get(5)?);
        // Only the roles that may change the code matter, and administrators may do everything anyway.
        let coders = coder
            .map(|coder| (coder, sorted.takers(coder)))
            .filter(|(_, takers)| !takers.is_empty());
        match (what, coders) {
            ("trigger" | "event trigger" | "code", Some((coder, takers))) => {
                let cure = if cure.is_empty() {
                    format!("look at it, and alter function {name} owner to the owner of the table;")
                } else {
                    cure.to_owned()
                };
                found.problem(format!(
                    "{relation} runs code of {} with the rights of the role that writes a row ({what} {name}): {cure}",
                    sorted.whom(coder, &takers)
                ));
            }
            ("trigger", None) if kind == "ours" => {
                found.problem(format!("The trigger {name} on {relation} is not of this program: {cure}"));
            }
            ("trigger", None) if kind == "messages" => {
                found.note(sees_quotes(name, relation));
            }
            ("hidden", _) => found.problem(format!("Row security hides rows of {relation} from the functions that look there: {cure}")),
            ("forced", _) => found.problem(format!("Row security of {relation} holds for its owner as well, whose work there is refused: {cure}")),
            ("rule", _) => found.problem(format!("The rule {name} on {relation} does more than is asked: look at it, and {cure}")),
            ("key", _) => found.problem(format!("The index {name} on {relation} is unique without user_id, so an error tells that another person has the same value: {cure}")),
            ("parent", _) => found.problem(format!("Every role that may read {name} reads {relation}, which is a child of it: {cure}")),
            ("child", _) => found.problem(format!("The rows of {name}, a child of {relation}, are taken for its own: {cure}")),
            ("publication", _) => {
                found.note(shows_rows(name, relation));
            }
            ("passage", Some((role, takers))) => found.note(format!(
                "{} reaches the foreign server {name} by a user mapping: look at it, and {cure}",
                sorted.whom(role, &takers)
            )),
            ("cascade", _) => found.problem(format!(
                "The constraint {name} changes or deletes quotes along with rows of {relation}: {cure}"
            )),
            ("limit", _) => found.note(format!(
                "Some quotes cannot be saved in {relation} (constraint {name}): {cure}"
            )),
            ("mapping", _) => found.problem(format!(
                "Everybody uses the foreign server {name} with the access of one user: look at it, and {cure}"
            )),
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn sees_quotes(trigger: &str, table: &str) -> String {
    format!("The trigger {trigger} on {table} sees every quote that is written.")
}

pub(super) fn shows_rows(publication: &str, table: &str) -> String {
    format!(
        "The publication {publication} shows every row of {table} to every role that may replicate."
    )
}

/// Settings that make a server write down more of a person, and the value with which they do not.
const TELLING: [(&str, &[&str]); 12] = [
    ("log_parameter_max_length", &["0"]),
    ("log_parameter_max_length_on_error", &["0"]),
    ("log_statement", &["none"]),
    ("log_duration", &["off"]),
    ("log_min_duration_statement", &["-1"]),
    ("log_min_duration_sample", &["-1"]),
    ("log_transaction_sample_rate", &["0"]),
    ("log_min_error_statement", &["panic", "fatal"]),
    ("debug_print_parse", &["off", "false", "no", "0"]),
    ("debug_print_rewritten", &["off", "false", "no", "0"]),
    ("debug_print_plan", &["off", "false", "no", "0"]),
    ("auto_explain.log_min_duration", &["-1"]),
];

/// Says which settings matter that a session of a person's starts with.
pub(super) fn settings(
    settings: &[Row],
    sorted: &Sorted,
    found: &mut Findings,
) -> Result<(), tokio_postgres::Error> {
    for row in settings {
        let [role, database, setting, value] = texts(row)?;
        let oid: u32 = row.try_get(4)?;
        let is_persons = oid == EVERYBODY
            || sorted
                .subjects
                .iter()
                .any(|one| one.role == oid && one.kind == Kind::Person);
        let (whose, reset) = match (role, database) {
            ("", "") => ("everybody".into(), "alter role all reset".into()),
            ("", database) => (
                "everybody in this database".into(),
                format!("alter database {database} reset"),
            ),
            (role, "") => (role.to_owned(), format!("alter role {role} reset")),
            (role, database) => (
                role.to_owned(),
                format!("alter role {role} in database {database} reset"),
            ),
        };
        if setting == "okta.id_token" {
            found.problem(format!("Every session of {whose} starts with a token ({setting} is set): {reset} {setting};"));
        } else if is_persons
            && TELLING.iter().any(|(name, silent)| {
                *name == setting && !silent.contains(&value.to_ascii_lowercase().as_str())
            })
        {
            found.note(format!("For {whose}, {setting} = {value} makes the server log more of a person: {reset} {setting};"));
        }
    }
    Ok(())
}

pub(super) fn logs_tokens(settings: &str) -> String {
    format!(
        "The server logs the values that statements are given ({settings}): ID tokens, which work for an hour, and quotes. A superuser can leave that out: alter system set log_parameter_max_length = 0; select pg_reload_conf();"
    )
}

/// Says what will be open to someone from the next table or function on.
pub(super) fn defaults(
    defaults: &[Row],
    sorted: &Sorted,
    found: &mut Findings,
) -> Result<(), tokio_postgres::Error> {
    for row in defaults {
        let [maker, space, what, rights] = texts(row)?;
        let (oid, grantee) = (row.try_get(4)?, row.try_get(5)?);
        let takers = sorted.takers(grantee);
        let is_masters =
            sorted.roles.masters.contains(&oid) || sorted.roles.owners.contains_key(&oid);
        if takers.is_empty() || !is_masters && !matches!(space, "okta" | "epigraph") {
            continue;
        }
        let within = if space.is_empty() {
            String::new()
        } else {
            format!(" in schema {space}")
        };
        let sentence = format!(
            "{} may {rights} {} that {maker} makes{within} from now on: alter default privileges for role {maker}{within} revoke {rights} on {what} from {};",
            sorted.whom(grantee, &takers),
            if what == "functions" {
                "all functions"
            } else {
                what
            },
            sorted.roles.name(grantee)
        );
        if matches!(space, "okta" | "epigraph") {
            found.problem(sentence);
        } else {
            found.note(sentence);
        }
    }
    Ok(())
}
