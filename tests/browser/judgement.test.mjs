// What lookup.js thinks of numbers and names, without a browser. The same vectors are put to the
// server's parsers in src/page/tests.rs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
// As a data address, because the file is a module and its folder has no package.json to say so.
const script = await import(`data:text/javascript,${encodeURIComponent(read("../../web/assets/lookup.js"))}`);
const vectors = JSON.parse(read("vectors.json"));
const THIS_YEAR = 2026;

function check(row, verdict) {
  const { grade, say, at, count } = verdict;
  assert.equal(grade, row.grade, row.text);
  if (row.say) assert.equal(say, row.say, row.text);
  if (row.at) assert.equal(at, row.at, row.text);
  if (row.count) assert.equal(count, row.count, row.text);
  // The promise of the file: it never calls wrong what the server would accept.
  if (row.accepted) assert.ok(grade === "good" || grade === "doubt", row.text);
  for (const lang of ["zh", "en"]) if (say) assert.ok(script.TEXTS[lang][say](verdict).length > 5);
}

test("certificate numbers", () => {
  for (const row of vectors.numbers) check(row, script.inspectNumber(row.text, THIS_YEAR));
});

test("identity numbers", () => {
  for (const row of vectors.identities) check(row, script.inspectIdentity(row.type, row.text));
});

test("names", () => {
  for (const row of vectors.names) check(row, script.inspectName(row.text));
});

test("every beginning of a good number is unfinished, never wrong", () => {
  const number = "J000044000001203000123";
  for (let length = 1; length < number.length; length += 1) {
    const verdict = script.inspectNumber(number.slice(0, length), THIS_YEAR);
    assert.deepEqual([verdict.grade, verdict.count, verdict.doubt], ["unfinished", number.length - length, undefined]);
  }
  const identity = "11010519491231002X";
  for (let length = 1; length < identity.length; length += 1) {
    const { grade } = script.inspectIdentity("01", identity.slice(0, length));
    assert.ok(grade === "unfinished", `${length} characters: ${grade}`);
  }
});

test("the check character finds every single wrong digit", () => {
  const identity = "11010519491231002X";
  for (let position = 0; position < 17; position += 1) {
    for (const digit of "0123456789") {
      if (digit === identity[position]) continue;
      const typed = identity.slice(0, position) + digit + identity.slice(position + 1);
      assert.equal(script.inspectIdentity("01", typed).grade, "wrong", typed);
    }
  }
});

test("both languages have every sentence", () => {
  assert.deepEqual(Object.keys(script.TEXTS.zh), Object.keys(script.TEXTS.en));
});

test("the script can neither send nor store", () => {
  const source = read("../../web/assets/lookup.js");
  for (const word of ["fetch(", "XMLHttpRequest", "sendBeacon", "WebSocket", "localStorage", "sessionStorage", "indexedDB", "cookie", "innerHTML", "console."]) {
    assert.ok(!source.includes(word), word);
  }
});
