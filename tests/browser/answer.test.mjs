// What a person reads: match, withdrawn, miss, outage, the catalogue; in both languages, on paper.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ask, cases, launch, mainText, nameAndIdentity, numberAndName, outageUrl, url, visit } from "./chromium.mjs";

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

function assertSays(text, ...parts) {
  for (const part of parts) assert.match(text, part instanceof RegExp ? part : new RegExp(part));
}

test("a match says the status first, then what the register says", () =>
  visit(browser, {}, async (page) => {
    await ask(page, numberAndName(cases.match));
    const text = await mainText(page);
    assertSays(text, "有效", "证书编号", cases.match.certificate_number, "姓名", "职业", "工种/职业方向",
      "职业技能等级", "评价机构", "评价机构目录内", "发证日期", "审核机构", "审核日期", "全国联网查询状态",
      /尚未报送|已报送|全国可查|被退回/, "数据版本", "发布时间.*北京时间", "12个月", "全国联网查询系统");
    assert.ok(text.indexOf("有效") < text.indexOf("证书编号"));
    // The name is masked: first character and one asterisk, and no identity number anywhere.
    const [first] = cases.match.name;
    assert.ok(text.includes(`${first}*`) && !text.includes(cases.match.name));
    assert.ok(!(await page.content()).includes(cases.match.id_number));
  }));

test("name and identity number find the same certificate", () =>
  visit(browser, {}, async (page) => {
    await ask(page, nameAndIdentity(cases.match));
    assertSays(await mainText(page), cases.match.certificate_number, "查到");
  }));

test("a withdrawn certificate says so, when and why", () =>
  visit(browser, {}, async (page) => {
    await ask(page, numberAndName(cases.withdrawn));
    const text = await mainText(page);
    assertSays(text, "已撤销", "不再有效", /撤销日期\s*\d{4}年\d+月\d+日/, /撤销原因\s*\S/, cases.withdrawn.certificate_number);
    assert.ok(text.indexOf("已撤销") < text.indexOf("证书编号"));
    assert.ok(!text.includes("技能提升补贴"));
    assert.match(await page.title(), /已撤销/);
  }));

test("a miss explains and says whom to ask, and never which factor was wrong", () =>
  visit(browser, {}, async (page) => {
    await ask(page, numberAndName(cases.miss));
    assertSays(await mainText(page), "信息不一致或未查到", "不等于证书是假的", "前13位", /审核日期为|还没有经审核/,
      "同音字", "生僻字", "尚未报送或审核", "旧版职业资格证书", "zscx.osta.org.cn", "找谁问", "电话", "请带上", "数据版本");
    // Whichever factor was wrong, the page is the same, apart from what was typed.
    const pages = [];
    for (const wrong of [{ name: "某某某" }, { id_number: "11010519491231002X" }]) {
      await ask(page, { certificate_number: cases.match.certificate_number, ...wrong });
      pages.push(await page.locator("main").evaluate((main) => {
        const copy = main.cloneNode(true);
        for (const input of copy.querySelectorAll("input")) input.setAttribute("value", "");
        return copy.innerHTML.split("\n");
      }));
    }
    assert.match(pages[0].join(), /信息不一致或未查到/);
    assert.equal(pages[0].length, pages[1].length);
    pages[0].forEach((line, index) => assert.equal(line, pages[1][index]));
  }));

test("a miss keeps what was typed for correction", () =>
  visit(browser, { javaScriptEnabled: false }, async (page) => {
    await ask(page, numberAndName(cases.miss));
    assert.equal(await page.inputValue("#certificate_number"), cases.miss.certificate_number);
    assert.equal(await page.inputValue("#name"), cases.miss.name);
  }));

test("an outage does not mean that a certificate is invalid", () =>
  visit(browser, {}, async (page) => {
    await ask(page, numberAndName(cases.match), "zh", outageUrl);
    assertSays(await mainText(page), "暂时无法查询，不代表证书无效", "再试");
    assert.equal(await page.inputValue("#name"), cases.match.name);
    await ask(page, numberAndName(cases.match), "en", outageUrl);
    assertSays(await mainText(page), "does not mean that the certificate is invalid");
  }));

test("English is complete", () =>
  visit(browser, {}, async (page) => {
    const unmarked = () => page.evaluate(() => {
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      const found = [];
      while (walker.nextNode()) {
        const { nodeValue, parentElement } = walker.currentNode;
        if (/[\u2e80-\u9fff\uff01-\uffe5]/.test(nodeValue) && !parentElement.closest("[lang=zh-CN]")) found.push(nodeValue.trim());
      }
      return found;
    });
    const questions = [[cases.match, /in force/], [cases.withdrawn, /Withdrawn on\s*\d+ \w+ \d{4}/], [cases.miss, /do not agree, or nothing was found/]];
    for (const [known, expected] of questions) {
      await ask(page, numberAndName(known), "en");
      assertSays(await mainText(page), expected, "Beijing time");
      assert.deepEqual(await unmarked(), []);
    }
    for (const path of ["/", "/institutions", "/statistics", "/status", "/about", "/no-such-page"]) {
      await page.goto(`${url}${path}?lang=en`);
      assert.deepEqual(await unmarked(), [], path);
    }
  }));

test("the catalogue lists institutions", () =>
  visit(browser, {}, async (page) => {
    await page.goto(`${url}/institutions`);
    assertSays(await page.locator("thead").innerText(), "机构名称", "城市", "类型", "最高等级", "备案日期", "目录状态", "证书数", "最近审核");
    assert.ok(await page.locator("tbody tr").count() > 0);
    const code = cases.match.certificate_number.slice(0, 13);
    assertSays(await page.locator("tbody tr", { hasText: code }).innerText(), /在目录内|已移出/);
    // On a phone the rows become cards and must stay a table to a screen reader.
    await page.setViewportSize({ width: 360, height: 800 });
    const session = await page.context().newCDPSession(page);
    const { nodes } = await session.send("Accessibility.getFullAXTree");
    const roles = new Set(nodes.map((node) => node.role?.value));
    for (const role of ["table", "row", "columnheader", "rowheader", "cell"]) assert.ok(roles.has(role), role);
  }));

test("an unknown address leads back to the search", () =>
  visit(browser, {}, async (page) => {
    const response = await page.goto(`${url}/no-such-page`);
    assert.equal(response.status(), 404);
    await page.click("main a");
    assert.ok(await page.locator("#certificate_number").isVisible());
  }));

test("one certificate prints on one sheet, without what only a screen needs", () =>
  visit(browser, {}, async (page) => {
    for (const known of [cases.match, cases.withdrawn]) {
      await ask(page, numberAndName(known));
      const sheets = (await page.pdf({ format: "A4" })).toString("latin1").match(/\/Type\s*\/Page\b/g);
      assert.equal(sheets.length, 1);
      await page.emulateMedia({ media: "print" });
      assert.ok(await page.locator("h1").isVisible() && await page.locator(".facts").isVisible() && await page.locator(".as-of").isVisible());
      assert.ok(!(await page.locator("nav").isVisible()) && !(await page.locator(".actions").isVisible()));
      const grounds = await page.evaluate(() => ["body", ".status", ".footer"].map((part) => getComputedStyle(document.querySelector(part)).backgroundColor));
      assert.deepEqual(grounds, Array(3).fill("rgb(255, 255, 255)"));
      await page.emulateMedia({ media: null });
    }
  }));

test("no page may be framed", () =>
  visit(browser, {}, async (page) => {
    await page.goto(url);
    const embedded = await page.evaluate(async (address) => {
      const frame = document.createElement("iframe");
      const loaded = new Promise((resolve) => { frame.onload = resolve; });
      frame.src = address;
      document.body.append(frame);
      await loaded;
      return frame.contentDocument !== null && frame.contentDocument.title !== "";
    }, `${url}/institutions`).catch(() => false);
    assert.equal(embedded, false);
  }).catch((error) => {
    // The refusal itself is the violation that the console reports.
    assert.match(String(error.message), /frame|Content Security Policy/i);
  }));
