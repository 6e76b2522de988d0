/**
 * Reading and writing one page-table entry, as operations that notice when its table was freed. Whoever holds the
 * page-table lock or mmap_lock has a table that lives; a walk without locks (GUP-fast) keeps tables by other means.
 */
import { defineOp, pend, type Task, W } from "../machine/core.ts";
import { Finding } from "../machine/finding.ts";
import { nameOfWord } from "../machine/machine.ts";
import type { Kernel } from "./kernel.ts";

function mustBeLive(entry: number, freeWord: number): void {
  if (W[freeWord] === 0) return;
  throw new Finding("use-after-free", `${nameOfWord(entry)} is used, and its page table was freed`);
}

const readOp = defineOp({
  name: "readPte",
  enabled: () => true,
  apply: (at, freeWord) => {
    mustBeLive(at, freeWord);
    return W[at];
  },
  access: (at, freeWord, _b, _t, out) => {
    out.read(at);
    out.read(freeWord);
  },
  describe: (at) => `read ${nameOfWord(at)}`,
});

const writeOp = defineOp({
  name: "writePte",
  enabled: () => true,
  apply: (at, freeWord, pte) => {
    mustBeLive(at, freeWord);
    W[at] = pte;
  },
  access: (at, freeWord, _b, _t, out) => {
    out.write(at);
    out.read(freeWord);
  },
  describe: (at, _freeWord, pte) => `write ${nameOfWord(at)} = ${pte}`,
});

/** Table `t` gets freed: an access that conflicts with those of its entries. */
const freeOp = defineOp({
  name: "freeTable",
  enabled: () => true,
  apply: () => undefined,
  access: (freeWord, _a, _b, _t, out) => out.write(freeWord),
  describe: (freeWord) => `free the page table of ${nameOfWord(freeWord)}`,
});

const freeWordOf = (k: Kernel, slot: number): number => k.words.tableFree + (slot >> k.tableShift);

/** READ_ONCE of entry `slot`. Raises a `use-after-free` finding when its table is free. */
export function readPteWord(k: Kernel, slot: number): Task<number> {
  return pend(readOp.id, k.words.pte + slot, freeWordOf(k, slot)) as never;
}

/** WRITE_ONCE of entry `slot`. Raises a `use-after-free` finding when its table is free. */
export function writePteWord(k: Kernel, slot: number, pte: number): Task {
  return pend(writeOp.id, k.words.pte + slot, freeWordOf(k, slot), pte) as never;
}

/** A scheduling point in front of the freeing of table `t`, which the same step must do. */
export function aboutToFreeTable(k: Kernel, t: number): Task {
  return pend(freeOp.id, k.words.tableFree + t) as never;
}
