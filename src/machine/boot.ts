/**
 * Boots: task code that runs while a machine is being finished, so that a case can set itself up with the calls that it is
 * about (map memory, fill it, pin it) and none of that is a step of any run.
 *
 *   set-up ─▶ words have their final size ─▶ boots, one after the other, each to its end ─▶ tasks run to their first wait
 *
 * A boot has a stack of its own behind the words of the machine, which is gone when it ends; so it must leave no lock held.
 */
import { mayfailError } from "../errors.ts";
import {
  HEADER,
  NeedsRebuild,
  ops,
  run,
  runAs,
  setChecking,
  T_FP,
  T_OP,
  T_SP,
  T_STATE,
  takeSettling,
  W,
} from "./core.ts";
import { Finding } from "./finding.ts";
import { locksHeld } from "./lock.ts";
import type { Machine } from "./machine.ts";
import { LIVE, type TaskFunction } from "./options.ts";
import { PrivateFields } from "./privateFields.ts";
import type { TaskSlots } from "./taskSlots.ts";

export interface Boot {
  readonly f: TaskFunction<unknown[]>;
  readonly args: unknown[];
}

const STACK = 1 << 12;

/** Runs them. Raises MF0215 when one cannot go on, and the finding of a rule that one breaks. */
export function runBoots(m: Machine, slots: TaskSlots, boots: readonly Boot[]): void {
  const { size } = m;
  const words = new Int32Array(size + HEADER + m.options.heldWords + STACK);
  words.set(m.words);
  // Whoever tries a lock may look: nobody else runs, so it does not matter which releases are steps.
  m.tried = new Uint8Array(words.length).fill(1);
  const slot = slots.tasks.length;
  m.useWords(words);
  slots.borrow(size, words.length);
  try {
    for (const { f, args } of boots) {
      words.fill(0, size);
      m.privateFields = new PrivateFields(words.length);
      runBoot(m, slot, f, args);
    }
  } finally {
    slots.giveBack();
    m.useWords(words.slice(0, size));
  }
}

function runBoot(m: Machine, slot: number, f: TaskFunction<unknown[]>, args: unknown[]): void {
  const base = m.size;
  W[base + T_STATE] = LIVE;
  W[base + T_SP] = base + HEADER + m.options.heldWords;
  runAs(slot);
  setChecking(true);
  try {
    f(...args);
    for (let v: unknown; ; v = operate(base, slot)) {
      if (W[base + T_OP] === 0) run(v);
      if (W[base + T_STATE] !== LIVE) break;
    }
    const [held] = locksHeld(slot);
    if (held) throw new Finding("assertion", `a boot ends and holds ${held.lock.name}`);
  } catch (e) {
    if (e instanceof NeedsRebuild && e.need !== "held")
      throw stuck(f, e.need === "stack" ? "has no stack left" : "spawns");
    throw e;
  } finally {
    setChecking(false);
    runAs(-1);
    takeSettling();
  }

  function stuck(of: TaskFunction<unknown[]>, why: string): Error {
    return mayfailError("MF0215", { boot: of.name, why });
  }

  /** Does the pending operation. */
  function operate(at: number, t: number): unknown {
    const kind = ops[W[at + T_OP]];
    const [object, arg, arg2] = W.subarray(at + T_OP + 1, at + T_FP);
    if (!kind.enabled(object, arg, arg2, t)) throw stuck(f, `waits: ${kind.describe(object, arg, arg2)}`);
    W.fill(0, at + T_OP, at + T_FP);
    return kind.choices ? 0 : kind.apply(object, arg, arg2, t);
  }
}
