/** In which context a task runs: atomic, non-blockable, and the PF_MEMALLOC* scopes. One word of its header. */
import { baseOf, current, currentBase, type Handle, handleId, handleOf, T_CONTEXT, T_OWNER, W } from "./core.ts";
import { Finding } from "./finding.ts";
import { activeMachine } from "./machine.ts";

/** Added for each spinlock held (bits 0-7) and each non-blockable section open (bits 8-11). */
export const SPIN_DEPTH = 1;
export const NON_BLOCK_DEPTH = 1 << 8;
const SPIN_MASK = 0xff;
const NON_BLOCK_MASK = 0xf00;

/** Task flags, as in include/linux/sched.h (own bit positions). */
export const PF_MEMALLOC = 1 << 12;
export const PF_MEMALLOC_NOFS = 1 << 13;
export const PF_MEMALLOC_NOIO = 1 << 14;
export const PF_MEMALLOC_PIN = 1 << 15;
export const PF_KSWAPD = 1 << 16;
export const PF_EXITING = 1 << 17;

/** The context word of the running task. */
export function contextWord(): number {
  return W[currentBase() + T_CONTEXT];
}

/** What the running task acts for, as `setTaskOwner` said: in a model of a kernel its process. Null = only for itself. */
export function taskOwner(): Handle | null {
  const id = W[currentBase() + T_OWNER];
  return id === 0 ? null : (handleOf(id - 1) as Handle);
}

/** Does the task in `slot` act for `owner`? */
export function actsFor(slot: number, owner: Handle): boolean {
  return W[baseOf(slot) + T_OWNER] === handleId(owner) + 1;
}

/** The running task acts for `owner` from now on. */
export function setTaskOwner(owner: Handle | null): void {
  W[currentBase() + T_OWNER] = owner ? handleId(owner) + 1 : 0;
}

/** Sets flag bits of the running task and returns those that were set before, for `memallocRestore`. */
export function memallocSave(flags: number): number {
  const at = currentBase() + T_CONTEXT;
  const before = W[at] & flags;
  W[at] |= flags;
  return before;
}

/** Ends a scope opened by `memallocSave(flags)`. */
export function memallocRestore(flags: number, before: number): void {
  const at = currentBase() + T_CONTEXT;
  W[at] = (W[at] & ~flags) | before;
}

/** non_block_start / non_block_end: sleeping in between is an `atomic-sleep` finding. */
export function nonBlockStart(): void {
  W[currentBase() + T_CONTEXT] += NON_BLOCK_DEPTH;
}

export function nonBlockEnd(): void {
  W[currentBase() + T_CONTEXT] -= NON_BLOCK_DEPTH;
}

export function inAtomic(): boolean {
  return inAtomicWord(contextWord());
}

/** The same for the context word of any task. */
export function inAtomicWord(context: number): boolean {
  return (context & SPIN_MASK) !== 0;
}

/**
 * might_sleep: raises `atomic-sleep` when the running task holds a spinlock or is in a non-blockable section. `what` and
 * the name of the object, if any, say what it is about to do.
 */
export function mightSleep(what: string, object = ""): void {
  const c = contextWord();
  if ((c & (SPIN_MASK | NON_BLOCK_MASK)) === 0) return;
  const name = activeMachine().tasks[current]?.name ?? "a task";
  const where = (c & SPIN_MASK) !== 0 ? "while it holds a spinlock" : "in a non-blockable section";
  throw new Finding("atomic-sleep", `${name} may sleep (${what}${object === "" ? "" : ` ${object}`}) ${where}`);
}

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [PF_MEMALLOC, "PF_MEMALLOC"],
  [PF_MEMALLOC_NOFS, "PF_MEMALLOC_NOFS"],
  [PF_MEMALLOC_NOIO, "PF_MEMALLOC_NOIO"],
  [PF_MEMALLOC_PIN, "PF_MEMALLOC_PIN"],
  [PF_KSWAPD, "PF_KSWAPD"],
  [PF_EXITING, "PF_EXITING"],
  [1 << 18, "killed"],
];

/** A context word in words; "" when it says nothing. */
export function contextText(context: number): string {
  const parts = FLAG_NAMES.filter(([flag]) => (context & flag) !== 0).map(([, name]) => name);
  if ((context & SPIN_MASK) !== 0) parts.push(`atomic ${context & SPIN_MASK}`);
  if ((context & NON_BLOCK_MASK) !== 0) parts.push(`non-blockable ${(context & NON_BLOCK_MASK) >> 8}`);
  return parts.join(", ");
}
