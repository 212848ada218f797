// What the pages say of the national look-up. Nothing is reported in this release, so no page may
// claim that anything was.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ask, cases, launch, mainText, nameAndIdentity, numberAndName, url, visit } from "./chromium.mjs";
import { answer, answered } from "./lists.mjs";

// What the page has to say when it is otherwise.
const CLAIMED = { zh: /等待确认|已确认|退回/, en: /confirmed|returned/i };
const STEPS = {
  zh: { titles: ["审核", "发布", "已报送", "全国可查"], spoken: ["已完成", "已完成", "未到", "未到"], state: "尚未报送", nowhere: /目前在全国系统中查不到/ },
  en: { titles: ["Reviewed", "Published", "Reported", "Found nationally"], spoken: ["done", "done", "not yet", "not yet"], state: "Not yet reported", nowhere: /cannot be found there/ },
};

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

for (const lang of ["zh", "en"]) {
  for (const javaScriptEnabled of [true, false]) {
    test(`a certificate is reviewed and published, and no more is claimed (${lang}, script ${javaScriptEnabled})`, () =>
      visit(browser, { javaScriptEnabled }, async (page) => {
        const expected = STEPS[lang];
        for (const fields of [numberAndName(cases.match), numberAndName(cases.withdrawn), nameAndIdentity(cases.several)]) {
          await ask(page, fields, lang);
          for (const national of await page.locator(".national").all()) {
            const steps = await national.locator(".timeline li").evaluateAll((items) => items.map((item) => ({
              kind: item.className, title: item.querySelector("b").textContent, spoken: item.querySelector(".unseen").textContent, dated: item.querySelector("time") !== null,
            })));
            assert.deepEqual(steps.map(({ kind }) => kind), ["is-done", "is-done", "is-open", "is-open"]);
            assert.deepEqual(steps.map(({ title }) => title), expected.titles);
            assert.deepEqual(steps.map(({ spoken }) => spoken), expected.spoken);
            assert.deepEqual(steps.map(({ dated }) => dated), [true, false, false, false]);
            assert.equal(await national.locator("dd > b").innerText(), expected.state);
            assert.match(await national.innerText(), expected.nowhere);
          }
          assert.ok(await page.locator(".national").count() > 0);
          assert.doesNotMatch(await mainText(page), CLAIMED[lang]);
        }
      }));
  }
}

test("statistics count nothing as reported, and say why", () =>
  visit(browser, { javaScriptEnabled: false }, async (page) => {
    for (const [lang, why] of [["zh", /尚未向全国联网查询系统报送数据/], ["en", /Nothing has been reported/]]) {
      await page.goto(`${url}/statistics?lang=${lang}`);
      assert.deepEqual((await page.locator(".figures dd").allInnerTexts()).slice(2), ["0", "0"]);
      assert.match(await mainText(page), why);
    }
  }));

test("a list says the same in its column", () =>
  visit(browser, {}, async (page) => {
    const rows = [cases.match, cases.withdrawn].map(({ certificate_number, name }) => [certificate_number, name]);
    await answer(page, [["证书编号", "姓名"], ...rows]);
    const states = (await answered(page)).map((row) => row["全国可查状态"]);
    assert.deepEqual(states, ["尚未报送", "尚未报送"]);
  }));
