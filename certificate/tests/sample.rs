//! The synthetic population: distinct, deterministic, in the promised shares, and such that its
//! registry admits every row of it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use certificate::date::{self, Date};
use certificate::record::{Change, Details, Operation};
use certificate::sample::{Population, registry};
use certificate::workday::{Calendar, DayKind};
use certificate::{IdentityType, OccupationCode};

/// Sizes around the seams: nothing, one, less than a round, odd, and several rounds a year.
const SIZES: [u64; 6] = [0, 1, 99, 1_000, 20_011, 100_000];

fn details(change: &Change) -> &Details {
    change
        .operation
        .details()
        .expect("every change is an issue")
}

/// Every field of a change in one line.
fn line(change: &Change) -> String {
    let d = details(change);
    let mut line = format!(
        "{} {} {}",
        change.number.as_str(),
        change.review.centre,
        change.review.on
    );
    let _ = write!(
        line,
        " {} {} {}",
        d.name.expose(),
        d.id_type.code(),
        d.id_number.expose()
    );
    let _ = write!(
        line,
        " {} {} {}",
        d.occupation_code, d.occupation_name, d.direction
    );
    let _ = write!(line, " {} {} {}", d.level.code(), d.plan_no, d.assessed_on);
    let _ = write!(
        line,
        " {} {} {}",
        d.reported_on, d.roll_verified_on, d.issued_on
    );
    for score in d.scores.iter().flatten() {
        let _ = write!(line, " {score}");
    }
    line.push('\n');
    line
}

/// Every field of a withdrawal in one line.
fn withdrawn_line(change: &Change) -> String {
    let (number, review) = (change.number.as_str(), &change.review);
    format!(
        "{number} {} {} {}\n",
        review.centre, review.on, change.reason
    )
}

fn sha256(text: &str) -> String {
    digest(&SHA256, text.as_bytes())
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn the_same_on_every_machine() {
    let population = Population::new(100_000, 1);
    let first: String = (0..1_000).map(|i| line(&population.change(i))).collect();
    assert_eq!(
        sha256(&first),
        "ac6c9f071feed54dc454b2f3db00ed50ea6f929f24e230879d9f6434fa70db5b"
    );
    let withdrawn = (0..10_000).filter_map(|i| population.withdrawal(i));
    let withdrawn: String = withdrawn.map(|change| withdrawn_line(&change)).collect();
    assert_eq!(
        sha256(&withdrawn),
        "bcbabc6fe0034576d111944118f08390178e10426274acc3d250c89cf64e6fdb"
    );
    let registry: String = registry::files()
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(
        sha256(&registry),
        "d8798f7b11356aa40e93184e0cd15e207eac976f05bf414006f64dd6024c96b1"
    );
    let other = Population::new(100_000, 2);
    assert_ne!(line(&other.change(0)), line(&population.change(0)));
}

#[test]
fn numbers_are_distinct_and_dense() {
    for size in SIZES {
        let population = Population::new(size, 1);
        let mut groups: BTreeMap<String, (u32, u32)> = BTreeMap::new();
        let mut numbers = HashSet::new();
        for i in 0..size {
            let number = population.number(i);
            assert!(
                numbers.insert(number),
                "{size}: certificate {i} has another one's number"
            );
            let group = groups.entry(number.as_str()[..16].to_owned()).or_default();
            *group = (group.0 + 1, group.1.max(number.serial()));
        }
        for (group, (count, last)) in groups {
            let gaps = last - count;
            assert!(
                gaps <= count / 49 + 1,
                "{group}: {count} certificates up to serial {last}"
            );
        }
        for i in 0..size {
            let unknown = population.unknown_number(i);
            assert!(
                !numbers.contains(&unknown),
                "{size}: the gap beside {i} was issued"
            );
            assert_eq!(unknown.institution(), population.number(i).institution());
        }
    }
}

#[test]
fn two_per_cent_of_the_serials_are_unused() {
    let population = Population::new(100_000, 1);
    let mut last: BTreeMap<String, u32> = BTreeMap::new();
    for i in 0..100_000 {
        let number = population.number(i);
        let serial = last.entry(number.as_str()[..16].to_owned()).or_default();
        *serial = (*serial).max(number.serial());
    }
    let serials: u32 = last.values().sum();
    assert!(
        (101_000..103_000).contains(&serials),
        "{serials} serials for 100,000 certificates"
    );
}

#[test]
fn holders_agree_on_their_certificates() {
    for size in SIZES {
        let population = Population::new(size, 1);
        let mut holders = BTreeSet::new();
        let mut documents = HashSet::new();
        let mut two = 0;
        for i in 0..size {
            let own = population.of_same_holder(i);
            assert!(
                own.contains(&i),
                "{size}: {i} is not among its holder's certificates"
            );
            assert!(own.is_sorted() && own.len() <= 2);
            let (first, last) = (
                population.change(own[0]),
                population.change(own[own.len() - 1]),
            );
            let (first, last) = (details(&first), details(&last));
            assert!(first.name == last.name && first.id_number == last.id_number);
            assert!(first.id_type == last.id_type);
            if holders.insert(own[0]) {
                let new = documents.insert(first.id_number.expose().to_owned());
                assert!(new, "{size}: the holder of {i} has another one's document");
                two += usize::from(own.len() == 2);
            }
            if own.len() == 2 {
                assert_eq!(population.of_same_holder(own[0]), own);
                assert_eq!(population.of_same_holder(own[1]), own);
                assert!(first.issued_on < last.issued_on && first.level.rank() < last.level.rank());
                assert_eq!(first.occupation_code, last.occupation_code);
            }
        }
        if size >= 20_000 {
            let one_in = holders.len() as f64 / two as f64;
            assert!(
                (7.0..9.0).contains(&one_in),
                "one holder in {one_in} has two certificates"
            );
        }
    }
}

#[test]
fn shares_are_as_promised() {
    let population = Population::new(100_000, 1);
    let (mut dotted, mut rare, mut latin, mut withdrawn, mut foreign) = (0, 0, 0, 0, 0);
    let mut compound = 0;
    for i in 0..100_000 {
        let name = population.name(i);
        let name = name.expose();
        dotted += usize::from(name.contains('·'));
        rare += usize::from(name.chars().any(|c| c > '\u{FFFF}'));
        latin += usize::from(name.contains(|c: char| c.is_ascii_uppercase()));
        compound += usize::from(name.starts_with("欧阳") || name.starts_with("上官"));
        foreign += usize::from(population.id_type(i) != IdentityType::RESIDENT);
        withdrawn += usize::from(population.withdrawal(i).is_some());
    }
    assert!((400..600).contains(&dotted), "{dotted} names with a dot");
    assert!((140..260).contains(&rare), "{rare} names beyond the BMP");
    assert!((200..400).contains(&latin), "{latin} Latin names");
    assert!((650..950).contains(&foreign), "{foreign} other documents");
    assert!(
        (3..30).contains(&compound),
        "{compound} of two compound surnames"
    );
    assert_eq!(withdrawn, 1_000);
}

#[test]
fn residents_live_in_a_division_that_does_not_exist() {
    for (size, seed) in [(100_000, 1), (1_000, 7)] {
        let population = Population::new(size, seed);
        for i in 0..size {
            let (kind, number) = (population.id_type(i), population.id_number(i));
            let resident = number.expose().starts_with("440000") && number.expose().len() == 18;
            assert_eq!(resident, kind == IdentityType::RESIDENT, "certificate {i}");
        }
    }
}

#[test]
fn the_largest_population_still_has_room() {
    let size = Population::MOST_CERTIFICATES;
    let population = Population::new(size, 1);
    let step = 99_991;
    let mut documents = HashSet::new();
    for i in (0..size).step_by(step).chain(size - 3_000..size) {
        let change = population.change(i);
        assert!(details(&change).issued_on <= Date::constant(2026, 10, 10));
        if population.of_same_holder(i)[0] == i {
            assert!(documents.insert(details(&change).id_number.expose().to_owned()));
        }
        assert_ne!(population.unknown_number(i), change.number);
    }
}

#[test]
#[should_panic(expected = "at most 100,000,000")]
fn more_than_the_largest_is_refused() {
    let _ = Population::new(Population::MOST_CERTIFICATES + 1, 1);
}

// ---- The gate's rules, written a second time on purpose: from the contract, not from the gate.

type Row = Vec<String>;

struct Registry {
    institutions: BTreeMap<String, Row>,
    programmes: BTreeMap<(String, String), Row>,
    occupations: BTreeMap<String, Row>,
    exclusions: Vec<Row>,
    centres: BTreeMap<String, Row>,
    plans: BTreeMap<String, Row>,
    calendar: Calendar,
}

fn table(name: &str) -> Vec<Row> {
    let files = registry::files();
    let (_, text) = files
        .iter()
        .find(|file| file.0 == name)
        .expect("a registry file");
    assert!(!text.contains('"') && text.ends_with('\n'), "{name}");
    let columns = text.lines().next().expect("a header").split(',').count();
    let rows: Vec<Row> = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect();
    assert!(
        rows.iter().all(|row| row.len() == columns),
        "{name} is ragged"
    );
    rows
}

fn keyed(name: &str, column: usize) -> BTreeMap<String, Row> {
    let rows = table(name);
    let count = rows.len();
    let keyed: BTreeMap<String, Row> = rows
        .into_iter()
        .map(|row| (row[column].clone(), row))
        .collect();
    assert_eq!(keyed.len(), count, "{name} has a key twice");
    keyed
}

fn day(text: &str) -> Date {
    date::parse(text).expect("a day")
}

fn holds(from: &str, until: &str, on: Date) -> bool {
    day(from) <= on && (until.is_empty() || on <= day(until))
}

impl Registry {
    fn load() -> Self {
        let kind = |text: &str| match text {
            "holiday" => DayKind::Holiday,
            "makeup_workday" => DayKind::MakeupWorkday,
            other => panic!("calendar.csv has a kind {other}"),
        };
        Self {
            institutions: keyed("institutions.csv", 0),
            programmes: table("programmes.csv")
                .into_iter()
                .map(|row| ((row[0].clone(), row[1].clone()), row))
                .collect(),
            occupations: keyed("occupations.csv", 0),
            exclusions: table("exclusions.csv"),
            centres: keyed("centres.csv", 0),
            plans: keyed("plans.csv", 0),
            calendar: Calendar::new(
                table("calendar.csv")
                    .iter()
                    .map(|row| (day(&row[0]), kind(&row[1]))),
            ),
        }
    }

    fn judge_issue(&self, change: &Change) {
        let (number, d) = (change.number, details(change));
        let institution = &self.institutions[number.institution().as_str()];
        assert_eq!(number.year(), d.issued_on.year());
        assert_eq!(number.level(), Some(d.level));
        assert!(day(&institution[6]) <= d.assessed_on, "not yet filed");
        assert!(
            institution[7].is_empty() || d.issued_on < day(&institution[7]),
            "removed"
        );
        self.judge_occupation(institution, d);
        self.judge_days(change, d);
        self.judge_review(institution, change);
    }

    fn judge_occupation(&self, institution: &Row, d: &Details) {
        let code = d.occupation_code.to_string();
        let occupation = &self.occupations[&code];
        assert_eq!(occupation[1], d.occupation_name);
        assert!(
            holds(&occupation[3], &occupation[4], d.assessed_on),
            "{code} not in force"
        );
        assert!(d.occupation_code.is_skilled());
        let excluded = |row: &&Row| row[0] == d.occupation_name || row[1] == code;
        assert!(
            self.exclusions.iter().find(excluded).is_none(),
            "{code} was excluded once"
        );
        let programme = &self.programmes[&(institution[0].clone(), code.clone())];
        assert!(
            holds(&programme[5], &programme[6], d.assessed_on),
            "{code} not in programme"
        );
        for top in [&institution[5], &programme[3]] {
            assert!(
                d.level.code() >= top.chars().next().expect("a level"),
                "above {top}"
            );
        }
    }

    fn judge_days(&self, change: &Change, d: &Details) {
        let plan = &self.plans[&d.plan_no];
        let (filed, starts, ends) = (day(&plan[2]), day(&plan[3]), day(&plan[4]));
        assert_eq!(plan[1], change.number.institution().as_str());
        assert!(starts <= d.assessed_on && d.assessed_on <= ends && ends <= d.reported_on);
        assert!(d.reported_on <= change.review.on && change.review.on <= d.issued_on);
        assert!(d.roll_verified_on <= change.review.on);
        assert!(d.issued_on <= Date::constant(2026, 10, 10));
        assert!(
            self.calendar.count(filed, starts, 99).expect("known years") >= 10,
            "filed late"
        );
        let after = ends.tomorrow().expect("there is a next day");
        let late = self
            .calendar
            .count(after, d.reported_on, 99)
            .expect("known years");
        assert!(late < 20, "reported {late} working days after the end");
    }

    fn judge_review(&self, institution: &Row, change: &Change) {
        let division = match institution[3].as_str() {
            "provincial" => "440000",
            "municipal" => &institution[2],
            other => panic!("institutions.csv has an affiliation {other}"),
        };
        assert_eq!(self.centres[&change.review.centre][2], division);
    }
}

#[test]
fn its_registry_admits_every_row() {
    let registry = Registry::load();
    for (size, seed) in [(100_000, 1), (5_000, 2), (7, 3)] {
        let population = Population::new(size, seed);
        for i in 0..size {
            let change = population.change(i);
            assert_eq!(change.number, population.number(i));
            registry.judge_issue(&change);
            if let Some(withdrawal) = population.withdrawal(i) {
                assert_eq!(withdrawal.operation, Operation::Withdraw);
                assert_eq!(withdrawal.number, change.number);
                assert!(details(&change).issued_on <= withdrawal.review.on);
                assert!(withdrawal.review.on <= Date::constant(2026, 10, 10));
                assert_eq!(withdrawal.review.centre, change.review.centre);
                assert!((1..=40).contains(&withdrawal.reason.chars().count()));
            }
        }
    }
}

#[test]
fn the_registry_is_a_whole_one() {
    let registry = Registry::load();
    assert_eq!(registry.institutions.len(), 60);
    assert_eq!(registry.centres.len(), 22);
    assert_eq!(registry.occupations.len(), 1_632);
    assert_eq!(registry.exclusions.len(), 198);
    let removed = registry
        .institutions
        .values()
        .filter(|row| !row[7].is_empty())
        .count();
    assert_eq!(removed, 1);
    let mut offered: BTreeMap<&str, usize> = BTreeMap::new();
    for (institution, occupation) in registry.programmes.keys() {
        *offered.entry(institution).or_default() += 1;
        assert!(
            OccupationCode::parse(occupation)
                .expect("a code")
                .is_skilled()
        );
    }
    assert_eq!(offered.len(), 60);
    assert!(offered.values().all(|count| (7..=10).contains(count)));
    for centre in registry.centres.values() {
        let (_, subscriber) = centre[3].split_once('-').expect("area code and number");
        assert!(
            subscriber.bytes().all(|digit| digit == b'0'),
            "a number somebody may have"
        );
    }
}

#[test]
fn every_institution_and_level_occurs() {
    let population = Population::new(100_000, 1);
    let mut levels: BTreeMap<String, BTreeSet<char>> = BTreeMap::new();
    let mut years = BTreeSet::new();
    for i in 0..100_000 {
        let number = population.number(i);
        let code = number.institution().as_str().to_owned();
        levels
            .entry(code)
            .or_default()
            .insert(number.level_character());
        years.insert(number.year());
    }
    assert_eq!(
        years.into_iter().collect::<Vec<i16>>(),
        (2020..=2026).collect::<Vec<i16>>()
    );
    let registry = Registry::load();
    for (code, institution) in &registry.institutions {
        let top = institution[5].chars().next().expect("a level");
        assert_eq!(levels[code], (top..='5').collect(), "{code}");
    }
}
