// show.mjs FILE...: one short line per event of a notifier log
import fs from "node:fs";

for (const f of process.argv.slice(2)) {
  console.log(`#### ${f.replace(/.*\//, "")}`);
  for (const l of fs.readFileSync(f, "utf8").trim().split("\n")) {
    const e = JSON.parse(l);
    if (e.workload) {
      console.log(l);
      continue;
    }
    const at = e.at ? (e.page !== undefined ? `${e.at}+${e.page}/${e.n}` : e.at + (e.n ? `/${e.n}` : "")) : "";
    const via = e.via ?? e.stack;
    console.log(
      [
        e.ev,
        e.mm,
        e.label,
        e.why,
        at,
        e.state,
        e.bits,
        e.mode,
        e.frame && `f${e.frame}`,
        e.refs && `r${e.refs}m${e.maps}`,
        Array.isArray(e.flags) && e.flags.join(","),
        e.ret !== undefined && `ret=${e.ret}`,
        e.got !== undefined && `got=${e.got}`,
        e.ok !== undefined && `ok=${e.ok}`,
        e.curseq !== undefined && `cs=${e.curseq}`,
        e.val !== undefined && `val=${e.val}`,
        e.blockable === 0 && "NONBLOCK",
        e.ctx && e.ctx !== "self" && e.ctx,
        via && `<${via.slice(0, 4).join("<")}`,
      ]
        .filter((x) => x)
        .join(" "),
    );
  }
}
