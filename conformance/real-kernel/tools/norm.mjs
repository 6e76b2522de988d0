// norm.mjs OUTDIR REF OTHER...   REF and OTHER are result folders that hold r1/ and r2/
// Writes OUTDIR/<name>.jsonl (normalised), OUTDIR/raw/<name>.jsonl and OUTDIR/index.json.
import fs from "node:fs";
import path from "node:path";

const [out, ref, ...others] = process.argv.slice(2);
const load = (f) =>
  fs
    .readFileSync(f, "utf8")
    .trim()
    .split("\n")
    .map((l) => JSON.parse(l));
const NOTIF = new Set([
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
// keep what concerns the workload's own windows (A..P) or the whole address space
const keep = (e) => e.workload || !NOTIF.has(e.ev) || e.at === "ALL" || /^[A-P]$/.test(e.at ?? "");
const tail = new Set([
  "exc_page_fault",
  "asm_exc_page_fault",
  "ret_from_fork",
  "kthread",
  "do_user_addr_fault",
  "x64_sys_call",
  "do_syscall_64",
]);
const norm = (a) =>
  a
    .filter((e) => keep(e) && e.ev !== "totals")
    .map((e) => {
      const { seq, stack, ...r } = e;
      if (r.ctx)
        r.ctx = r.ctx
          .replace(/kworker\/.*/, "kworker")
          .replace(/kswapd\d/, "kswapd")
          .replace(/kcompactd\d/, "kcompactd");
      if (stack) r.via = stack.filter((s) => !tail.has(s));
      return r;
    });
// frames renumbered in order of appearance among what was kept
const renum = (a) => {
  const m = new Map();
  for (const e of a)
    if (e.frame) {
      if (!m.has(e.frame)) m.set(e.frame, m.size + 1);
      e.frame = m.get(e.frame);
    }
  return a;
};
const seqOf = (a) =>
  a
    .filter((e) => NOTIF.has(e.ev) || e.ev === "mark")
    .map((e) => {
      const { via, ...r } = e;
      return JSON.stringify(r);
    })
    .join("\n");
const evOnly = (a) =>
  a
    .filter((e) => NOTIF.has(e.ev))
    .map((e) => `${e.ev} ${e.why ?? ""} ${e.at} ${e.page ?? ""} ${e.n ?? ""} ${e.blockable ?? 1}`)
    .join("\n");
const setOnly = (a) =>
  [...new Set(a.filter((e) => NOTIF.has(e.ev)).map((e) => `${e.ev} ${e.why ?? ""} ${e.ctx} ${(e.via ?? [])[0]}`))]
    .sort()
    .join("\n");
const all = (a) => a.map((e) => JSON.stringify(e)).join("\n");
fs.mkdirSync(path.join(out, "raw"), { recursive: true });
const names = fs
  .readdirSync(path.join(ref, "r1"))
  .filter((f) => f.endsWith(".jsonl"))
  .map((f) => f.slice(0, -6))
  .sort();
const index = [];
for (const n of names) {
  const f = path.join(ref, "r1", `${n}.jsonl`);
  const raw = load(f),
    a = renum(norm(raw));
  fs.writeFileSync(path.join(out, `${n}.jsonl`), `${all(a)}\n`);
  fs.copyFileSync(f, path.join(out, "raw", `${n}.jsonl`));
  const cmp = { exact: [], sequence: [], events: [], kinds: [], differ: [] };
  for (const o of [ref, ...others])
    for (const r of ["r1", "r2"]) {
      if (o === ref && r === "r1") continue;
      const g = path.join(o, r, `${n}.jsonl`);
      if (!fs.existsSync(g)) continue;
      const b = renum(norm(load(g)));
      const k =
        all(a) === all(b)
          ? "exact"
          : seqOf(a) === seqOf(b)
            ? "sequence"
            : evOnly(a) === evOnly(b)
              ? "events"
              : setOnly(a) === setOnly(b)
                ? "kinds"
                : "differ";
      cmp[k].push(`${path.basename(o)}/${r}`);
    }
  const level = cmp.differ.length
    ? "differ"
    : cmp.kinds.length
      ? "kinds"
      : cmp.events.length
        ? "events"
        : cmp.sequence.length
          ? "sequence"
          : "exact";
  const count = {};
  for (const e of a) if (NOTIF.has(e.ev)) count[e.ev] = (count[e.ev] ?? 0) + 1;
  const ctx = [...new Set(a.filter((e) => e.ctx).map((e) => e.ctx))];
  index.push({
    name: n,
    exit: raw[0].exit,
    repeats: level,
    ...(level !== "exact"
      ? { unequal: Object.fromEntries(Object.entries(cmp).filter(([k, v]) => k !== "exact" && v.length)) }
      : {}),
    events: count,
    contexts: ctx,
    why: [...new Set(a.filter((e) => e.why).map((e) => e.why))],
    nonBlockable: a.some((e) => e.blockable === 0),
  });
}
fs.writeFileSync(path.join(out, "index.json"), `[\n${index.map((x) => JSON.stringify(x)).join(",\n")}\n]\n`);
const by = {};
for (const x of index) (by[x.repeats] ??= []).push(x.name);
for (const k in by) console.log(k, by[k].length, k === "exact" ? "" : by[k].join(" "));
