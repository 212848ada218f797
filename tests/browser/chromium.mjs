// One Chromium for a test file, and pages that remember everything that must not happen.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

/** Address of the running server, without a slash at its end. */
export const url = required("CERTQ_URL").replace(/\/$/, "");

/** Known answers: `match`, `withdrawn`, `miss`, each with certificate_number, name and id_number. */
export const cases = JSON.parse(readFileSync(required("CERTQ_CASES"), "utf8"));

/** A server without a generation, for the outage page. */
export const outageUrl = required("CERTQ_OUTAGE_URL").replace(/\/$/, "");

function required(name) {
  const value = process.env[name];
  assert.ok(value, `set ${name}; tests/browser/README.md says how`);
  return value;
}

export function launch() {
  const executablePath = process.env.CERTQ_CHROMIUM ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, args: FLAGS });
}

/** What answers the next questions of a page, where a test expects some. */
const expected = new WeakMap();

/** Runs `act` and says yes or no to what the page asks meanwhile; gives its words, if it asked. */
export async function asked(page, yes, act) {
  let words;
  expected.set(page, (dialog) => {
    words = dialog.message();
    return yes ? dialog.accept() : dialog.dismiss();
  });
  try {
    await act();
  } finally {
    expected.delete(page);
  }
  return words;
}

/**
 * Runs `act` with a new page and fails when the page asked another host for anything, wrote an
 * error to the console (a violation of the content policy is one), threw, or opened a dialog that
 * `asked` does not answer.
 * `origins` are further addresses of our own; `tolerated` matches errors that a test causes.
 */
export async function visit(browser, { origins = [], tolerated, ...options }, act) {
  const context = await browser.newContext({ locale: "zh-CN", viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const faults = [];
  page.on("request", (request) => {
    if (![url, outageUrl, ...origins].some((own) => request.url().replace(/^blob:/, "").startsWith(`${own}/`))) faults.push(`asked ${request.url()}`);
  });
  page.on("console", (message) => {
    // A page whose status is a refusal is reported as a resource that failed to load.
    const status = message.text().startsWith("Failed to load resource: the server responded with a status of");
    if (message.type() === "error" && !status && !tolerated?.test(message.text())) faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`threw: ${error}`));
  page.on("dialog", (dialog) => {
    if (expected.has(page)) return expected.get(page)(dialog);
    faults.push(`dialog: ${dialog.message()}`);
    return dialog.dismiss();
  });
  try {
    await act(page);
  } finally {
    await context.close();
  }
  assert.deepEqual(faults, []);
}

/** Opens the form, fills in the fields given, and sends it by its button. */
export async function ask(page, fields, lang = "zh", server = url) {
  await page.goto(`${server}/?lang=${lang}`);
  for (const [name, value] of Object.entries(fields)) await page.fill(`#${name}`, value);
  await send(page);
}

export async function send(page) {
  await Promise.all([page.waitForEvent("load"), page.click("button[type=submit]")]);
}

/** Number and name of a known case. */
export function numberAndName({ certificate_number, name }) {
  return { certificate_number, name };
}

/** Name and identity number of a known case. */
export function nameAndIdentity({ name, id_number }) {
  return { name, id_number };
}

/** The visible text of the page's main part. */
export function mainText(page) {
  return page.locator("main").innerText();
}

/** Waits until the element with this id has the focus: a browser gives it with the first frame, which may come after the page has loaded. */
export async function hasFocus(page, id) {
  const end = Date.now() + 5000;
  while ((await focused(page)) !== id && Date.now() < end) await new Promise((done) => setTimeout(done, 20));
  assert.equal(await focused(page), id);
}

/** The id of the element that has the focus. */
export function focused(page) {
  return page.evaluate(() => document.activeElement.id);
}
