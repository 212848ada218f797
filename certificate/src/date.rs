//! Calendar days: how people write them, and how the snapshot packs them.

pub use jiff::civil::Date;

use crate::text::tidied;

/// Day 0 of the packed form.
const EPOCH: Date = jiff::civil::date(1970, 1, 1);

/// The last day of the packed form.
const LAST: Date = jiff::civil::date(2149, 6, 6);

/// Reads a day as `YYYY-MM-DD`, `YYYY/M/D`, `YYYYMMDD` or `YYYY年M月D日`; a midnight time after it
/// (as spreadsheets print date cells) is dropped. `None` for anything else and for days that do
/// not exist.
pub fn parse(text: &str) -> Option<Date> {
    if let Ok(bytes) = text.as_bytes().try_into()
        && let Some(day) = canonical(bytes)
    {
        return Some(day);
    }
    let text = tidied(text);
    let text = text
        .strip_suffix(" 00:00:00")
        .or_else(|| text.strip_suffix("T00:00:00"))
        .unwrap_or(&text);
    if text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return of_parts([&text[..4], &text[4..6], &text[6..]].into_iter());
    }
    if let Some(chinese) = text.strip_suffix('日') {
        return of_parts(chinese.split(['年', '月']).map(str::trim));
    }
    let separator = if text.contains('/') { '/' } else { '-' };
    of_parts(text.split(separator))
}

/// A day from the digits of its year, month and day.
fn of_parts<'a>(mut parts: impl Iterator<Item = &'a str>) -> Option<Date> {
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if parts.next().is_some()
        || year.len() != 4
        || !digits(year, 4)
        || !digits(month, 2)
        || !digits(day, 2)
    {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// Reads `YYYY-MM-DD` and nothing else: how the ledger and nearly every batch write a day.
fn canonical(bytes: &[u8; 10]) -> Option<Date> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = bytes.map(|byte| match byte {
        b'0'..=b'9' => byte - b'0',
        b'-' => b'-',
        _ => u8::MAX,
    }) else {
        return None;
    };
    if [y1, y2, y3, y4, m1, m2, d1, d2]
        .iter()
        .any(|&digit| digit > 9)
    {
        return None;
    }
    let pair = |tens: u8, ones: u8| tens * 10 + ones;
    let year = i16::from(pair(y1, y2)) * 100 + i16::from(pair(y3, y4));
    let [month, day] = [pair(m1, m2), pair(d1, d2)].map(u8::cast_signed);
    Date::new(year, month, day).ok()
}

/// Days since 1970-01-01, for packing; `None` outside 1970-01-01 … 2149-06-06, what 16 bits hold.
pub fn to_day_number(date: Date) -> Option<u16> {
    let hours = date.duration_since(EPOCH).as_hours();
    u16::try_from(hours / 24).ok()
}

/// Whether [`to_day_number`] has a number for a day.
pub fn is_packable(date: Date) -> bool {
    (EPOCH..=LAST).contains(&date)
}

/// The day of a packed number; every number is a day. Cost: some nanoseconds, where the calendar's
/// own addition takes tens; each answer shows two or three days.
pub fn from_day_number(day: u16) -> Date {
    /// Days from 1 March 1600, where a cycle of 400 years begins, to 1970-01-01; years here begin
    /// in March, so that a leap day is the last of its year.
    const BEFORE: u32 = 135_080;
    const CYCLE: u32 = 146_097;
    let days = u32::from(day) + BEFORE;
    let (cycle, day) = (days / CYCLE, days % CYCLE);
    // Without the leap days of whole 4, 100 and 400 years, what is left are years of 365 days.
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Five months from March, and again from August, have 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..=9 => (year, month + 3),
        _ => (year + 1, month - 9),
    };
    let year = i16::try_from(1600 + 400 * cycle + year);
    let (month, day) = (i8::try_from(month), i8::try_from(day));
    match (year, month, day) {
        (Ok(year), Ok(month), Ok(day)) => Date::new(year, month, day).ok(),
        _ => None,
    }
    .expect("65,535 days after 1970 are within the calendar")
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    #[test]
    fn only_digits_are_digits() {
        for at in 0..10 {
            for byte in 0..=u8::MAX {
                let mut text = *b"2020-11-12";
                text[at] = byte;
                let digit = byte.is_ascii_digit() != [4, 7].contains(&at);
                let right = digit && (byte.is_ascii_digit() || byte == b'-');
                let day = std::str::from_utf8(&text).ok().filter(|_| right);
                let day = day.and_then(|text| text.parse::<Date>().ok());
                assert_eq!(canonical(&text), day, "{text:?}");
            }
        }
    }

    #[test]
    fn every_accepted_form() {
        let day = Date::constant(2020, 3, 9);
        for text in [
            "2020-03-09",
            "2020/3/9",
            "2020/03/09",
            "20200309",
            "2020年3月9日",
            "2020年03月09日",
            " ２０２０-03-09 ",
            "2020-03-09 00:00:00",
            "2020-3-9",
        ] {
            assert_eq!(parse(text), Some(day), "{text}");
        }
        for text in [
            "",
            "2020",
            "2020-13-01",
            "2020-02-30",
            "20-03-09",
            "2020.03.09",
            "2020-03-09 10:00:00",
            "9/3/2020",
            "2020年3月",
            "+2020-3-9",
            "43899",
            "2020-03-09-01",
            "二〇二〇年三月九日",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn day_numbers_round_trip() {
        for day in 0..=u16::MAX {
            let added = EPOCH.checked_add(i64::from(day).days()).unwrap();
            assert_eq!(from_day_number(day), added);
            assert_eq!(to_day_number(added), Some(day));
        }
        assert_eq!(from_day_number(18_330), Date::constant(2020, 3, 9));
        assert_eq!(to_day_number(Date::constant(1969, 12, 31)), None);
        assert_eq!(to_day_number(Date::constant(2149, 6, 7)), None);
        for day in [EPOCH, LAST, Date::MIN, Date::MAX] {
            for day in [
                day,
                day.saturating_add(1.days()),
                day.saturating_sub(1.days()),
            ] {
                assert_eq!(is_packable(day), to_day_number(day).is_some(), "{day}");
            }
        }
    }
}
