//! The database: a pool of one connection over TLS, statements run for the person whom an ID token names, the quote that is kept
//! so, and what a database error means.

mod check;
mod connection;
mod early;
mod error;
mod operation;
mod quotes;
mod statement;
mod target;

// What statements take and bring is named by the driver.
pub use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};

pub use self::{check::check, operation::Postgres, statement::Statement, target::Target};
pub(crate) use self::{
    connection::{Connection, Connector},
    error::{explain, refused},
    operation::{QUIET, pause},
};
