//! Fills the databases from the records, each the fastest way that it has: in one piece, in the
//! order of the numbers, nothing made durable until the end. Returns the bytes that it then takes.

use std::fs;
use std::path::Path;

use bytes::{BufMut as _, BytesMut};
use futures_util::SinkExt as _;
use lmdb::{DatabaseFlags, Environment, Transaction as _, WriteFlags};
use peers::record::{Misses, Reader, Record};
use rusqlite::Connection;
use tokio::runtime;
use tokio_postgres::{Client, NoTls};

use crate::register::Trouble;

/// Room in the address space; nothing is taken before it is needed.
const LMDB_ROOM: usize = 64 << 30;

/// Commands sent to Redis at a time, and bytes to PostgreSQL.
const REDIS_BATCH: usize = 10_000;
const POSTGRES_BATCH: usize = 1 << 20;

/// A table without row ids, in one transaction.
pub(crate) fn sqlite(records: Reader, path: &Path) -> Result<u64, Trouble> {
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "off")?;
    connection.pragma_update(None, "synchronous", "off")?;
    connection.execute(
        "CREATE TABLE records (number BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
        (),
    )?;
    let transaction = connection.transaction()?;
    let mut insert = transaction.prepare("INSERT INTO records VALUES (?1, ?2)")?;
    for record in records {
        let Record { number, value } = record?;
        insert.execute((&number[..], &value[..]))?;
    }
    drop(insert);
    transaction.commit()?;
    drop(connection);
    Ok(fs::metadata(path)?.len())
}

/// Appended in one transaction.
pub(crate) fn lmdb(records: Reader, path: &Path) -> Result<u64, Trouble> {
    fs::create_dir(path)?;
    let environment = Environment::new().set_map_size(LMDB_ROOM).open(path)?;
    let database = environment.create_db(None, DatabaseFlags::empty())?;
    let mut transaction = environment.begin_rw_txn()?;
    for record in records {
        let Record { number, value } = record?;
        transaction.put(database, &number, &value, WriteFlags::APPEND)?;
    }
    transaction.commit()?;
    Ok(fs::metadata(path.join("data.mdb"))?.len())
}

/// Pipelined `SET`s. The bytes are of memory.
pub(crate) fn redis(records: Reader, url: &str) -> Result<u64, Trouble> {
    let mut connection = redis::Client::open(url)?.get_connection()?;
    redis::cmd("FLUSHALL").exec(&mut connection)?;
    let before = redis_memory(&mut connection)?;
    let mut pipeline = redis::pipe();
    for record in records {
        let Record { number, value } = record?;
        pipeline.set(&number[..], value).ignore();
        if pipeline.len() == REDIS_BATCH {
            pipeline.exec(&mut connection)?;
            pipeline.clear();
        }
    }
    pipeline.exec(&mut connection)?;
    Ok(redis_memory(&mut connection)? - before)
}

/// The bodies of misses, for a server that reads them from Redis, too.
pub(crate) fn redis_misses(misses: &Misses, url: &str) -> Result<(), Trouble> {
    let mut connection = redis::Client::open(url)?.get_connection()?;
    for (institution, body) in misses.all() {
        redis::cmd("SET")
            .arg(institution)
            .arg(body)
            .exec(&mut connection)?;
    }
    Ok(())
}

fn redis_memory(connection: &mut redis::Connection) -> Result<u64, Trouble> {
    let memory: String = redis::cmd("INFO").arg("memory").query(connection)?;
    let used = memory
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"));
    Ok(used
        .ok_or("Redis does not say what it uses")?
        .trim()
        .parse()?)
}

/// COPY in binary, then the primary key.
pub(crate) fn postgres(records: Reader, parameters: &str) -> Result<u64, Trouble> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(parameters, NoTls).await?;
        tokio::spawn(connection);
        client
            .batch_execute(
                "DROP TABLE IF EXISTS records;
                 CREATE TABLE records (number text COLLATE \"C\" NOT NULL, value bytea NOT NULL);
                 ALTER TABLE records ALTER value SET STORAGE plain",
            )
            .await?;
        copy(&client, records).await?;
        client
            .batch_execute("ALTER TABLE records ADD PRIMARY KEY (number)")
            .await?;
        // In no transaction, so it must come alone.
        client.batch_execute("VACUUM ANALYZE records").await?;
        let size = client.query_one("SELECT pg_total_relation_size('records')", &[]);
        Ok(u64::try_from(size.await?.get::<_, i64>(0))?)
    })
}

async fn copy(client: &Client, records: Reader) -> Result<(), Trouble> {
    let sink = client
        .copy_in("COPY records FROM STDIN (FORMAT binary)")
        .await?;
    let mut sink = std::pin::pin!(sink);
    let mut bytes = BytesMut::from(&b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0"[..]);
    for record in records {
        let Record { number, value } = record?;
        bytes.put_i16(2);
        for field in [&number[..], &value[..]] {
            bytes.put_i32(i32::try_from(field.len())?);
            bytes.put_slice(field);
        }
        if bytes.len() > POSTGRES_BATCH {
            sink.send(bytes.split().freeze()).await?;
        }
    }
    bytes.put_i16(-1);
    sink.send(bytes.freeze()).await?;
    sink.close().await?;
    Ok(())
}
