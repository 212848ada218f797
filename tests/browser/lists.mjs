// A list answered on its page, for tests that look at the answers and not at the way to them.

import { url } from "./chromium.mjs";
import { csvFile, path, read } from "./sheets.mjs";

/** Has rows (the first is the header, with names that the page knows) answered. */
export async function answer(page, rows, lang = "zh") {
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
