//! Lists made to hurt: bombs, far cells, lies, broken and wrong files. Each is answered with a clear
//! code or row by row, nothing restarts, and memory comes back.

use std::io::{Cursor, Write};
use std::time::{Duration, Instant};

use zip::write::SimpleFileOptions;

use crate::bulk::{CSV, JSON, NDJSON, XLSX, post, problem};
use crate::program::Program;
use crate::register::{Register, VALID, ZHANG};

/// Memory that an upload may leave behind or take in between.
const GROWTH_BYTES: u64 = 64 << 20;

/// What must come of an upload.
#[derive(Clone, Copy)]
enum Expected {
    /// It is refused with this status and code.
    Refused(u16, &'static str),
    /// Its rows are answered, so many.
    Rows(usize),
}
use Expected::{Refused, Rows};

struct Upload {
    what: &'static str,
    content_type: &'static str,
    bytes: Vec<u8>,
    expected: Expected,
}

const UNREADABLE: Expected = Refused(400, "file_unreadable");
const TOO_LARGE: Expected = Refused(413, "file_too_large");
const MALFORMED: Expected = Refused(400, "malformed_json");

fn sheet(rows: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><worksheet \
         xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">\
         <sheetData>{rows}</sheetData></worksheet>"
    )
}

fn text(place: &str, text: &str) -> String {
    format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
}

fn head() -> String {
    format!(
        "<row r=\"1\">{}{}</row>",
        text("A1", "姓名"),
        text("B1", "证书编号")
    )
}

fn data() -> String {
    format!(
        "<row r=\"2\">{}{}</row>",
        text("A2", ZHANG),
        text("B2", VALID)
    )
}

const WORKBOOK: &str = "<?xml version=\"1.0\"?><workbook xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets><sheet name=\"a\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>";
const RELATIONS: &str = "<?xml version=\"1.0\"?><Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"r1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>";

/// An archive of these parts.
fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A workbook with this sheet, and further or other parts.
fn workbook(sheet: &str, further: &[(&str, &[u8])]) -> Vec<u8> {
    let types = "<?xml version=\"1.0\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>";
    let root = "<?xml version=\"1.0\"?><Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"r1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>";
    let usual: [(&str, &[u8]); 5] = [
        ("[Content_Types].xml", types.as_bytes()),
        ("_rels/.rels", root.as_bytes()),
        ("xl/workbook.xml", WORKBOOK.as_bytes()),
        ("xl/_rels/workbook.xml.rels", RELATIONS.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ];
    let is_replaced = |name: &str| further.iter().any(|part| part.0 == name);
    let mut parts: Vec<(&str, &[u8])> = usual
        .into_iter()
        .filter(|part| !is_replaced(part.0))
        .collect();
    parts.extend(further);
    archive(&parts)
}

fn good() -> String {
    sheet(&(head() + &data()))
}

/// Archives that pack much into little, or say what is not so.
fn archives() -> Vec<(&'static str, Vec<u8>, Expected)> {
    let spaces = vec![b' '; 64 << 20];
    let wide: String = (0..64 << 10).map(|_| "<c><v>1</v></c>").collect();
    let packed = workbook(&good(), &[]);
    let many: Vec<(String, &[u8])> = (0..80).map(|i| (format!("x/{i}"), &b"x"[..])).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|it| (it.0.as_str(), it.1)).collect();
    let central = b"PK\x01\x02";
    let directory = packed.windows(4).position(|it| it == central).unwrap();
    let mut lying = packed.clone();
    // The first entry's inflated size, in the directory.
    lying[directory + 24..directory + 28].copy_from_slice(&1_u32.to_le_bytes());
    let mut huge = packed.clone();
    huge[directory + 24..directory + 28].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut locked = packed.clone();
    locked[directory + 8] |= 1;
    let mut overlapping = packed.clone();
    let places: Vec<usize> = (directory..packed.len() - 4)
        .filter(|&at| packed[at..at + 4] == *central)
        .collect();
    for at in &places {
        overlapping[at + 42..at + 46].copy_from_slice(&0_u32.to_le_bytes());
    }
    let mut damaged = packed.clone();
    damaged[directory - 20] ^= 0xFF;
    vec![
        (
            "a bomb of a picture",
            workbook(&good(), &[("xl/media/a.png", &spaces)]),
            TOO_LARGE,
        ),
        (
            "a bomb of a sheet",
            workbook(&format!("{}{}", good(), " ".repeat(200 << 20)), &[]),
            TOO_LARGE,
        ),
        (
            "a bomb of strings",
            workbook(&good(), &[("xl/sharedStrings.xml", &spaces)]),
            TOO_LARGE,
        ),
        (
            "a bomb in a bomb",
            workbook(&good(), &[("a.zip", &archive(&[("b", &spaces)]))]),
            Rows(1),
        ),
        ("80 parts", workbook(&good(), &many), TOO_LARGE),
        ("a size that is a lie", lying, UNREADABLE),
        ("a size of 4 GiB", huge, Rows(1)),
        ("a locked entry", locked, UNREADABLE),
        ("entries on one another", overlapping, UNREADABLE),
        ("a damaged entry", damaged, UNREADABLE),
        (
            "half an archive",
            packed[..packed.len() / 2].to_vec(),
            UNREADABLE,
        ),
        (
            "an archive without its directory",
            packed[..directory].to_vec(),
            UNREADABLE,
        ),
        ("an empty archive", archive(&[]), UNREADABLE),
        (
            "an archive of something else",
            archive(&[("a.txt", b"a")]),
            UNREADABLE,
        ),
        (
            "a path out of the archive",
            workbook(&good(), &[("../../etc/passwd", b"x")]),
            Rows(1),
        ),
        (
            "a row of 65,536 cells",
            workbook(&sheet(&format!("<row>{wide}</row>")), &[]),
            TOO_LARGE,
        ),
    ]
}

/// Workbooks whose XML is meant to hurt.
fn workbooks() -> Vec<(&'static str, Vec<u8>, Expected)> {
    let with = |xml: String| workbook(&xml, &[]);
    let rows = |rows: &str| with(sheet(&(head() + rows)));
    let strings = |xml: &str| workbook(&good(), &[("xl/sharedStrings.xml", xml.as_bytes())]);
    let laughs = "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>";
    let external = "<!DOCTYPE l [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>";
    let attributes: String = (0..20_000).map(|i| format!(" a{i}=\"1\"")).collect();
    let long = format!("<sst><si><t>{}</t></si></sst>", "长".repeat(21_000));
    let repeated = format!("<row>{}</row>", "<c t=\"s\"><v>0</v></c>".repeat(1024)).repeat(20);
    let utf16: Vec<u8> = good().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let no_sheet = WORKBOOK.replace("<sheet name=\"a\" sheetId=\"1\" r:id=\"r1\"/>", "");
    let hidden = WORKBOOK.replace("name=\"a\"", "name=\"a\" state=\"hidden\"");
    let elsewhere = RELATIONS.replace("worksheets/sheet1.xml", "https://example.com/a.xml");
    let prolog = |what: &str| with(good().replace("?><", &format!("?>{what}<")));
    vec![
        (
            "a far cell",
            rows(&format!(
                "<row r=\"1048576\">{}</row>",
                text("XFD1048576", "a")
            )),
            TOO_LARGE,
        ),
        (
            "a row number of ten digits",
            rows("<row r=\"9999999999\"><c r=\"A9999999999\"><v>1</v></c></row>"),
            UNREADABLE,
        ),
        (
            "a million empty rows",
            rows(&"<row/>".repeat(1_000_000)),
            TOO_LARGE,
        ),
        (
            "cells out of order",
            rows(
                "<row r=\"3\"><c r=\"A3\"><v>1</v></c></row><row r=\"2\"><c r=\"A2\"><v>1</v></c></row>",
            ),
            UNREADABLE,
        ),
        ("laughs", prolog(laughs), UNREADABLE),
        ("an entity from elsewhere", prolog(external), UNREADABLE),
        (
            "UTF-16",
            workbook(&good(), &[("xl/worksheets/sheet1.xml", &utf16)]),
            UNREADABLE,
        ),
        (
            "20,000 attributes",
            rows(&format!("<row r=\"2\"{attributes}/>")),
            Rows(0),
        ),
        ("deep XML", rows(&"<a>".repeat(100_000)), Rows(0)),
        (
            "XML without an end",
            with(sheet(&head())[..200].to_owned()),
            UNREADABLE,
        ),
        (
            "a string that is not there",
            rows("<row r=\"2\"><c r=\"A2\" t=\"s\"><v>7</v></c></row>"),
            UNREADABLE,
        ),
        (
            "a string for 20,480 cells",
            workbook(
                &sheet(&(head() + &repeated)),
                &[("xl/sharedStrings.xml", long.as_bytes())],
            ),
            TOO_LARGE,
        ),
        (
            "a text of 80 MB",
            rows(&format!(
                "<row>{}</row>",
                text("A2", &"ab1c".repeat(20 << 20))
            )),
            TOO_LARGE,
        ),
        (
            "a promise of strings",
            strings("<sst uniqueCount=\"4294967295\"><si><t>a</t></si></sst>"),
            TOO_LARGE,
        ),
        (
            "a million strings",
            strings(&format!("<sst>{}</sst>", "<si/>".repeat(1_000_000))),
            TOO_LARGE,
        ),
        (
            "no sheet",
            workbook(&good(), &[("xl/workbook.xml", no_sheet.as_bytes())]),
            UNREADABLE,
        ),
        (
            "a hidden sheet",
            workbook(&good(), &[("xl/workbook.xml", hidden.as_bytes())]),
            UNREADABLE,
        ),
        (
            "a sheet that is elsewhere",
            workbook(
                &good(),
                &[("xl/_rels/workbook.xml.rels", elsewhere.as_bytes())],
            ),
            UNREADABLE,
        ),
        (
            "a formula",
            rows(&format!(
                "<row r=\"2\"><c r=\"A2\" t=\"str\"><f>HYPERLINK(\"http://example.com\")</f><v>{ZHANG}</v></c>{}</row>",
                text("B2", VALID)
            )),
            Rows(1),
        ),
        (
            "an encrypted workbook",
            [
                &[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1][..],
                &[0; 4096],
            ]
            .concat(),
            UNREADABLE,
        ),
    ]
}

/// Texts that are no table, or no end of one.
fn texts() -> Vec<(&'static str, Vec<u8>, Expected)> {
    let head = "姓名,证书编号\n";
    let most = (1 << 20) - 100;
    let after_head = |rest: &[u8]| [head.as_bytes(), rest].concat();
    let cut = encoding_rs::GB18030.encode(head).0;
    let utf16: Vec<u8> = head.encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        (
            "a quote without an end",
            after_head(&[b"a,\"", vec![b'x'; most].as_slice()].concat()),
            UNREADABLE,
        ),
        ("quotes only", vec![b'"'; most + 1], UNREADABLE),
        (
            "a line without an end",
            vec![b'x'; most],
            Refused(400, "column_missing"),
        ),
        (
            "a million commas",
            vec![b','; most],
            Refused(400, "column_missing"),
        ),
        (
            "a million cells in a row",
            after_head(&b"a,".repeat(most / 2)),
            TOO_LARGE,
        ),
        (
            "a million empty lines",
            after_head(&vec![b'\n'; most]),
            Rows(0),
        ),
        ("a row of NUL", after_head(b"a\0b,\0\n"), Rows(1)),
        ("NUL only", vec![0; most], Refused(400, "column_missing")),
        (
            "half a character",
            cut[..cut.len() - 2].to_vec(),
            Refused(400, "encoding"),
        ),
        (
            "UTF-16",
            [&[0xFF, 0xFE][..], &utf16].concat(),
            Refused(400, "encoding"),
        ),
        (
            "noise",
            (0..most)
                .map(|i| u8::try_from(i * 7919 % 251).unwrap())
                .collect(),
            Refused(400, "encoding"),
        ),
        (
            "a picture",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(),
            Refused(400, "column_missing"),
        ),
        (
            "a page called a table",
            b"<html><table><tr><td>a</td></tr></table></html>".to_vec(),
            Refused(400, "column_missing"),
        ),
        (
            "an old workbook",
            [&[0xD0, 0xCF, 0x11, 0xE0][..], &[1; 600]].concat(),
            UNREADABLE,
        ),
        (
            "21 rows",
            after_head("张三,J\n".repeat(21).as_bytes()),
            Refused(413, "too_many_rows"),
        ),
    ]
}

/// JSON that is none, or too much of it.
fn jsons() -> Vec<(&'static str, &'static str, Vec<u8>, Expected)> {
    let most = (1 << 20) - 10;
    vec![
        ("deep arrays", JSON, vec![b'['; most], MALFORMED),
        (
            "half a million numbers",
            JSON,
            format!("[{}0]", "0,".repeat(most / 2 - 2)).into_bytes(),
            Refused(413, "too_many_rows"),
        ),
        ("a string without an end", JSON, vec![b'"'; 1], MALFORMED),
        (
            "bytes that are no text",
            JSON,
            b"[\"\xFF\"]".to_vec(),
            MALFORMED,
        ),
        ("an array in an array", JSON, b"[[]]".to_vec(), Rows(1)),
        ("a long line", NDJSON, vec![b'{'; most], Rows(1)),
        (
            "deep lines",
            NDJSON,
            [vec![b'['; most / 2], vec![b'\n'], vec![b'['; most / 4]].concat(),
            Rows(2),
        ),
        ("lines of NUL", NDJSON, b"\0\n\0\n".to_vec(), Rows(2)),
        (
            "a million short lines",
            NDJSON,
            b"1\n".repeat(most / 2),
            Refused(413, "too_many_rows"),
        ),
        ("blank lines", NDJSON, b" \n".repeat(most / 2), Rows(0)),
    ]
}

fn uploads() -> Vec<Upload> {
    let of_type = |content_type| {
        move |(what, bytes, expected)| Upload {
            what,
            content_type,
            bytes,
            expected,
        }
    };
    let json = |(what, content_type, bytes, expected)| Upload {
        what,
        content_type,
        bytes,
        expected,
    };
    let mut uploads: Vec<Upload> = archives().into_iter().map(of_type(XLSX)).collect();
    uploads.extend(workbooks().into_iter().map(of_type(XLSX)));
    uploads.extend(texts().into_iter().map(of_type(CSV)));
    uploads.extend(jsons().into_iter().map(json));
    uploads
}

#[test]
fn hostile_lists_hurt_nobody() {
    let register = Register::published();
    let mut program = Program::ready(&register);
    let uploads = uploads();
    assert!(uploads.len() >= 40, "{}", uploads.len());
    let before = program.resident();
    program.forget_peak();
    let mut slowest = (Duration::ZERO, "");
    let mut wrong = Vec::new();
    for upload in &uploads {
        let began = Instant::now();
        let response = post(&program, upload.content_type, NDJSON, &upload.bytes);
        slowest = slowest.max((began.elapsed(), upload.what));
        let found = match response.status {
            200 => format!("{} rows", response.text().lines().count() - 1),
            _ => format!("{:?}", problem(&response)),
        };
        let expected = match upload.expected {
            Rows(rows) => format!("{rows} rows"),
            Refused(status, code) => format!("{:?}", (status, code)),
        };
        if found != expected {
            wrong.push(format!("{}: {found}, not {expected}", upload.what));
        }
    }
    assert_eq!(wrong, [""; 0]);
    // In the other forms what is repeated for nothing would have to be written out.
    for upload in &uploads {
        for accept in [CSV, XLSX] {
            let response = post(&program, upload.content_type, accept, &upload.bytes);
            assert!(response.body.len() < 2 << 20, "{}: {accept}", upload.what);
        }
    }
    let most = program.peak();
    println!(
        "{} uploads; the slowest took {:?} ({}); memory {before}, at most {most}, then {}",
        uploads.len(),
        slowest.0,
        slowest.1,
        program.resident()
    );
    assert!(most < before + GROWTH_BYTES, "{before} grew to {most}");
    assert!(program.runs());
    let question = format!("{{\"certificate_number\":\"{VALID}\",\"name\":\"{ZHANG}\"}}\n");
    let after = post(&program, NDJSON, NDJSON, question.as_bytes());
    assert!(after.text().contains("\"match\":1"), "{}", after.text());
}
