// On paper: every page that somebody may file, as wide as an A4 sheet, from a light or a dark screen.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ask, cases, launch, nameAndIdentity, numberAndName, url, visit } from "./chromium.mjs";
import { answer } from "./lists.mjs";

// A4 less Chromium's margins, in CSS pixels.
const SHEET = { width: 718, height: 1000 };

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const LIST = [
  ["证书编号", "姓名"],
  ...[cases.match, cases.withdrawn, cases.miss].map(({ certificate_number, name }) => [certificate_number, name]),
  ["J1", "张三"],
];

const open = (path) => (page, lang) => page.goto(`${url}${path}?lang=${lang}`);
// Each with what must be on the paper.
const PAGES = {
  "results of a list": [(page, lang) => answer(page, LIST, lang), "#result-title, #result .counts, #faulty-sheet"],
  institutions: [open("/institutions"), "h1, table.institutions thead, table.institutions tbody tr:last-child"],
  statistics: [open("/statistics"), ".figures, svg.chart >> nth=0, table.numbers >> nth=0"],
  status: [open("/status"), ".states, .figures, table.numbers"],
  about: [open("/about"), "#privacy, table.numbers"],
  "several certificates": [(page, lang) => ask(page, nameAndIdentity(cases.several), lang), ".summary, #certificate-1 .facts, #certificate-2 .facts"],
  miss: [(page, lang) => ask(page, numberAndName(cases.miss), lang), ".notice, .causes, .office"],
};

/** What is cut off, what is pale, and what only a screen needs. */
function faultsOnPaper() {
  const visible = (element) => element.checkVisibility() && element.getBoundingClientRect().width > 1 && !element.closest(".unseen");
  const short = (element) => element.outerHTML.slice(0, 110);
  const luminance = (color) => {
    const [red, green, blue] = color.match(/[\d.]+/g).map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const all = [...document.querySelectorAll("body *")].filter(visible);
  const said = (element) => [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.nodeValue.trim());
  const texts = all.filter(said);
  return {
    outside: all.filter((element) => element.getBoundingClientRect().right > innerWidth + 0.5 || element.getBoundingClientRect().left < -0.5).map(short),
    clipped: all.filter((element) => getComputedStyle(element).overflowX !== "visible" && element.scrollWidth > element.clientWidth + 1).map(short),
    pale: texts.filter((element) => {
      const style = getComputedStyle(element);
      return 1.05 / (luminance(element.closest("svg.chart") ? style.fill : style.color) + 0.05) < 7;
    }).map(short),
    tiny: texts.filter((element) => parseFloat(getComputedStyle(element).fontSize) < 10).map(short),
    dark: all.filter((element) => !element.matches("svg *") && /^rgb\(/.test(getComputedStyle(element).backgroundColor) && getComputedStyle(element).backgroundColor !== "rgb(255, 255, 255)").map(short),
    controls: all.filter((element) => element.matches("nav, nav *, button, input, select, .button, .skip")).map(short),
  };
}

for (const [name, [reach, kept]] of Object.entries(PAGES)) {
  test(`on paper nothing is cut off, pale or useless: ${name}`, () =>
    visit(browser, {}, async (page) => {
      for (const lang of ["zh", "en"]) {
        await page.emulateMedia({ media: null, colorScheme: null });
        await page.setViewportSize({ width: 1280, height: 900 });
        await reach(page, lang);
        await page.setViewportSize(SHEET);
        for (const colorScheme of ["light", "dark"]) {
          await page.emulateMedia({ media: "print", colorScheme });
          const faults = await page.evaluate(faultsOnPaper);
          assert.deepEqual(faults, { outside: [], clipped: [], pale: [], tiny: [], dark: [], controls: [] }, `${lang} ${colorScheme}`);
          for (const part of kept.split(", ")) assert.ok(await page.locator(part).isVisible(), part);
          for (const part of [".brand-name", ".as-of", ".footer"]) assert.ok(await page.locator(part).isVisible(), part);
        }
      }
    }));
}
