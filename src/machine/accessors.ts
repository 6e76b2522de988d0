/**
 * Reading and writing fields of structs. An engine learns about code by its text: if all fields had theirs from one text,
 * it would find objects of all structs there and settle for looking up where each keeps its index. So each field gets code
 * of its own, with its offset; where making code from text is forbidden (a content security policy), all share theirs.
 */
import { asRef, asWord } from "./badValue.ts";
import type { Handle } from "./core.ts";
import * as core from "./core.ts";

export type FieldKind = "int" | "bool" | "ref";

/** What is called before a read that somebody wants to know of, and before a write that is checked. */
export interface Guards {
  watch(object: Handle): void;
  check(object: Handle, write: boolean): void;
}

function refAt(at: number): object | null {
  const w = core.W[at];
  return w === 0 ? null : core.handleOf(w - 1);
}

const READ = { int: "core.W[at]", bool: "core.W[at] !== 0", ref: "refAt(at)" };
const WRITE = { int: "asWord(value, this, key)", bool: "value ? 1 : 0", ref: "asRef(value, this, key)" };

/** Raises an EvalError where that is forbidden. */
export function ownAccessors(kind: FieldKind, key: string, offset: number, { watch, check }: Guards) {
  const at = `this.at + ${offset}`;
  const code = `"use strict";
    return {
      get() { if (core.watched) watch(this); const at = ${at}; return ${READ[kind]}; },
      set(value) { if (core.checking) check(this, true); core.W[${at}] = ${WRITE[kind]}; },
    };`;
  const make = new Function("core", "watch", "check", "key", "asWord", "asRef", "refAt", code);
  return make(core, watch, check, key, asWord, asRef, refAt) as PropertyDescriptor & ThisType<Handle>;
}

export function sharedAccessors(kind: FieldKind, key: string, offset: number, { watch, check }: Guards) {
  const read = { int: (at: number) => core.W[at], bool: (at: number) => core.W[at] !== 0, ref: refAt }[kind];
  const write = {
    int: (object: Handle, value: never) => asWord(value, object, key),
    bool: (_object: Handle, value: unknown) => (value ? 1 : 0),
    ref: (object: Handle, value: never) => asRef(value, object, key),
  }[kind];
  return {
    get(this: Handle): unknown {
      if (core.watched) watch(this);
      return read(this.at + offset);
    },
    set(this: Handle, value: unknown) {
      if (core.checking) check(this, true);
      core.W[this.at + offset] = write(this, value as never);
    },
  };
}

function mayMakeCode(): boolean {
  try {
    return new Function("return true")() === true;
  } catch {
    return false;
  }
}

/** Accessors of the field at `offset` of an object's words. */
export const accessors = mayMakeCode() ? ownAccessors : sharedAccessors;
