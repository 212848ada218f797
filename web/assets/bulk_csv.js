// CSV as /v1/bulk answers it: read while it arrives, and written again for a download.
//
// It knows nothing of pages. A record is an array of texts; RFC 4180, CRLF, everything may be
// quoted.

/** Reads records from pieces of text, wherever the pieces are cut. */
export class CsvReader {
  #field = "";
  #record = [];
  #quoted = false;
  // A quotation mark inside quotes was the last glyph: its meaning depends on the next one.
  #pending = false;
  #begun = false;

  /** The records that are complete with this piece. */
  push(text) {
    const records = [];
    let from = 0;
    for (let at = 0; at < text.length; at += 1) {
      const glyph = text[at];
      if (this.#pending) {
        this.#pending = false;
        if (glyph === '"') {
          this.#field += '"';
          from = at + 1;
          continue;
        }
        this.#quoted = false;
        from = at;
      }
      if (this.#quoted) {
        if (glyph !== '"') continue;
        this.#field += text.slice(from, at);
        this.#pending = true;
        from = at + 1;
      } else if (glyph === '"' && this.#field === "" && from === at) {
        this.#quoted = this.#begun = true;
        from = at + 1;
      } else if (glyph === "," || glyph === "\n") {
        this.#end(text.slice(from, at), glyph === "\n");
        from = at + 1;
        if (glyph === "\n") records.push(this.#take());
      }
    }
    if (!this.#pending) this.#field += text.slice(from);
    this.#begun ||= this.#field !== "";
    return records;
  }

  /** Whether nothing of a record is left over, so that the text may end here. */
  get isWhole() {
    return !this.#begun && this.#record.length === 0;
  }

  #end(rest, isLast) {
    const field = this.#field + rest;
    this.#record.push(isLast && field.endsWith("\r") ? field.slice(0, -1) : field);
    this.#field = "";
  }

  #take() {
    const record = this.#record;
    this.#record = [];
    this.#begun = false;
    return record;
  }
}

/**
 * A table as CSV in UTF-8 with the mark that spreadsheets need; parts for a Blob. What a spreadsheet
 * would take for a formula gets an apostrophe, as in the server's own files.
 */
export function writeCsv(records) {
  const parts = ["\uFEFF"];
  for (const record of records) parts.push(`${record.map(guarded).map(quoted).join(",")}\r\n`);
  return parts;
}

function guarded(field) {
  return /^[=+\-@\t\r\n＝＋－＠]/.test(field) ? `'${field}` : field;
}

function quoted(field) {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
