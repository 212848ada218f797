//! One look-up in each of the databases: the value of a number, if there is one. An error of a
//! database is printed and ends the process: what it would answer is not to be measured.

use std::cell::RefCell;
use std::error::Error;
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use ::lmdb::{Environment, EnvironmentFlags, InactiveTransaction, Transaction as _};
use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use rusqlite::{Connection, OpenFlags, Statement};
use tokio_postgres::{Client, NoTls};

use crate::question::Number;

/// More than any file here has.
const MAPPED: i64 = 64 << 30;

/// A read transaction that is renewed for each look-up, as one must be that is to see updates.
struct Lmdb {
    database: ::lmdb::Database,
    transaction: Option<InactiveTransaction<'static>>,
}

thread_local! {
    static STATEMENT: RefCell<Option<Statement<'static>>> = const { RefCell::new(None) };
    static LMDB: RefCell<Option<Lmdb>> = const { RefCell::new(None) };
}

/// Prepares the statement of this thread.
pub(crate) fn open_sqlite(path: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "mmap_size", MAPPED)?;
    // For as long as the process lives.
    let connection: &'static Connection = Box::leak(Box::new(connection));
    let statement = connection.prepare("SELECT value FROM records WHERE number = ?1")?;
    STATEMENT.set(Some(statement));
    Ok(())
}

pub(crate) fn sqlite(number: Number) -> Option<Bytes> {
    STATEMENT.with_borrow_mut(|statement| {
        let statement = statement.as_mut()?;
        let mut rows = or_end(statement.query([&number[..]]));
        let row = or_end(rows.next())?;
        let value = or_end(row.get_ref(0));
        value.as_blob().ok().map(Bytes::copy_from_slice)
    })
}

/// Opens the read transaction of this thread.
pub(crate) fn open_lmdb(path: &Path) -> ::lmdb::Result<()> {
    let mut builder = Environment::new();
    builder.set_flags(EnvironmentFlags::READ_ONLY);
    let environment: &'static Environment = Box::leak(Box::new(builder.open(path)?));
    let database = environment.open_db(None)?;
    let transaction = environment.begin_ro_txn()?;
    LMDB.set(Some(Lmdb {
        database,
        transaction: Some(transaction.reset()),
    }));
    Ok(())
}

pub(crate) fn lmdb(number: Number) -> Option<Bytes> {
    LMDB.with_borrow_mut(|lmdb| {
        let lmdb = lmdb.as_mut()?;
        let transaction = or_end(lmdb.transaction.take()?.renew());
        let value = match transaction.get(lmdb.database, &number) {
            Err(::lmdb::Error::NotFound) => None,
            value => Some(Bytes::copy_from_slice(or_end(value))),
        };
        lmdb.transaction = Some(transaction.reset());
        value
    })
}

pub(crate) async fn redis(mut connection: MultiplexedConnection, number: Number) -> Option<Bytes> {
    let mut get = redis::cmd("GET");
    get.arg(&number[..]);
    let value: redis::RedisResult<Option<Vec<u8>>> = get.query_async(&mut connection).await;
    or_end(value).map(Bytes::from)
}

/// A connection and the statement prepared on it.
pub(crate) struct Prepared {
    client: Client,
    statement: tokio_postgres::Statement,
}

pub(crate) async fn open_postgres(parameters: &str) -> Result<Prepared, Box<dyn Error>> {
    let (client, connection) = tokio_postgres::connect(parameters, NoTls).await?;
    tokio::spawn(async move { or_end(connection.await) });
    let statement = client.prepare("SELECT value FROM records WHERE number = $1");
    let statement = statement.await?;
    Ok(Prepared { client, statement })
}

pub(crate) async fn postgres(prepared: Arc<Prepared>, number: Number) -> Option<Bytes> {
    let number = std::str::from_utf8(&number).unwrap_or_default();
    let Prepared { client, statement } = &*prepared;
    let row = or_end(client.query_opt(statement, &[&number]).await)?;
    Some(Bytes::copy_from_slice(row.get(0)))
}

fn or_end<T>(result: Result<T, impl Display>) -> T {
    result.unwrap_or_else(|error| {
        eprintln!("{error}");
        std::process::exit(1)
    })
}
