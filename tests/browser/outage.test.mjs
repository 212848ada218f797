// No answers for now: a server without a generation, or a key whose rows are used up. Every page
// says that this means nothing for a certificate, and where to go; with and without script.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { ask, cases, hasFocus, launch, mainText, numberAndName, outageUrl, url, visit } from "./chromium.mjs";
import { csvFile } from "./sheets.mjs";

assert.ok(process.env.CERTQ_SPENT_KEY_FILE, "set CERTQ_SPENT_KEY_FILE; tests/browser/README.md says how");
const spentKey = readFileSync(process.env.CERTQ_SPENT_KEY_FILE, "utf8").trim();

const MEANS_NOTHING = { zh: /暂时无法查询，不代表证书无效/, en: /does not mean that the certificate is invalid/ };
// That the pages of both languages never say in an outage.
const VERDICTS = /未查到|已撤销|nothing was found|withdrawn/i;
const LIST = [["证书编号", "姓名"], [cases.match.certificate_number, cases.match.name]];

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with script" : "without script";

  test(`${how}, a citizen is told to try again, and need not type again`, () =>
    visit(browser, { javaScriptEnabled }, async (page) => {
      for (const lang of ["zh", "en"]) {
        await ask(page, numberAndName(cases.match), lang, outageUrl);
        const text = await mainText(page);
        assert.match(text, MEANS_NOTHING[lang]);
        assert.doesNotMatch(text, VERDICTS);
        await hasFocus(page, "answer");
        assert.equal(await page.inputValue("#certificate_number"), cases.match.certificate_number);
        assert.equal(await page.inputValue("#name"), cases.match.name);
      }
    }));

  for (const path of ["/institutions", "/statistics"]) {
    test(`${how}, ${path} in an outage leads back to itself, in either language`, () =>
      visit(browser, { javaScriptEnabled }, async (page) => {
        const response = await page.goto(`${outageUrl}${path}?lang=zh`);
        assert.equal(response.status(), 503);
        assert.ok(response.headers()["retry-after"]);
        assert.match(await mainText(page), MEANS_NOTHING.zh);
        assert.equal(await page.locator("form").count(), 0);
        await page.click("a.language");
        assert.equal(page.url(), `${outageUrl}${path}?lang=en`);
        assert.match(await mainText(page), MEANS_NOTHING.en);
        assert.equal(await page.locator("nav [aria-current=page]").getAttribute("href"), `${path}?lang=en`);
        await page.click("main a.primary");
        assert.equal(page.url(), `${outageUrl}${path}?lang=en`);
        await page.click("main a:not(.primary)");
        assert.equal(new URL(page.url()).pathname, "/status");
      }));
  }
}

test("with script, a list in an outage is refused beside the file, and judged in no row", () =>
  visit(browser, {}, async (page) => {
    for (const [lang, said] of [["zh", /暂时|不代表/], ["en", /not mean that a certificate is invalid/]]) {
      await page.goto(`${outageUrl}/bulk?lang=${lang}`);
      await page.locator("#bulk.is-scripted").waitFor();
      await page.setInputFiles("#list", csvFile("outage.csv", LIST));
      await page.locator("#preview").waitFor();
      await page.click("#start");
      await page.locator("#list-problem:not(:empty)").waitFor();
      assert.match(await page.innerText("#list-problem"), said);
      assert.equal(await page.isVisible("#result"), false);
      await hasFocus(page, "list");
      // The columns stay as chosen, so that starting again is one press.
      assert.ok(await page.isVisible("#start"));
    }
  }));

test("without script, a list in an outage is refused beside the file", () =>
  visit(browser, { javaScriptEnabled: false }, async (page) => {
    for (const [lang, said] of [["zh", /暂时|不代表/], ["en", /not mean that a certificate is invalid/]]) {
      await page.goto(`${outageUrl}/bulk?lang=${lang}`);
      await page.setInputFiles("#list", csvFile("outage.csv", LIST));
      await page.click("button[type=submit]");
      assert.match(await page.innerText("#list-problem"), said);
      await hasFocus(page, "list");
    }
  }));

for (const javaScriptEnabled of [true, false]) {
  test(`a key whose rows are used up is said beside the key (script ${javaScriptEnabled})`, () =>
    visit(browser, { javaScriptEnabled }, async (page) => {
      // Whatever an earlier run has left of the key's few rows.
      await fetch(`${url}/v1/bulk`, {
        method: "POST",
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${spentKey}` },
        body: JSON.stringify([cases.match, cases.withdrawn, cases.miss].map(numberAndName)),
      }).then((response) => response.text());
      for (const [lang, said] of [["zh", /核验行数已用完/], ["en", /used up for now/]]) {
        await page.goto(`${url}/bulk?lang=${lang}`);
        await page.fill("#key", spentKey);
        if (javaScriptEnabled) await page.locator("#bulk.is-scripted").waitFor();
        await page.setInputFiles("#list", csvFile("spent.csv", LIST));
        // The script looks at the file with the key as soon as there is one.
        if (!javaScriptEnabled) await page.click("button[type=submit]");
        await page.locator("#key-problem:not(:empty)").waitFor();
        assert.match(await page.innerText("#key-problem"), said);
        await hasFocus(page, "key");
      }
    }));
}

test("rows for which the key had no room are counted apart, and mean nothing for the certificate", () =>
  visit(browser, {}, async (page) => {
    // The rest of an answer as the server writes it when a quota ends in the middle of a list.
    await page.route("**/v1/bulk?*", async (route) => {
      const response = await route.fetch();
      const [head, first, ...rest] = (await response.text()).trim().split("\r\n");
      const limited = rest.map((line) => `${line.split(",").slice(0, 2).join(",")},暂时无法核验,quota_exceeded,超出核验额度，本行未核验；这不表示证书无效,,,,,,,2026-11-24 10:00`);
      await route.fulfill({ response, body: `${[head, first, ...limited].join("\r\n")}\r\n` });
    });
    await page.goto(`${url}/bulk`);
    await page.locator("#bulk.is-scripted").waitFor();
    await page.setInputFiles("#list", csvFile("limited.csv", [...LIST, ...[cases.withdrawn, cases.miss].map(({ certificate_number, name }) => [certificate_number, name])]));
    await page.locator("#preview").waitFor();
    await page.click("#start");
    await page.locator("#result").waitFor();
    assert.deepEqual(await page.locator("#result .counts b").allInnerTexts(), ["1", "0", "0", "0", "2"]);
    const faulty = await page.locator("#faulty-sheet tbody tr").allInnerTexts();
    assert.equal(faulty.length, 2);
    for (const row of faulty) assert.match(row, /暂时无法核验[^]*不表示证书无效/);
  }));
