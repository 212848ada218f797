// The pages beside the search: catalogue, statistics, status, about; with and without script.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ask, cases, launch, mainText, numberAndName, outageUrl, url, visit } from "./chromium.mjs";

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const code = cases.match.certificate_number.slice(0, 13);
const counted = (text) => Number(text.replaceAll(",", ""));

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with script" : "without script";

  test(`${how}, the catalogue is searched by code, city and state`, () =>
    visit(browser, { javaScriptEnabled }, async (page) => {
      const find = () => Promise.all([page.waitForEvent("load"), page.click("form.filter button")]);
      const rows = page.locator("tbody tr");
      await page.goto(`${url}/institutions`);
      const all = await rows.count();
      await page.fill("#q", code.toLowerCase());
      await find();
      assert.equal(await rows.count(), 1);
      assert.ok((await rows.innerText()).includes(code));
      assert.equal(await page.inputValue("#q"), code.toLowerCase());
      assert.match(await page.locator(".found").innerText(), /：1/);

      const name = (await page.locator(".school").innerText()).slice(0, 4);
      await page.fill("#q", name);
      await find();
      for (const school of await page.locator(".school").allInnerTexts()) assert.ok(school.includes(name), school);

      await page.fill("#q", "");
      const city = await page.locator("#city option").nth(1).innerText();
      await page.selectOption("#city", { label: city });
      await find();
      const cities = await page.locator("tbody td:nth-child(2)").allInnerTexts();
      assert.deepEqual([...new Set(cities)], [city]);
      assert.ok(cities.length < all);

      const counts = [];
      await page.selectOption("#city", "");
      for (const state of ["listed", "removed"]) {
        await page.selectOption("#state", state);
        await find();
        counts.push(await rows.count());
        const mark = state === "listed" ? "在目录内" : "已移出";
        for (const tag of await page.locator("tbody .tag").allInnerTexts()) assert.equal(tag, mark);
      }
      assert.equal(counts[0] + counts[1], all);
    }));
}

test("a search lasts when the language changes", () =>
  visit(browser, {}, async (page) => {
    await page.goto(`${url}/institutions?lang=zh&q=${code}&state=listed`);
    await page.click("a.language");
    assert.equal(await page.getAttribute("html", "lang"), "en");
    assert.equal(await page.inputValue("#q"), code);
    assert.equal(await page.inputValue("#state"), "listed");
  }));

test("every section is one link away, in the language chosen, and marked as the present one", () =>
  visit(browser, { javaScriptEnabled: false }, async (page) => {
    for (const path of ["/institutions", "/statistics", "/status", "/about", "/"]) {
      await page.goto(`${url}/?lang=en`);
      await page.click(`nav a[href="${path}?lang=en"]`);
      assert.equal(new URL(page.url()).pathname, path);
      assert.equal(await page.getAttribute("html", "lang"), "en");
      assert.equal(await page.locator("nav [aria-current=page]").getAttribute("href"), `${path}?lang=en`);
      assert.equal(await page.locator("h1").count(), 1);
    }
  }));

test("the numbers of every table add up to the whole, and the data say the same", () =>
  visit(browser, { javaScriptEnabled: false }, async (page) => {
    await page.goto(`${url}/statistics`);
    const data = await (await fetch(`${url}/v1/statistics`)).json();
    const figures = await page.locator(".figures dd").allInnerTexts();
    assert.deepEqual(figures.map(counted), [data.certificates, data.withdrawn, data.national.reported, data.national.acknowledged]);
    const tables = page.locator("table");
    assert.equal(await tables.count(), 4);
    for (const table of await tables.all()) {
      const column = async (place) => (await table.locator(`tbody td:nth-child(${place})`).allInnerTexts()).map(counted);
      const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
      assert.equal(sum(await column(2)), data.certificates);
      assert.equal(sum(await column(3)), data.withdrawn);
    }
    for (const list of [data.cities, data.occupations, data.levels, data.years]) {
      assert.equal(list.reduce((total, { certificates }) => total + certificates, 0), data.certificates);
    }
  }));

test("a chart is drawn to scale, fits a phone and is a picture with a name", () =>
  visit(browser, { viewport: { width: 360, height: 800 } }, async (page) => {
    await page.goto(`${url}/statistics`);
    const { cities } = await (await fetch(`${url}/v1/statistics`)).json();
    const widths = await page.locator("section[aria-labelledby=by-city] rect").evaluateAll((bars) => bars.map((bar) => bar.getBoundingClientRect().width));
    const most = Math.max(...cities.map(({ certificates }) => certificates));
    cities.forEach(({ certificates }, index) => {
      const expected = (certificates / most) * Math.max(...widths);
      assert.ok(Math.abs(widths[index] - expected) <= 1.5, `${index}: ${widths[index]}, ${expected}`);
    });
    // No label runs into its count.
    const collisions = await page.locator("svg.chart").evaluateAll((charts) => charts.flatMap((chart) => {
      const texts = [...chart.querySelectorAll("text")].map((text) => text.getBoundingClientRect());
      return texts.filter((box, index) => index % 2 === 0 && box.right > texts[index + 1].left).length;
    }));
    assert.deepEqual(collisions, [0, 0, 0, 0]);
    assert.equal(await page.getByRole("img", { name: "证书数 按城市" }).count(), 1);
  }));

test("the state of the service, also in an outage", () =>
  visit(browser, {}, async (page) => {
    await page.goto(`${url}/status`);
    const data = await (await fetch(`${url}/v1/status`)).json();
    const figures = await page.locator(".figures dd").allInnerTexts();
    assert.deepEqual(figures.map(counted), [data.certificates, data.withdrawn, data.as_of.generation, data.as_of.epoch]);
    assert.equal(await page.locator("tbody tr").count(), data.coverage.length);
    assert.match(await mainText(page), /可以查询/);
    const response = await page.goto(`${outageUrl}/status`);
    assert.equal(response.status(), 503);
    assert.match(await mainText(page), /不代表任何证书无效/);
  }));

test("about: privacy, correction, telephones, warning", () =>
  visit(browser, { javaScriptEnabled: false }, async (page) => {
    await page.goto(`${url}/about`);
    for (const part of ["61号", "免费", "不写入日志", "没有完整姓名", "更正", "14个", "从不收费", "/bulk", "接口说明"]) {
      assert.ok((await page.locator("main").innerHTML()).includes(part), part);
    }
    assert.ok(await page.locator("#centres ~ .scroll tbody tr").count() > 1);
    assert.match(await page.locator("#centres ~ .scroll tbody tr").first().innerText(), /^广东省/);
    await page.goto(`${outageUrl}/about`);
    assert.match(await mainText(page), /电话表暂时无法显示/);
  }));

test("a certificate shows its way to the national look-up", () =>
  visit(browser, {}, async (page) => {
    await ask(page, numberAndName(cases.match));
    const steps = await page.locator(".timeline li").allInnerTexts();
    assert.equal(steps.length, 4);
    assert.match(steps[0], /审核[^]*已完成[^]*\d{4}年\d+月\d+日/);
    for (const [index, title] of ["审核", "发布", "已报送", "全国可查"].entries()) assert.ok(steps[index].startsWith(title), steps[index]);
    await page.emulateMedia({ media: "print" });
    assert.ok(await page.locator(".timeline").isVisible());
  }));
