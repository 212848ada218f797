// Accessible to everybody: axe-core on every page, light and dark; narrow phones; large type.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { ask, cases, launch, nameAndIdentity, numberAndName, outageUrl, url, visit } from "./chromium.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
// WCAG 2.2 AA, and of AAA the contrast of 7:1.
const AXE_OPTIONS = {
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  rules: { "color-contrast-enhanced": { enabled: true } },
};

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const open = (path) => (page, lang) => page.goto(`${url}${path}?lang=${lang}`);
const PAGES = {
  "home": open("/"),
  "home, something wrong": async (page, lang) => {
    await open("/")(page, lang);
    await page.fill("#certificate_number", "J0000X4000001203000123");
    await page.fill("#id_number", "110105194912310021");
    await page.click("button[type=submit]");
    await page.locator("#id_number-problem:not(:empty)").waitFor();
  },
  "home, something doubtful": async (page, lang) => {
    await open("/")(page, lang);
    await page.fill("#certificate_number", "J000011000001203000123");
    await page.click("button[type=submit]");
    await page.locator("#form-problem:not(:empty)").waitFor();
  },
  "match": (page, lang) => ask(page, numberAndName(cases.match), lang),
  "several": (page, lang) => ask(page, nameAndIdentity(cases.several), lang),
  "withdrawn": (page, lang) => ask(page, numberAndName(cases.withdrawn), lang),
  "miss": (page, lang) => ask(page, numberAndName(cases.miss), lang),
  "institutions": open("/institutions"),
  "institutions, nothing fits": (page, lang) => page.goto(`${url}/institutions?lang=${lang}&q=xyz`),
  "statistics": open("/statistics"),
  "status": open("/status"),
  "about": open("/about"),
  "not found": open("/no-such-page"),
};
for (const path of ["/bulk", "/institutions", "/statistics", "/status", "/about"]) {
  PAGES[`${path} in an outage`] = (page, lang) => page.goto(`${outageUrl}${path}?lang=${lang}`);
}
PAGES.outage = (page, lang) => ask(page, numberAndName(cases.match), lang, outageUrl);

for (const [name, reach] of Object.entries(PAGES)) {
  // Without motion, so that no colour is measured on its way to another.
  test(`axe-core finds nothing: ${name}`, () =>
    visit(browser, { reducedMotion: "reduce" }, async (page) => {
      for (const [lang, widths] of [["zh", [1280, 768, 360]], ["en", [360]]]) {
        await page.setViewportSize({ width: widths[0], height: 800 });
        await reach(page, lang);
        // evaluate, not a script element: the page's own policy would refuse that.
        await page.evaluate((source) => (0, eval)(source), AXE);
        for (const width of widths) {
          await page.setViewportSize({ width, height: 800 });
          for (const colorScheme of ["light", "dark"]) {
            await page.emulateMedia({ colorScheme });
            const { passes, violations } = await page.evaluate((options) => window.axe.run(document, options), AXE_OPTIONS);
            const found = violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map((node) => node.html).join(" | ")}`);
            assert.deepEqual(found, [], `${name} ${lang} ${width} ${colorScheme}`);
            assert.ok(passes.some(({ id }) => id === "color-contrast-enhanced"), "the contrast was measured");
          }
        }
      }
    }));

  test(`no sideways scrolling, nothing cut off: ${name}`, () =>
    visit(browser, {}, async (page) => {
      for (const lang of ["zh", "en"]) {
        await reach(page, lang);
        for (const width of [320, 360, 768, 1000, 1280]) {
          await page.setViewportSize({ width, height: 800 });
          const outside = await page.evaluate(() => [...document.querySelectorAll("main *, header *, footer *")]
            .filter((element) => {
              const box = element.getBoundingClientRect();
              // The table's head is kept for screen readers in a box of one pixel.
              const unseen = element.closest(".unseen, thead")?.getBoundingClientRect().width <= 1;
              // What scrolls inside its own box may be wider than the screen.
              if (element.parentElement.closest(".scroll")) return false;
              return !unseen && (box.right > innerWidth + 0.5 || box.left < -0.5);
            }).map((element) => element.outerHTML.slice(0, 120)));
          const scroll = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.deepEqual([outside, Math.max(0, scroll)], [[], 0], `${name} ${lang} ${width}`);
        }
      }
    }));

  test(`large type and large targets: ${name}`, () =>
    visit(browser, { viewport: { width: 360, height: 800 } }, async (page) => {
      await reach(page, "zh");
      const small = await page.evaluate(() => {
        const sizeOf = (element) => parseFloat(getComputedStyle(element).fontSize);
        const texts = [...document.querySelectorAll("body *")].filter((element) =>
          [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.nodeValue.trim()));
        const targets = [...document.querySelectorAll("button, input, select, .button, nav a")]
          .filter((element) => element.getBoundingClientRect().height > 0);
        return {
          body: sizeOf(document.body),
          texts: texts.filter((element) => sizeOf(element) < 16).map((element) => element.outerHTML.slice(0, 100)),
          targets: targets.filter((element) => element.getBoundingClientRect().height < 44).map((element) => element.outerHTML.slice(0, 100)),
        };
      });
      assert.deepEqual(small, { body: 18, texts: [], targets: [] });
    }));
}

test("type follows the reader's own setting, and 200 % still fits a phone", () =>
  visit(browser, { viewport: { width: 360, height: 800 } }, async (page) => {
    for (const lang of ["zh", "en"]) {
      await page.goto(`${url}/?lang=${lang}`);
      const scroll = await page.evaluate(() => {
        document.documentElement.style.setProperty("font-size", "225%");
        return document.documentElement.scrollWidth - innerWidth;
      });
      assert.equal(Math.max(0, scroll), 0, lang);
    }
  }));

test("motion stops when the reader asks for it", () =>
  visit(browser, { reducedMotion: "reduce" }, async (page) => {
    await page.goto(url);
    const durations = await page.evaluate(() => [...document.querySelectorAll("*")]
      .map((element) => getComputedStyle(element))
      .filter((style) => style.transitionDuration !== "0s" || style.animationName !== "none").length);
    assert.equal(durations, 0);
  }));
