//! The program `certq`: read the configuration, open keys and cache, bind, refresh, serve, drain.
//!
//! Only this file reads the clock, the environment and the command line.

#![forbid(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use certificate::LookupKey;
use certq::api_key::{ApiKeyError, ApiKeys, LOOK_INTERVAL, Watching};
use certq::bulk::Workshop;
use certq::command::keys::{self, Keys};
use certq::command::verify::{self, Verify};
use certq::command::{Exit, Failure};
use certq::config::Config;
use certq::live::Live;
use certq::log::{Level, Log, in_one_line};
use certq::memory::Memory;
use certq::metrics::Metrics;
use certq::process;
use certq::refresh::{Refresh, Source};
use certq::request::{self, Site, Uploads};
use certq::route::Route;
use certq::serve::{self, Deadlines, Listeners};
use clap::{Parser, Subcommand};
use jiff::Timestamp;
use snapshot::keyfile::{self, KeyFileError};
use snapshot::{Cache, PublisherKeys, Store};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Handle, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// Gives memory back to the system when a list of 32 MiB is done with; glibc's keeps it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Connections that wait in the kernel for a thread to accept them; the system has a limit of its own.
const BACKLOG: u32 = 1024;

/// How long the end waits for the log to be written.
const LOG_PATIENCE: Duration = Duration::from_secs(1);

/// What is said when [bulk] names a file that is not there.
const NO_API_KEYS: &str =
    "bulk.keys_file is not there: no API key works until certq keys create makes it";

/// Public query server for vocational skill-level certificates.
#[derive(Parser)]
#[command(version, arg_required_else_help = false)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve look-ups until SIGTERM.
    Serve {
        /// The configuration file (TOML).
        #[arg(long)]
        config: PathBuf,
    },
    /// Read the configuration and the key files it names, and say what is wrong with them.
    CheckConfig {
        /// The configuration file (TOML).
        #[arg(long)]
        config: PathBuf,
    },
    #[command(subcommand)]
    Keys(Keys),
    Verify(Verify),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explain_usage(&error),
    };
    let done = match cli.command {
        Command::Serve { config } => start(&config),
        Command::CheckConfig { config } => check(&config),
        Command::Keys(keys) => keys::run(&keys, now()),
        Command::Verify(list) => {
            match verify::run(list, std::env::var("CERTQ_API_KEY").ok(), now()) {
                // Done, and not everything on the list is valid.
                Ok(false) => return ExitCode::FAILURE,
                verified => verified.map(|_| ()),
            }
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("certq: {failure}");
            ExitCode::from(failure.exit.code())
        }
    }
}

/// Help and version are no failure; a wrong command line is exit 64 and told in one line.
fn explain_usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A closed stdout is no reason for another exit code.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    let ends = ["\n\nUsage:", "\n\nFor more information"].map(|end| text.find(end));
    let told = &text[..ends.into_iter().flatten().min().unwrap_or(text.len())];
    let told = told.replace("\n\n", "; ");
    let told: Vec<&str> = told.split_whitespace().collect();
    let told = told.join(" ");
    let told = told.strip_prefix("error: ").unwrap_or(&told);
    eprintln!("certq: {told}; see --help");
    ExitCode::from(Exit::Usage.code())
}

fn check(path: &Path) -> Result<(), Failure> {
    let config = read_config(path)?;
    read_keys(&config)?;
    let api_keys = read_api_keys(&config)?;
    if api_keys.is_some_and(|keys| !keys.has_file()) {
        eprintln!("certq: warning: {NO_API_KEYS}");
    }
    for warning in &config.warnings {
        eprintln!("certq: warning: {warning}");
    }
    println!("{} is in order", path.display());
    Ok(())
}

fn start(path: &Path) -> Result<(), Failure> {
    // Before the keys are read, so that no dump can hold them.
    let unconfined = confine();
    let config = read_config(path)?;
    let (keys, publishers) = read_keys(&config)?;
    let api_keys = read_api_keys(&config)?;
    let cache = Cache::open(&config.cache).map_err(|error| Exit::Io.because(&error))?;

    let metrics = Arc::new(Metrics::new(&Route::NAMES, request::outcomes()));
    let log = Log::start(std::io::stderr(), metrics.log_lines_dropped.clone(), now);
    install_panic_hook(&log, &metrics);
    warn(&log, &unconfined, &config.warnings);

    let _watching = api_keys.as_ref().map(|keys| watch(keys, &metrics, &log));
    let live = Arc::new(Live::new("the store has not been read yet"));
    let site = Site {
        live: Arc::clone(&live),
        metrics: Arc::clone(&metrics),
        log: log.clone(),
        holder_search: config.holder_search,
        trusted_proxies: config.trusted_proxies.clone(),
        workshop: workshop(&config, &metrics, &log),
        api_keys,
        uploads: Uploads::default(),
        now,
    };
    let source = Source {
        store: Store::open(&config.store),
        cache,
        channel: config.channel.clone(),
        publishers,
        keys,
        memory: Memory::below(Path::new("/")),
    };
    let lists = runtime_of_lists()?;
    let to_lists = lists.handle().clone();
    let workers = Workers::start(config.threads)?;
    let served = runtime_of_one()?.block_on(async {
        let listeners = bind(&config, &workers).await?;
        log_listeners(&log, &listeners);
        let (_refreshing, stopped) = std::sync::mpsc::channel();
        Refresh::new(source, live, metrics, log.clone()).start(config.poll_interval, now, stopped);
        serve::run(
            listeners,
            Arc::new(site),
            Deadlines::USUAL,
            to_lists,
            signals()?,
        )
        .await;
        Ok(())
    });
    drop(workers);
    if served.is_ok() {
        log.event(Level::Info, "stopped", &[]);
    }
    log.flush(LOG_PATIENCE);
    served
}

/// Tells the operator what does not keep the server from running.
fn warn(log: &Log, unconfined: &[(&'static str, String)], warnings: &[String]) {
    for (what, reason) in unconfined {
        log.event(Level::Warning, what, &[("reason", reason)]);
    }
    for warning in warnings {
        log.event(Level::Warning, "configuration", &[("warning", warning)]);
    }
}

/// Has the file of keys read again when it changes, until what is returned is dropped.
fn watch(keys: &Arc<ApiKeys>, metrics: &Arc<Metrics>, log: &Log) -> std::sync::mpsc::Sender<()> {
    if !keys.has_file() {
        log.event(Level::Warning, "configuration", &[("warning", NO_API_KEYS)]);
    }
    let (watching, stopped) = std::sync::mpsc::channel();
    let watch = Watching::new(Arc::clone(keys), Arc::clone(metrics), log.clone());
    watch.start(LOOK_INTERVAL, stopped);
    watching
}

/// Lists get half of the cores, and give way on those.
fn workshop(config: &Config, metrics: &Arc<Metrics>, log: &Log) -> Workshop {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let at_once = (cores / 2).max(1);
    Workshop::new(
        at_once,
        config.cache.clone(),
        Arc::clone(metrics),
        log.clone(),
    )
}

/// The only place where the clock is read.
#[expect(
    clippy::disallowed_methods,
    reason = "this is main; everything else is given the time"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

fn read_config(path: &Path) -> Result<Config, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Exit::Usage.saying(format!(
            "{}: {error}; name a readable file with --config",
            path.display()
        ))
    })?;
    let directory = path.parent().unwrap_or(Path::new("."));
    let parsed = Config::parse(&text, directory, |name| {
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    });
    parsed.map_err(|error| Exit::Usage.saying(format!("{}: {error}", path.display())))
}

/// Keys are part of the configuration: a file that is missing, malformed or open to others is
/// exit 64.
fn read_keys(config: &Config) -> Result<(Vec<LookupKey>, PublisherKeys), Failure> {
    let lookup = config
        .lookup_keys
        .iter()
        .map(|path| keyfile::read_lookup(path));
    let lookup = lookup
        .collect::<Result<_, _>>()
        .map_err(|error| key_failure(&error))?;
    let publishers = config
        .publisher_keys
        .iter()
        .map(|path| keyfile::read_publisher_public(path));
    let publishers = publishers
        .collect::<Result<_, _>>()
        .map_err(|error| key_failure(&error))?;
    Ok((lookup, PublisherKeys::new(publishers)))
}

/// A file of API keys that cannot be used is a wrong configuration, like any key file.
fn read_api_keys(config: &Config) -> Result<Option<Arc<ApiKeys>>, Failure> {
    let Some(path) = &config.api_keys else {
        return Ok(None);
    };
    let keys = ApiKeys::open(path.clone(), config.budgets);
    keys.map(|keys| Some(Arc::new(keys)))
        .map_err(|error: ApiKeyError| Exit::Usage.because(&error))
}

/// Says where a panic happened, and nothing of what it says: a message may hold what was asked.
fn install_panic_hook(log: &Log, metrics: &Metrics) {
    let (log, panics) = (log.clone(), metrics.panics.clone());
    std::panic::set_hook(Box::new(move |panic| {
        panics.inc();
        let location = panic
            .location()
            .map_or_else(String::new, ToString::to_string);
        log.event(Level::Error, "panic", &[("location", &location)]);
    }));
}

/// Core dumps off, open files up. A system that refuses is told to the operator, and the server
/// runs.
fn confine() -> Vec<(&'static str, String)> {
    let refused = |what, done: rustix::io::Result<()>| Some((what, done.err()?.to_string()));
    let core_dumps = refused("core_dumps_not_forbidden", process::forbid_core_dumps());
    let open_files = refused("open_files_not_raised", process::raise_open_files());
    core_dumps.into_iter().chain(open_files).collect()
}

/// The threads that answer single look-ups, one for each core, each with a runtime of its own.
struct Workers {
    handles: Vec<Handle>,
    /// Their runtimes end when this does.
    _until: watch::Sender<()>,
}

impl Workers {
    /// Starts so many; one for each core when it is 0.
    fn start(threads: usize) -> Result<Self, Failure> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = if threads > 0 { threads } else { cores };
        let (until, ended) = watch::channel(());
        let mut handles = Vec::with_capacity(threads);
        for _ in 0..threads {
            let runtime = runtime_of_one()?;
            handles.push(runtime.handle().clone());
            let mut ended = ended.clone();
            std::thread::Builder::new()
                .name("serve".to_owned())
                .spawn(move || {
                    // An error is the end of the other side, which is what is waited for.
                    let _ = runtime.block_on(ended.changed());
                })
                .map_err(|error| Exit::Io.because(&error))?;
        }
        Ok(Self {
            handles,
            _until: until,
        })
    }
}

fn runtime_of_one() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Exit::Io.because(&error))
}

/// Reads and writes lists, one thread when no single look-up wants the core.
fn runtime_of_lists() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .thread_name("lists")
        .on_thread_start(|| {
            // Refused only where the system knows no such policy; the work is the same.
            let _ = process::run_when_idle();
        })
        .build()
        .map_err(|error| Exit::Io.because(&error))
}

async fn bind(config: &Config, workers: &Workers) -> Result<Listeners, Failure> {
    let mut public = Vec::new();
    for address in &config.public {
        // Alone, because listeners that share an address would share it with another server's.
        let alone = listen("public.listen", *address, TcpListener::bind(address).await)?;
        let address = alone
            .local_addr()
            .map_err(|error| Exit::Io.because(&error))?;
        drop(alone);
        for worker in &workers.handles {
            let _context = worker.enter();
            let shared = listen("public.listen", address, bind_shared(address))?;
            public.push((worker.clone(), shared));
        }
    }
    let admin = TcpListener::bind(config.admin).await;
    Ok(Listeners {
        public,
        admin: listen("admin.listen", config.admin, admin)?,
    })
}

/// A listener among others of the same address; the system deals connections out among them.
fn bind_shared(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn listen(
    key: &str,
    address: SocketAddr,
    bound: io::Result<TcpListener>,
) -> Result<TcpListener, Failure> {
    bound.map_err(|error| {
        Exit::Io.saying(format!(
            "cannot listen on {address}: {error}; stop what uses it, or change {key} in the \
             configuration"
        ))
    })
}

fn log_listeners(log: &Log, listeners: &Listeners) {
    let admin = std::iter::once(("admin", &listeners.admin));
    let public = listeners.public.iter().map(|(_, it)| ("public", it));
    let mut told = None;
    for (door, listener) in public.chain(admin) {
        // Those that share an address are told once.
        if let Ok(address) = listener.local_addr()
            && told.replace(address) != Some(address)
        {
            let address = address.to_string();
            log.event(
                Level::Info,
                "listening",
                &[("door", door), ("address", &address)],
            );
        }
    }
}

/// A message for each SIGTERM or SIGINT.
fn signals() -> Result<mpsc::Receiver<()>, Failure> {
    let caught = |kind| signal(kind).map_err(|error| Exit::Io.because(&error));
    let (mut terminate, mut interrupt) = (
        caught(SignalKind::terminate())?,
        caught(SignalKind::interrupt())?,
    );
    let (told, stop) = mpsc::channel(2);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if told.send(()).await.is_err() {
                return;
            }
        }
    });
    Ok(stop)
}

/// Key files are part of the configuration.
fn key_failure(error: &KeyFileError) -> Failure {
    let hint = match error {
        KeyFileError::File(_) => "; make it with index-builder keys, or name another one in [keys]",
        _ => "",
    };
    Exit::Usage.saying(in_one_line(error) + hint)
}
