/**
 * Reading and changing one page-table entry, as operations that notice when its table was freed. Whoever holds the
 * page-table lock or mmap_lock has a table that lives; a walk without locks (GUP-fast) keeps tables by other means.
 */
import { answer, atOnce, defineOp, pend, type Task, W } from "../machine/core.ts";
import { Finding } from "../machine/finding.ts";
import { nameOfWord } from "../machine/machine.ts";
import type { Kernel } from "./kernel.ts";
import { noteTranslation } from "./tlb.ts";

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

/** An atomic change of an entry; the value is the old one. With `tlb`, CPUs may keep the old translation. */
function changeOp(name: string, tlb: boolean, change: (old: number, arg: number) => number) {
  return defineOp({
    name,
    enabled: () => true,
    apply: (at, freeWord, arg) => {
      mustBeLive(at, freeWord);
      const old = W[at];
      W[at] = change(old, arg);
      if (tlb) noteTranslation(at, old, W[at]);
      return old;
    },
    access: (at, freeWord, _b, _t, out) => {
      out.write(at);
      out.read(freeWord);
    },
    describe: (at, _freeWord, arg) => `${name} ${nameOfWord(at)} = ${arg}`,
  });
}

const swap = (_old: number, pte: number): number => pte;
const clear = (old: number, bits: number): number => old & ~bits;
const add = (old: number, bits: number): number => old | bits;
const plain = [
  changeOp("writePte", false, swap),
  changeOp("clearPteBits", false, clear),
  changeOp("setPteBits", false, add),
];
const cached = [
  changeOp("writePte", true, swap),
  changeOp("clearPteBits", true, clear),
  changeOp("setPteBits", true, add),
];

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
  return pend(readOp, k.words.pte + slot, freeWordOf(k, slot)) as never;
}

function change(k: Kernel, which: number, slot: number, arg: number): Task<number> {
  if (k.tlb === null && atOnce()) {
    const at = k.words.pte + slot;
    mustBeLive(at, freeWordOf(k, slot));
    const old = W[at];
    W[at] = which === 0 ? swap(old, arg) : which === 1 ? clear(old, arg) : add(old, arg);
    return answer(old) as never;
  }
  const op = (k.tlb === null ? plain : cached)[which];
  return pend(op, k.words.pte + slot, freeWordOf(k, slot), arg) as never;
}

/** xchg of entry `slot`: the old one. Raises a `use-after-free` finding when its table is free, as all changes do. */
export function swapPteWord(k: Kernel, slot: number, pte: number): Task<number> {
  return change(k, 0, slot, pte);
}

/** Clears bits of entry `slot`: the old one. */
export function clearPteBits(k: Kernel, slot: number, bits: number): Task<number> {
  return change(k, 1, slot, bits);
}

/** Sets bits of entry `slot`: the old one. */
export function setPteBits(k: Kernel, slot: number, bits: number): Task<number> {
  return change(k, 2, slot, bits);
}

/** A scheduling point in front of the freeing of table `t`, which the same step must do. */
export function aboutToFreeTable(k: Kernel, t: number): Task {
  return pend(freeOp, k.words.tableFree + t) as never;
}
