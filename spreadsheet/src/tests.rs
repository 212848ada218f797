//! Files of every kind, good and bad, through the one door.

use std::io::{Cursor, Write};

use proptest::prelude::*;
use rust_xlsxwriter::{ExcelDateTime, Format as CellFormat, Formula, Workbook};
use zip::write::SimpleFileOptions;

use super::*;

/// A row as text: number, then cells with a mark for their kind.
type Printed = (u64, Vec<String>);

fn print(row: &Row) -> Printed {
    let cells = (0..row.used()).map(|column| match row.cell(column) {
        Cell::Text(text) => text.to_owned(),
        Cell::Number(text) => format!("#{text}"),
        Cell::Date(text) => format!("@{text}"),
        Cell::Fault => "!".to_owned(),
        Cell::Oversize => "…".to_owned(),
    });
    (row.number, cells.collect())
}

const LIMITS: Limits = Limits {
    file_bytes: 32 << 20,
    inflated_bytes: 64 << 20,
    part_bytes: 16 << 20,
    strings: 1000,
};

fn read_named(name: &str, bytes: &[u8]) -> Result<Vec<Printed>, SpreadsheetError> {
    let mut rows = Vec::new();
    Spreadsheet::open(Cursor::new(bytes), Path::new(name), &LIMITS)?.rows(|row| {
        rows.push(print(&row));
        Ok::<(), SpreadsheetError>(())
    })?;
    Ok(rows)
}

fn read(bytes: &[u8]) -> Result<Vec<Printed>, SpreadsheetError> {
    read_named("batch.csv", bytes)
}

fn code(result: Result<Vec<Printed>, SpreadsheetError>) -> &'static str {
    result.unwrap_err().code().unwrap()
}

fn printed(number: u64, cells: &[&str]) -> Printed {
    (number, cells.iter().map(|&cell| cell.to_owned()).collect())
}

fn gb18030(text: &str) -> Vec<u8> {
    let (bytes, _, is_lossy) = encoding_rs::GB18030.encode(text);
    assert!(!is_lossy);
    bytes.into_owned()
}

#[test]
fn the_encodings_give_the_same_text() {
    // A character beyond the BMP, one of four bytes in GB18030, and the separator of names.
    let text = "姓名,备注\r\n𠮷野·买买提,㐀\r\n";
    let rows = [
        printed(1, &["姓名", "备注"]),
        printed(2, &["𠮷野·买买提", "㐀"]),
    ];
    assert_eq!(read(text.as_bytes()).unwrap(), rows);
    assert_eq!(read(format!("\u{FEFF}{text}").as_bytes()).unwrap(), rows);
    assert_eq!(read(&gb18030(text)).unwrap(), rows);
}

#[test]
fn malformed_text_is_never_guessed() {
    let mut broken = "姓名,备注\n张三,这是一段足够长的文字用来辨认编码\n"
        .as_bytes()
        .to_vec();
    // One lost byte in UTF-8: as GB18030 it would decode to other characters.
    broken.remove(24);
    assert_eq!(code(read(&broken)), "encoding");
    let mut marked = "\u{FEFF}a,b\n".as_bytes().to_vec();
    marked.push(0xC4);
    assert_eq!(code(read(&marked)), "encoding");
    // A mark promises UTF-8, even where the rest would read as GB18030.
    let promised = [&[0xEF, 0xBB, 0xBF][..], &gb18030("a你你\n")].concat();
    assert_eq!(code(read(&promised)), "encoding");
    let mut gb = gb18030("姓名,备注\n张三,好\n");
    gb.push(0x81);
    assert_eq!(code(read(&gb)), "encoding");
    let utf16: Vec<u8> = "姓名,备注\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(
        code(read(&[&[0xFF, 0xFE][..], &utf16].concat())),
        "encoding"
    );
}

#[test]
fn rows_count_as_a_spreadsheet_shows_them() {
    let text = "a,b\n\n , \n\"line\nbreak\r\nin a cell\",2\r\rlast,\"3\"\"\"";
    let rows = [
        printed(1, &["a", "b"]),
        printed(4, &["line\nbreak\r\nin a cell", "2"]),
        printed(6, &["last", "3\""]),
    ];
    assert_eq!(read(text.as_bytes()).unwrap(), rows);
}

#[test]
fn an_open_quote_is_told_with_its_place() {
    let error = read(b"a,b\n1,2\n3,\"4\n5,6\n7,8\n").unwrap_err();
    assert_eq!(error.code(), Some("file_unreadable"));
    assert!(
        error.to_string().starts_with("第3行B列的引号没有配对"),
        "{error}"
    );
    // A quote within a cell is a character.
    assert_eq!(
        read(b"5\" pipe,b").unwrap(),
        [printed(1, &["5\" pipe", "b"])]
    );
}

#[test]
fn a_cell_of_ten_megabytes_is_not_kept() {
    let text = format!("a,b,c\n1,{},3\n4,5,6\n", "x".repeat(10 << 20));
    let rows = read(text.as_bytes()).unwrap();
    assert_eq!(rows[1], printed(2, &["1", "…", "3"]));
    assert_eq!(rows[2], printed(3, &["4", "5", "6"]));
}

#[test]
fn files_that_are_no_table() {
    assert_eq!(code(read(b"")), "file_unreadable");
    assert_eq!(
        code(read(&[0xD0, 0xCF, 0x11, 0xE0, 0, 0])),
        "file_unreadable"
    );
    assert_eq!(
        code(read_named("a.xlsx", b"name,number\n")),
        "file_unreadable"
    );
    assert_eq!(code(read_named("a.xlsx", b"PK\x03\x04")), "file_unreadable");
    for start in ["a", "PK\u{3}\u{4}"] {
        let mut large = start.as_bytes().to_vec();
        large.resize((32 << 20) + 1, b' ');
        assert_eq!(code(read(&large)), "file_too_large");
    }
}

proptest! {
    /// Oracle: the `csv` crate, which writes and reads RFC 4180 but counts rows otherwise.
    #[test]
    fn what_the_csv_crate_writes_is_read_the_same(
        rows in prop::collection::vec(
            prop::collection::vec("[a-c张,\"\r\n ]{0,6}", 3),
            1..6,
        ),
    ) {
        let mut writer = ::csv::WriterBuilder::new().from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let is_used = |cell: &&String| cell.chars().any(|c| !c.is_whitespace());
        let mut expected = Vec::new();
        for (row, number) in rows.iter().zip(1..) {
            let used = row.iter().rposition(|cell| is_used(&cell)).map_or(0, |last| last + 1);
            if used > 0 {
                expected.push((number, row[..used].to_vec()));
            }
        }
        prop_assert_eq!(read(&bytes).unwrap(), expected);
    }

    /// However the bytes are cut into blocks, and whatever they are, there is an answer.
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }
}

/// A workbook of one sheet with cells of every kind.
fn workbook() -> Workbook {
    let mut workbook = Workbook::new();
    workbook
        .add_worksheet()
        .set_name("hidden")
        .unwrap()
        .set_hidden(true);
    let sheet = workbook.add_worksheet();
    sheet.set_active(true);
    let date = CellFormat::new().set_num_format("yyyy-mm-dd");
    let day = ExcelDateTime::from_ymd(2020, 3, 9).unwrap();
    sheet.write_string(0, 0, "证书编号").unwrap();
    sheet.write_string(0, 2, "级别").unwrap();
    sheet.write_string(2, 0, "J000044000001203000001").unwrap();
    sheet.write_number(2, 1, 3.0).unwrap();
    sheet.write_number(2, 2, 88.5).unwrap();
    sheet.write_number(2, 3, 4.4e17).unwrap();
    sheet.write_datetime_with_format(2, 4, &day, &date).unwrap();
    let noon = day.clone().and_hms(12, 0, 0).unwrap();
    sheet
        .write_datetime_with_format(2, 5, &noon, &date)
        .unwrap();
    sheet.write_boolean(2, 6, true).unwrap();
    sheet
        .write_formula(2, 7, Formula::new("=1/0").set_result("#DIV/0!"))
        .unwrap();
    sheet.write_number(2, 8, 44_000_001.0).unwrap();
    workbook
}

#[test]
fn a_workbook_keeps_the_kinds_of_its_cells() {
    let bytes = workbook().save_to_buffer().unwrap();
    let rows = read_named("batch.xlsx", &bytes).unwrap();
    assert_eq!(rows[0], printed(1, &["证书编号", "", "级别"]));
    let (number, cells) = &rows[1];
    assert_eq!(*number, 3);
    let expected = [
        "J000044000001203000001",
        "#3",
        "#88.5",
        "#4.4E17",
        "@2020-03-09",
        "@2020-03-09",
        "TRUE",
    ];
    assert_eq!(cells[..7], expected);
    assert_eq!(cells[8], "#44000001");
    // What a file is, its bytes tell, not its name.
    assert_eq!(read_named("batch.csv", &bytes).unwrap(), rows);
}

#[test]
fn a_formula_that_failed_is_a_fault() {
    let xml = r##"<row r="1"><c r="A1" t="e"><v>#N/A</v></c><c r="B1"><v>1</v></c></row>"##;
    let rows = read_named("a.xlsx", &archive(&sheet(xml), &[])).unwrap();
    assert_eq!(rows, [printed(1, &["!", "#1"])]);
}

#[test]
fn a_cell_far_out_costs_nothing() {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_string(0, 0, "a").unwrap();
    sheet.write_string(1_048_575, 16_383, "far out").unwrap();
    let bytes = workbook.save_to_buffer().unwrap();
    let rows = read_named("a.xlsx", &bytes).unwrap();
    assert_eq!(
        (rows.len(), rows[1].0, rows[1].1.len()),
        (2, 1_048_576, 1025)
    );
}

/// The XML of a sheet with these rows.
fn sheet(rows: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><worksheet \
         xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">\
         <sheetData>{rows}</sheetData></worksheet>"
    )
}

/// A workbook by hand, with further parts.
fn archive(sheet: &str, parts: &[(&str, &[u8])]) -> Vec<u8> {
    const TYPES: &str = "<?xml version=\"1.0\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>";
    const ROOT: &str = "<?xml version=\"1.0\"?><Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"r1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>";
    const BOOK: &str = "<?xml version=\"1.0\"?><workbook xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets><sheet name=\"a\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>";
    const SHEETS: &str = "<?xml version=\"1.0\"?><Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"r1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>";
    let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    let usual: [(&str, &[u8]); 5] = [
        ("[Content_Types].xml", TYPES.as_bytes()),
        ("_rels/.rels", ROOT.as_bytes()),
        ("xl/workbook.xml", BOOK.as_bytes()),
        ("xl/_rels/workbook.xml.rels", SHEETS.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ];
    for (name, bytes) in usual.iter().chain(parts) {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

const PLAIN_ROW: &str = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>a</t></is></c></row>";

#[test]
fn a_workbook_by_hand_is_read() {
    let rows = read_named("a.xlsx", &archive(&sheet(PLAIN_ROW), &[])).unwrap();
    assert_eq!(rows, [printed(1, &["a"])]);
}

#[test]
fn hostile_workbooks_are_refused() {
    let strings =
        |head: &str| format!("<?xml version=\"1.0\"?>{head}<si><t>a</t></si></sst>").into_bytes();
    let many_strings =
        |tag: &str| format!("<sst>{}</sst>", format!("<{tag}/>").repeat(1001)).into_bytes();
    let spaces = " ".repeat(100_000);
    let bomb = vec![b' '; 8 << 20];
    let many: Vec<(String, &[u8])> = (0..64).map(|i| (format!("x/{i}.bin"), &b"x"[..])).collect();
    let many: Vec<(&str, &[u8])> = many
        .iter()
        .map(|(name, bytes)| (name.as_str(), *bytes))
        .collect();
    let entities = sheet(PLAIN_ROW).replace("?><", "?><!DOCTYPE a [<!ENTITY b \"bbbb\">]><");
    let late = sheet(&format!("{PLAIN_ROW}<!-- {spaces} --><!DOCTYPE late>"));
    let utf16: Vec<u8> = entities.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let shared = "xl/sharedStrings.xml";
    let good = sheet(PLAIN_ROW);
    let cases: [(&str, Vec<u8>, &str); 11] = [
        (
            "a cell twice",
            archive(
                &sheet("<row r=\"1\"><c r=\"B1\"><v>1</v></c><c r=\"A1\"><v>2</v></c></row>"),
                &[],
            ),
            "file_unreadable",
        ),
        ("a DTD", archive(&entities, &[]), "file_unreadable"),
        (
            "a DTD behind much space",
            archive(&late, &[]),
            "file_unreadable",
        ),
        (
            "UTF-16",
            archive(&good, &[("xl/styles.xml", &utf16)]),
            "file_unreadable",
        ),
        (
            "a bomb",
            archive(&good, &[("xl/media/a.png", &bomb)]),
            "file_too_large",
        ),
        ("many parts", archive(&good, &many), "file_too_large"),
        (
            "a promise of strings",
            archive(
                &good,
                &[(shared, &strings("<sst uniqueCount=\"99999999999999\">"))],
            ),
            "file_too_large",
        ),
        (
            "a hidden promise",
            archive(
                &good,
                &[(
                    shared,
                    &strings(&format!("<sst a=\"{spaces}\" uniqueCount = '88888888888'>")),
                )],
            ),
            "file_too_large",
        ),
        (
            "many strings",
            archive(&good, &[(shared, &many_strings("si"))]),
            "file_too_large",
        ),
        (
            "many strings under a prefix",
            archive(&good, &[(shared, &many_strings("x:si"))]),
            "file_too_large",
        ),
        (
            "cells out of order",
            archive(
                &sheet(
                    "<row r=\"2\"><c r=\"A2\"><v>1</v></c></row><row r=\"1\"><c r=\"A1\"><v>1</v></c></row>",
                ),
                &[],
            ),
            "file_unreadable",
        ),
    ];
    for (what, bytes, expected) in cases {
        assert_eq!(code(read_named("a.xlsx", &bytes)), expected, "{what}");
    }
}

#[test]
fn a_damaged_workbook_is_an_error_or_whole() {
    let bytes = workbook().save_to_buffer().unwrap();
    let whole = read_named("a.xlsx", &bytes).unwrap();
    for length in (1..bytes.len()).step_by(101) {
        assert!(
            read_named("a.xlsx", &bytes[..length]).is_err(),
            "{length} bytes"
        );
    }
    // Contents carry a CRC, but names of parts do not: without its styles a date is a number, which
    // the gate rejects. No other cell ever changes, and nothing panics.
    for at in (0..bytes.len()).step_by(7) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        let Ok(rows) = read_named("a.xlsx", &flipped) else {
            continue;
        };
        let cells = rows.iter().flat_map(|row| &row.1);
        for (cell, before) in cells.zip(whole.iter().flat_map(|row| &row.1)) {
            let is_unstyled = before.starts_with('@') && cell.starts_with('#');
            assert!(cell == before || is_unstyled, "byte {at}");
        }
        assert_eq!(rows.len(), whole.len());
    }
}
