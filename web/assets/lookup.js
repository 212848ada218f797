// Help while a person fills in the form: which part of a number is wrong, before it is sent.
//
// The form works without this file. It sends nothing, stores nothing and blocks nothing that the
// server would accept: only what certificate/src/{number,identity,holder}.rs refuse is "wrong";
// everything else is at most a "doubt", which is said and may be sent all the same.
// tests/browser/vectors.json holds both sides to the same answers.

/** Where the parts of a certificate number begin and end; the last entry is its length. */
const BOUNDS = [0, 1, 5, 7, 13, 15, 16, 22];
const LENGTH = 22;
const LEVEL = 15;
const PROVINCE = "44";
const FIRST_YEAR = 2019;

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECK_CHARACTERS = "10X98765432";
const RESIDENT = "01", PERMANENT_RESIDENT = "07", SETTLED_COMPATRIOT = "17";

const INVISIBLE = /[\u00AD\u034F\u061C\u180B-\u180E\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFE00-\uFE0F\uFEFF\u{E0100}-\u{E01EF}]/gu;
const BETWEEN_GROUPS = /[\s\u0085\-\u2010-\u2015\u2212\uFE58\uFE63]/g;

/** Width and case folded, and what people put between the groups dropped. */
function canonical(text) {
  return text
    .replace(/[\uFF01-\uFF5E]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 0xfee0))
    .replace(INVISIBLE, "")
    .replace(BETWEEN_GROUPS, "")
    .replace(/[a-z]/g, (c) => c.toUpperCase());
}

const isDigit = (glyph) => glyph >= "0" && glyph <= "9" && glyph.length === 1;
const allDigits = (glyphs) => glyphs.every(isDigit);

/**
 * Judges a certificate number. `grade` is "empty", "unfinished" (wrong once the person has left
 * the field), "wrong", "doubt" or "good"; `say` names the sentence in TEXTS; `parts` has the glyphs
 * and the state of each of the seven parts.
 */
export function inspectNumber(text, thisYear) {
  const glyphs = [...canonical(text)];
  const read = glyphs.map(readDigit);
  const verdict = judgeNumber(glyphs, read, thisYear);
  return { ...verdict, length: glyphs.length, parts: judgeParts(glyphs, read, verdict) };
}

/** O is read as 0, and I and L as 1, where a digit must stand; L may be a level one day. */
function readDigit(glyph, index) {
  if (index === 0) return glyph;
  if (glyph === "O") return "0";
  if (glyph === "I" || (glyph === "L" && index !== LEVEL)) return "1";
  return glyph;
}

function judgeNumber(glyphs, read, thisYear) {
  if (glyphs.length === 0) return { grade: "empty" };
  if (allDigits(glyphs) && glyphs.length === 16) return { grade: "wrong", say: "legacy16", at: 1 };
  if (allDigits(glyphs) && glyphs.length === 13) return { grade: "unfinished", say: "legacy13", at: 1 };
  if (!"JSY".includes(glyphs[0])) {
    return { grade: "wrong", say: allDigits(glyphs) ? "onlyDigits" : "class", at: 1 };
  }
  const fits = (glyph, index) =>
    index === 0 || isDigit(glyph) || (index === LEVEL && glyph >= "A" && glyph <= "Z");
  const odd = read.slice(0, LENGTH).findIndex((glyph, index) => !fits(glyph, index));
  if (odd >= 0) return { grade: "wrong", say: odd === LEVEL ? "level" : "digit", at: odd + 1 };
  if (glyphs.length > LENGTH) return { grade: "wrong", say: "tooLong", count: glyphs.length - LENGTH };
  const doubt = doubtNumber(glyphs, read, thisYear);
  if (glyphs.length < LENGTH) {
    return { grade: "unfinished", say: "tooShort", count: LENGTH - glyphs.length, doubt };
  }
  return doubt ? { grade: "doubt", ...doubt } : { grade: "good" };
}

/** What the server accepts and this register is unlikely to hold, in the parts that are complete. */
function doubtNumber(glyphs, read, thisYear) {
  const part = (index) => read.slice(BOUNDS[index], BOUNDS[index + 1]).join("");
  const complete = (index) => glyphs.length >= BOUNDS[index + 1];
  const misread = glyphs.findIndex((glyph, index) => glyph !== read[index]);
  if (misread >= 0) return { say: "misread", at: misread + 1, digit: read[misread] };
  if (complete(2) && part(2) !== PROVINCE) return { say: "province", at: BOUNDS[2] + 1 };
  const year = 2000 + Number(part(4));
  if (complete(4) && (year < FIRST_YEAR || year > thisYear)) return { say: "year", at: BOUNDS[4] + 1, year };
  if (complete(5) && !/[1-5A-Z]/.test(part(5))) return { say: "level", at: LEVEL + 1 };
  if (complete(6) && Number(part(6)) === 0) return { say: "serial", at: BOUNDS[6] + 1 };
  return undefined;
}

function judgeParts(glyphs, read, verdict) {
  const at = verdict.at ?? verdict.doubt?.at;
  const legacy = verdict.say === "legacy16" || verdict.say === "legacy13" || verdict.say === "onlyDigits";
  return BOUNDS.slice(1).map((end, index) => {
    const start = BOUNDS[index];
    const part = glyphs.slice(start, end);
    let state = part.length === end - start ? "good" : "open";
    if (at > start && at <= end) state = verdict.grade === "wrong" ? "wrong" : "doubt";
    return { glyphs: legacy ? "" : part.join(""), state: legacy ? "open" : state };
  });
}

/** Judges the number of an identity document; grades as above. Unknown shapes are the server's. */
export function inspectIdentity(type, text) {
  const folded = canonical(text).replace(/[\u0425\u0445\u00D7]/g, "X");
  const glyphs = [...folded];
  return { ...judgeIdentity(type, folded, glyphs), length: glyphs.length };
}

function judgeIdentity(type, folded, glyphs) {
  if (glyphs.length === 0) return { grade: "empty" };
  if (type === PERMANENT_RESIDENT) {
    return /^[A-Z]/.test(folded) || glyphs.length !== 18 ? { grade: "good" } : checkCharacter(folded);
  }
  if (type !== RESIDENT && type !== SETTLED_COMPATRIOT) return { grade: "good" };
  const odd = glyphs.slice(0, 17).findIndex((glyph) => !isDigit(glyph));
  if (odd >= 0) return { grade: "wrong", say: glyphs[odd] === "O" ? "idLetterO" : "idDigit", at: odd + 1 };
  if (glyphs[0] === "0" && glyphs.length !== 15) return { grade: "wrong", say: "idFirst", at: 1 };
  if (glyphs.length > 18) return { grade: "wrong", say: "idTooLong", count: glyphs.length - 18 };
  if (type === SETTLED_COMPATRIOT && glyphs.length >= 6 && !/^8[123]0000/.test(folded)) {
    return { grade: "wrong", say: "idSettled", at: 1 };
  }
  if (glyphs.length === 15) {
    return isDay("19" + folded.slice(6, 12)) ? { grade: "good", say: "idShort" } : { grade: "unfinished", say: "idBirth15" };
  }
  if (glyphs.length < 18) return { grade: "unfinished", say: "idTooShort", count: 18 - glyphs.length };
  if (!/[0-9X]/.test(glyphs[17])) return { grade: "wrong", say: "idLast", at: 18 };
  if (!isDay(folded.slice(6, 14))) return { grade: "wrong", say: "idBirth", at: 7 };
  return checkCharacter(folded);
}

/** GB 11643, ISO 7064 MOD 11-2. */
function checkCharacter(folded) {
  if (!/^[0-9]{17}[0-9X]$/.test(folded)) return { grade: "good" };
  const sum = WEIGHTS.reduce((total, weight, index) => total + weight * Number(folded[index]), 0);
  return CHECK_CHARACTERS[sum % 11] === folded[17] ? { grade: "good" } : { grade: "wrong", say: "idCheck", at: 18 };
}

/** Whether YYYYMMDD is a day of the calendar. */
function isDay(text) {
  const [year, month, day] = [text.slice(0, 4), text.slice(4, 6), text.slice(6, 8)].map(Number);
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
  return days !== undefined && day >= 1 && day <= days;
}

/** Judges a name. Only digits are certain to be wrong; the rest is the server's. */
export function inspectName(text) {
  const name = text.replace(INVISIBLE, "").trim();
  if (name === "") return { grade: "empty" };
  return /[0-9\uFF10-\uFF19]/.test(name) ? { grade: "wrong", say: "nameDigit" } : { grade: "good" };
}

const PART_NAMES = {
  zh: ["机构类别", "机构代码", "省份代码", "站点代码", "发证年份", "等级", "序号"],
  en: ["kind of body", "organisation", "province", "site", "year of issue", "level", "serial"],
};

/** "第8–13位是站点代码", for the character at this position. */
function where(lang, at) {
  const part = BOUNDS.slice(1).findIndex((end) => at <= end);
  const [from, to, name] = [BOUNDS[part] + 1, BOUNDS[part + 1], PART_NAMES[lang][part]];
  if (lang === "zh") return from === to ? `第${from}位是${name}` : `第${from}–${to}位是${name}`;
  return from === to ? `character ${from} is the ${name}` : `characters ${from}–${to} are the ${name}`;
}

/** Every sentence, in both languages; tests/browser checks that neither lacks one. */
export const TEXTS = {
  zh: {
    count: (v) => `${v.length}/${v.of}位`,
    twoFactors: (v) => `请在三项中至少填写两项，现在填了${v.filled}项。`,
    class: () => "第1位应为字母J、S或Y（机构类别）。",
    onlyDigits: () => "编号应以字母J、S或Y开头。如果证书上的编号全是数字，那是旧版职业资格证书，本系统不收录，请到全国联网查询系统（zscx.osta.org.cn）查询。",
    legacy16: () => "这是16位的旧版职业资格证书编号，本系统不收录，请到全国联网查询系统（zscx.osta.org.cn）查询。",
    legacy13: () => "这像是13位的上海旧版职业资格证书编号，本系统不收录；请在前面补3个0，到全国联网查询系统（zscx.osta.org.cn）查询。",
    digit: (v) => `第${v.at}位应为数字（${where("zh", v.at)}）。`,
    level: () => "第16位是职业技能等级，应为数字1至5。",
    tooLong: (v) => `编号应为22位，多了${v.count}位。`,
    tooShort: (v) => `编号应为22位，还差${v.count}位。`,
    misread: (v) => `第${v.at}位是字母，将按数字${v.digit}查询（${where("zh", v.at)}）。`,
    province: () => "第6–7位是省份代码，广东省为44，请核对。",
    year: (v) => `第14–15位是发证年份，现在表示${v.year}年，请核对。`,
    serial: () => "第17–22位是序号，不会全是0，请核对。",
    idDigit: (v) => `第${v.at}位应为数字。`,
    idLetterO: (v) => `第${v.at}位是字母O，应为数字0。`,
    idFirst: () => "第1位不会是0，请核对。",
    idLast: () => "最后一位应为数字或字母X。",
    idTooLong: (v) => `号码应为18位，多了${v.count}位。`,
    idTooShort: (v) => `号码应为18位，还差${v.count}位。`,
    idSettled: () => "港澳台居民居住证号码以810000、820000或830000开头，请核对号码和证件类型。",
    idShort: () => "15位的旧号码，将按18位查询。",
    idBirth15: () => "第7–12位是出生日期，没有这一天；新号码为18位。",
    idBirth: () => "第7–14位是出生日期，没有这一天，请核对。",
    idCheck: () => "号码与最后一位校验码不符，至少有一位填错，请对照证件逐位核对。",
    nameDigit: () => "姓名中不应有数字。",
  },
  en: {
    count: (v) => `${v.length} of ${v.of}`,
    twoFactors: (v) => `Please fill in at least two of the three; so far: ${v.filled}.`,
    class: () => "The first character must be J, S or Y (the kind of body).",
    onlyDigits: () => "A number begins with the letter J, S or Y. If the one on the certificate has digits only, it is an old qualification certificate; ask the national look-up (zscx.osta.org.cn).",
    legacy16: () => "This is the 16-digit number of an old qualification certificate, which is not kept here; ask the national look-up (zscx.osta.org.cn).",
    legacy13: () => "This looks like the 13-digit number of an old certificate from Shanghai, which is not kept here; put 000 before it and ask the national look-up (zscx.osta.org.cn).",
    digit: (v) => `Character ${v.at} must be a digit (${where("en", v.at)}).`,
    level: () => "Character 16 is the skill level and must be a digit from 1 to 5.",
    tooLong: (v) => `The number has 22 characters; this is ${v.count} too many.`,
    tooShort: (v) => `The number has 22 characters; ${v.count} still missing.`,
    misread: (v) => `Character ${v.at} is a letter and will be read as the digit ${v.digit} (${where("en", v.at)}).`,
    province: () => "Characters 6–7 are the province, 44 for Guangdong. Please check.",
    year: (v) => `Characters 14–15 are the year of issue, here ${v.year}. Please check.`,
    serial: () => "Characters 17–22 are the serial, which is never all zeros. Please check.",
    idDigit: (v) => `Character ${v.at} must be a digit.`,
    idLetterO: (v) => `Character ${v.at} is the letter O; it must be the digit 0.`,
    idFirst: () => "The first digit is never 0. Please check.",
    idLast: () => "The last character must be a digit or the letter X.",
    idTooLong: (v) => `The number has 18 characters; this is ${v.count} too many.`,
    idTooShort: (v) => `The number has 18 characters; ${v.count} still missing.`,
    idSettled: () => "The number of this residence permit begins with 810000, 820000 or 830000. Please check number and type of document.",
    idShort: () => "An old number of 15 digits; it will be looked up in its 18-digit form.",
    idBirth15: () => "Digits 7–12 are the date of birth, and there is no such day. A new number has 18 characters.",
    idBirth: () => "Digits 7–14 are the date of birth, and there is no such day. Please check.",
    idCheck: () => "The number does not fit its last, checking, character: at least one digit is wrong. Please compare it with the card.",
    nameDigit: () => "A name has no digits in it.",
  },
};

// From here on the page. In a test without a document nothing below runs.

if (typeof document !== "undefined") {
  const form = document.querySelector("[data-lookup]");
  if (form) attend(form);
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }
}

function attend(form) {
  const lang = document.documentElement.lang === "en" ? "en" : "zh";
  const say = (verdict) => (verdict.say ? TEXTS[lang][verdict.say](verdict) : "");
  const type = form.elements.id_type;
  const fields = [
    { input: form.elements.certificate_number, of: LENGTH, inspect: (text) => inspectNumber(text, new Date().getFullYear()) },
    { input: form.elements.name, inspect: inspectName },
    { input: form.elements.id_number, of: 18, inspect: (text) => inspectIdentity(type.value, text) },
  ];

  /** Shows the verdict; while the person is still typing, unfinished is not wrong. */
  function show(field, typing) {
    const verdict = field.inspect(field.input.value);
    const wrong = verdict.grade === "wrong" || (verdict.grade === "unfinished" && !typing);
    const note = verdict.grade === "unfinished" && typing ? verdict.doubt ?? legacyHint(verdict) : verdict;
    mark(field.input, wrong ? say(verdict) : "");
    write(`${field.input.id}-note`, wrong ? "" : say(note));
    const counted = field.of && verdict.length > 0 && (field.input.id !== "id_number" || countsTo18(type.value));
    const counter = field.input.closest(".field").querySelector("[data-count]");
    if (counter) counter.textContent = counted ? TEXTS[lang].count({ length: verdict.length, of: field.of }) : "";
    if (verdict.parts) showParts(field.input, verdict);
    return { ...verdict, wrong };
  }

  for (const field of fields) {
    field.input.addEventListener("input", () => show(field, true));
    field.input.addEventListener("change", () => show(field, false));
  }
  type.addEventListener("change", () => show(fields[2], false));

  form.addEventListener("submit", (event) => {
    const verdicts = fields.map((field) => show(field, false));
    const filled = verdicts.filter((verdict) => verdict.grade !== "empty").length;
    const summary = write("form-problem", filled < 2 ? TEXTS[lang].twoFactors({ filled }) : "");
    const first = fields.find((_, index) => verdicts[index].wrong);
    if (filled >= 2 && !first) return;
    event.preventDefault();
    (first ? first.input : summary).focus();
  });
}

/** Of the unfinished numbers only the old shapes are worth a word while typing. */
function legacyHint(verdict) {
  return verdict.say === "legacy13" ? verdict : {};
}

function countsTo18(type) {
  return type === RESIDENT || type === SETTLED_COMPATRIOT;
}

function mark(input, problem) {
  write(`${input.id}-problem`, problem);
  input.closest(".field").classList.toggle("is-wrong", problem !== "");
  if (problem) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

/** Writes only what changed, so that a screen reader does not say it twice. */
function write(id, text) {
  const element = document.getElementById(id);
  if (element && element.textContent !== text) element.textContent = text;
  return element;
}

/** The seven parts as typed, in place of the example. */
function showParts(input, verdict) {
  const anatomy = input.closest(".field").querySelector("[data-anatomy]");
  const typed = verdict.length > 0;
  if (typed && !anatomy.dataset.live) anatomy.open = true;
  anatomy.dataset.live = typed ? "yes" : "";
  anatomy.querySelectorAll("li").forEach((item, index) => {
    const glyphs = item.querySelector(".glyphs");
    glyphs.dataset.example ??= glyphs.textContent;
    glyphs.textContent = typed ? verdict.parts[index].glyphs : glyphs.dataset.example;
    item.dataset.state = typed ? verdict.parts[index].state : "";
  });
}
