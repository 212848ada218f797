//! Delivered files: rows that keep every rule, changed where a test wants it, in every format.

use rust_xlsxwriter::{ExcelDateTime, Format as CellFormat, Workbook};

/// The columns, by their own name and by a Chinese header.
const COLUMNS: [(&str, &str); 21] = [
    ("op", "操作"),
    ("certificate_number", "证书编号"),
    ("name", "姓名"),
    ("id_type", "证件类型"),
    ("id_number", "身份证号码"),
    ("occupation_code", "职业代码"),
    ("occupation_name", "职业（工种）"),
    ("direction", "工种／职业方向"),
    ("level", "职业技能等级"),
    ("theory_score", "理论知识成绩"),
    ("skill_score", "操作技能成绩"),
    ("overall_score", "综合评审成绩"),
    ("plan_no", "认定计划编号"),
    ("assessed_on", "认定日期"),
    ("reported_on", "报送日期"),
    ("roll_verified_on", "学籍核验日期"),
    ("reviewed_by", "审核机构代码"),
    ("reviewed_on", "审核日期"),
    ("review_result", "审核结论"),
    ("issued_on", "发证日期"),
    ("reason", "原因"),
];

/// A row in the making.
#[derive(Clone, Debug)]
pub(crate) struct Row([String; COLUMNS.len()]);

/// A format that batches come in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Format {
    /// UTF-8, English headers.
    Utf8,
    /// UTF-8 with a byte order mark, Chinese headers.
    Utf8Mark,
    /// GB18030, Chinese headers.
    Gb18030,
    /// A workbook with date and number cells, Chinese headers.
    Xlsx,
}

/// The issue of certificate `serial` of the first institution: keeps every rule.
pub(crate) fn issue(serial: u32) -> Row {
    let empty = Row(std::array::from_fn(|_| String::new()));
    let fields = [
        ("certificate_number", format!("J000044000001203{serial:06}")),
        (
            "name",
            format!(
                "示例{}",
                "甲乙丙丁戊".chars().nth(serial as usize % 5).unwrap()
            ),
        ),
        ("id_number", identity(serial)),
        ("occupation_code", "4-04-05-05".to_owned()),
        ("occupation_name", "人工智能训练师".to_owned()),
        ("level", "3".to_owned()),
        ("theory_score", "88.5".to_owned()),
        ("skill_score", "90".to_owned()),
        ("plan_no", "P1".to_owned()),
        ("assessed_on", "2020-10-14".to_owned()),
        ("reported_on", "2020-10-20".to_owned()),
        ("roll_verified_on", "2020-10-22".to_owned()),
        ("reviewed_by", "440000".to_owned()),
        ("reviewed_on", "2020-10-26".to_owned()),
        ("review_result", "通过".to_owned()),
        ("issued_on", "2020-10-30".to_owned()),
    ];
    fields
        .into_iter()
        .fold(empty, |row, (field, text)| row.with(field, &text))
}

/// The same of the second institution, whose city's centre reviews.
pub(crate) fn municipal_issue(serial: u32) -> Row {
    issue(serial)
        .with(
            "certificate_number",
            &format!("J000044000002203{serial:06}"),
        )
        .with("plan_no", "P2")
        .with("reviewed_by", "SZ01")
}

/// An operation other than an issue, on certificate `serial`.
pub(crate) fn operation(op: &str, serial: u32) -> Row {
    Row(std::array::from_fn(|_| String::new()))
        .with("op", op)
        .with(
            "certificate_number",
            &format!("J000044000001203{serial:06}"),
        )
        .with("reviewed_by", "440000")
        .with("reviewed_on", "2020-11-02")
        .with("review_result", "approved")
        .with("reason", "成绩复核不合格")
}

/// An identity number of the unassigned division 440000, with its check character.
pub(crate) fn identity(serial: u32) -> String {
    let digits = format!(
        "440000200201{:02}{:03}",
        serial / 1000 % 28 + 1,
        serial % 1000
    );
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = digits
        .bytes()
        .zip(weights)
        .map(|(d, w)| u32::from(d - b'0') * w)
        .sum();
    format!(
        "{digits}{}",
        char::from(b"10X98765432"[(sum % 11) as usize])
    )
}

impl Row {
    /// The row with another value in a field.
    pub(crate) fn with(mut self, field: &str, text: &str) -> Self {
        let at = COLUMNS.iter().position(|column| column.0 == field).unwrap();
        text.clone_into(&mut self.0[at]);
        self
    }

    /// The value of a field.
    pub(crate) fn get(&self, field: &str) -> &str {
        let at = COLUMNS.iter().position(|column| column.0 == field).unwrap();
        &self.0[at]
    }
}

/// The bytes of a file with these rows.
pub(crate) fn file(rows: &[Row], format: Format) -> Vec<u8> {
    let english = || table(rows, |column| column.0);
    let chinese = || table(rows, |column| column.1);
    match format {
        Format::Utf8 => csv(&english()).into_bytes(),
        Format::Utf8Mark => format!("\u{FEFF}{}", csv(&chinese())).into_bytes(),
        Format::Gb18030 => {
            let text = csv(&chinese());
            let (bytes, _, is_lossy) = encoding_rs::GB18030.encode(&text);
            assert!(!is_lossy);
            bytes.into_owned()
        }
        Format::Xlsx => xlsx(&chinese()),
    }
}

/// Header and rows as cells.
fn table(
    rows: &[Row],
    name: impl Fn(&(&'static str, &'static str)) -> &'static str,
) -> Vec<Vec<String>> {
    let header = COLUMNS
        .iter()
        .map(|column| name(column).to_owned())
        .collect();
    let rows = rows.iter().map(|row| row.0.to_vec());
    std::iter::once(header).chain(rows).collect()
}

/// Cells as CSV.
pub(crate) fn csv(cells: &[Vec<String>]) -> String {
    let mut writer = ::csv::WriterBuilder::new()
        .flexible(true)
        .from_writer(Vec::new());
    cells
        .iter()
        .for_each(|row| writer.write_record(row).unwrap());
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

/// Cells as a spreadsheet would keep them: days as dates, levels and scores as numbers.
fn xlsx(cells: &[Vec<String>]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    let date = CellFormat::new().set_num_format("yyyy/m/d");
    for (row, cells) in (0..).zip(cells) {
        for ((column, name), text) in (0..).zip(COLUMNS.map(|column| column.0)).zip(cells) {
            let day = text
                .split('-')
                .filter_map(|part| part.parse().ok())
                .collect::<Vec<u16>>();
            if text.is_empty() {
                continue;
            }
            if row > 0 && name.ends_with("_on") && day.len() == 3 {
                let (month, day_of_month) =
                    (day[1].try_into().unwrap(), day[2].try_into().unwrap());
                let day = ExcelDateTime::from_ymd(day[0], month, day_of_month).unwrap();
                sheet
                    .write_datetime_with_format(row, column, &day, &date)
                    .unwrap();
            } else if let (true, Ok(number)) = (name != "id_number", text.parse::<f64>()) {
                sheet.write_number(row, column, number).unwrap();
            } else {
                sheet.write_string(row, column, text).unwrap();
            }
        }
    }
    workbook.save_to_buffer().unwrap()
}
