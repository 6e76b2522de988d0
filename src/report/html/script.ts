/**
 * The page's script: steps through the runs that are embedded as JSON. Plain JavaScript for browsers; it makes elements and
 * sets their text, and never reads words as HTML. Without it the page shows everything but the inspector.
 */
export const PAGE_SCRIPT = String.raw`
"use strict";
document.documentElement.classList.add("js");
const el = (tag, text, className) => {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (className) e.className = className;
  return e;
};
const views = [];
let active = null;

class View {
  constructor(section) {
    this.section = section;
    this.data = JSON.parse(section.querySelector("script[type='application/json']").textContent);
    this.rows = new Map();
    for (const row of section.querySelectorAll("tr.step")) {
      const at = Number(row.dataset.moment);
      if (!this.rows.has(at)) this.rows.set(at, []);
      this.rows.get(at).push(row);
      row.addEventListener("click", () => this.go(at));
    }
    this.at = 0;
    this.frame = 0;
    this.inspector = section.querySelector(".inspector");
    this.inspector.hidden = false;
    for (const button of this.inspector.querySelectorAll("[data-go]")) {
      button.addEventListener("click", () => this.move(button.dataset.go));
    }
  }
  get last() { return this.data.moments.length - 1; }
  move(how) {
    const { moments } = this.data;
    const task = moments[this.at].task;
    const to = {
      first: () => 0,
      back: () => this.at - 1,
      forward: () => this.at + 1,
      last: () => this.last,
      taskBack: () => moments.findLastIndex((m, i) => i < this.at && m.task === task),
      taskForward: () => moments.findIndex((m, i) => i > this.at && m.task === task),
    }[how]();
    if (to >= 0 && to <= this.last) this.go(to);
  }
  go(at, quiet) {
    for (const row of this.rows.get(this.at) ?? []) row.removeAttribute("aria-current");
    this.at = at;
    this.frame = 0;
    active = this;
    const rows = this.rows.get(at) ?? [];
    for (const row of rows) row.setAttribute("aria-current", "step");
    if (!quiet) {
      rows[0]?.scrollIntoView({ block: "nearest" });
      history.replaceState(null, "", "#" + this.section.id + "-" + (at + 1));
    }
    this.show();
  }
  show() {
    const m = this.data.moments[this.at];
    const part = (name) => this.inspector.querySelector("." + name);
    part("at").textContent = m.title;
    part("what").textContent = m.text;
    for (const [go, off] of [["first", this.at === 0], ["back", this.at === 0], ["forward", this.at === this.last], ["last", this.at === this.last]]) {
      this.inspector.querySelector("[data-go='" + go + "']").disabled = off;
    }
    part("details").replaceChildren(...this.notes(m), ...this.source(m), ...this.diff(m), ...this.locks(m), ...this.state());
  }
  notes(m) {
    return m.notes.map((text) => el("p", text, "dim"));
  }
  source(m) {
    const frame = this.data.frames[m.stack[this.frame]];
    if (!frame) return [];
    const pre = el("pre", undefined, "source");
    for (const [n, text] of frame.lines) {
      const line = el("span", undefined, n === frame.line ? "here" : "");
      line.append(el("i", String(n)), text);
      pre.append(line);
    }
    const calls = el("ol", undefined, "calls");
    m.stack.forEach((index, i) => {
      const { name, at } = this.data.frames[index];
      const button = el("button", name + "  " + at);
      button.type = "button";
      button.setAttribute("aria-pressed", String(i === this.frame));
      button.addEventListener("click", () => { this.frame = i; this.show(); });
      const item = el("li");
      item.append(button);
      calls.append(item);
    });
    return [el("h3", "Source: " + frame.at), pre, el("h3", "Calls, innermost first"), calls];
  }
  diff(m) {
    if (m.end) return [];
    if (m.changed.length === 0) return [el("h3", "What the step changes"), el("p", "nothing", "dim")];
    const rows = m.changed.map(([name, before, after]) => this.row([[name, ""], [before, "before"], [after, "after"]]));
    return [el("h3", "What the step changes"), this.table("diff", ["name", "before", "after"], rows)];
  }
  locks(m) {
    const rows = m.held.flatMap((locks, task) => locks.length === 0 ? [] : [this.row([[this.data.tasks[task], ""], [locks.join(", "), ""]])]);
    return rows.length === 0 ? [] : [el("h3", "Locks held after it"), this.table("", ["task", "holds"], rows)];
  }
  /** Every name that the run changes, with its value at this moment; made when somebody looks. */
  state() {
    if (!this.data.moments.some((m) => m.changed.length > 0)) return [];
    const details = el("details");
    details.append(el("summary", "All that the run changes, at this moment"));
    const fill = () => { if (details.childElementCount === 1) details.append(this.stateTable()); };
    details.open = this.stateOpen === true;
    if (details.open) fill();
    details.addEventListener("toggle", () => {
      this.stateOpen = details.open;
      if (details.open) fill();
    });
    return [details];
  }
  stateTable() {
    const values = new Map();
    const { moments } = this.data;
    moments.forEach((m, i) => {
      for (const [name, before, after] of m.changed) {
        if (!values.has(name)) values.set(name, { value: before, now: false });
        if (i <= this.at) Object.assign(values.get(name), { value: after, now: i === this.at });
      }
    });
    const rows = [...values].map(([name, { value, now }]) => {
      const row = this.row([[name, ""], [value, ""]]);
      if (now && !moments[this.at].end) row.className = "now";
      return row;
    });
    return this.table("state", ["name", "value"], rows);
  }
  row(cells) {
    const row = el("tr");
    for (const [text, className] of cells) row.append(el("td", text, className));
    return row;
  }
  table(className, header, rows) {
    const table = el("table", undefined, className);
    const head = el("thead");
    const top = el("tr");
    for (const text of header) top.append(el("th", text));
    head.append(top);
    const body = el("tbody");
    body.append(...rows);
    table.append(head, body);
    return table;
  }
}

for (const section of document.querySelectorAll("section.outcome")) {
  if (section.querySelector(".inspector")) views.push(new View(section));
}
const KEYS = { ArrowDown: "forward", j: "forward", ArrowUp: "back", k: "back", Home: "first", End: "last", "]": "taskForward", "[": "taskBack" };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || !active) return;
  const how = KEYS[event.key];
  if (how === undefined) return;
  event.preventDefault();
  active.move(how);
});
for (const view of views.toReversed()) view.go(0, true);
const link = /^#(.+)-(\d+)$/.exec(location.hash);
const linked = link && views.find((view) => view.section.id === link[1]);
if (linked && linked.data.moments[Number(link[2]) - 1]) linked.go(Number(link[2]) - 1);
`;
