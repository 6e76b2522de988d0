// diffmglru.mjs CLASSIC MGLRU: workloads whose notifier events differ between the two LRU kinds
import fs from "node:fs";

const [a, b] = process.argv.slice(2);
const EV = new Set([
  "start",
  "end",
  "range",
  "clear_flush_young",
  "clear_young",
  "test_young",
  "change_pte",
  "release",
  "interval",
]);
const load = (f) =>
  fs
    .readFileSync(f, "utf8")
    .trim()
    .split("\n")
    .map((l) => JSON.parse(l));
const key = (x) =>
  x.filter((e) => EV.has(e.ev)).map((e) => `${e.ev} ${e.why ?? ""} ${e.at} ${e.page ?? ""}/${e.n ?? ""} ${e.ctx}`);
const cnt = (x) => {
  const c = {};
  for (const e of x) if (EV.has(e.ev)) c[e.ev] = (c[e.ev] ?? 0) + 1;
  return JSON.stringify(c);
};
const pages = (x) =>
  x
    .filter((e) => e.ev === "page")
    .map((e) => `${e.label} ${e.page} ${e.state} ${e.bits}`)
    .join("\n");
let same = 0;
for (const f of fs
  .readdirSync(a)
  .filter((f) => f.endsWith(".jsonl"))
  .sort()) {
  if (!fs.existsSync(`${b}/${f}`)) continue;
  const x = load(`${a}/${f}`),
    y = load(`${b}/${f}`);
  if (key(x).join("\n") === key(y).join("\n")) {
    same++;
    if (pages(x) !== pages(y)) {
      console.log(`${f}: same notifier events, page table states differ`);
    }
    continue;
  }
  console.log(`${f}: notifier events differ: classic ${cnt(x)} mglru ${cnt(y)}`);
}
console.log(`${same} workloads have equal notifier events under both (page flags such as "active" may differ)`);
