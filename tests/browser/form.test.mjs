// The form: with and without script, with the keyboard alone, and with something wrong in it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ask, cases, focused, hasFocus, launch, mainText, numberAndName, send, url, visit } from "./chromium.mjs";

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with script" : "without script";

  test(`${how}, the form leads to the answer and the values never reach the address`, () =>
    visit(browser, { javaScriptEnabled }, async (page) => {
      await ask(page, numberAndName(cases.match));
      assert.match(await page.title(), /有效/);
      await hasFocus(page, "answer");
      assert.equal(page.url(), `${url}/?lang=zh`);
      assert.equal(await page.locator("[data-print]").isVisible(), javaScriptEnabled);
      assert.deepEqual(await page.context().cookies(), []);
    }));

  test(`${how}, one box is not enough`, () =>
    visit(browser, { javaScriptEnabled }, async (page) => {
      await page.goto(url);
      await page.fill("#name", cases.match.name);
      await page.click("button[type=submit]");
      await page.locator("#form-problem:not(:empty)").waitFor();
      await hasFocus(page, "form-problem");
      assert.equal(await page.inputValue("#name"), cases.match.name);
    }));

  test(`${how}, a wrong number is marked and can be corrected in place`, () =>
    visit(browser, { javaScriptEnabled }, async (page) => {
      await page.goto(url);
      await page.fill("#certificate_number", "J0000X4000001203000123");
      await page.fill("#name", cases.match.name);
      await page.click("button[type=submit]");
      await page.locator("#certificate_number[aria-invalid=true]").waitFor();
      await hasFocus(page, "certificate_number");
      assert.match(await page.locator("#certificate_number-problem").innerText(), /第6位应为数字/);
      const describedBy = await page.getAttribute("#certificate_number", "aria-describedby");
      assert.ok(describedBy.split(" ").includes("certificate_number-problem"));
      assert.equal(await page.inputValue("#name"), cases.match.name);

      await page.fill("#certificate_number", cases.match.certificate_number);
      await send(page);
      assert.match(await page.title(), /有效/);
    }));

  test(`${how}, a wrong check character is found`, () =>
    visit(browser, { javaScriptEnabled }, async (page) => {
      await page.goto(url);
      await page.fill("#name", cases.match.name);
      await page.fill("#id_number", "110105194912310021");
      await page.click("button[type=submit]");
      await page.locator("#id_number[aria-invalid=true]").waitFor();
      assert.match(await page.locator("#id_number-problem").innerText(), /校验码/);
    }));

  test(`${how}, old numbers are told where to go`, () =>
    visit(browser, { javaScriptEnabled }, async (page) => {
      for (const [number, digits] of [["1234567890123456", "16位"], ["1234567890123", "13位"]]) {
        await page.goto(url);
        await page.fill("#certificate_number", number);
        await page.fill("#name", cases.match.name);
        await page.click("button[type=submit]");
        await page.locator("#certificate_number[aria-invalid=true]").waitFor();
        const problem = await page.locator("#certificate_number-problem").innerText();
        assert.ok(problem.includes(digits) && problem.includes("全国联网查询系统"), problem);
      }
    }));
}

// The number typed, the sentence in both languages, the part that is marked and how.
const PARTS = [
  ["X", /J、S或Y/, /J, S or Y/, 0, "wrong"],
  ["J00A", /第4位应为数字（第2–5位/, /Character 4 .*2–5/, 1, "wrong"],
  ["J000011", /省份代码，广东省为44/, /44 for Guangdong/, 2, "doubt"],
  ["J00004400X", /第10位应为数字（第8–13位/, /Character 10 .*8–13/, 3, "wrong"],
  ["J00004400000199", /2099年/, /2099/, 4, "doubt"],
  ["J00004400000120*", /第16位是职业技能等级/, /Character 16/, 5, "wrong"],
  ["J00004400000120300*", /第19位应为数字（第17–22位/, /Character 19 .*17–22/, 6, "wrong"],
  ["J000044000001203000000", /不会全是0/, /never all zeros/, 6, "doubt"],
  ["J000O", /第5位是字母，将按数字0/, /Character 5 .*digit 0/, 1, "doubt"],
  ["J00004400000I", /第13位是字母，将按数字1/, /Character 13 .*digit 1/, 3, "doubt"],
  ["J0000440000012030001239", /多了1位/, /1 too many/, undefined, "wrong"],
];

for (const [lang, sentence] of [["zh", 1], ["en", 2]]) {
  test(`while typing, every part of a number is watched (${lang})`, () =>
    visit(browser, {}, async (page) => {
      await page.goto(`${url}/?lang=${lang}`);
      for (const row of PARTS) {
        await page.fill("#certificate_number", "");
        await page.locator("#certificate_number").pressSequentially(row[0]);
        const place = row[4] === "wrong" ? "#certificate_number-problem" : "#certificate_number-note";
        assert.match(await page.locator(place).innerText(), row[sentence], row[0]);
        const invalid = await page.getAttribute("#certificate_number", "aria-invalid");
        assert.equal(invalid, row[4] === "wrong" ? "true" : null, row[0]);
        const states = await page.locator(".parts li").evaluateAll((items) => items.map((item) => item.dataset.state));
        const marked = states.findIndex((state) => state === "wrong" || state === "doubt");
        assert.equal(marked, row[3] ?? -1, row[0]);
        if (row[3] !== undefined) assert.equal(states[marked], row[4], row[0]);
      }
    }));
}

test("a good number raises nothing, and its length is counted", () =>
  visit(browser, {}, async (page) => {
    await page.goto(url);
    await page.locator("#certificate_number").pressSequentially(cases.match.certificate_number.slice(0, 15));
    assert.equal(await page.locator("[data-field=certificate_number] [data-count]").innerText(), "15/22位");
    assert.equal(await page.locator("#certificate_number-problem").innerText(), "");
    await page.locator("#name").focus();
    assert.match(await page.locator("#certificate_number-problem").innerText(), /还差7位/);
    await page.fill("#certificate_number", cases.match.certificate_number);
    assert.equal(await page.locator("#certificate_number-problem").innerText(), "");
    assert.equal(await page.locator(".parts [data-state=good]").count(), 7);
  }));

test("nothing is asked of the server before sending, and nothing is kept", () =>
  visit(browser, {}, async (page) => {
    await page.goto(url);
    const requests = [];
    page.on("request", (request) => { if (!request.url().includes("/assets/")) requests.push(request.url()); });
    await page.fill("#certificate_number", cases.match.certificate_number);
    await page.fill("#name", cases.match.name);
    await page.fill("#id_number", cases.match.id_number);
    await page.locator("#name").focus();
    const kept = await page.evaluate(() => localStorage.length + sessionStorage.length + document.cookie.length);
    assert.deepEqual([requests, kept], [[], 0]);
    for (const id of ["certificate_number", "name", "id_number", "id_type"]) {
      assert.equal(await page.getAttribute(`#${id}`, "autocomplete"), "off");
    }
  }));

test("the keyboard alone is enough", () =>
  visit(browser, {}, async (page) => {
    await page.goto(url);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
    await page.keyboard.press("Enter");
    await hasFocus(page, "main");
    await page.keyboard.press("Tab");
    await hasFocus(page, "certificate_number");
    await page.keyboard.type(cases.match.certificate_number);
    for (let steps = 0; (await focused(page)) !== "name" && steps < 5; steps += 1) await page.keyboard.press("Tab");
    await hasFocus(page, "name");
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineWidth);
    assert.equal(outline, "3px");
    await page.keyboard.type(cases.match.name);
    await Promise.all([page.waitForEvent("load"), page.keyboard.press("Enter")]);
    await hasFocus(page, "answer");
    assert.match(await mainText(page), /有效/);
  }));

test("a browser that asks for English gets it", () =>
  visit(browser, { locale: "en-GB" }, async (page) => {
    await page.goto(url);
    assert.equal(await page.getAttribute("html", "lang"), "en");
  }));

test("the language is chosen by a link and lasts", () =>
  visit(browser, {}, async (page) => {
    await page.goto(url);
    await page.click("a.language");
    assert.equal(await page.getAttribute("html", "lang"), "en");
    await page.click("nav a[href^='/institutions']");
    assert.equal(await page.getAttribute("html", "lang"), "en");
    await page.click("nav a >> nth=0");
    await page.fill("#certificate_number", cases.match.certificate_number);
    await page.fill("#name", cases.match.name);
    await send(page);
    assert.equal(await page.getAttribute("html", "lang"), "en");
    await page.click("a.language");
    assert.equal(await page.getAttribute("html", "lang"), "zh-CN");
  }));

test("hostile texts stay texts", () =>
  visit(browser, {}, async (page) => {
    const breakers = ["", '"', "'>", "</title>", "</option></select>", "--></p>"];
    const bodies = [
      "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>",
      "<iframe src='javascript:alert(1)'>", "onfocus=alert(1) autofocus x=", "<style>@import'//x.invalid'</style>",
      "javascript:alert(1)", "{{7*7}}", "&lt;script&gt;alert(1)&lt;/script&gt;",
    ];
    const names = ["certificate_number", "name", "id_type", "id_number"];
    await page.goto(url);
    for (const payload of breakers.flatMap((breaker) => bodies.map((body) => breaker + body))) {
      // Past the script and past the list of document types, as an attacker's form would be. The
      // answer refuses and puts everything back into the form, so the next one starts from there.
      await Promise.all([page.waitForEvent("load"), page.evaluate(([names, payload]) => {
        const form = document.querySelector("[data-lookup]");
        for (const name of names) {
          const forged = Object.assign(document.createElement("textarea"), { name, value: payload });
          form.elements[name].removeAttribute("name");
          form.append(forged);
        }
        form.submit();
      }, [names, payload])]);
      assert.equal(await page.locator("main script, main img, main iframe, main style").count(), 0, payload);
      assert.equal(await page.inputValue("#name"), payload);
    }
  }));
