//! Accounts under a made-up clock: the day and its end, the minute, the jobs, the pause; and a
//! slow model that must agree about any order of events.

use proptest::prelude::*;

use super::*;

const LIMITED: Budgets = Budgets {
    enabled: true,
    replicas: 1,
};

/// 2026-11-24 23:59:50 in Asia/Shanghai.
const EVENING: &str = "2026-11-24T15:59:50Z";

struct Clock {
    wall: Timestamp,
    tick: Instant,
}

impl Clock {
    fn at(wall: &str) -> Self {
        Self {
            wall: wall.parse().unwrap(),
            tick: Instant::now(),
        }
    }

    fn after(&self, seconds: f64) -> Now {
        let passed = Duration::from_secs_f64(seconds);
        Now {
            wall: self.wall + passed,
            tick: self.tick + passed,
        }
    }
}

fn account(rows_per_day: u64, budgets: Budgets) -> Arc<Account> {
    Arc::new(Account::new(rows_per_day, budgets))
}

fn refused(limit: Limit, retry_after_s: u64) -> Option<Refused> {
    Some(Refused {
        limit,
        retry_after_s,
    })
}

#[test]
fn rows_are_of_a_day_in_shanghai() {
    let (clock, account) = (Clock::at(EVENING), account(100, LIMITED));
    assert_eq!(account.reserve(60, clock.after(0.0)), 60);
    assert_eq!(account.reserve(60, clock.after(1.0)), 40);
    assert_eq!(account.reserve(1, clock.after(9.9)), 0);
    assert_eq!(
        account.begin(clock.after(2.0)).err(),
        refused(Limit::Quota, 8)
    );
    account.give_back(5, clock.after(1.0));
    assert_eq!(
        account.headers(clock.after(3.0)).unwrap().limit,
        "\"rows\";r=5;t=7, \"requests\";r=120;t=0"
    );
    assert_eq!(
        account.headers(clock.after(3.0)).unwrap().policy,
        "\"rows\";q=100;w=86400, \"requests\";q=120;w=60"
    );
    let midnight = clock.after(10.0);
    assert_eq!(
        account.headers(midnight).unwrap().limit,
        "\"rows\";r=100;t=86400, \"requests\";r=120;t=0"
    );
    assert_eq!(account.reserve(7, midnight), 7);
    account.give_back(50, clock.after(1.0));
    assert_eq!(
        account.reserve(100, midnight),
        93,
        "yesterday's rows came back today"
    );
}

#[test]
fn a_clock_that_goes_back_gives_no_rows() {
    let (clock, account) = (Clock::at(EVENING), account(10, LIMITED));
    assert_eq!(account.reserve(10, clock.after(11.0)), 10);
    assert_eq!(account.reserve(10, clock.after(0.0)), 0);
    assert_eq!(account.reserve(10, clock.after(12.0)), 0);
}

#[test]
fn jobs_at_a_time_also_without_limits() {
    for enabled in [true, false] {
        let budgets = Budgets {
            enabled,
            replicas: 50,
        };
        let (clock, account) = (Clock::at(EVENING), account(100, budgets));
        let first = account.begin(clock.after(0.0)).unwrap();
        let second = account.begin(clock.after(0.1)).unwrap();
        assert_eq!(
            account.begin(clock.after(0.2)).err(),
            refused(Limit::Jobs, JOBS_RETRY_S)
        );
        drop(first);
        let third = account.begin(clock.after(0.3)).unwrap();
        drop((second, third));
    }
}

#[test]
fn requests_are_counted_in_any_minute() {
    let (clock, account) = (Clock::at(EVENING), account(100, LIMITED));
    for request in 0..120 {
        let at = f64::from(request) / 2.0;
        drop(account.begin(clock.after(at)).unwrap());
    }
    assert_eq!(
        account.begin(clock.after(59.6)).err(),
        refused(Limit::Rate, 1)
    );
    drop(account.begin(clock.after(60.0)).unwrap());
    assert_eq!(
        account.begin(clock.after(60.25)).err(),
        refused(Limit::Rate, 1)
    );
}

#[test]
fn requests_left_are_published() {
    let (clock, account) = (Clock::at("2026-11-24T02:00:00Z"), account(100, LIMITED));
    drop(account.begin(clock.after(0.0)).unwrap());
    drop(account.begin(clock.after(30.5)).unwrap());
    let requests = |seconds| {
        let standing = account.headers(clock.after(seconds)).unwrap();
        let (_, requests) = standing.limit.split_once(", ").unwrap();
        requests.to_owned()
    };
    assert_eq!(requests(31.0), "\"requests\";r=118;t=60");
    assert_eq!(requests(60.0), "\"requests\";r=119;t=31");
    assert_eq!(requests(90.5), "\"requests\";r=120;t=0");
}

#[test]
fn a_burst_is_told_how_long_to_wait() {
    let (clock, account) = (Clock::at("2026-11-24T02:00:00Z"), account(100, LIMITED));
    for _ in 0..120 {
        drop(account.begin(clock.after(0.0)).unwrap());
    }
    assert_eq!(
        account.begin(clock.after(17.5)).err(),
        refused(Limit::Rate, 43)
    );
}

#[test]
fn a_guesser_is_paused_until_tomorrow_and_not_before_1000_rows() {
    let (clock, account) = (Clock::at(EVENING), account(10_000, LIMITED));
    account.reserve(1, clock.after(0.0));
    for row in 0..999 {
        assert!(account.observe(row % 2 == 0), "row {row}");
    }
    assert!(!account.observe(true));
    assert_eq!(account.reserve(1, clock.after(1.0)), 0);
    assert_eq!(
        account.begin(clock.after(1.0)).err(),
        refused(Limit::Paused, 9)
    );
    assert_eq!(
        account.headers(clock.after(1.0)).unwrap().limit,
        "\"rows\";r=0;t=9, \"requests\";r=120;t=0"
    );
    let permit = account.begin(clock.after(10.0)).unwrap();
    assert!(
        account.observe(false),
        "the misses of yesterday count again"
    );
    drop(permit);
}

#[test]
fn a_fifth_of_misses_is_still_a_list() {
    let account = account(10_000, LIMITED);
    for row in 0..5_000 {
        assert!(account.observe(row % 5 != 0), "row {row}");
    }
    let paused = (0..5).find(|_| !account.observe(false));
    assert_eq!(paused, Some(1), "the first takes the place of a miss");
}

#[test]
fn without_limits_there_is_no_quota_rate_or_pause() {
    let budgets = Budgets {
        enabled: false,
        replicas: 1,
    };
    let (clock, account) = (Clock::at(EVENING), account(1, budgets));
    for _ in 0..500 {
        drop(account.begin(clock.after(0.0)).unwrap());
    }
    assert_eq!(account.reserve(1_000_000, clock.after(0.0)), 1_000_000);
    assert!((0..2_000).all(|_| account.observe(false)));
    assert_eq!(account.headers(clock.after(0.0)), None);
}

#[test]
fn replicas_divide_rows_and_requests() {
    let budgets = Budgets {
        enabled: true,
        replicas: 7,
    };
    let (clock, account) = (Clock::at(EVENING), account(100, budgets));
    assert_eq!(account.reserve(100, clock.after(0.0)), 15);
    account.give_back(15, clock.after(0.0));
    for _ in 0..18 {
        drop(account.begin(clock.after(0.0)).unwrap());
    }
    assert_eq!(
        account.begin(clock.after(0.0)).err(),
        refused(Limit::Rate, 60)
    );
    let standing = account.headers(clock.after(0.0)).unwrap();
    assert_eq!(
        standing.policy,
        "\"rows\";q=15;w=86400, \"requests\";q=18;w=60"
    );
    assert!(standing.limit.ends_with("\"requests\";r=0;t=60"));
}

#[test]
fn new_terms_keep_what_was_used() {
    let (clock, account) = (Clock::at(EVENING), account(100, LIMITED));
    assert_eq!(account.reserve(80, clock.after(0.0)), 80);
    account.allow(50);
    assert_eq!(account.reserve(1, clock.after(0.0)), 0);
    account.allow(200);
    assert_eq!(account.reserve(500, clock.after(0.0)), 120);
}

/// What may happen to an account.
#[derive(Clone, Debug)]
enum Event {
    Wait(u32),
    Begin,
    End,
    Reserve(u64),
    Observe { is_match: bool, times: usize },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0_u32..30_000).prop_map(Event::Wait),
        Just(Event::Begin),
        Just(Event::Begin),
        Just(Event::End),
        (0_u64..400).prop_map(Event::Reserve),
        (any::<bool>(), 1_usize..600)
            .prop_map(|(is_match, times)| Event::Observe { is_match, times }),
    ]
}

/// The same rules without a ring, a queue or a carried day: everything is found again from the
/// whole history.
#[derive(Default)]
struct Model {
    second: i64,
    begun: Vec<i64>,
    running: usize,
    reserved: Vec<(i64, u64)>,
    rows: Vec<bool>,
    paused_on: Option<i64>,
}

impl Model {
    fn day(&self) -> i64 {
        (self.second + SHANGHAI_S) / DAY_S
    }

    fn left(&self, quota: u64) -> u64 {
        let today = self.reserved.iter().filter(|(day, _)| *day == self.day());
        quota - today.map(|(_, rows)| rows).sum::<u64>()
    }

    fn begin(&mut self, quota: u64) -> Option<Limit> {
        let recent = |at: &&i64| self.second - **at < 60;
        if self.paused_on == Some(self.day()) {
            return Some(Limit::Paused);
        } else if self.left(quota) == 0 {
            return Some(Limit::Quota);
        } else if self.begun.iter().filter(recent).count() >= 120 {
            return Some(Limit::Rate);
        } else if self.running == 2 {
            return Some(Limit::Jobs);
        }
        self.begun.push(self.second);
        self.running += 1;
        None
    }

    fn observe(&mut self, is_match: bool) -> bool {
        self.rows.push(is_match);
        let last = self
            .rows
            .len()
            .checked_sub(1_000)
            .map(|from| &self.rows[from..]);
        if last.is_some_and(|rows| rows.iter().filter(|is_match| !**is_match).count() > 200) {
            self.paused_on = Some(self.day());
        }
        self.paused_on != Some(self.day())
    }

    fn wait(&mut self, seconds: i64) {
        let before = self.day();
        self.second += seconds;
        if self.day() != before && self.paused_on == Some(before) {
            self.rows.clear();
        }
    }
}

proptest! {
    #[test]
    fn any_order_of_events_is_as_the_rules_say(events in prop::collection::vec(event(), 1..300)) {
        let (clock, account) = (Clock::at("1970-01-01T00:00:00Z"), account(1_000, LIMITED));
        let (mut model, mut permits) = (Model::default(), Vec::new());
        // Nothing is observed before a first call has told the time.
        account.headers(clock.after(0.0));
        for event in events {
            #[expect(clippy::cast_precision_loss, reason = "a few days in seconds")]
            let now = clock.after(model.second as f64);
            match event {
                Event::Wait(seconds) => {
                    model.wait(i64::from(seconds));
                    // The day of an account moves with the calls that are told the time.
                    #[expect(clippy::cast_precision_loss, reason = "a few days in seconds")]
                    account.headers(clock.after(model.second as f64));
                }
                Event::Begin => {
                    let begun = account.begin(now);
                    let limit = begun.as_ref().err().map(|refused| refused.limit);
                    prop_assert_eq!(limit, model.begin(1_000));
                    permits.extend(begun.ok());
                }
                Event::End => {
                    model.running -= usize::from(permits.pop().is_some());
                }
                Event::Reserve(rows) => {
                    let paused = model.paused_on == Some(model.day());
                    let expected = if paused { 0 } else { rows.min(model.left(1_000)) };
                    prop_assert_eq!(account.reserve(rows, now), expected);
                    model.reserved.push((model.day(), expected));
                }
                Event::Observe { is_match, times } => {
                    for _ in 0..times {
                        prop_assert_eq!(account.observe(is_match), model.observe(is_match));
                    }
                }
            }
        }
    }
}
