// A workbook with one sheet whose cells are all texts, made in the browser, so that results which
// are already here need no second request and are charged once.
//
// A ZIP archive and the least that ECMA-376 asks for; packed where the browser can. It knows nothing
// of pages.

/** The longest text of a cell, in UTF-16 units. */
export const CELL_MOST = 32_767;

const ROOT = "http://schemas.openxmlformats.org";
const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const SHEET_NS = `${ROOT}/spreadsheetml/2006/main`;
const TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml";

// The number format 49 is "@": a cell stays a text when somebody edits it.
const FIXED = {
  "[Content_Types].xml": `${HEAD}<Types xmlns="${ROOT}/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="${TYPES}.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="${TYPES}.styles+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="${TYPES}.worksheet+xml"/></Types>`,
  "_rels/.rels": `${HEAD}<Relationships xmlns="${ROOT}/package/2006/relationships"><Relationship Id="rId1" Type="${ROOT}/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
  "xl/workbook.xml": `${HEAD}<workbook xmlns="${SHEET_NS}" xmlns:r="${ROOT}/officeDocument/2006/relationships"><sheets><sheet name="核验结果" sheetId="1" r:id="rId1"/></sheets></workbook>`,
  "xl/_rels/workbook.xml.rels": `${HEAD}<Relationships xmlns="${ROOT}/package/2006/relationships"><Relationship Id="rId1" Type="${ROOT}/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="${ROOT}/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>`,
  "xl/styles.xml": `${HEAD}<styleSheet xmlns="${SHEET_NS}"><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs></styleSheet>`,
};

/**
 * A table as a workbook; parts for a Blob. Throws a RangeError when a text is too long for a cell.
 * A text cell is no formula, whatever it begins with.
 */
export async function writeXlsx(records) {
  const encoder = new TextEncoder();
  const parts = Object.entries(FIXED).map(([name, text]) => [name, [encoder.encode(text)]]);
  parts.push(["xl/worksheets/sheet1.xml", sheet(records, encoder)]);
  return zip(parts, encoder);
}

function sheet(records, encoder) {
  const pieces = [];
  let text = `${HEAD}<worksheet xmlns="${SHEET_NS}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>`;
  records.forEach((record, index) => {
    text += row(record, index + 1);
    if (text.length > 1 << 20) {
      pieces.push(encoder.encode(text));
      text = "";
    }
  });
  pieces.push(encoder.encode(`${text}</sheetData></worksheet>`));
  return pieces;
}

function row(record, number) {
  let cells = "";
  record.forEach((field, column) => {
    if (field === "") return;
    if (field.length > CELL_MOST) throw new RangeError("a text is too long for a cell");
    cells += `<c r="${letters(column)}${number}" s="1" t="inlineStr"><is><t xml:space="preserve">${escaped(field)}</t></is></c>`;
  });
  return `<row r="${number}">${cells}</row>`;
}

function letters(column) {
  const last = String.fromCharCode(65 + (column % 26));
  return column < 26 ? last : letters(Math.floor(column / 26) - 1) + last;
}

const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** XML has no other control characters; a workbook writes them, and what looks like it, as _xHHHH_. */
function escaped(text) {
  return text
    .replace(/_(?=x[0-9A-Fa-f]{4}_)/g, "_x005F_")
    .replace(/[&<>]/g, (glyph) => ENTITIES[glyph])
    .replace(/[\u0000-\u0008\u000B-\u001F\uFFFE\uFFFF]/g, (glyph) => `_x${glyph.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}_`);
}

/** 1 January 2026, for every part: the same results give the same bytes. */
const DATE = ((2026 - 1980) << 9) | (1 << 5) | 1;
const UTF8_NAMES = 1 << 11;

const STORED = 0;
const DEFLATED = 8;

/** Pieces as they stand in an archive. Older browsers cannot pack; for them they are stored. */
async function packed(pieces) {
  let packer;
  try {
    packer = new CompressionStream("deflate-raw");
  } catch {
    return { method: STORED, bytes: pieces };
  }
  const stream = new Blob(pieces).stream().pipeThrough(packer);
  return { method: DEFLATED, bytes: [new Uint8Array(await new Response(stream).arrayBuffer())] };
}

function sizeOf(pieces) {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

async function zip(parts, encoder) {
  const blob = [], directory = [];
  let offset = 0;
  for (const [name, pieces] of parts) {
    const nameBytes = encoder.encode(name);
    const { method, bytes } = await packed(pieces);
    const size = sizeOf(bytes);
    // Version, flags, method, time, date, checksum, sizes in the archive and unpacked, name, extra.
    const common = [[2, 20], [2, UTF8_NAMES], [2, method], [2, 0], [2, DATE], [4, crc32(pieces)], [4, size], [4, sizeOf(pieces)], [2, nameBytes.length], [2, 0]];
    const local = numbers([[4, 0x04034b50], ...common]);
    blob.push(local, nameBytes, ...bytes);
    directory.push(numbers([[4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]), nameBytes);
    offset += local.length + nameBytes.length + size;
  }
  const directorySize = sizeOf(directory);
  const end = numbers([[4, 0x06054b50], [2, 0], [2, 0], [2, parts.length], [2, parts.length], [4, directorySize], [4, offset], [2, 0]]);
  return [...blob, ...directory, end];
}

/** Little-endian numbers, each as [bytes, value]. */
function numbers(fields) {
  const bytes = [];
  for (const [width, value] of fields) {
    for (let at = 0; at < width; at += 1) bytes.push((value >>> (8 * at)) & 0xff);
  }
  return Uint8Array.from(bytes);
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

export function crc32(pieces) {
  let crc = 0xffffffff;
  for (const piece of pieces) {
    for (const byte of piece) crc = CRC[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
