// Every page is valid HTML, by the validator of the W3C (vnu, needs java).

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { cases, outageUrl, url } from "./chromium.mjs";

const JAR = createRequire(import.meta.url).resolve("vnu-jar/build/dist/vnu.jar");

function complaints(pages) {
  const folder = mkdtempSync(join(tmpdir(), "certq-pages-"));
  try {
    for (const [name, html] of Object.entries(pages)) writeFileSync(join(folder, `${name}.html`), html);
    const options = ["-jar", JAR, "--stdout", "--format", "json", "--exit-zero-always", folder];
    const { messages } = JSON.parse(execFileSync("java", options, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
    return messages.filter(({ type }) => type === "error").map(({ url, message, extract }) => `${url}: ${message} ${extract}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function pages(lang) {
  const get = async (address) => (await fetch(address, { headers: { accept: "text/html" } })).text();
  const ask = async (server, { certificate_number, name }) =>
    (await fetch(`${server}/?lang=${lang}`, { method: "POST", body: new URLSearchParams({ certificate_number, name }) })).text();
  const found = {};
  for (const path of ["", "institutions", "statistics", "status", "about", "no-such-page"]) {
    found[`${lang}-${path || "home"}`] = await get(`${url}/${path}?lang=${lang}`);
  }
  found[`${lang}-search`] = await get(`${url}/institutions?lang=${lang}&q=%26%22%3C&city=440100`);
  for (const name of ["match", "withdrawn", "miss"]) found[`${lang}-${name}`] = await ask(url, cases[name]);
  found[`${lang}-refused`] = await ask(url, { certificate_number: "J00<", name: "\"'&" });
  found[`${lang}-outage`] = await ask(outageUrl, cases.match);
  found[`${lang}-outage-status`] = await get(`${outageUrl}/status?lang=${lang}`);
  return found;
}

test("every page is valid HTML", async () => {
  assert.equal(spawnSync("java", ["-version"]).status, 0, "install java (Debian: default-jre-headless)");
  const all = { ...(await pages("zh")), ...(await pages("en")) };
  assert.equal(Object.keys(all).length, 26);
  assert.deepEqual(complaints(all), []);
  // The validator does complain when there is something to complain of.
  assert.equal(complaints({ broken: all["zh-home"].replace("</main>", "</main></p>") }).length, 1);
});
