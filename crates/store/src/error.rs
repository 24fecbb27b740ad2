//! What can go wrong with a store, by what one can do about it.

use std::path::PathBuf;

/// Why a store could not be opened, or did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL names no store. Only its scheme is repeated: the rest may hold a password.
    #[error(
        "{problem}; a store is written sqlite:PATH, sqlite::memory: for one that is forgotten at \
         the end, or postgres://USER:PASSWORD@HOST/DATABASE"
    )]
    InvalidUrl {
        /// What is wrong with it.
        problem: String,
    },

    /// The path leads to something that is no file.
    #[error(
        "{} is not a file; name the file to use, such as sqlite:{}",
        path.display(),
        path.join("freeway.db").display()
    )]
    NotAFile {
        /// The path of the URL.
        path: PathBuf,
    },

    /// The operating system or the database refused; the source says why.
    #[error(
        "cannot open the store {}; see that the file and its directory may be read and written, \
         or name another place",
        path.display()
    )]
    CannotOpen {
        /// The path of the URL.
        path: PathBuf,
        /// What refused.
        source: BoxError,
    },

    /// The file belongs to another program. It was not changed.
    #[error(
        "{} is not a store of Freeway and was left as it is; name another file",
        path.display()
    )]
    ForeignFile {
        /// The path of the URL.
        path: PathBuf,
    },

    /// A later version of Freeway wrote the store. It was not changed.
    #[error(
        "{place} was written by a newer Freeway (its schema is {found}, this one knows {known}) and \
         was left as it is; update this one, or name another store"
    )]
    NewerSchema {
        /// The path or the server of the URL.
        place: String,
        /// The version of the schema that is there.
        found: i64,
        /// The latest version that this program knows.
        known: i64,
    },

    /// The database has tables of another program where ours would lie. It was not changed.
    #[error(
        "the schema {schema} of {server} has tables of another program and was left as it is; name \
         another database, or another schema with ?options=-csearch_path%3DNAME"
    )]
    ForeignSchema {
        /// The server and the database.
        server: String,
        /// The schema in it.
        schema: String,
    },

    /// The server of the database does not answer, or does not let this user in; the source says
    /// which. If the connection broke at the very end of a call, its change may have been made.
    #[error(
        "cannot reach the store {server}; see that PostgreSQL runs there, and that it has this \
         user and database"
    )]
    Unreachable {
        /// The server and the database, without user and password.
        server: String,
        /// What went wrong.
        source: BoxError,
    },

    /// Something with this id or this hash is there already.
    #[error("this id or this secret is in the store already")]
    Duplicate,

    /// There is nothing with this id.
    #[error("there is nothing with this id in the store")]
    NotFound,

    /// More than the store takes. Nothing was changed.
    #[error("at most {max} {what} are taken; {advice}")]
    TooMany {
        /// What there are too many of, in the plural.
        what: &'static str,
        /// How many are allowed.
        max: usize,
        /// What to do.
        advice: &'static str,
    },

    /// The file was deleted or replaced while it was in use. What is written goes to the one that
    /// nobody can open any more.
    #[error(
        "the file {} was deleted or replaced while it is in use, so that what is written to it is \
         lost in the end; restart Freeway, which opens the one that is there or makes a new one",
        path.display()
    )]
    FileGone {
        /// The path of the file.
        path: PathBuf,
    },

    /// Others kept the database busy for longer than we wait. Nothing was changed: try again.
    #[error("another process keeps the store locked; try again")]
    Busy,

    /// There is no room to write. Nothing was changed.
    #[error("the disk of the store is full; make room and try again")]
    Full,

    /// The database contradicts itself.
    #[error(
        "the store is damaged; stop every program that uses it, move the file away together with \
         those beside it that end in -wal and -shm, and restore a copy or start anew"
    )]
    Damaged,

    /// The store was closed.
    #[error("the store is closed")]
    Closed,

    /// A fault of this program. What the call had begun was undone; the store goes on.
    #[error("a fault in the program stopped this call to the store; please report it")]
    Panicked,

    /// The operating system gives no random bytes, so no key can be made.
    #[error("the operating system gives no random bytes")]
    NoRandomness(#[source] getrandom::Error),

    /// Anything else that the database says.
    #[error("the store failed")]
    Database(#[source] BoxError),
}

/// An error of whichever database it is.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
