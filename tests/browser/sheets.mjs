// Spreadsheets for the tests of the page for lists: made and read by other code than the page's.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, connect } from "node:net";
import { once } from "node:events";

// Python's own csv, zipfile and ElementTree are the second opinion.
const MAKE_CSV = "import csv,io,json,sys\nrows=json.load(sys.stdin)\nout=io.StringIO()\ncsv.writer(out).writerows(rows)\nopen(sys.argv[1],'wb').write(out.getvalue().encode(sys.argv[2]))";
const READ_CSV = "import csv,json,sys\nprint(json.dumps(list(csv.reader(open(sys.argv[1],encoding=sys.argv[2],newline='')))))";
const MAKE_XLSX = `import json,sys,zipfile
from xml.sax.saxutils import escape
rows=json.load(sys.stdin)
n='http://schemas.openxmlformats.org/spreadsheetml/2006/main'
r='http://schemas.openxmlformats.org/officeDocument/2006/relationships'
p='http://schemas.openxmlformats.org/package/2006/'
body=''.join('<row r="%d">%s</row>'%(i+1,''.join('<c r="%s%d" t="inlineStr"><is><t>%s</t></is></c>'%(chr(65+j),i+1,escape(c)) for j,c in enumerate(row))) for i,row in enumerate(rows))
z=zipfile.ZipFile(sys.argv[1],'w',zipfile.ZIP_DEFLATED)
z.writestr('[Content_Types].xml','<Types xmlns="'+p+'content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>')
z.writestr('_rels/.rels','<Relationships xmlns="'+p+'relationships"><Relationship Id="rId1" Type="'+r+'/officeDocument" Target="xl/workbook.xml"/></Relationships>')
z.writestr('xl/workbook.xml','<workbook xmlns="'+n+'" xmlns:r="'+r+'"><sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>')
z.writestr('xl/_rels/workbook.xml.rels','<Relationships xmlns="'+p+'relationships"><Relationship Id="rId1" Type="'+r+'/worksheet" Target="worksheets/sheet1.xml"/></Relationships>')
z.writestr('xl/worksheets/sheet1.xml','<worksheet xmlns="'+n+'"><sheetData>'+body+'</sheetData></worksheet>')
z.close()`;
// Whole archive tested, every cell a text, shared strings too (the server's workbooks).
const READ_XLSX = `import json,re,sys,zipfile
import xml.etree.ElementTree as E
z=zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
for name in z.namelist():
    if name.endswith(('.xml','.rels')): E.fromstring(z.read(name))
q='{http://schemas.openxmlformats.org/spreadsheetml/2006/main}'
text=lambda e:''.join(t.text or '' for t in e.iter(q+'t'))
shared=[text(e) for e in E.fromstring(z.read('xl/sharedStrings.xml')).iter(q+'si')] if 'xl/sharedStrings.xml' in z.namelist() else []
rows=[]
for row in E.fromstring(z.read('xl/worksheets/sheet1.xml')).iter(q+'row'):
    cells=[]
    for c in row.iter(q+'c'):
        at=0
        for g in re.match('[A-Z]+',c.get('r')).group(): at=at*26+ord(g)-64
        if c.get('t')=='s': value=shared[int(c.find(q+'v').text)]
        elif c.get('t')=='inlineStr': value=text(c)
        elif len(c)==0: continue
        else: raise SystemExit('a cell that is no text: '+c.get('r'))
        cells+=['']*(at-1-len(cells))+[value]
    rows.append(cells)
print(json.dumps(rows))`;

const folder = mkdtempSync(join(tmpdir(), "certq-bulk-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

function python(program, args, input) {
  return execFileSync("python3", ["-c", program, ...args], { input, encoding: "utf8", maxBuffer: 1 << 28 });
}

export function path(name) {
  return join(folder, name);
}

export function bytesFile(name, bytes) {
  writeFileSync(path(name), bytes);
  return path(name);
}

export function csvFile(name, rows, encoding = "utf-8") {
  python(MAKE_CSV, [path(name), encoding], JSON.stringify(rows));
  return path(name);
}

export function xlsxFile(name, rows) {
  python(MAKE_XLSX, [path(name)], JSON.stringify(rows));
  return path(name);
}

/** The rows of a file, in the encoding given when it is CSV. */
export function read(file, encoding = "utf-8-sig") {
  const isZip = readFileSync(file).subarray(0, 2).toString() === "PK";
  return JSON.parse(isZip ? python(READ_XLSX, [file]) : python(READ_CSV, [file, encoding]));
}

/**
 * A way to a server that can stop: after `gate.bytes` bytes of one answer it waits until
 * `gate.open()`, or hangs up at `gate.cut()`.
 */
export async function passage(target) {
  const { hostname, port } = new URL(target);
  const gate = { bytes: Infinity, isCut: false };
  let waiting = [];
  gate.open = () => { gate.bytes = Infinity; gate.isCut = false; for (const { from } of waiting) from.resume(); waiting = []; };
  // An answer that has not come so far yet is cut off when it does.
  gate.cut = () => { gate.isCut = true; for (const { to } of waiting) to.destroy(); waiting = []; };
  const sockets = new Set();
  const server = createServer((to) => {
    const from = connect(Number(port), hostname);
    let passed = 0;
    for (const socket of [to, from]) {
      sockets.add(socket);
      socket.on("error", () => {});
    }
    to.on("data", (bytes) => { passed = 0; from.write(bytes); });
    to.on("close", () => from.destroy());
    from.on("close", () => to.end());
    from.on("data", (bytes) => {
      passed += bytes.length;
      to.write(bytes);
      if (passed < gate.bytes) return;
      if (gate.isCut) {
        to.destroy();
        return;
      }
      from.pause();
      waiting.push({ from, to });
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = () => { for (const socket of sockets) socket.destroy(); server.close(); };
  return { url: `http://127.0.0.1:${server.address().port}`, gate, close };
}
