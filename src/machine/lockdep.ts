/**
 * Lockdep: which lock classes are taken while which others are held, over all runs that are explored. A cycle in that
 * order is a deadlock that some schedule may show, although none of the explored ones had to.
 *
 *      held A ──▶ takes B      edge A → B, with a witness: which task, where, holding what
 *      held B ──▶ takes A      edge B → A closes a cycle: a report with both witnesses
 *
 * As in the kernel: the order is learnt when a lock is about to be taken, whether or not the task has to wait; a trylock
 * makes no edge to its lock, but what is taken later under it does; readers of a recursive lock do not wait for readers,
 * so a path through "taken as such a reader" does not go on from "held as a reader"; a nesting subclass makes a class of
 * its own; ww mutexes of one class may nest under a context. Folio locks, completions and fences are not seen.
 *
 * What is found depends on the set of explored steps only, not on their order: each edge keeps the least of its
 * witnesses. So tables of several threads can be merged.
 */
import { baseOf, HEADER, heldWords, objectAt, observePending, ops, T_ARG, T_FP, T_OBJ, T_OP, W } from "./core.ts";
import { type HoldMode, heldLock, type Lock, observeLocks } from "./lock.ts";
import { classNames, classOf, EdgeTable, type LockdepEdge, type LockdepWitness } from "./lockdepEdges.ts";
import { cyclesOf, type LockdepReport } from "./lockdepReport.ts";
import { activeMachine } from "./machine.ts";
import { placeOfFrame } from "./place.ts";

export type { LockdepEdge, LockdepReport, LockdepWitness };

const table = new EdgeTable();
/** Situations already noted: hash of task, place, held locks and wanted lock. The latest ones are found without the set. */
const seen = new Set<number>();
const RECENT = 1 << 10;
const recentLow = new Int32Array(RECENT);
const recentHigh = new Int32Array(RECENT);

/** Forgets everything, as at the start of a search. */
export function resetLockdep(): void {
  table.clear();
  seen.clear();
  recentLow.fill(0);
  recentHigh.fill(0);
}

/** From now on (or no longer) every step of every machine of this thread is watched. */
export function observeLockdep(on: boolean): void {
  observePending(on ? notePending : null);
  observeLocks(on ? attempt : null);
}

/** The task has come to a scheduling point: if it is about to take a lock, with others held, that is an attempt. */
function notePending(t: number): void {
  const b = baseOf(t);
  const { acquires } = ops[W[b + T_OP]];
  if (acquires === undefined || W[b + HEADER] === 0) return;
  const lock = objectAt(W[b + T_OBJ]) as Lock;
  const arg = W[b + T_ARG];
  // The argument of a ww mutex is its context, that of other locks the subclass.
  if (lock.kind === "wwMutex") attempt(lock, acquires, 0, t, arg !== 0);
  else attempt(lock, acquires, arg, t, false);
}

function attempt(lock: Lock, mode: HoldMode, subclass: number, t: number, nests = false): void {
  if (!lock.lockdep) return;
  const b = baseOf(t);
  if (W[b + HEADER] === 0) return;
  if (!isNew(lock, mode, subclass, b)) return;
  const to = classOf(lock, subclass);
  const recursive = mode === "shared" && lock.recursiveRead;
  let witness: LockdepWitness | null = null;
  for (let i = 0; i < heldWords && W[b + HEADER + i] !== 0; i++) {
    const held = heldLock(W[b + HEADER + i]);
    if (!held.lock.lockdep) continue;
    const from = classOf(held.lock, held.subclass);
    if (nests && from === to) continue;
    witness ??= witnessOf(lock, mode, t);
    table.add(from, to, held.mode === "shared", recursive, witness);
  }
}

/** Has this task, at this place, with these locks, not wanted this lock before? */
function isNew(lock: Lock, mode: HoldMode, subclass: number, b: number): boolean {
  let h = Math.imul(W[W[b + T_FP]] ^ (lock.id << 5) ^ (subclass << 1) ^ (mode === "shared" ? 1 : 0), 0x2c1b3c6d);
  let g = Math.imul(b ^ h, 0x297a2d39);
  for (let i = 0; i < heldWords && W[b + HEADER + i] !== 0; i++) {
    h = Math.imul(h ^ W[b + HEADER + i], 0x7feb352d);
    h ^= h >>> 15;
    g = Math.imul(g ^ W[b + HEADER + i] ^ (h >>> 7), 0x31848bab);
    g ^= g >>> 13;
  }
  const slot = (h ^ g) & (RECENT - 1);
  if (recentLow[slot] === h && recentHigh[slot] === g) return false;
  recentLow[slot] = h;
  recentHigh[slot] = g;
  // 53 bits of the two halves: a number that a set can hold without boxing it as a string.
  const key = (g >>> 0) * 0x200000 + (h >>> 11);
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

function witnessOf(lock: Lock, mode: HoldMode, t: number): LockdepWitness {
  const b = baseOf(t);
  const place = placeOfFrame(W[b + T_FP]);
  const held: string[] = [];
  for (let i = 0; i < heldWords && W[b + HEADER + i] !== 0; i++) {
    const { lock: l, mode: how } = heldLock(W[b + HEADER + i]);
    if (l.lockdep) held.push(nameIn(l, how));
  }
  return {
    task: activeMachine().tasks[t].name,
    place: `${place.file}:${place.line}`,
    function: place.function,
    text: place.text,
    held,
    wanted: nameIn(lock, mode),
  };
}

function nameIn(lock: Lock, mode: HoldMode): string {
  return mode === "shared" ? `${lock.name} (reading)` : lock.name;
}

/** All edges, sorted: what another thread needs to merge them. Plain data. */
export function exportEdges(): LockdepEdge[] {
  return table.export(classNames());
}

/** Adds the edges of another thread. */
export function importEdges(edges: readonly LockdepEdge[]): void {
  table.import(edges);
}

/** Every cycle of classes, shortest first; empty when all runs agree on one order. */
export function lockdepReports(): LockdepReport[] {
  return cyclesOf(exportEdges());
}
