// A person with several certificates, one of them withdrawn: found by name and identity number,
// with and without script, in both languages, on a phone, on paper and in a list.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ask, cases, hasFocus, launch, mainText, nameAndIdentity, visit } from "./chromium.mjs";
import { answer, answered } from "./lists.mjs";

const { several } = cases;
const numbers = several.certificate_numbers;

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with script" : "without script";

  test(`${how}, every certificate of a person is shown, newest first, each with its own status`, () =>
    visit(browser, { javaScriptEnabled }, async (page) => {
      await ask(page, nameAndIdentity(several));
      await hasFocus(page, "answer");
      const verdict = `查到${numbers.length}本证书，其中${several.withdrawn}本已撤销`;
      assert.equal(await page.locator("h1").innerText(), verdict);
      assert.ok((await page.title()).startsWith(verdict));

      const shown = page.locator("article.certificate");
      assert.deepEqual(await shown.locator(".facts > div:first-child dd").allInnerTexts(), numbers);
      const days = await shown.locator("xpath=.//dt[.='发证日期']/following-sibling::dd/time").evaluateAll((times) => times.map((time) => time.dateTime));
      assert.equal(days.length, numbers.length);
      assert.deepEqual(days, [...days].sort().reverse());
      const statuses = await shown.locator(".status h2").allInnerTexts();
      assert.equal(statuses.filter((status) => status === "已撤销").length, several.withdrawn);
      assert.equal(statuses.filter((status) => status === "有效").length, numbers.length - several.withdrawn);
      // The subsidy is nothing for a certificate that was withdrawn.
      assert.equal(await page.locator(".is-valid .hint").count(), numbers.length - several.withdrawn);
      assert.equal(await page.locator(".is-withdrawn .hint").count(), 0);

      const html = await page.content();
      assert.ok(!html.includes(several.id_number) && !html.includes(several.name));
    }));

  test(`${how}, the list above them agrees and leads to each`, () =>
    visit(browser, { javaScriptEnabled, viewport: { width: 360, height: 800 } }, async (page) => {
      await ask(page, nameAndIdentity(several));
      assert.deepEqual(await page.locator(".summary .code").allInnerTexts(), numbers);
      assert.deepEqual(await page.locator(".summary .tag").allInnerTexts(), await page.locator("article .status h2").allInnerTexts());
      for (const [index, number] of numbers.entries()) {
        await page.locator(".summary a").nth(index).click();
        await page.waitForFunction((place) => {
          const box = document.getElementById(`certificate-${place}`).getBoundingClientRect();
          return box.top >= -1 && box.top < innerHeight;
        }, index + 1);
        assert.match(await page.locator(`#certificate-${index + 1}`).innerText(), new RegExp(number));
      }
    }));
}

test("several certificates in English", () =>
  visit(browser, {}, async (page) => {
    await ask(page, nameAndIdentity(several), "en");
    assert.equal(await page.locator("h1").innerText(), `${numbers.length} certificates found, ${several.withdrawn} of them withdrawn`);
    assert.deepEqual(await page.locator(".summary .tag").allInnerTexts(), (await page.locator("article .status h2").allInnerTexts()).map((status) => status.toLowerCase()));
  }));

test("a number of one of them shows that one only", () =>
  visit(browser, {}, async (page) => {
    for (const number of numbers) {
      await ask(page, { certificate_number: number, name: several.name });
      const text = await mainText(page);
      for (const one of numbers) assert.equal(text.includes(one), one === number, one);
      assert.equal(await page.locator(".summary").count(), 0);
    }
  }));

test("in a list the row shows one that is valid, and says how many there are", () =>
  visit(browser, {}, async (page) => {
    await answer(page, [["姓名", "证件号码"], [several.name, several.id_number]]);
    const [row] = await answered(page);
    assert.equal(row["核验结果"], "一致有效");
    assert.equal(row["证书状态"], "有效");
    assert.match(row["说明"], new RegExp(`${numbers.length}本`));
  }));
