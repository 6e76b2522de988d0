/**
 * Who makes pages of a file dirty waits until they are written, while reclaim takes what is clean: the flusher writes, the
 * writer goes on, and whatever reclaim drops has been written.
 *
 *   writer:  page dirty ─▶ too many? wake the flusher, sleep ─▶ look again
 *   flusher: folio lock ─▶ clean, content to disk            reclaim: dirty? marked, kept : references frozen, dropped
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { GFP_KERNEL } from "../../machine/gfp.ts";
import { defineCase } from "../../machine/scenario.ts";
import { join, spawn } from "../../machine/wait.ts";
import { fileRead, fileWrite } from "../filemap.ts";
import { startFlusher } from "../flusher.ts";
import { type File, O_CREAT } from "../fs.ts";
import { nameFile, openFile } from "../inode.ts";
import type { Kernel } from "../kernel.ts";
import { createProcess } from "../mmUsers.ts";
import { type Guard, type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { performReclaim } from "../vmscan.ts";
import { smallKernel } from "../world/small.ts";

function* main(k: Kernel, path: number): Task {
  const file = (yield* openFile(k, path, O_CREAT)) as File;
  yield* fileWrite(k, file, 0, 1);
  yield* lruAddDrain(k);
  const a = spawn(writer, k, file);
  const b = spawn(reclaimer, k);
  yield* join(a);
  yield* join(b);
  const seen = yield* fileRead(k, file, 0);
  must(seen === 2, "lost-write", `2 was written to the file, and ${seen} is read`);
  yield* lruAddDrain(k);
}

function* writer(k: Kernel, file: File): Task {
  yield* fileWrite(k, file, 0, 2);
}

function* reclaimer(k: Kernel): Task {
  yield* performReclaim(k, GFP_KERNEL, 0);
}

const without = (guard: Guard): Rules => rules("linux-6.1", { without: [guard] });
const base = { inForce: rules("linux-6.1"), flusher: true };

export const dirtyThrottle = defineCase<{ inForce: Rules; flusher: boolean }>({
  id: "mm-dirty-throttle",
  title: "a writer that waits for the flusher, against reclaim",
  variants: {
    "linux-6.1": { ...base, expect: "ok" },
    "without-flusher": { ...base, flusher: false, expect: "livelock" },
    "without-reference-check": { ...base, inForce: without("removeRefCheck"), expect: "use-after-free" },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, reclaims: true, reclaimers: 2, ageMask: 0, dirtyThrottling: true });
    if (v.flusher) startFlusher(m, k);
    createProcess(k); // somebody lives, so that the file may stay
    m.spawn("main", main, [k, nameFile(k, "/mnt/f")], { children: 2 });
  },
});
