// pressure.mjs OUTDIR ICOUNT_RESULT REALTIME_RESULT|- SETNAME
// One JSON per job and LRU kind: parameters, every run (icount and real time), spread of each counter.
import fs from "node:fs";
import path from "node:path";
import zlib from "node:zlib";

const [out, det, real, set] = process.argv.slice(2);
const dir = path.join(out, set);
fs.mkdirSync(dir, { recursive: true });
const load = (f) =>
  fs.existsSync(f)
    ? fs
        .readFileSync(f, "utf8")
        .split("\n")
        .filter(Boolean)
        .map((l) => JSON.parse(l))
    : [];
const zone = fs.readFileSync(path.join(det, "zoneinfo.txt"), "utf8");
const zones = {};
let z;
for (const l of zone.split("\n")) {
  const m = /^Node (\d+), zone\s+(\w+)/.exec(l);
  if (m) {
    z = zones[`${m[1]}/${m[2]}`] = {};
    continue;
  }
  const k = /^\s+(?:pages )?(free|boost|min|low|high|spanned|present|managed|protection:?)\s+(.*)$/.exec(l);
  if (k && z && z[k[1]] === undefined)
    z[k[1].replace(":", "")] = k[1].startsWith("protection")
      ? JSON.parse(k[2].replace("(", "[").replace(")", "]"))
      : Number(k[2]);
}
for (const k in zones) if (!zones[k].managed) delete zones[k];
const meta = {
  kernel: fs.readFileSync(path.join(det, "uname.txt"), "utf8").trim(),
  cmdline: fs.readFileSync(path.join(det, "cmdline.txt"), "utf8").trim(),
  zones,
  swaps: fs
    .readFileSync(path.join(det, "swaps.txt"), "utf8")
    .trim()
    .split("\n")
    .slice(1)
    .map((l) => l.split(/\s+/)),
  sysctl: Object.fromEntries(
    fs
      .readFileSync(path.join(det, "sysctl.txt"), "utf8")
      .trim()
      .split("\n")
      .map((l) => l.split(" "))
      .map(([a, b]) => [a, Number(b)]),
  ),
  memTotalKb: Number(/MemTotal:\s+(\d+)/.exec(fs.readFileSync(path.join(det, "meminfo.txt"), "utf8"))[1]),
};
fs.writeFileSync(path.join(dir, "machine.json"), `${JSON.stringify(meta, null, 1)}\n`);
const KEYS = [
  "majflt",
  "minflt",
  "pgscan",
  "pgsteal",
  "pswpin",
  "pswpout",
  "pgactivate",
  "pgdeactivate",
  "pgrefill",
  "workingset_refault_anon",
  "workingset_refault_file",
  "workingset_activate_anon",
  "workingset_activate_file",
  "workingset_restore_anon",
  "cost_ns",
];
const val = (o, k) =>
  k === "majflt" || k === "minflt"
    ? o.rusage_run[k]
    : k === "cost_ns"
      ? o.cost_ns.total
      : k === "pgscan" || k === "pgsteal"
        ? (o.memstat_run?.[k] ?? (o.vmstat_run[`${k}_kswapd`] ?? 0) + (o.vmstat_run[`${k}_direct`] ?? 0))
        : (o.vmstat_run[k] ?? 0);
// counters of /proc/vmstat that are instantaneous (nr_*) are kept as they are: their delta is a change of level
const files = fs.readdirSync(path.join(det, "pressure"));
const summary = [];
for (const f of files.filter((f) => f.endsWith(".jsonl")).sort()) {
  const [, name, gen] = /^(.*)\.([ny])\.jsonl$/.exec(f);
  const a = load(path.join(det, "pressure", f)),
    b = real && real !== "-" ? load(path.join(real, "pressure", f)) : [];
  if (!a.length && !b.length) {
    summary.push({ name, lruGen: gen === "y", killed: true });
    continue;
  }
  const p = (a[0] ?? b[0]).params;
  // the first repetition of a traced job pays for tracing (16 MiB of trace buffer, other timing): not in the spread
  const traced = files.includes(`${name}.${gen}.trace`) ? 1 : 0;
  const spread = {};
  for (const k of KEYS) {
    const va = a.slice(traced).map((o) => val(o, k)),
      vb = b.slice(traced).map((o) => val(o, k)),
      all = [...va, ...vb];
    if (!all.some((x) => x)) continue;
    const mean = all.reduce((s, x) => s + x, 0) / all.length;
    spread[k] = {
      icount: va,
      realtime: vb,
      relRange: k === "cost_ns" ? undefined : +((Math.max(...all) - Math.min(...all)) / mean).toFixed(4),
    };
  }
  const strip = (o) => {
    const { name: _n, params: _p, ...r } = o;
    return r;
  };
  fs.writeFileSync(
    path.join(dir, `${name}.${gen === "y" ? "mglru" : "classic"}.json`),
    `${JSON.stringify(
      {
        name,
        lru: gen === "y" ? "mglru" : "classic",
        params: p,
        firstRunTraced: !!traced,
        spread,
        runs: a.map(strip),
        realtimeRuns: b.map((o) => {
          const { vmstat_run, memstat_run, rusage_run, rusage_prefill } = o;
          return { rusage_prefill, rusage_run, vmstat_run, memstat_run };
        }),
      },
      null,
      1,
    )}\n`,
  );
  summary.push({
    name,
    lruGen: gen === "y",
    params: p,
    spread: Object.fromEntries(Object.entries(spread).map(([k, v]) => [k, k === "cost_ns" ? v.icount : v])),
  });
}
fs.writeFileSync(path.join(dir, "summary.json"), `[\n${summary.map((s) => JSON.stringify(s)).join(",\n")}\n]\n`);
for (const f of files.filter((f) => /\.trace$/.test(f))) {
  const ev = [];
  for (const l of fs.readFileSync(path.join(det, "pressure", f), "utf8").split("\n")) {
    const m = /^\s*(\S+)-(\d+)\s+\[\d+\]\s+\S+\s+([\d.]+): mm_vmscan_(\w+):? ?(.*)$/.exec(l);
    if (!m) continue;
    const o = { t: +m[3], by: m[1], ev: m[4] };
    for (const kv of m[5].split(" ")) {
      const i = kv.indexOf("=");
      if (i > 0) {
        const v = kv.slice(i + 1);
        o[kv.slice(0, i)] = /^-?\d+$/.test(v) ? +v : v;
      }
    }
    ev.push(JSON.stringify(o));
  }
  fs.writeFileSync(
    path.join(dir, `${f.replace(/\.n\.trace/, ".classic.vmscan").replace(/\.y\.trace/, ".mglru.vmscan")}.jsonl.gz`),
    zlib.gzipSync(`${ev.join("\n")}\n`, { level: 9 }),
  );
}
for (const f of files.filter((f) => /\.notifier$/.test(f)))
  fs.copyFileSync(
    path.join(det, "pressure", f),
    path.join(dir, `${f.replace(/\.n\.notifier/, ".classic").replace(/\.y\.notifier/, ".mglru")}.first256.jsonl`),
  );
for (const s of summary)
  console.log(
    set,
    s.name.padEnd(18),
    s.lruGen ? "mglru  " : "classic",
    s.killed
      ? "KILLED in every run"
      : ["majflt", "pgscan", "pgsteal", "pgactivate"]
          .map((k) =>
            s.spread[k]
              ? `${k} ${s.spread[k].icount.join("/")} | ${s.spread[k].realtime.join("/")} (${(100 * s.spread[k].relRange).toFixed(1)}%)`
              : "",
          )
          .join("  "),
  );
