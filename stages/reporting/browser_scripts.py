"""The scripts of the pages to look through answers and rows: they only set textContent, never markup.

Every text in the data may come from a model or a corpus. The scripts make elements with fixed names and classes; the
page's policy (document.py) forbids any other script, and assigning text as markup raises an error.
"""

COMMON = r"""
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const PAGE = 10, LONGEST_DIFFERENCE = 1500000, SHARED = 0.6;
const state = new Map(new URLSearchParams(location.hash.slice(1)));
const controls = document.getElementById("controls"), list = document.getElementById("list");
const pages = document.getElementById("pages");

function make(tag, css, text) {
  const element = document.createElement(tag);
  if (css) element.className = css;
  if (text !== undefined) element.textContent = text;
  return element;
}
function add(parent, ...children) { for (const child of children) if (child) parent.append(child); return parent; }
function unique(values) { return [...new Set(values)]; }
function value(name) { return state.get(name) || ""; }
function change(name, text) {
  state.set(name, text);
  if (name !== "page") state.set("page", "1");
  const kept = [...state].filter(([, v]) => v !== "");
  try { history.replaceState(null, "", "#" + new URLSearchParams(kept)); } catch (error) { /* filters work without */ }
  show();
}
// options: [value, text] pairs; the first one is chosen where the state names none of them.
function select(name, label, options) {
  const box = make("select");
  for (const [key, text] of options) {
    const option = make("option", "", text);
    option.value = key;
    box.append(option);
  }
  if (!options.some(([key]) => key === value(name))) state.set(name, options[0][0]);
  box.value = value(name);
  box.addEventListener("change", () => change(name, box.value));
  controls.append(add(make("label", "", label), box));
}
function search() {
  const box = make("input");
  box.type = "search"; box.value = value("text");
  box.addEventListener("change", () => change("text", box.value));
  controls.append(add(make("label", "", "contains the text"), box));
}
function every(values, all) { return [["", all], ...unique(values).map(v => [String(v), String(v)])]; }
function paged(items, draw) {
  const last = Math.max(1, Math.ceil(items.length / PAGE));
  const at = Math.min(Math.max(1, parseInt(value("page"), 10) || 1), last);
  const back = make("button", "", "← back"), next = make("button", "", "next →");
  back.disabled = at <= 1; next.disabled = at >= last;
  back.addEventListener("click", () => change("page", String(at - 1)));
  next.addEventListener("click", () => change("page", String(at + 1)));
  pages.replaceChildren(back, make("span", "note", `${items.length} match, page ${at} of ${last}`), next);
  list.replaceChildren(...items.slice((at - 1) * PAGE, at * PAGE).map(draw));
}
function words(text) { return text.match(/\s+|\S+/g) || []; }
// The places of the words of `one` and `other` that are in a longest common subsequence.
function common(one, other) {
  const width = other.length + 1, table = new Uint16Array((one.length + 1) * width);
  for (let i = one.length - 1; i >= 0; i--)
    for (let j = other.length - 1; j >= 0; j--)
      table[i * width + j] = one[i] === other[j] ? table[(i + 1) * width + j + 1] + 1
        : Math.max(table[(i + 1) * width + j], table[i * width + j + 1]);
  const left = new Set(), right = new Set();
  for (let i = 0, j = 0; i < one.length && j < other.length;) {
    if (one[i] === other[j]) { left.add(i++); right.add(j++); }
    else if (table[(i + 1) * width + j] >= table[i * width + j + 1]) i++; else j++;
  }
  return [left, right];
}
// Two boxes with the texts; words that only one of them has are marked, where most words of the shorter are in both: of
// other texts nearly everything would be marked.
function compared(first, second) {
  const boxes = [first, second].map(() => { const box = make("pre"); box.dir = "auto"; return box; });
  const parts = [words(first), words(second)];
  if (first === second || parts[0].length * parts[1].length > LONGEST_DIFFERENCE) {
    boxes[0].textContent = first; boxes[1].textContent = second;
    return boxes;
  }
  const kept = common(...parts);
  const count = (some, wanted) => some.filter((word, place) => word.trim() && wanted(place)).length;
  const shorter = Math.min(...parts.map(some => count(some, () => true)));
  if (count(parts[1], place => kept[1].has(place)) < SHARED * shorter) { boxes[0].textContent = first; boxes[1].textContent = second; return boxes; }
  parts.forEach((own, side) => own.forEach((word, place) =>
    boxes[side].append(kept[side].has(place) || !word.trim() ? word : make("mark", "", word))));
  return boxes;
}
function plain(text) { const box = make("pre", "", text); box.dir = "auto"; return box; }
function has(text, needle) { return text.toLowerCase().includes(needle); }
"""

ANSWERS = r"""
const OUTCOMES = [["", "any"], ["right", "right (full score)"], ["not", "not right"], ["partly", "partly right"],
  ["wrong", "wrong (lowest score)"], ["unscored", "no score"], ["truncated", "cut off at the token limit"],
  ["absent", "not answered"]];
const ORDERS = [["seed", "random, drawn by the seed"], ["gain", "largest gains of the second"],
  ["loss", "largest losses of the second"], ["all", "all on this page"]];
const names = Object.keys(data.benchmarks);

function known(item, run) { return Object.hasOwn(item.a, run) ? item.a[run] : null; }
function score(answer, measure) {
  return answer && answer.v && Object.hasOwn(answer.v, measure) ? answer.v[measure] : null;
}
function outcomes(answer, measure) {
  if (!answer) return ["absent"];
  const points = score(answer, measure), marks = measure.startsWith("quality"), kinds = [];
  if (answer.s === "truncated") kinds.push("truncated");
  if (points === null) return [...kinds, "unscored"];
  if (points >= (marks ? 5 : 1)) return [...kinds, "right"];
  return [...kinds, "not", points <= (marks ? 1 : 0) ? "wrong" : "partly"];
}
function measure(item) { return value("measure") || data.benchmarks[item.b].measure; }
function gain(item) {
  const [before, after] = [value("first"), value("second")].map(run => score(known(item, run), measure(item)));
  return before === null || after === null ? null : after - before;
}
function texts(item) {
  return [item.q, ...item.gold, ...Object.values(item.a).flatMap(answer => [answer.x || "", answer.j || ""])];
}
function wanted(item) {
  const needle = value("text").toLowerCase();
  return (!value("benchmark") || item.b === value("benchmark")) && (!value("group") || item.g === value("group")) &&
    (!value("tasks") || String(item.t) === value("tasks")) && (!value("language") || item.l === value("language")) &&
    ["first", "second"].every(side => !value(side) || !value(side + "-outcome") ||
      outcomes(known(item, value(side)), measure(item)).includes(value(side + "-outcome"))) &&
    (!needle || texts(item).some(text => has(text, needle)));
}
function ordered(items) {
  if (value("order") === "all") return items;
  if (value("order") === "seed") return items.filter(item => item.d);
  const sign = value("order") === "gain" ? 1 : -1;
  return items.map(item => [sign * (gain(item) || 0), item]).filter(([by]) => by > 0)
    .sort((one, other) => other[0] - one[0]).map(([, item]) => item);
}
function digits(points) { return String(Number(points.toFixed(2))).replace("-", "\u2212"); }
function scores(answer) {
  if (!answer.v) return answer.r ? `no score (${answer.r})` : "no score";
  return Object.entries(answer.v).map(([name, points]) => `${name} ${digits(points)}`).join(" · ");
}
function checks(answer) {
  if (!answer.m) return null;
  return add(make("ol", "checks"), ...answer.m.map(([label, values]) => {
    const good = Object.values(values).every(points => points > 0.5);
    const said = Object.entries(values).map(([name, points]) =>
      `${name} ${points === 1 ? "yes" : points === 0 ? "no" : digits(points)}`).join(", ");
    return add(make("li"), make("span", good ? "good" : "bad", said), document.createTextNode(" " + label));
  }));
}
function side(run, answer, box) {
  const column = make("div");
  add(column, add(make("p"), make("b", "", run)));
  if (!answer) return add(column, make("p", "note", "not answered"));
  if (answer.s === "truncated") column.append(make("p", "warn", "cut off at the token limit"));
  add(column, make("p", "note", scores(answer)), checks(answer), box);
  if (!answer.x) column.append(make("p", "note", `(no text: ${answer.s})`));
  if (answer.j) add(column, add(make("details"), make("summary", "", "What the judge wrote"), plain(answer.j)));
  return column;
}
function difference(first, second) {
  if (!first || !second || !first.v || !second.v) return null;
  const shared = Object.keys(second.v).filter(name => Object.hasOwn(first.v, name));
  const changes = shared.map(name => [name, second.v[name] - first.v[name]]).map(([name, by]) =>
    `${name} ${by > 0 ? "+" : ""}${digits(by)}`);
  return make("p", "note", `${value("second")} \u2212 ${value("first")}: ${changes.join(", ")}`);
}
function draw(item) {
  const box = make("div", "item"), sides = make("div", "sides");
  const about = [item.b, item.id, item.g, item.l, `${item.t} ${item.t === 1 ? "task" : "tasks"}`].filter(Boolean);
  add(box, make("h3", "", about.join(" · ")), plain(item.q));
  if (item.gold.length) add(box, make("p", "note", "Right answer"), plain(item.gold.join(" | ")));
  const [first, second] = [value("first"), value("second")].map(run => run ? known(item, run) : null);
  const boxes = compared(first && first.x || "", second && second.x || "");
  if (value("first")) sides.append(side(value("first"), first, boxes[0]));
  if (value("second")) sides.append(side(value("second"), second, boxes[1]));
  return add(box, sides, difference(first, second));
}
function show() {
  controls.replaceChildren();
  select("benchmark", "benchmark", [["", "all benchmarks"], ...names.map(name => {
    const counts = data.benchmarks[name];
    return [name, `${name} (${counts.shown} of ${counts.questions})`];
  })]);
  const some = data.cases.filter(item => !value("benchmark") || item.b === value("benchmark"));
  const runs = data.runs.map(run => [run, run]);
  if (!state.has("first")) state.set("first", data.compared[0]);
  if (!state.has("second")) state.set("second", data.compared[1]);
  select("first", "first run", [["", "none"], ...runs]);
  select("first-outcome", "its answer is", OUTCOMES);
  select("second", "second run", [["", "none"], ...runs]);
  select("second-outcome", "its answer is", OUTCOMES);
  const measured = unique(some.flatMap(item => Object.values(item.a).flatMap(a => Object.keys(a.v || {}))));
  select("measure", "measure", [["", "main measure of each benchmark"], ...measured.map(name => [name, name])]);
  select("order", "which, by rule", ORDERS);
  select("group", "group", every(some.map(item => item.g).filter(Boolean).sort(), "all groups"));
  select("tasks", "number of tasks", every(some.map(item => item.t).sort((a, b) => a - b), "any"));
  select("language", "language", every(some.map(item => item.l).sort(), "all"));
  search();
  paged(ordered(some.filter(wanted)), draw);
}
show();
"""

ROWS = r"""
function wanted(row) {
  const needle = value("text").toLowerCase();
  return (!value("corpus") || row.c === value("corpus")) && (!value("actions") || path(row) === value("actions")) &&
    (!value("tasks") || String(row.t) === value("tasks")) &&
    (!value("changed") || String(row.ch) === value("changed")) &&
    (!needle || [row.b, row.a, row.rb, row.ra, ...row.s].some(text => has(text, needle)));
}
function path(row) { return row.p.join(" → ") || "none"; }
function tags(row) {
  const known = ["decompose", "prefix", "suffix", "hold"];
  return row.p.map(action => make("span", known.includes(action) ? `tag a-${action}` : "", action));
}
function halves(title, first, second) {
  return add(make("div", "sides"), ...compared(first, second).map((box, place) =>
    add(make("div"), make("p", "note", `${title}, ${place ? "after" : "before"}`), box)));
}
function draw(row) {
  const about = `${row.id} · ${row.t} ${row.t === 1 ? "task" : "tasks"}`;
  const steps = row.s.length ? make("p", "note", row.s.join("; ")) : null;
  return add(make("div", "item"), add(make("h3"), ...tags(row), document.createTextNode(about)), steps,
    halves("Instruction", row.b, row.a), halves("Response", row.rb, row.ra));
}
function show() {
  controls.replaceChildren();
  select("corpus", "corpus", every(data.rows.map(row => row.c).sort(), "all"));
  select("actions", "actions", every(data.rows.map(path).sort(), "any"));
  select("tasks", "number of tasks", every(data.rows.map(row => row.t).sort((a, b) => a - b), "any"));
  select("changed", "instruction", [["", "changed or not"], ["true", "changed"], ["false", "unchanged"]]);
  search();
  paged(data.rows.filter(wanted), draw);
}
show();
"""
