"""Answered lists, opened again by programs that are not ours: openpyxl, and LibreOffice.

    round_trip.py URL [--libreoffice]

Names come back as they were, rare characters among them, and what looks like a formula is a text.
"""

import csv
import io
import re
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import openpyxl

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
NUMBER = "J000044000001203000123"

# Beyond the BMP, of four bytes in GB18030, of Unicode 15, with separators; and Latin.
NAMES = [
    "张三", "𠮷野家", "㐀㐁", "䶮", "买买提·阿不都", "欧阳娜娜", "𫖯", "𮬿", "ANNA-MARIA O'NEIL", "鿿",
]
PAYLOADS = [
    "=1+1", "=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1)", "=HYPERLINK(\"http://example.com\",\"x\")",
    "=WEBSERVICE(\"http://example.com\")", "\t=1+1", "\r=1+1", "=1+1\n", "＝1+1", "＋1", "－1", "＠SUM(1)",
    "=IMPORTXML(\"http://example.com\",\"//a\")", "=DDE(\"cmd\";\"/C calc\";\"x\")", "@A1", "+A1", "-A1",
    "={1,2}", "=A1&B1", "=\"a\"", "=-1", "+-1", "-@1", "==1", "=TRUE", "=#REF!", "=NOW()", "=1;2",
]


def rows():
    """Header and rows: a name and a payload in each; more payloads than a list may have rows."""
    yield ["备注", "姓名", "证书编号", "=A1"]
    for at in range(15):
        yield [PAYLOADS[at], NAMES[at % len(NAMES)], NUMBER, PAYLOADS[at + 15]]


def as_csv():
    text = io.StringIO()
    csv.writer(text).writerows(rows())
    return text.getvalue().encode()


def as_xlsx():
    book = openpyxl.Workbook()
    for row in rows():
        book.active.append(row)
    for cells in book.active.iter_rows():
        for cell in cells:
            # As a person types them into cells of text.
            cell.data_type, cell.number_format = "s", "@"
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def ask(url, body, content_type, accept):
    headers = {"Content-Type": content_type, "Accept": accept}
    request = urllib.request.Request(f"{url}/v1/bulk", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return response.read()


def of_xlsx(data):
    sheet = openpyxl.load_workbook(io.BytesIO(data)).active
    formulas = [cell.coordinate for row in sheet for cell in row if cell.data_type == "f"]
    assert formulas == [], f"formula cells: {formulas}"
    # The standard's spelling of control characters (ST_Xstring), which openpyxl leaves as it is.
    plain = lambda text: re.sub("_x([0-9A-F]{4})_", lambda it: chr(int(it[1], 16)), text)
    return [["" if value is None else plain(str(value)) for value in row] for row in sheet.values]


def of_csv(data, encoding):
    return list(csv.reader(io.StringIO(data.decode(encoding), newline="")))


def with_libreoffice(data, name, options=""):
    """The table as LibreOffice opens it, and whether it takes any cell for a formula."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        out = Path(folder, "out")
        command = ["soffice", "--headless", f"-env:UserInstallation=file://{folder}/profile"]
        if options:
            command.append(f"--infilter={options}")
        command += ["--convert-to", "xlsx", "--outdir", str(out), str(path)]
        subprocess.run(command, check=True, capture_output=True, timeout=180)
        return of_xlsx(next(out.iterdir()).read_bytes())


def compare(found, expected, quoted):
    """Original cells, as they were but for the apostrophe that CSV needs."""
    assert len(found) == len(expected), f"{len(found)} rows, not {len(expected)}"
    for got, sent in zip(found, expected):
        for cell, original in zip(got, sent):
            dangerous = original[:1] in tuple("=+-@\t\r\n＝＋－＠")
            wanted = f"'{original}" if quoted and dangerous else original
            # Line ends within a cell are the program's own.
            same = [text.replace("\r\n", "\n").replace("\r", "\n") for text in (cell, wanted)]
            assert same[0] == same[1], f"{cell!r} is not {wanted!r}"
        assert len(got) == len(sent) + 10


def main():
    url, expected = sys.argv[1], list(rows())
    checked = 0
    for body, content_type in ((as_csv(), "text/csv"), (as_xlsx(), XLSX)):
        results = {
            "result.xlsx": (ask(url, body, content_type, XLSX), ""),
            "result.csv": (ask(url, body, content_type, "text/csv"), "CSV:44,34,76"),
            "result-gb.csv": (ask(url, body, content_type, "text/csv; charset=gb18030"), "CSV:44,34,GB_18030"),
        }
        for name, (data, options) in results.items():
            if name.endswith(".xlsx"):
                compare(of_xlsx(data), expected, quoted=False)
            else:
                encoding = "gb18030" if "gb" in name else "utf-8-sig"
                compare(of_csv(data, encoding), expected, quoted=True)
            checked += 1
            if "--libreoffice" in sys.argv and "gb" not in name:
                found = with_libreoffice(data, name, options)
                compare(found, expected, quoted=name.endswith(".csv"))
                checked += 1
    print(f"{checked} tables of {len(expected)} rows, {len(PAYLOADS)} payloads, 0 formula cells, all names intact")


main()
