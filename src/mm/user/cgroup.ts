/** Files of /sys/fs/cgroup that a process writes to, and posix_fadvise. There is one cgroup below the root. */
import type { Task } from "../../machine/core.ts";
import { unchecked } from "../../machine/core.ts";
import { fatalSignalPending } from "../../machine/killable.ts";
import type { File } from "../fs.ts";
import { chargeCall, endCall, FILE_BYTES, SEQ_BUFFER_BYTES } from "../kmem.ts";
import { joinMemcg } from "../memcontrol.ts";
import { kernelCalls, self, userSpace } from "./space.ts";

const CGROUP = 1;
const PAGE_SHIFT = 12;

/** Writes itself to cgroup.procs: what it is charged for from now on counts there. */
export function enterCgroup(): void {
  if (fatalSignalPending()) return;
  joinMemcg(self(), CGROUP);
}

/** Writes `bytes` to memory.reclaim. 0, or -EAGAIN when less could be reclaimed. */
export function* memoryReclaim(bytes: number): Task<number> {
  const file = openControl();
  const error = yield* kernelCalls().memoryReclaim(userSpace().k, CGROUP, bytes >> PAGE_SHIFT);
  closeControl(file);
  return error;
}
/** Writes `bytes` to memory.high; -1 = max. */
export function* memoryHigh(bytes: number): Task {
  const file = openControl();
  yield* kernelCalls().memoryHigh(userSpace().k, CGROUP, pagesOf(bytes));
  closeControl(file);
}
/** Writes `bytes` to memory.max; -1 = max. */
export function* memoryMax(bytes: number): Task {
  const file = openControl();
  yield* kernelCalls().memoryMax(userSpace().k, CGROUP, pagesOf(bytes));
  closeControl(file);
}
/** Writes `bytes` to memory.swap.max; -1 = max. */
export function* memorySwapMax(bytes: number): Task {
  const file = openControl();
  yield* kernelCalls().memorySwapMax(userSpace().k, CGROUP, pagesOf(bytes));
  closeControl(file);
}

/** The open file that a control is written through. Who pays: closing it gives a drained stock its rest of a page back. */
const openControl = (): number => unchecked(() => chargeCall(userSpace().k, FILE_BYTES));
function closeControl(payer: number): void {
  unchecked(() => endCall(userSpace().k, payer, FILE_BYTES));
}

const pagesOf = (bytes: number): number => (bytes < 0 ? -1 : bytes >> PAGE_SHIFT);

/** What memory.current says, in pages; with what it takes to read it, which the reader pays for. */
export function memoryCurrent(): number {
  return unchecked(() => {
    const { k } = userSpace();
    const file = chargeCall(k, FILE_BYTES);
    const buffer = chargeCall(k, SEQ_BUFFER_BYTES);
    const pages = k.memcgs.usage[CGROUP];
    endCall(k, buffer, SEQ_BUFFER_BYTES);
    endCall(k, file, FILE_BYTES);
    return pages;
  });
}

/** posix_fadvise(file, POSIX_FADV_DONTNEED) of `n` pages. 0. */
export function* fadviseDontneed(file: File, pgoff: number, n: number): Task<number> {
  return yield* kernelCalls().fadviseDontneed(userSpace().k, file, pgoff, pgoff + n);
}
