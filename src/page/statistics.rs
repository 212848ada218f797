//! The register in counts: views, charts and page.
//!
//! A chart is an inline SVG drawn here: labels stand above their bars, lengths are shares of the
//! width and heights are in ems, so it fits every screen and every size of type without being
//! scaled. The same numbers stand in a table beneath.

use std::borrow::Cow;

use askama::Template;
use certificate::Level;

use super::{AsOf, Lang, division, english, finish};

/// The register in counts. The four lists each add up to all certificates.
#[derive(Clone, Copy, Debug)]
pub struct StatisticsView<'a> {
    /// All, withdrawn ones included.
    pub certificates: u64,
    /// Those of them that are withdrawn.
    pub withdrawn: u64,
    /// 已报送, those confirmed included.
    pub reported: u64,
    /// 全国可查.
    pub acknowledged: u64,
    /// By the institution's city.
    pub cities: &'a [Counted<'a>],
    /// By occupation, most frequent first, the rest last.
    pub occupations: &'a [Counted<'a>],
    /// By level.
    pub levels: &'a [Counted<'a>],
    /// By year of issue.
    pub years: &'a [Counted<'a>],
    /// The state of the register that answered.
    pub as_of: AsOf,
}

/// One line of a list.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    /// Of what.
    pub key: Key<'a>,
    /// Certificates, withdrawn ones included.
    pub certificates: u64,
    /// Those of them that are withdrawn.
    pub withdrawn: u64,
}

/// What a line counts.
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    /// Division code; empty when the institution is not known.
    City(&'a str),
    /// An occupation.
    Occupation {
        /// 职业编码.
        code: &'a str,
        /// 职业名称.
        name: &'a str,
    },
    /// This many occupations that have no line of their own.
    OtherOccupations(usize),
    /// Level character.
    Level(char),
    /// Year.
    Year(i16),
}

/// The page with its charts.
pub fn statistics(lang: Lang, view: &StatisticsView<'_>) -> String {
    let titles = [
        (
            "city",
            lang.say("按城市", "By city"),
            lang.say("评价机构所在城市", "City of the institution"),
            view.cities,
        ),
        (
            "occupation",
            lang.say("按职业", "By occupation"),
            lang.say("职业", "Occupation"),
            view.occupations,
        ),
        (
            "level",
            lang.say("按等级", "By level"),
            lang.say("职业技能等级", "Skill level"),
            view.levels,
        ),
        (
            "year",
            lang.say("按年份", "By year"),
            lang.say("发证年份", "Year of issue"),
            view.years,
        ),
    ];
    let charts =
        titles.map(|(id, title, column, lines)| Chart::new(lang, id, title, column, lines));
    finish(&StatisticsPage {
        lang,
        path: "/statistics",
        view,
        charts,
        as_of: Some(view.as_of),
    })
}

#[derive(Template)]
#[template(path = "statistics.html")]
struct StatisticsPage<'a> {
    lang: Lang,
    path: &'static str,
    view: &'a StatisticsView<'a>,
    charts: [Chart<'a>; 4],
    as_of: Option<AsOf>,
}

/// Height of one bar with its label, in tenths of an em.
const STEP: usize = 28;

/// Longest label that fits beside its count on a screen of 320 pixels.
const LABEL_CHARACTERS: usize = 12;

struct Chart<'a> {
    id: &'static str,
    title: &'static str,
    column: &'static str,
    /// Height of the drawing in ems.
    height: String,
    bars: Vec<Bar<'a>>,
}

struct Bar<'a> {
    label: Cow<'a, str>,
    /// The label is Chinese whatever the language of the page.
    chinese: bool,
    code: &'a str,
    certificates: u64,
    withdrawn: u64,
    /// Share of the longest bar, in percent with one decimal.
    width: String,
    /// Where the label's baseline and the bar's upper edge are, in ems.
    label_y: String,
    bar_y: String,
}

impl<'a> Chart<'a> {
    fn new(
        lang: Lang,
        id: &'static str,
        title: &'static str,
        column: &'static str,
        lines: &[Counted<'a>],
    ) -> Self {
        let most = lines.iter().map(|line| line.certificates).max();
        let most = most.unwrap_or(0);
        let bar = |(index, line)| Bar::new(lang, index, line, most);
        Self {
            id,
            title,
            column,
            height: ems(lines.len() * STEP),
            bars: lines.iter().enumerate().map(bar).collect(),
        }
    }

    /// What the drawing shows, in one sentence for those who do not see it.
    fn description(&self, lang: Lang) -> String {
        let longest = self.bars.iter().max_by_key(|bar| bar.certificates);
        match (lang, longest) {
            (Lang::Zh, None) => "没有数据。".to_owned(),
            (Lang::En, None) => "No data.".to_owned(),
            (Lang::Zh, Some(bar)) => format!(
                "条形图，共{}项，最多的是{}，{}本。全部数字见下表。",
                self.bars.len(),
                bar.label,
                super::language::count(bar.certificates)
            ),
            (Lang::En, Some(bar)) => format!(
                "Bar chart with {} bars; the longest stands for {} certificates. All numbers are \
                 in the table below.",
                self.bars.len(),
                super::language::count(bar.certificates)
            ),
        }
    }
}

impl<'a> Bar<'a> {
    fn new(lang: Lang, index: usize, line: &Counted<'a>, most: u64) -> Self {
        let (label, chinese, code) = label(lang, line.key);
        let top = index * STEP;
        Self {
            label,
            chinese,
            code,
            certificates: line.certificates,
            withdrawn: line.withdrawn,
            width: share(line.certificates, most),
            label_y: ems(top + 12),
            bar_y: ems(top + 16),
        }
    }

    /// The label cut to what fits above its bar; the table has it whole.
    fn short(&self) -> Cow<'_, str> {
        if self.chinese && self.label.chars().count() > LABEL_CHARACTERS {
            let cut: String = self.label.chars().take(LABEL_CHARACTERS - 1).collect();
            Cow::Owned(cut + "…")
        } else {
            // "Level 3 / Senior skilled worker"
            Cow::Borrowed(self.label.split(" / ").next().unwrap_or(&self.label))
        }
    }
}

/// The words for a line, whether they are Chinese on every page, and its code.
fn label<'a>(lang: Lang, key: Key<'a>) -> (Cow<'a, str>, bool, &'a str) {
    match key {
        Key::City("") => (lang.say("未知", "unknown").into(), false, ""),
        Key::City(code) => (division::name(lang, code).into(), false, ""),
        Key::Occupation { code, name } => (name.into(), true, code),
        Key::OtherOccupations(count) => match lang {
            Lang::Zh => (format!("其余{count}个职业").into(), false, ""),
            Lang::En => (format!("{count} other occupations").into(), false, ""),
        },
        Key::Level(code) => (level(lang, code), false, ""),
        Key::Year(year) => (year.to_string().into(), false, ""),
    }
}

fn level(lang: Lang, code: char) -> Cow<'static, str> {
    let english = english::level(code).map(Cow::Borrowed);
    let chinese = Level::from_code(code).map(|level| Cow::Owned(level.name()));
    let named = if lang == Lang::En { english } else { chinese };
    named.unwrap_or_else(|| Cow::Owned(code.to_string()))
}

/// `part` of `whole` in percent with one decimal; what is not nothing is seen.
fn share(part: u64, whole: u64) -> String {
    let permille = (part * 1000).checked_div(whole).unwrap_or(0);
    let permille = permille.max(u64::from(part > 0) * 3);
    format!("{}.{}%", permille / 10, permille % 10)
}

fn ems(tenths: usize) -> String {
    format!("{}.{}em", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_shares_of_the_longest() {
        for (part, whole, width) in [
            (0, 0, "0.0%"),
            (0, 9, "0.0%"),
            (1, 100_000, "0.3%"),
            (1, 3, "33.3%"),
            (7, 7, "100.0%"),
        ] {
            assert_eq!(share(part, whole), width, "{part} of {whole}");
        }
    }

    #[test]
    fn long_names_are_cut_in_the_drawing_only() {
        let counted = |name| Counted {
            key: Key::Occupation { code: "4", name },
            certificates: 1,
            withdrawn: 0,
        };
        let long = Bar::new(Lang::Zh, 0, &counted("一二三四五六七八九十一二三"), 1);
        assert_eq!(long.short(), "一二三四五六七八九十一…");
        let fits = Bar::new(Lang::Zh, 2, &counted("一二三四五六七八九十一二"), 1);
        assert_eq!(fits.short(), "一二三四五六七八九十一二");
        assert_eq!((&*fits.label_y, &*fits.bar_y), ("6.8em", "7.2em"));
    }
}
