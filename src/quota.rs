//! What an account may use: rows a day, requests a minute, jobs at a time; and the pause of one
//! that guesses.
//!
//! It knows no keys and no HTTP, and reads no clock: every call is given the time. Usage is kept
//! in memory only, so a restart begins the day anew; a file of its own would be one more thing to
//! write on the way of a request, and what it would save is one day's rows.
//!
//! An account is locked for a few instructions at a time, never across anything that waits, and
//! only the jobs of the same account meet at its lock.
//!
//! Order: what is allowed, the account, its answers; `window` counts misses.

mod window;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use window::Window;

/// Jobs of an account at a time. They protect this process, so replicas do not divide them.
const JOBS_MOST: u32 = 2;

/// Requests of an account in any minute, over all replicas.
const REQUESTS_A_MINUTE: u32 = 120;

const MINUTE: Duration = Duration::from_secs(60);
const DAY_S: i64 = 86_400;

/// Asia/Shanghai is eight hours ahead, without summer time since 1991.
const SHANGHAI_S: i64 = 8 * 3600;

/// How soon an account whose jobs are all running should ask again.
const JOBS_RETRY_S: u64 = 5;

/// How budgets are applied, the same for all accounts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Budgets {
    /// Whether quota, rate and pause hold; jobs at a time always do.
    pub enabled: bool,
    /// Processes that share the budgets; each gives out its part, rounded up.
    pub replicas: u32,
}

/// The time of a request, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For the day in Asia/Shanghai.
    pub wall: Timestamp,
    /// For rates.
    pub tick: Instant,
}

/// What one account has used.
#[derive(Debug)]
pub struct Account {
    budgets: Budgets,
    usage: Mutex<Usage>,
}

#[derive(Debug)]
struct Usage {
    rows_per_day: u64,
    /// The day that `rows` and `paused` are about, in days since 1970 in Asia/Shanghai.
    day: i64,
    rows: u64,
    paused: bool,
    jobs: u32,
    /// When the requests of the last minute came, oldest first.
    requests: VecDeque<Instant>,
    answered: Window,
}

/// A running job of an account; its place is free again when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Permit(Arc<Account>);

/// Why a job may not begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refused {
    /// Which limit.
    pub limit: Limit,
    /// When to ask again.
    pub retry_after_s: u64,
}

/// The limits of an account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Limit {
    /// Requests a minute.
    Rate,
    /// Jobs at a time.
    Jobs,
    /// Rows a day.
    Quota,
    /// Too many misses today.
    Paused,
}

/// The two header fields that tell a client where it stands, in the syntax of the IETF's
/// `RateLimit` draft.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RateLimit {
    /// `RateLimit`: rows left today and requests left this minute, each with the seconds until
    /// there are all of them again.
    pub limit: String,
    /// `RateLimit-Policy`: rows a day, requests a minute.
    pub policy: String,
}

impl Account {
    /// An account that has used nothing.
    pub fn new(rows_per_day: u64, budgets: Budgets) -> Self {
        Self {
            budgets,
            usage: Mutex::new(Usage {
                rows_per_day,
                day: i64::MIN,
                rows: 0,
                paused: false,
                jobs: 0,
                requests: VecDeque::new(),
                answered: Window::default(),
            }),
        }
    }

    /// Sets the rows a day; what was used stays used.
    pub fn allow(&self, rows_per_day: u64) {
        self.usage().rows_per_day = rows_per_day;
    }

    /// Begins a job.
    ///
    /// # Errors
    ///
    /// The first limit that stands in the way; such a request is not counted.
    pub fn begin(self: &Arc<Self>, now: Now) -> Result<Permit, Refused> {
        let mut usage = self.usage_of(now);
        if self.budgets.enabled {
            self.check_day(&usage, now)?;
            self.check_rate(&mut usage, now.tick)?;
        }
        if usage.jobs >= JOBS_MOST {
            return Err(Limit::Jobs.until(JOBS_RETRY_S));
        }
        usage.jobs += 1;
        if self.budgets.enabled {
            usage.requests.push_back(now.tick);
        }
        Ok(Permit(Arc::clone(self)))
    }

    /// Takes rows of the day's quota; gives how many there were, possibly fewer, none while the
    /// account is paused.
    pub fn reserve(&self, rows: u64, now: Now) -> u64 {
        if !self.budgets.enabled {
            return rows;
        }
        let mut usage = self.usage_of(now);
        let granted = if usage.paused {
            0
        } else {
            rows.min(self.left(&usage))
        };
        usage.rows += granted;
        granted
    }

    /// Gives back rows that were reserved at `reserved` and not charged: invalid ones, repeated
    /// ones, unanswered ones. When their day is over there is nothing to give back to.
    pub fn give_back(&self, rows: u64, reserved: Now) {
        let mut usage = self.usage();
        if usage.day == day_and_second(reserved.wall).0 {
            usage.rows = usage.rows.saturating_sub(rows);
        }
    }

    /// Counts an answered row; `false` when the account is paused, because more than a fifth of
    /// its last 1,000 rows were misses: somebody is guessing. The row itself may be given out.
    pub fn observe(&self, is_match: bool) -> bool {
        if !self.budgets.enabled {
            return true;
        }
        let mut usage = self.usage();
        usage.answered.push(!is_match);
        usage.paused |= usage.answered.is_mostly_guessed();
        !usage.paused
    }

    /// Where the account stands; `None` when there is no quota.
    pub fn headers(&self, now: Now) -> Option<RateLimit> {
        if !self.budgets.enabled {
            return None;
        }
        let mut usage = self.usage_of(now);
        usage.forget_requests(now.tick);
        let rows = self.share(usage.rows_per_day);
        let rows_left = if usage.paused { 0 } else { self.left(&usage) };
        let day_s = seconds_of_day_left(now.wall);
        let requests = self.requests_a_minute();
        let requests_left = requests.saturating_sub(usage.requests.len() as u64);
        let newest = usage.requests.back();
        let minute_s = newest.map_or(0, |newest| seconds_counted(*newest, now.tick));
        Some(RateLimit {
            limit: format!(
                "\"rows\";r={rows_left};t={day_s}, \"requests\";r={requests_left};t={minute_s}"
            ),
            policy: format!(
                "\"rows\";q={rows};w={DAY_S}, \"requests\";q={requests};w={}",
                MINUTE.as_secs()
            ),
        })
    }

    fn check_day(&self, usage: &Usage, now: Now) -> Result<(), Refused> {
        let limit = if usage.paused {
            Limit::Paused
        } else if self.left(usage) == 0 {
            Limit::Quota
        } else {
            return Ok(());
        };
        Err(limit.until(seconds_of_day_left(now.wall)))
    }

    /// At most so many requests in any minute, not in any minute of the clock.
    fn check_rate(&self, usage: &mut Usage, tick: Instant) -> Result<(), Refused> {
        usage.forget_requests(tick);
        match usage.requests.front() {
            Some(oldest) if usage.requests.len() as u64 >= self.requests_a_minute() => {
                Err(Limit::Rate.until(seconds_counted(*oldest, tick)))
            }
            _ => Ok(()),
        }
    }

    fn requests_a_minute(&self) -> u64 {
        self.share(u64::from(REQUESTS_A_MINUTE))
    }

    fn left(&self, usage: &Usage) -> u64 {
        self.share(usage.rows_per_day).saturating_sub(usage.rows)
    }

    fn share(&self, budget: u64) -> u64 {
        budget.div_ceil(u64::from(self.budgets.replicas.max(1)))
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        // A panic between two assignments leaves counts that are off by one, not broken.
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The usage of today. A clock that goes back is still in the day it was in.
    fn usage_of(&self, now: Now) -> MutexGuard<'_, Usage> {
        let mut usage = self.usage();
        let (today, _) = day_and_second(now.wall);
        if today > usage.day {
            usage.day = today;
            usage.rows = 0;
            if std::mem::take(&mut usage.paused) {
                // Yesterday's misses were paid for; they must not pause the first row of today.
                usage.answered = Window::default();
            }
        }
        usage
    }
}

impl Usage {
    /// Requests of more than a minute ago do not count.
    fn forget_requests(&mut self, tick: Instant) {
        let is_past = |at: &Instant| tick.saturating_duration_since(*at) >= MINUTE;
        while self.requests.front().is_some_and(is_past) {
            self.requests.pop_front();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.usage().jobs -= 1;
    }
}

impl Limit {
    fn until(self, retry_after_s: u64) -> Refused {
        Refused {
            limit: self,
            retry_after_s,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rate => "每分钟请求次数已用完",
            Self::Jobs => "同时进行的批量核验已达上限",
            Self::Quota => "今天的核验行数已用完",
            Self::Paused => "今天信息不一致或未查到的行过多，批量核验已暂停到明天",
        })
    }
}

/// The day in Asia/Shanghai since 1970, and the second of it.
fn day_and_second(wall: Timestamp) -> (i64, i64) {
    let local = wall.as_second() + SHANGHAI_S;
    (local.div_euclid(DAY_S), local.rem_euclid(DAY_S))
}

/// For how many seconds a request still counts, rounded up.
fn seconds_counted(request: Instant, tick: Instant) -> u64 {
    let left = MINUTE.saturating_sub(tick.saturating_duration_since(request));
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

fn seconds_of_day_left(wall: Timestamp) -> u64 {
    DAY_S.abs_diff(day_and_second(wall).1)
}

#[cfg(test)]
mod tests;
