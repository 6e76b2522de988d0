/**
 * mprotect against a write fault: one thread makes a page read-only while another one writes to it for the first time.
 *
 *   fault:    mmap_lock read ─▶ rights of the VMA ─▶ page ─▶ page-table lock: entry, writable as the VMA allowed
 *   mprotect: mmap_lock write ─▶ rights of the VMA ─▶ page-table lock: entries that are there
 *
 * Without the lock the fault uses rights that are gone, for an entry that mprotect did not see.
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import type { Kernel } from "../kernel.ts";
import { FAULT_WRITE, handleMmFault, userRead, userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process, VM_WRITE } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { sysMprotect } from "../mprotect.ts";
import { pteAt, pteWrite } from "../pageTable.ts";
import { lruAddDrain } from "../swap.ts";
import { vmaLookup } from "../vma.ts";
import { A, smallKernel } from "../world/small.ts";

const NONE = 0;
const READ = 1;
const WRITTEN = 2;

function* main(k: Kernel, p: Process, touched: number, locked: boolean): Task {
  const mm = p.mm as Mm;
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  if (touched === READ) yield* userRead(k, p, A);
  if (touched === WRITTEN) yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  const a = locked ? spawn(writer, k, p) : spawn(careless, k, p);
  const b = spawn(protector, k, p);
  yield* join(a);
  yield* join(b);
  const pte = pteAt(k, mm, A);
  must(!pteWrite(pte), "assertion", `the page is read-only, and entry ${pte} may be written`);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* writer(k: Kernel, p: Process): Task {
  yield* choose(1); // anybody may begin
  const error = yield* userWrite(k, p, A, 2);
  if (error !== 0) return;
  const seen = yield* userRead(k, p, A);
  must(seen === 2, "assertion", `2 was written, and ${seen} is read`);
}

/** Looks at the rights of the VMA, and faults later. */
function* careless(k: Kernel, p: Process): Task {
  yield* choose(1);
  const vma = vmaLookup(p.mm as Mm, A);
  if (vma && (vma.flags & VM_WRITE) !== 0) yield* handleMmFault(k, vma, A, FAULT_WRITE);
}

function* protector(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* sysMprotect(k, p, A, 1, PROT_READ);
}

export const mprotectFault = defineCase<{ touched: number; locked?: boolean }>({
  id: "mm-mprotect-fault",
  title: "mprotect against a write fault",
  variants: {
    "linux-6.1-untouched": { touched: NONE, expect: "ok" },
    "linux-6.1-zero-page": { touched: READ, expect: "ok" },
    "linux-6.1-writable": { touched: WRITTEN, expect: "ok" },
    "fault-without-mmap-lock": { touched: NONE, locked: false, expect: "data-race" },
  },
  setup(m, v) {
    const k = smallKernel(m);
    m.spawn("main", main, [k, createProcess(k), v.touched, v.locked ?? true], { children: 2 });
  },
});
