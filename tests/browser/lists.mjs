// A list answered on its page, for tests that look at the answers and not at the way to them.

import { asked, url } from "./chromium.mjs";
import { csvFile, path, read } from "./sheets.mjs";

/** Gives up results that the page holds, so that it can be left without a question. */
export async function giveUp(page) {
  if (await page.locator("#running:not([hidden]), #result:not([hidden])").count() === 0) return;
  await page.locator("#result").waitFor();
  await asked(page, true, () => page.click("#again"));
}

/** Has rows (the first is the header, with names that the page knows) answered. */
export async function answer(page, rows, lang = "zh") {
  await giveUp(page);
  await page.goto(`${url}/bulk?lang=${lang}`);
  await page.locator("#bulk.is-scripted").waitFor();
  await page.setInputFiles("#list", csvFile("list.csv", rows));
  await page.locator("#preview").waitFor();
  await page.click("#start");
  await page.locator("#result").waitFor();
}

/** What was answered, a row an object, by the column's header. */
export async function answered(page) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("[data-download=csv]:not([data-faulty])")]);
  await download.saveAs(path("answered.csv"));
  const [head, ...rows] = read(path("answered.csv"));
  return rows.map((cells) => Object.fromEntries(cells.map((cell, index) => [head[index], cell])));
}
