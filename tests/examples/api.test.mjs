// The examples of docs/api.md, run as they stand: a reader's copy and paste must work.
//
// Only what differs between registers is replaced: the address, and the number and name of a
// certificate that is there. CERTQ_URL, CERTQ_CASES and CERTQ_API_KEY_FILE say what they are here.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const needed = (name) => {
  const value = process.env[name];
  assert.ok(value, `set ${name}; tests/all.sh does`);
  return value;
};
const url = needed('CERTQ_URL');
const cases = JSON.parse(readFileSync(needed('CERTQ_CASES'), 'utf8'));
const key = readFileSync(needed('CERTQ_API_KEY_FILE'), 'utf8').trim();

const match = cases.match ?? cases.find?.((one) => one.outcome === 'match');

function here(text) {
  return text
    .replaceAll('http://127.0.0.1:8080', url)
    .replaceAll('J000044000001203000123', match.certificate_number)
    .replaceAll('张三', match.name);
}

const document = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');
const examples = [...document.matchAll(/^```(sh|python)\n([\s\S]*?)^```$/gm)].map(([, language, code]) => ({
  language,
  code,
  expected: [...code.matchAll(/^# → (.*)$/gm)].map(([, text]) => text),
}));

test('there are examples in both languages', () => {
  for (const language of ['sh', 'python']) {
    assert.ok(examples.filter((one) => one.language === language).length >= 2, language);
  }
});

for (const [index, { language, code, expected }] of examples.entries()) {
  const title = code.split('\n').find((line) => line.includes('http'))?.trim().slice(0, 60);
  test(`example ${index + 1} (${language}): ${title}`, () => {
    assert.notEqual(expected.length, 0, 'it says what its output must hold');
    const folder = mkdtempSync(join(tmpdir(), 'certq-example-'));
    try {
      writeFileSync(join(folder, 'api-key'), key);
      const [program, flag] = language === 'sh' ? ['bash', '-euc'] : ['python3', '-c'];
      const output = execFileSync(program, [flag, here(code)], { cwd: folder, encoding: 'utf8', timeout: 60_000 });
      for (const text of expected) {
        assert.ok(output.includes(here(text)), `${text} is not in ${output}`);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
