// The page for lists: look at a file, say which column is what, have it answered, keep the answers.
//
// File, key and results live in this page's memory and nowhere else. An answer counts as complete
// only when it has as many rows as the file; whatever ends earlier is said to be incomplete.
// Without this file the form is sent as it is, and the server answers with the results.

const form = document.getElementById("bulk");
const { CsvReader, writeCsv } = await import(form.dataset.csv);
const { writeXlsx } = await import(form.dataset.xlsx);

const english = document.documentElement.lang === "en";
const say = (zh, en) => (english ? en : zh);
const at = (id) => document.getElementById(id);

const ANONYMOUS_ROWS = 20;
const ANONYMOUS_BYTES = 1 << 20;
const KEY_BYTES = 32 << 20;
/** Columns that the server appends; the first is the result, the third the remark. */
const APPENDED = 10;
const FAULTY_SHOWN = 50;
const NEEDED = ["certificate_number", "name", "id_number"];
const VALID = "一致有效";
/** CSV whose cells are as they were: this page makes its own files of them. */
const ANSWER = "text/csv; formulas=as-is";
const XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const RESULTS = {
  [VALID]: "agrees, in force",
  "一致但已撤销": "agrees, but withdrawn",
  "信息不一致或未查到": "does not agree, or not found",
  "格式错误": "badly formed",
  "暂时无法核验": "cannot be checked now",
};
const KEY_CODES = ["key_unknown", "rate_limited", "quota_exceeded"];

/** The file under way: { file, preview, head, rows, counts, abort }. */
let job = {};

for (const element of form.querySelectorAll("[data-unscripted]")) element.hidden = true;
for (const element of form.querySelectorAll("[data-scripted]")) element.hidden = false;
form.classList.add("is-scripted");
form.addEventListener("submit", (event) => event.preventDefault());
at("list").addEventListener("change", () => {
  if (mayLose()) look(at("list").files[0]);
  else keepFile();
});
at("key").addEventListener("input", () => { complain("key", ""); if (job.preview) noteRows(); });
at("key").addEventListener("change", () => {
  // The file may have been refused for want of this key, and choosing it again is no change.
  const file = at("list").files[0];
  if (file && !job.preview) look(file);
});
at("start").addEventListener("click", start);
at("cancel").addEventListener("click", () => job.abort?.abort());
at("again").addEventListener("click", again);
for (const select of mapping()) select.addEventListener("change", () => write("mapping-problem", ""));
for (const button of document.querySelectorAll("[data-download]")) {
  button.addEventListener("click", () => download(button.dataset.download, "faulty" in button.dataset));
}
listenToDrops(document.querySelector("[data-drop]"));
// A page that comes back from the history must not bring the key with it.
window.addEventListener("pageshow", (event) => { if (event.persisted) at("key").value = ""; });
// Results that were not downloaded are gone with the page.
window.addEventListener("beforeunload", (event) => {
  if (!job.abort && !job.isUnsaved) return;
  event.preventDefault();
  // Chromium before 119 asks for this only.
  event.returnValue = true;
});

function mapping() {
  return document.querySelectorAll("[data-map]");
}

function listenToDrops(zone) {
  const over = (is) => (event) => {
    event.preventDefault();
    zone.classList.toggle("is-over", is);
  };
  zone.addEventListener("dragover", over(true));
  zone.addEventListener("dragleave", over(false));
  zone.addEventListener("drop", (event) => {
    over(false)(event);
    if (job.abort || event.dataTransfer.files.length === 0 || !mayLose()) return;
    at("list").files = event.dataTransfer.files;
    look(at("list").files[0]);
  });
}

/** Whether results may go: they were downloaded whole, or somebody says so. */
function mayLose() {
  return !job.isUnsaved || confirm(say("全部结果还没有下载，继续就会丢失。要继续吗？", "The whole results have not been downloaded and will be lost. Go on?"));
}

/** Has the field name the file whose results stay, and not the one that was chosen instead. */
function keepFile() {
  const kept = new DataTransfer();
  kept.items.add(job.file);
  at("list").files = kept.files;
}

/** Shows one of the parts below the form, or none. */
function show(part) {
  for (const id of ["preview", "running", "result"]) at(id).hidden = id !== part;
}

/** Writes only what changed, so that a screen reader does not say it twice. */
function write(id, text) {
  if (at(id).textContent !== text) at(id).textContent = text;
}

/** Says what is wrong beside the field "list" or "key"; an empty text takes it back. */
function complain(field, text) {
  write(`${field}-problem`, text);
  at(field).closest(".field").classList.toggle("is-wrong", text !== "");
  if (text) at(field).setAttribute("aria-invalid", "true");
  else at(field).removeAttribute("aria-invalid");
}

function request(path, accept, file, signal) {
  const headers = { "Content-Type": /\.xlsx$/i.test(file.name) ? XLSX : "text/csv", Accept: accept };
  const key = at("key").value.trim();
  if (key) headers.Authorization = `Bearer ${key}`;
  return fetch(path, { method: "POST", headers, body: file, signal, cache: "no-store", credentials: "omit", redirect: "error" });
}

/** What cannot be sent at all; says so and gives false. */
function canSend(file) {
  const key = at("key").value.trim();
  if (key && !/^[\x21-\x7e]+$/.test(key)) return refuse({ code: "key_unknown", detail: "API密钥只有字母、数字和符号，请检查" });
  if (file.size > (key ? KEY_BYTES : ANONYMOUS_BYTES)) {
    return refuse({ code: "body_too_large", detail: key ? "文件过大，最多32 MiB，请分成几个文件" : "文件过大：不用API密钥最多1 MiB，使用密钥最多32 MiB" });
  }
  return true;
}

/** Puts a refusal of the server where it belongs. */
function refuse({ code, detail }) {
  const sentence = (of) => document.querySelector(`[data-code="${CSS.escape(of)}"]`)?.textContent;
  const text = english ? sentence(code) ?? sentence("") : detail;
  const mapped = code === "column_missing" && job.preview;
  const needsKey = KEY_CODES.includes(code) || (code === "too_many_rows" && !at("key").value.trim());
  show(job.preview ? "preview" : "");
  if (mapped) {
    write("mapping-problem", text);
    at("map-certificate_number").focus();
  } else {
    const field = needsKey ? "key" : "list";
    complain(field, text);
    at(field).focus();
  }
  return false;
}

const NO_ANSWER = { code: "", detail: "没有收到完整的答复，请检查网络后重试；这不表示证书无效" };

async function problemOf(response) {
  try {
    const { code, detail } = await response.json();
    return { code: String(code), detail: String(detail) };
  } catch {
    return NO_ANSWER;
  }
}

/** Has the server look at a file, and shows what it found. */
async function look(file) {
  job.abort?.abort();
  job = {};
  const mine = job;
  show("");
  for (const field of ["list", "key"]) complain(field, "");
  if (!file || !canSend(file)) return;
  write("busy", say("正在读取文件……", "Reading the file …"));
  let refusal = NO_ANSWER;
  try {
    const response = await request("/v1/bulk/preview", "application/json", file);
    if (response.ok) {
      const preview = await response.json();
      if (job !== mine) return;
      Object.assign(job, { file, preview });
      showPreview();
      return;
    }
    refusal = await problemOf(response);
  } catch {
    // The connection failed; NO_ANSWER says so.
  } finally {
    if (job === mine) write("busy", "");
  }
  if (job === mine) refuse(refusal);
}

function showPreview() {
  const { file, preview } = job;
  write("file-name", file.name);
  write("file-kind", preview.format === "xlsx" ? "XLSX" : `CSV, ${preview.encoding.toUpperCase()}`);
  write("file-rows", count(preview.row_count));
  write("mapping-problem", "");
  for (const select of mapping()) {
    const options = preview.columns.map((name, index) => option(String(index + 1), `${letters(index)} · ${name || say("（无表头）", "(no header)")}`));
    select.replaceChildren(option("", say("（没有）", "(none)")), ...options);
    select.value = String(preview.mapping[select.dataset.map] ?? "");
  }
  const [head, body] = [at("preview").querySelector("thead"), at("preview").querySelector("tbody")];
  head.replaceChildren(tableRow(preview.columns, "th"));
  body.replaceChildren(...preview.rows.map((row) => tableRow(row, "td")));
  noteRows();
  show("preview");
  at("preview-title").focus();
}

function noteRows() {
  const needsKey = job.preview.row_count > ANONYMOUS_ROWS && !at("key").value.trim();
  write("preview-note", needsKey ? say(`超过${ANONYMOUS_ROWS}行，请先填写API密钥。`, `More than ${ANONYMOUS_ROWS} rows: please enter an API key first.`) : "");
}

function letters(column) {
  const last = String.fromCharCode(65 + (column % 26));
  return column < 26 ? last : letters(Math.floor(column / 26) - 1) + last;
}

function count(number) {
  return number.toLocaleString("en-US");
}

function option(value, text) {
  const element = document.createElement("option");
  element.value = value;
  element.textContent = text;
  return element;
}

function tableRow(texts, kind) {
  const row = document.createElement("tr");
  for (const text of texts) {
    const cell = document.createElement(kind);
    if (kind === "th") cell.scope = "col";
    cell.textContent = text;
    row.append(cell);
  }
  return row;
}

/** The columns as the query says them, or undefined when they cannot be right. */
function columns() {
  const query = new URLSearchParams();
  for (const select of mapping()) if (select.value) query.set(select.dataset.map, select.value);
  const places = [...query.values()];
  let problem = "";
  if (NEEDED.filter((name) => query.has(name)).length < 2) {
    problem = say("证书编号、姓名、证件号码三项中至少选两项。", "Choose at least two of certificate number, name and document number.");
  } else if (new Set(places).size < places.length) {
    problem = say("同一列不能当作两项。", "One column cannot be two things.");
  }
  write("mapping-problem", problem);
  if (problem) at("map-certificate_number").focus();
  return problem ? undefined : query;
}

/** Has the list answered. */
async function start() {
  const query = columns();
  for (const field of ["list", "key"]) complain(field, "");
  if (!query || !canSend(job.file)) return;
  const mine = job;
  Object.assign(job, { head: undefined, rows: [], counts: {}, query, abort: new AbortController(), spoken: 0 });
  progress();
  show("running");
  at("running-title").focus();
  form.inert = true;
  let end;
  try {
    end = await receive(await request(`/v1/bulk?${query}`, ANSWER, job.file, job.abort.signal));
  } catch {
    end = { why: mine.abort.signal.aborted ? "cancelled" : "cut" };
  }
  form.inert = false;
  mine.abort = undefined;
  if (end.refusal) refuse(end.refusal);
  else showResult(end.why);
}

/** Takes an answer piece by piece; gives why it is incomplete, if it is. */
async function receive(response) {
  if (!response.ok) return { refusal: await problemOf(response) };
  const csv = new CsvReader();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    for (const record of csv.push(value)) take(record);
    progress();
  }
  const whole = csv.isWhole && job.head && job.rows.length === job.preview.row_count;
  return { why: whole ? undefined : "cut" };
}

function take(record) {
  if (!job.head) {
    job.head = record;
    job.result = record.length - APPENDED;
    return;
  }
  job.rows.push(record);
  const result = record[job.result];
  job.counts[result] = (job.counts[result] ?? 0) + 1;
}

function progress() {
  const done = job.rows.length, all = job.preview.row_count;
  at("bar").max = Math.max(all, 1);
  at("bar").value = done;
  const text = say(`已核验${count(done)}行，共${count(all)}行`, `${count(done)} of ${count(all)} rows`);
  write("bar-text", text);
  showCounts(at("running"));
  // Spoken at every quarter only.
  const quarter = Math.floor((4 * done) / Math.max(all, 1));
  if (quarter > job.spoken) {
    job.spoken = quarter;
    write("spoken", text);
  }
}

function showCounts(part) {
  const items = Object.keys(RESULTS).map((result) => {
    const item = document.createElement("li");
    const amount = document.createElement("b");
    amount.textContent = count(job.counts[result] ?? 0);
    item.dataset.result = Object.keys(RESULTS).indexOf(result);
    item.append(amount, ` ${say(result, RESULTS[result])}`);
    return item;
  });
  part.querySelector("[data-counts]").replaceChildren(...items);
}

function faulty() {
  return job.rows.filter((row) => row[job.result] !== VALID);
}

function showResult(why) {
  const done = count(job.rows.length), all = count(job.preview.row_count);
  job.why = why;
  job.isUnsaved = job.rows.length > 0;
  write("result-title", why ? say("核验没有完成", "The check is not complete") : say(`核验完成，共${all}行`, `Done: ${all} rows`));
  at("incomplete").hidden = !why;
  const cause = why === "cancelled" ? say("已取消。", "It was cancelled. ") : say("答复中断，可能是网络或服务器的问题。", "The answer was cut short, perhaps by the network or the server. ");
  write("incomplete", why ? cause + say(`只收到${done}行，共${all}行；其余各行没有结果，这不表示证书无效。`, `Only ${done} of ${all} rows arrived; the others have no result, which does not mean that a certificate is invalid.`) : "");
  write("download-problem", "");
  showCounts(at("result"));
  showFaulty();
  for (const button of document.querySelectorAll("[data-download]")) button.disabled = job.rows.length === 0;
  show("result");
  at("result-title").focus();
}

function showFaulty() {
  const wrong = faulty();
  at("faulty-downloads").hidden = at("faulty-sheet").hidden = wrong.length === 0;
  const caption = wrong.length > FAULTY_SHOWN
    ? say(`有问题的行：前${FAULTY_SHOWN}行，共${count(wrong.length)}行`, `Rows with a problem: the first ${FAULTY_SHOWN} of ${count(wrong.length)}`)
    : say(`有问题的行：共${count(wrong.length)}行`, `Rows with a problem: ${count(wrong.length)}`);
  at("faulty-sheet").querySelector("caption").textContent = caption;
  const rows = [];
  for (let index = 0; index < job.rows.length && rows.length < FAULTY_SHOWN; index += 1) {
    const row = job.rows[index];
    if (row[job.result] !== VALID) rows.push(faultyRow(row, index + 1));
  }
  at("faulty-sheet").querySelector("tbody").replaceChildren(...rows);
}

function faultyRow(row, number) {
  const cell = (name) => (job.query.has(name) ? row[job.query.get(name) - 1] : "");
  const result = row[job.result];
  const element = tableRow([count(number), say(result, RESULTS[result] ?? result), cell("name"), cell("certificate_number"), row[job.result + 2]], "td");
  // What the register and the list say is Chinese on every page.
  for (const index of english ? [2, 3, 4] : []) element.children[index].lang = "zh-CN";
  return element;
}

async function download(kind, onlyFaulty) {
  const mine = job;
  // A large workbook takes a moment, and a second press of the button would make a second one.
  if (job.isSaving) return;
  const records = [job.head, ...(onlyFaulty ? faulty() : job.rows)];
  const stem = `${job.file.name.replace(/\.[^.]*$/, "")}-${onlyFaulty ? "有问题的行" : "核验结果"}${job.why ? "-未完成" : ""}`;
  let parts;
  write("download-problem", "");
  mine.isSaving = true;
  try {
    parts = kind === "xlsx" ? await writeXlsx(records) : writeCsv(records);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    write("download-problem", say("有单元格超过32767个字符，放不进工作簿；请下载CSV。", "A cell has more than 32,767 characters, which no workbook takes; please download CSV."));
    return;
  } finally {
    mine.isSaving = false;
  }
  if (!onlyFaulty) mine.isUnsaved = false;
  const address = URL.createObjectURL(new Blob(parts, { type: kind === "xlsx" ? XLSX : "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = `${stem}.${kind}`;
  link.click();
  // The browser has begun to save by then; the bytes are not kept twice for longer.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function again() {
  if (!mayLose()) return;
  job = {};
  at("list").value = "";
  show("");
  at("list").focus();
}
