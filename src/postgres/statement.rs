//! One statement, as it is to be run for the person whom an ID token names.

use tokio_postgres::types::{ToSql, Type};

use super::Target;
use crate::failure::Failure;

type Meaning = fn(&str, &str, &Target) -> Option<Failure>;

/// A statement with its parameters, for [`Postgres::run`](super::Postgres::run).
///
/// ```
/// use epigraph::postgres::Statement;
///
/// let _list = Statement::read("select body from public.my_notes()");
/// let _add = Statement::write("select public.add_note($1)", "the note was added")
///     .text("Buy the flowers herself.")
///     .once();
/// ```
pub struct Statement<'a> {
    pub(super) sql: &'a str,
    pub(super) parameters: Vec<(Box<dyn ToSql + Sync + Send + 'a>, Type)>,
    /// What of the parameters no message and no log may repeat.
    pub(super) hidden: Vec<&'a str>,
    /// What is not known when the answer is lost. `None` for a statement that changes nothing.
    pub(super) writes: Option<&'static str>,
    /// Whether it is sent again where the connection was lost and it may have been carried out.
    pub(super) repeats: bool,
    /// What a refusal means, by its SQLSTATE and its message, where that is special to this statement.
    pub(super) meaning: Option<Meaning>,
}

impl<'a> Statement<'a> {
    /// A statement that changes nothing. Names in it have to say their schema: the search path is `pg_catalog` alone.
    #[must_use]
    pub const fn read(sql: &'a str) -> Self {
        Self {
            sql,
            parameters: Vec::new(),
            hidden: Vec::new(),
            writes: None,
            repeats: true,
            meaning: None,
        }
    }

    /// A statement that changes something. It is sent again when the connection is lost on the way, so twice must be as good as
    /// once; if not, see [`Statement::once`]. `done` ends the sentence "it is unknown whether ...".
    #[must_use]
    pub const fn write(sql: &'a str, done: &'static str) -> Self {
        let mut statement = Self::read(sql);
        statement.writes = Some(done);
        statement
    }

    /// Adds a parameter of the type `text`, or null. It appears in no message and in no log.
    #[must_use]
    pub fn text(mut self, text: impl Into<Option<&'a str>>) -> Self {
        let text = text.into();
        self.hidden.extend(text);
        self.parameters.push((Box::new(text), Type::TEXT));
        self
    }

    /// Adds a parameter of another type. A server may repeat it in an error, which is shown and logged.
    #[must_use]
    pub fn value(mut self, value: impl ToSql + Sync + Send + 'a, kind: Type) -> Self {
        self.parameters.push((Box::new(value), kind));
        self
    }

    /// Leaves it at one attempt where the server may have carried it out although no answer came.
    #[must_use]
    pub const fn once(mut self) -> Self {
        self.repeats = false;
        self
    }
}
