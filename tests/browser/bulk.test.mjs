// The page for lists: in by hand or by drop, said which column is what, answered while one looks,
// out again cell by cell; and whatever ends early is said to be incomplete.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { asked, cases, focused, hasFocus, launch, mainText, url, visit } from "./chromium.mjs";
import { giveUp } from "./lists.mjs";
import { bytesFile, csvFile, passage, path, read, xlsxFile } from "./sheets.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const AXE_OPTIONS = { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };
const APPENDED = ["核验结果", "结果代码", "说明", "证书状态", "职业名称", "职业技能等级", "评价机构", "发证日期", "全国可查状态", "数据截至"];

assert.ok(process.env.CERTQ_API_KEY_FILE, "set CERTQ_API_KEY_FILE; tests/browser/README.md says how");
const key = readFileSync(process.env.CERTQ_API_KEY_FILE, "utf8").trim();

const HEAD = ["备注", "姓名", "证书编号"];
const row = (remark, { name, certificate_number }) => [remark, name, certificate_number];
const LIST = [
  HEAD,
  row("=1+1", cases.match),
  row("甲,\"乙\"\n丙", cases.withdrawn),
  row("&<丁>", cases.miss),
  ["", "张三", "J1"],
];
const RESULTS = ["一致有效", "一致但已撤销", "信息不一致或未查到", "格式错误"];
const COUNTS = [1, 1, 1, 1, 0];

let browser, way;
before(async () => {
  browser = await launch();
  way = await passage(url);
});
after(async () => {
  await browser.close();
  way.close();
});

async function choose(page, file, { lang = "zh", withKey = false, from = url } = {}) {
  await giveUp(page);
  await page.goto(`${from}/bulk?lang=${lang}`);
  if (withKey) await page.fill("#key", key);
  await page.locator("#bulk.is-scripted").waitFor();
  await page.setInputFiles("#list", file);
}

async function run(page, file, options) {
  await choose(page, file, options);
  await page.locator("#preview").waitFor();
  await page.click("#start");
  await page.locator("#result").waitFor({ timeout: 60_000 });
}

async function saved(page, name, selector) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click(selector)]);
  await download.saveAs(path(name));
  return { rows: read(path(name)), name: download.suggestedFilename() };
}

const ALL = (kind) => `[data-download=${kind}]:not([data-faulty])`;
const FAULTY = (kind) => `[data-download=${kind}][data-faulty]`;
const counts = (page, part) => page.locator(`#${part} .counts b`).allInnerTexts().then((texts) => texts.map((text) => Number(text.replace(",", ""))));

/** Many rows, all different from each other by their remark, four questions in all. */
function many(rows) {
  const list = [HEAD];
  for (let index = 1; index <= rows; index += 1) {
    list.push(row(`备注${index}`.padEnd(60, "字"), index % 3 === 0 ? cases.withdrawn : cases.match));
  }
  return list;
}

/** Waits until the answer has stopped on its way, with something of it here. */
async function halfway(page) {
  await page.waitForFunction(() => { const bar = document.getElementById("bar"); return bar.value > 0 && bar.value < bar.max; });
}

function expectAnswered(rows, guard) {
  assert.equal(rows.length, LIST.length);
  assert.deepEqual(rows[0], [...HEAD, ...APPENDED]);
  LIST.slice(1).forEach((cells, index) => {
    const kept = cells.map((cell) => (guard && cell.startsWith("=") ? `'${cell}` : cell));
    assert.deepEqual(rows[index + 1].slice(0, 3), kept);
    assert.equal(rows[index + 1][3], RESULTS[index]);
    assert.match(rows[index + 1][12], /^\d{4}-\d\d-\d\d \d\d:\d\d$/);
  });
}

for (const [kind, make, label] of [
  ["GB18030", () => csvFile("名单.csv", LIST, "gb18030"), "CSV, GB18030"],
  ["UTF-8", () => csvFile("名单8.csv", LIST, "utf-8"), "CSV, UTF-8"],
  ["XLSX", () => xlsxFile("名单.xlsx", LIST), "XLSX"],
]) {
  test(`a list in ${kind} comes back cell by cell, as CSV and as XLSX`, () =>
    visit(browser, {}, async (page) => {
      await choose(page, make());
      await page.locator("#preview").waitFor();
      await hasFocus(page, "preview-title");
      assert.equal(await page.innerText("#file-kind"), label);
      assert.equal(await page.innerText("#file-rows"), String(LIST.length - 1));
      assert.equal(await page.locator("#preview tbody tr").count(), LIST.length - 1);
      const chosen = await page.locator("[data-map]").evaluateAll((selects) => selects.map((select) => select.value));
      assert.deepEqual(chosen, ["3", "2", "", ""]);
      await page.click("#start");
      await page.locator("#result").waitFor();
      await hasFocus(page, "result-title");
      assert.match(await page.innerText("#result-title"), /核验完成.*4行/);
      assert.deepEqual(await counts(page, "result"), COUNTS);
      const faulty = await page.locator("#faulty-sheet tbody tr").evaluateAll((rows) => rows.map((row) => [...row.cells].slice(0, 4).map((cell) => cell.textContent)));
      assert.deepEqual(faulty, LIST.slice(2).map(([, name, number], index) => [String(index + 2), RESULTS[index + 1], name, number]));

      const requests = [];
      page.on("request", (request) => { if (!request.url().startsWith("blob:")) requests.push(request.url()); });
      const csv = await saved(page, "all.csv", ALL("csv"));
      assert.match(csv.name, /^名单8?-核验结果\.csv$/);
      assert.equal(readFileSync(path("all.csv")).subarray(0, 3).toString("hex"), "efbbbf");
      expectAnswered(csv.rows, true);
      const xlsx = await saved(page, "all.xlsx", ALL("xlsx"));
      expectAnswered(xlsx.rows, false);
      // Only the faulty rows, and they are the same cells.
      for (const [form, whole] of [["csv", csv.rows], ["xlsx", xlsx.rows]]) {
        const { rows, name } = await saved(page, `faulty.${form}`, FAULTY(form));
        assert.match(name, /有问题的行/);
        assert.deepEqual(rows, [whole[0], ...whole.slice(2)]);
      }
      assert.deepEqual(requests, [], "a download asks nobody");
    }));
}

test("an apostrophe of the list's own stays, and a workbook is packed where the browser can", async () => {
  const list = [HEAD, row("'=1+1", cases.match), row("=1+1", cases.match), row("'", cases.match)];
  const remarks = (rows) => rows.slice(1).map(([remark]) => remark);
  const sizes = [];
  for (const canPack of [true, false]) {
    await visit(browser, {}, async (page) => {
      if (!canPack) await page.addInitScript(() => { delete globalThis.CompressionStream; });
      await run(page, xlsxFile("apostrophe.xlsx", list));
      const { rows } = await saved(page, "apostrophe-out.xlsx", ALL("xlsx"));
      assert.deepEqual(remarks(rows), ["'=1+1", "=1+1", "'"]);
      assert.deepEqual(remarks((await saved(page, "apostrophe-out.csv", ALL("csv"))).rows), ["'=1+1", "'=1+1", "'"]);
      sizes.push(readFileSync(path("apostrophe-out.xlsx")).length);
    });
  }
  assert.ok(sizes[0] < sizes[1] / 2, `${sizes}`);
});

test("results that were not downloaded are not left without a question", () =>
  visit(browser, {}, async (page) => {
    const questions = [];
    page.removeAllListeners("dialog");
    page.on("dialog", async (dialog) => { questions.push(dialog.type()); await dialog.accept(); });
    await run(page, csvFile("unsaved.csv", LIST));
    await page.reload();
    assert.deepEqual(questions, ["beforeunload"]);
    // Rows with a problem are not all rows.
    await run(page, csvFile("faulty.csv", LIST));
    await saved(page, "kept-faulty.csv", FAULTY("csv"));
    await page.reload();
    assert.deepEqual(questions, ["beforeunload", "beforeunload"]);
    await run(page, csvFile("saved.csv", LIST));
    await saved(page, "kept.csv", ALL("csv"));
    await page.reload();
    assert.deepEqual(questions, ["beforeunload", "beforeunload"]);
  }));

/** Drops a file onto the page. */
async function drop(page, name) {
  const text = readFileSync(csvFile(name, LIST), "utf8");
  const data = await page.evaluateHandle(([content, called]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([content], called, { type: "text/csv" }));
    return transfer;
  }, [text, name]);
  await page.dispatchEvent("[data-drop]", "drop", { dataTransfer: data });
}

test("another list takes the place of results that were not downloaded only after a yes", () =>
  visit(browser, {}, async (page) => {
    const ways = {
      again: () => page.click("#again"),
      choose: () => page.setInputFiles("#list", csvFile("other.csv", LIST)),
      drop: () => drop(page, "other.csv"),
    };
    for (const [lang, words] of [["zh", /还没有下载/], ["en", /not been downloaded/]]) {
      for (const [way, act] of Object.entries(ways)) {
        await run(page, csvFile("mine.csv", LIST), { lang });
        await saved(page, "mine-faulty.csv", FAULTY("csv"));
        assert.match(await asked(page, false, act), words, way);
        assert.ok(await page.isVisible("#result"), way);
        assert.equal(await page.evaluate(() => document.getElementById("list").files[0].name), "mine.csv", way);
        assert.match(await asked(page, true, act), words, way);
        await page.locator("#result").waitFor({ state: "hidden" });
        if (way !== "again") await page.locator("#preview").waitFor();
      }
    }
    await run(page, csvFile("mine.csv", LIST));
    await saved(page, "mine-all.csv", ALL("csv"));
    await ways.choose();
    await page.locator("#preview").waitFor();
  }));

test("a key that comes after the file lets it be looked at again", () =>
  visit(browser, {}, async (page) => {
    // Between what anybody may send and what a key lets in.
    await choose(page, csvFile("key-after.csv", many(8000)));
    await page.locator("#list-problem:not(:empty)").waitFor();
    assert.match(await page.innerText("#list-problem"), /1 MiB/);
    await page.fill("#key", key);
    await page.press("#key", "Tab");
    await page.locator("#preview").waitFor();
    assert.equal(await page.innerText("#list-problem"), "");
    assert.equal(await page.innerText("#file-rows"), "8,000");
  }));

test("without script a file far too long is answered with the page that says so, and a key lets it in", () =>
  visit(browser, { javaScriptEnabled: false }, async (page) => {
    await page.goto(`${url}/bulk`);
    await page.setInputFiles("#list", bytesFile("far-too-long.csv", Buffer.alloc(24 << 20, "a")));
    await page.click("button[type=submit]");
    assert.match(await page.innerText("#list-problem"), /文件过大：不用API密钥最多1 MiB，使用密钥最多32 MiB/);
    await page.fill("#key", key);
    await page.setInputFiles("#list", csvFile("long-by-form.csv", many(8000)));
    await page.selectOption("#as", "csv");
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("button[type=submit]")]);
    await download.saveAs(path("long-by-form-out.csv"));
    assert.equal(read(path("long-by-form-out.csv")).length, 8001);
  }));

test("the columns can be said by hand, and wrong choices are said beside them", () =>
  visit(browser, {}, async (page) => {
    const list = [["甲", "乙", "丙"], ...LIST.slice(1)];
    await choose(page, csvFile("plain.csv", list));
    await page.locator("#preview").waitFor();
    await page.click("#start");
    assert.match(await page.innerText("#mapping-problem"), /至少选两项/);
    await hasFocus(page, "map-certificate_number");
    await page.selectOption("#map-certificate_number", "2");
    await page.selectOption("#map-name", "2");
    await page.click("#start");
    assert.match(await page.innerText("#mapping-problem"), /同一列/);
    await page.selectOption("#map-certificate_number", "3");
    const [request] = await Promise.all([page.waitForRequest(/\/v1\/bulk\?/), page.click("#start")]);
    assert.equal(new URL(request.url()).search, "?certificate_number=3&name=2");
    await page.locator("#result").waitFor();
    assert.deepEqual(await counts(page, "result"), COUNTS);
    const { rows } = await saved(page, "mapped.csv", ALL("csv"));
    assert.deepEqual(rows[0].slice(0, 3), ["甲", "乙", "丙"]);
  }));

test("a long list with a key: progress, every row, and the key stays out of addresses and storage", () =>
  visit(browser, { origins: [way.url] }, async (page) => {
    const list = many(5000);
    const file = csvFile("long.csv", list);
    const seen = [];
    page.on("request", (request) => seen.push([request.url(), request.headers().authorization]));
    await choose(page, file, { withKey: true, from: way.url });
    await page.locator("#preview").waitFor();
    way.gate.bytes = 300_000;
    await page.click("#start");
    await halfway(page);
    await hasFocus(page, "running-title");
    // All of it at one moment: the rest of what was let through may still be on its way.
    const { done, all, text, counted } = await page.evaluate(() => ({
      done: document.getElementById("bar").value,
      all: document.getElementById("bar").max,
      text: document.getElementById("bar-text").textContent,
      counted: [...document.querySelectorAll("#running .counts b")].map((amount) => Number(amount.textContent.replace(",", ""))),
    }));
    assert.equal(all, 5000);
    assert.equal(text, `已核验${done.toLocaleString("en-US")}行，共5,000行`);
    assert.equal(counted[0] + counted[1], done);
    assert.equal(await page.isVisible("#result"), false);
    way.gate.open();
    await page.locator("#result").waitFor();
    assert.deepEqual(await counts(page, "result"), [3334, 1666, 0, 0, 0]);
    assert.match(await page.innerText("#faulty-sheet caption"), /前50行，共1,666行/);
    assert.equal(await page.locator("#faulty-sheet tbody tr").count(), 50);
    const { rows } = await saved(page, "long-out.xlsx", ALL("xlsx"));
    assert.deepEqual(rows.map((cells) => cells.slice(0, 3)), list);
    assert.equal((await saved(page, "long-faulty.csv", FAULTY("csv"))).rows.length, 1667);
    assert.ok(seen.some(([, authorization]) => authorization === `Bearer ${key}`));
    assert.ok(seen.every(([address]) => !address.includes(key) && !address.includes(encodeURIComponent(cases.match.name))));
    const kept = await page.evaluate(async () => [localStorage.length, sessionStorage.length, document.cookie, (await indexedDB.databases()).length]);
    assert.deepEqual(kept, [0, 0, "", 0]);
    assert.equal(await page.getAttribute("#key", "autocomplete"), "off");
    await page.reload();
    assert.equal(await page.inputValue("#key"), "");
  }));

for (const [name, end, said] of [
  ["cancelled", (page) => page.click("#cancel"), /已取消/],
  ["cut off by the network", () => way.gate.cut(), /答复中断/],
]) {
  test(`a list whose answer is ${name} is incomplete, and says so`, () =>
    // A connection that breaks is reported by the browser itself.
    visit(browser, { origins: [way.url], tolerated: /net::ERR_(INCOMPLETE_CHUNKED_ENCODING|CONNECTION_RESET)/ }, async (page) => {
      await choose(page, csvFile("cut.csv", many(5000)), { withKey: true, from: way.url });
      await page.locator("#preview").waitFor();
      way.gate.bytes = 300_000;
      await page.click("#start");
      await halfway(page);
      await end(page);
      await page.locator("#result").waitFor();
      way.gate.open();
      assert.equal(await page.innerText("#result-title"), "核验没有完成");
      const text = await page.innerText("#incomplete");
      assert.match(text, said);
      const arrived = Number(/只收到([\d,]+)行，共5,000行/.exec(text)[1].replace(",", ""));
      assert.ok(arrived > 0 && arrived < 5000);
      const { rows, name: file } = await saved(page, "part.csv", ALL("csv"));
      assert.equal(rows.length, arrived + 1);
      assert.match(file, /未完成/);
      assert.ok(!(await mainText(page)).includes("核验完成"));
    }));
}

test("nothing at all arrives: the page says so and keeps the columns", () =>
  visit(browser, {}, async (page) => {
    await choose(page, csvFile("offline.csv", LIST));
    await page.locator("#preview").waitFor();
    await page.route("**/v1/bulk?*", (route) => route.fulfill({ status: 200, contentType: "text/csv", body: "\uFEFF备注,姓名\r\n" }));
    await page.click("#start");
    await page.locator("#result").waitFor();
    assert.equal(await page.innerText("#result-title"), "核验没有完成");
    assert.ok(await page.locator(ALL("csv")).isDisabled());
    await page.click("#again");
    await hasFocus(page, "list");
  }));

test("refusals stand beside what they are about, in both languages", () =>
  visit(browser, {}, async (page) => {
    const broken = bytesFile("broken.xlsx", "PK\u0003\u0004 nothing");
    const long = csvFile("21.csv", many(21));
    for (const [lang, text, rows, unknown] of [
      ["zh", /损坏|不是/, /最多核验20行/, /API密钥无效/],
      ["en", /damaged/, /too many rows/, /not valid/],
    ]) {
      await choose(page, broken, { lang });
      await page.locator("#list-problem:not(:empty)").waitFor();
      assert.match(await page.innerText("#list-problem"), text);
      await hasFocus(page, "list");
      assert.equal(await page.getAttribute("#list", "aria-invalid"), "true");
      assert.equal(await page.isVisible("#preview"), false);

      await choose(page, long, { lang });
      await page.locator("#preview").waitFor();
      assert.notEqual(await page.innerText("#preview-note"), "");
      await page.click("#start");
      await page.locator("#key-problem:not(:empty)").waitFor();
      assert.match(await page.innerText("#key-problem"), rows);
      await hasFocus(page, "key");
      await page.fill("#key", "nobody");
      assert.equal(await page.innerText("#key-problem"), "");
      await page.click("#start");
      await page.locator("#key-problem:not(:empty)").waitFor();
      assert.match(await page.innerText("#key-problem"), unknown);
    }
    // Too large without a key is not even sent.
    await choose(page, bytesFile("large.csv", Buffer.alloc((1 << 20) + 1, "a")));
    await page.locator("#list-problem:not(:empty)").waitFor();
    assert.match(await page.innerText("#list-problem"), /1 MiB/);
  }));

test("a file can be dropped", () =>
  visit(browser, {}, async (page) => {
    await page.goto(`${url}/bulk`);
    await page.locator("#bulk.is-scripted").waitFor();
    await drop(page, "drop.csv");
    await page.locator("#preview").waitFor();
    assert.equal(await page.innerText("#file-name"), "drop.csv");
  }));

test("the keyboard is enough", () =>
  visit(browser, {}, async (page) => {
    await page.goto(`${url}/bulk`);
    await page.locator("#bulk.is-scripted").waitFor();
    const tabTo = async (id) => {
      for (let presses = 0; presses < 40 && (await focused(page)) !== id; presses += 1) await page.keyboard.press("Tab");
      await hasFocus(page, id);
    };
    await tabTo("list");
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("Space")]);
    await chooser.setFiles(csvFile("keyboard.csv", LIST));
    await page.locator("#preview").waitFor();
    await tabTo("map-name");
    await tabTo("preview-sheet");
    await tabTo("start");
    await page.keyboard.press("Enter");
    await page.locator("#result").waitFor();
    await hasFocus(page, "result-title");
    await page.keyboard.press("Tab");
    const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
    assert.match(download.suggestedFilename(), /核验结果\.xlsx$/);
    await tabTo("again");
    await page.keyboard.press("Enter");
    await hasFocus(page, "list");
  }));

const STATES = {
  empty: (page, lang) => page.goto(`${url}/bulk?lang=${lang}`),
  preview: async (page, lang) => {
    await choose(page, csvFile("state.csv", many(30)), { lang });
    await page.locator("#preview").waitFor();
  },
  running: async (page, lang) => {
    await choose(page, csvFile("state-long.csv", many(5000)), { lang, withKey: true, from: way.url });
    await page.locator("#preview").waitFor();
    way.gate.bytes = 300_000;
    await page.click("#start");
    await halfway(page);
  },
  done: (page, lang) => run(page, csvFile("state.csv", LIST), { lang }),
  error: async (page, lang) => {
    await choose(page, bytesFile("state.xlsx", "PK\u0003\u0004"), { lang });
    await page.locator("#list-problem:not(:empty)").waitFor();
  },
};

for (const [name, reach] of Object.entries(STATES)) {
  test(`axe-core finds nothing, and nothing is cut off: ${name}`, () =>
    visit(browser, { reducedMotion: "reduce", origins: [way.url] }, async (page) => {
      for (const lang of ["zh", "en"]) {
        await page.setViewportSize({ width: 1280, height: 900 });
        await reach(page, lang);
        await page.evaluate((source) => (0, eval)(source), AXE);
        for (const width of [360, 768, 1280]) {
          await page.setViewportSize({ width, height: 900 });
          const scroll = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok(scroll <= 0, `${lang} ${width}: ${scroll} px too wide`);
          for (const colorScheme of ["light", "dark"]) {
            await page.emulateMedia({ colorScheme });
            const { violations } = await page.evaluate((options) => window.axe.run(document, options), AXE_OPTIONS);
            const found = violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map((node) => node.html).join(" | ")}`);
            assert.deepEqual(found, [], `${lang} ${width} ${colorScheme}`);
          }
          await page.emulateMedia({ colorScheme: "light" });
          if (process.env.CERTQ_PICTURES && width !== 768) {
            await page.screenshot({ path: `${process.env.CERTQ_PICTURES}/${name}-${lang}-${width}.png`, fullPage: true });
          }
        }
        way.gate.open();
      }
    }));
}

test("without script the form answers with the file, or with the page that says what is wrong", () =>
  visit(browser, { javaScriptEnabled: false }, async (page) => {
    for (const [as, encoding, guard] of [["xlsx", "", false], ["csv", "utf-8-sig", true], ["csv-gb18030", "gb18030", true]]) {
      await page.goto(`${url}/bulk`);
      await page.setInputFiles("#list", csvFile("plain-form.csv", LIST, "gb18030"));
      await page.selectOption("#as", as);
      const [download] = await Promise.all([page.waitForEvent("download"), page.click("button[type=submit]")]);
      await download.saveAs(path(`form-${as}`));
      expectAnswered(read(path(`form-${as}`), encoding), guard);
    }
    await page.setInputFiles("#list", csvFile("form-21.csv", many(21)));
    await page.click("button[type=submit]");
    assert.match(await page.innerText("#list-problem"), /最多核验20行/);
    await hasFocus(page, "list");
    await page.setInputFiles("#list", csvFile("form-21.csv", many(21)));
    await page.fill("#key", "nobody");
    await page.click("button[type=submit]");
    assert.match(await page.innerText("#key-problem"), /API密钥无效/);
    assert.equal(await page.inputValue("#key"), "");
    await page.setInputFiles("#list", csvFile("form-21.csv", many(21)));
    await page.fill("#key", key);
    await page.selectOption("#as", "csv");
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("button[type=submit]")]);
    await download.saveAs(path("form-key.csv"));
    assert.equal(read(path("form-key.csv")).length, 22);
  }));

test("the template is understood by the page it comes from", () =>
  visit(browser, {}, async (page) => {
    await page.goto(`${url}/bulk`);
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("a[download]")]);
    await download.saveAs(path("template.xlsx"));
    assert.deepEqual(read(path("template.xlsx")), [["证书编号", "姓名", "证件号码", "证件类型"]]);
    await page.setInputFiles("#list", path("template.xlsx"));
    await page.locator("#preview").waitFor();
    const chosen = await page.locator("[data-map]").evaluateAll((selects) => selects.map((select) => select.value));
    assert.deepEqual(chosen, ["1", "2", "3", "4"]);
    assert.equal(await page.innerText("#file-rows"), "0");
  }));
