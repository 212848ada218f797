//! The two languages of the pages, and how days, times and counts are written in them.

use certificate::Date;
use jiff::Timestamp;
use jiff::tz::{self, Offset};

/// Beijing time, which has had no summer time since 1991, so no time zone data is needed.
const BEIJING: Offset = tz::offset(8);

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A language of the pages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lang {
    /// Chinese, the first language.
    Zh,
    /// English, complete.
    En,
}

impl Lang {
    /// The language of a `lang` parameter; links carry it, so that a choice lasts.
    pub fn parse(code: &str) -> Option<Self> {
        match code {
            "zh" => Some(Self::Zh),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// The value of the `lang` parameter.
    pub fn code(self) -> &'static str {
        self.say("zh", "en")
    }

    /// The language tag of the document.
    pub fn tag(self) -> &'static str {
        self.say("zh-CN", "en")
    }

    /// The sentence of this language.
    pub fn say<'t>(self, zh: &'t str, en: &'t str) -> &'t str {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }

    /// `2020年11月30日`, `30 November 2020`.
    pub(super) fn day(self, day: &Date) -> String {
        let (year, month, date) = (day.year(), day.month(), day.day());
        match self {
            Self::Zh => format!("{year}年{month}月{date}日"),
            Self::En => format!("{date} {} {year}", month_name(*day)),
        }
    }

    /// Day and minute in Beijing time.
    pub(super) fn minute(self, time: &Timestamp) -> String {
        let local = BEIJING.to_datetime(*time);
        let day = self.day(&local.date());
        let clock = format!("{:02}:{:02}", local.hour(), local.minute());
        match self {
            Self::Zh => format!("{day} {clock}（北京时间）"),
            Self::En => format!("{day}, {clock} (Beijing time)"),
        }
    }
}

fn month_name(day: Date) -> &'static str {
    usize::try_from(day.month())
        .ok()
        .and_then(|month| MONTHS.get(month - 1))
        .expect("months are 1 to 12")
}

/// `1234567` as `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_minutes_are_those_of_beijing() {
        let day = Date::constant(2020, 3, 9);
        assert_eq!(Lang::Zh.day(&day), "2020年3月9日");
        assert_eq!(Lang::En.day(&day), "9 March 2020");
        // 16:30 UTC is half past midnight of the next day in Beijing.
        let time: Timestamp = "2026-12-31T16:30:00Z".parse().unwrap();
        assert_eq!(Lang::Zh.minute(&time), "2027年1月1日 00:30（北京时间）");
        assert_eq!(
            Lang::En.minute(&time),
            "1 January 2027, 00:30 (Beijing time)"
        );
    }

    #[test]
    fn counts_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn a_language_survives_its_link() {
        for lang in [Lang::Zh, Lang::En] {
            assert_eq!(Lang::parse(lang.code()), Some(lang));
        }
        assert_eq!(Lang::parse("fr"), None);
    }
}
