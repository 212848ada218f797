// A register that lives: what a centre delivers into the inbox of a running `watch` is answered by
// a running server, every operation of the gate in turn, and `point` goes back without reviving.
//
// Needs CERTQ_CENTRE (a centre that is published and served), CERTQ_URL (where), CERTQ_BUILDER
// (the index-builder) and CERTQ_CASES (examples of its register, by `loadtest --examples --json`).

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { appendFile, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

const needed = (name) => {
  assert.ok(process.env[name], `${name} is not set; run make test`);
  return process.env[name];
};
const centre = needed('CERTQ_CENTRE');
const url = needed('CERTQ_URL');
const builder = needed('CERTQ_BUILDER');
const inbox = join(centre, 'delivered');
const flags = ['--registry', 'registry', '--ledger', 'ledger', '--keys', 'keys', '--store', 'store'];

// An example of the sample, and the row that issued it.
let holder;
let issued;
let header;
let watch;
let events = '';
let newest = 0;

before(async () => {
  holder = JSON.parse(await readFile(needed('CERTQ_CASES'), 'utf8')).match;
  const text = await readFile(join(centre, 'inbox', 'batch-0001.csv'), 'utf8');
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  header = lines[0];
  issued = lines.find((line) => line.includes(holder.certificate_number));
  assert.ok(issued, 'the example was issued by the first batch');
  await rm(inbox, { recursive: true, force: true });
  await mkdir(inbox);
  start();
});

after(() => watch.kill('SIGTERM'));

function start() {
  const args = ['watch', '--inbox', 'delivered', ...flags, '--report', 'last.json', '--json'];
  watch = spawn(builder, args, { cwd: centre });
  watch.stdout.on('data', (data) => { events += data; });
  watch.stderr.on('data', (data) => { events += data; });
}

// The row with some cells set, by their header.
function row(cells) {
  const names = header.split(',');
  const values = issued.split(',');
  for (const [name, value] of Object.entries(cells)) {
    assert.ok(names.includes(name), name);
    values[names.indexOf(name)] = value;
  }
  return values.join(',');
}

async function deliver(name, cells) {
  await writeFile(join(inbox, `.${name}`), `${header}\n${row(cells)}\n`);
  await rename(join(inbox, `.${name}`), join(inbox, name));
  await appendFile(join(inbox, `${name}.ok`), '');
}

async function ask(question) {
  const response = await fetch(`${url}/v1/lookup`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(question),
  });
  assert.equal(response.status, 200);
  const epoch = Number(response.headers.get('Certq-Epoch'));
  assert.ok(epoch >= newest, `epoch ${epoch} after ${newest}`);
  newest = epoch;
  return response.json();
}

// Asks until the answer is as wanted; what it was last is the message of a failure.
async function until(question, wanted) {
  let answer;
  for (let tries = 0; tries < 600; tries += 1) {
    answer = await ask(question);
    if (wanted(answer)) return answer;
    await sleep(50);
  }
  assert.fail(`${JSON.stringify(answer)}\n${events}`);
}

const certificate = (answer) => answer.certificates[0] ?? {};
const byName = (name) => ({ certificate_number: holder.certificate_number, name });
const byHolder = (name) => ({ name, id_number: holder.id_number });
const byId = () => ({
  certificate_number: holder.certificate_number, id_number: holder.id_number,
});
const REVIEWED = '2026-11-20';
const CORRECTED = '甄更正';

test('a corrected name answers, and the old one does not', async () => {
  await deliver('correction.csv', {
    操作: '更正', 姓名: CORRECTED, 审核日期: REVIEWED, 原因: '姓名登记有误',
  });
  const found = certificate(await until(byName(CORRECTED), (it) => it.outcome === 'match'));
  assert.equal(found.holder_name, '甄*');
  assert.deepEqual([found.status, found.revision, found.reason], ['valid', 2, '姓名登记有误']);
  assert.equal((await ask(byHolder(CORRECTED))).outcome, 'match');
  assert.equal((await ask(byId())).outcome, 'match');
  for (const question of [byName(holder.name), byHolder(holder.name)]) {
    assert.equal((await ask(question)).outcome, 'no_match');
  }
});

test('a withdrawal is answered with day and reason, by every pair of factors', async () => {
  await deliver('withdrawal.csv', { 操作: '撤销', 审核日期: REVIEWED, 原因: '成绩复核不合格' });
  await until(byName(CORRECTED), (it) => certificate(it).status === 'withdrawn');
  for (const question of [byName(CORRECTED), byHolder(CORRECTED), byId()]) {
    const { status, status_on: on, reason } = certificate(await ask(question));
    assert.deepEqual([status, on, reason], ['withdrawn', REVIEWED, '成绩复核不合格']);
  }
});

test('the page says that it was withdrawn', async () => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(byName(CORRECTED)),
  });
  const page = await response.text();
  assert.equal(response.status, 200);
  assert.ok(page.includes('已撤销') && page.includes('成绩复核不合格'), page);
});

test('a restoration makes it valid again', async () => {
  await deliver('restoration.csv', { 操作: '恢复', 审核日期: REVIEWED, 原因: '复核后恢复' });
  const found = certificate(
    await until(byName(CORRECTED), (it) => certificate(it).status === 'valid'),
  );
  assert.deepEqual([found.status_on, found.reason, found.revision], [null, '复核后恢复', 4]);
});

test('what does not fit is rejected with its code and changes nothing', async () => {
  const unknown = holder.certificate_number.replace(/.{6}$/, '999999');
  for (const [name, cells, code] of [
    ['twice.csv', { 操作: '恢复', 审核日期: REVIEWED, 原因: '再次恢复' }, 'revision_conflict'],
    ['unknown.csv', { 操作: '撤销', 证书编号: unknown, 原因: '误发' }, 'number_unknown'],
    ['again.csv', { 操作: '发证' }, 'number_duplicate'],
  ]) {
    await deliver(name, cells);
    const report = join(inbox, 'rejected', `${name}.report.json`);
    let told;
    for (let tries = 0; tries < 200 && !told; tries += 1) {
      await sleep(50);
      told = await readFile(report, 'utf8').catch(() => undefined);
    }
    assert.ok(told, events);
    assert.equal(await readFile(join(centre, 'last.json'), 'utf8'), told);
    const { rejections } = JSON.parse(told);
    assert.ok(rejections.some((it) => it.code === code), told);
    assert.ok(!told.includes(holder.certificate_number) && !told.includes(holder.name), told);
  }
  assert.equal(certificate(await ask(byName(CORRECTED))).revision, 4);
});

test('going back shows the old name, keeps the state, and publish moves on', async () => {
  const run = (...args) => {
    const { status, stderr } = spawnSync(builder, args, { cwd: centre, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  };
  const keep = ['--store', 'store', '--keys', 'keys'];
  const ended = new Promise((resolve) => { watch.once('exit', resolve); });
  run('point', ...keep, '--generation', '1', '--reason', '错误批次，先退回');
  const found = certificate(await until(byName(holder.name), (it) => it.outcome === 'match'));
  assert.deepEqual([found.status, found.revision], ['valid', 4]);
  assert.equal((await ask(byName(CORRECTED))).outcome, 'no_match');

  await deliver('later.csv', { 操作: '撤销', 审核日期: REVIEWED, 原因: '持证人申请注销' });
  assert.equal(await ended, 2, events);
  run('publish', ...flags);
  const now = certificate(await until(byName(CORRECTED), (it) => it.outcome === 'match'));
  assert.equal(now.status, 'withdrawn');
  start();
  run('verify', ...keep, '--ledger', 'ledger');
  assert.deepEqual(await readdir(join(centre, 'store', 'staging')), []);
});
