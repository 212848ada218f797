//! What the process may do and how urgently: limits and priorities of the operating system.

use rustix::io;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setpriority_process,
    setrlimit,
};
use rustix::thread::gettid;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// Priority of work that nobody waits for: 10 is about a tenth of a normal thread's share when
/// both want the same core.
const BACKGROUND: i32 = 10;

/// Never writes memory to disk: a core dump would hold names and keys, and so would what a
/// debugger of the same user reads.
///
/// # Errors
///
/// What the system says; the caller goes on and says so.
pub fn forbid_core_dumps() -> io::Result<()> {
    setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}

/// Allows as many open files as the system grants; one connection is one file.
///
/// # Errors
///
/// What the system says; the caller goes on with fewer.
pub fn raise_open_files() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    )
}

/// Makes the calling thread give way to those that answer.
///
/// # Errors
///
/// What the system says; the work is done all the same.
pub fn give_way() -> io::Result<()> {
    setpriority_process(Some(gettid()), BACKGROUND)
}

/// Lets the calling thread run only while nobody else wants the core. A nice thread would not do:
/// the scheduler lets it end its slice of a millisecond and more before one that answers gets the
/// core, and that is ten times what an answer takes.
///
/// # Errors
///
/// What the system says; the work is done all the same.
pub fn run_when_idle() -> Result<(), thread_priority::Error> {
    set_thread_priority_and_policy(
        thread_native_id(),
        ThreadPriority::Min,
        ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle),
    )
}
