//! What may still be answered of a list: the rows of a day's quota that were taken for it.

use std::sync::Arc;

use crate::quota::{Account, Now};

/// Rows granted to a list. Those that were not charged are given back when it is dropped, however
/// the job ends.
#[derive(Debug)]
pub(super) struct Grant {
    account: Option<(Arc<Account>, Now)>,
    left: u64,
}

impl Grant {
    /// Takes rows of the account's quota; somebody without an account has as many as needed.
    pub(super) fn take(account: Option<&(Arc<Account>, Now)>, rows: u64) -> Self {
        let left = account.map_or(rows, |(account, now)| account.reserve(rows, *now));
        Self {
            account: account.cloned(),
            left,
        }
    }

    /// Whether nothing is left.
    pub(super) fn is_used_up(&self) -> bool {
        self.left == 0
    }

    /// Charges an answered row. An account that guesses gets nothing more.
    pub(super) fn charge(&mut self, is_match: bool) {
        self.left -= 1;
        if let Some((account, reserved)) = &self.account
            && !account.observe(is_match)
        {
            account.give_back(std::mem::take(&mut self.left), *reserved);
        }
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if let Some((account, reserved)) = &self.account {
            account.give_back(self.left, *reserved);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use jiff::Timestamp;

    use super::*;
    use crate::quota::Budgets;

    fn account(rows_per_day: u64) -> (Arc<Account>, Now) {
        let budgets = Budgets {
            enabled: true,
            replicas: 1,
        };
        let now = Now {
            wall: Timestamp::UNIX_EPOCH,
            tick: Instant::now(),
        };
        (Arc::new(Account::new(rows_per_day, budgets)), now)
    }

    #[test]
    fn rows_that_are_not_charged_are_given_back() {
        let (account, now) = account(10);
        let of = Some((Arc::clone(&account), now));
        let mut grant = Grant::take(of.as_ref(), 7);
        grant.charge(true);
        grant.charge(false);
        drop(grant);
        assert!(
            account
                .headers(now)
                .unwrap()
                .limit
                .starts_with("\"rows\";r=8;")
        );
        let grant = Grant::take(of.as_ref(), 20);
        assert_eq!(grant.left, 8);
        assert!(Grant::take(of.as_ref(), 1).is_used_up());
        drop(grant);
        assert!(
            account
                .headers(now)
                .unwrap()
                .limit
                .starts_with("\"rows\";r=8;")
        );
    }

    #[test]
    fn whoever_guesses_gets_nothing_more() {
        let (account, now) = account(100_000);
        let mut grant = Grant::take(Some(&(Arc::clone(&account), now)), 5_000);
        let mut answered = 0;
        while !grant.is_used_up() {
            grant.charge(answered % 4 != 0);
            answered += 1;
        }
        assert_eq!(answered, 1_000);
        drop(grant);
        assert!(Grant::take(Some(&(account, now)), 1).is_used_up());
    }
}
