/**
 * Structs: few objects, object-like access, pointers to each other. A field declares its guard, and every access by
 * task code is checked against it; that is what makes coarse steps sound.
 *
 *   const Page = struct("page", { lock: mutexField(), refs: cellField(1), dirty: bool({ guardedBy: "lock" }) });
 *   const p = Page.create("p0");         // set-up only
 *   p.dirty = true;                      // data-race finding unless the running task holds p.lock
 */

import { mayfailError } from "../errors.ts";
import { accessors, type FieldKind, type Guards } from "./accessors.ts";
import { whereNow } from "./badValue.ts";
import { checking, current, type Handle, isProbingNow, keepOrder, noteProbeOfAnything, W } from "./core.ts";
import { Finding } from "./finding.ts";
import type { Layout } from "./layout.ts";
import { Lock } from "./lock.ts";
import { activeMachine, settingUpMachine } from "./machine.ts";

/**
 * Why a plain field needs no scheduling point of its own:
 *  - `guardedBy`: name of a lock field of the same object, or a function from the object to a lock; checked.
 *  - `ordered`: a sentence that says which protocol orders the accesses; believed.
 *  - neither: only one task touches it after set-up; checked.
 */
export interface GuardOptions {
  readonly guardedBy?: string | ((self: never) => Lock);
  readonly ordered?: string;
  /** Pooled structs: may be used while the object is free, such as the link of the list of free objects. */
  readonly whenFree?: boolean;
}

export interface FieldSpec<T> {
  readonly words: number;
  readonly kind: "int" | "bool" | "ref" | "object";
  readonly guard: GuardOptions;
  readonly initial: number;
  /** Embedded objects (locks, cells) make their handle when the struct object is created. */
  readonly embed?: (at: number, name: string, className: string) => object;
  readonly mutable: boolean;
  /** Only for the type checker. */
  readonly type?: T;
}

export type Fields = Readonly<Record<string, FieldSpec<unknown>>>;
type MutableKeys<F extends Fields> = {
  [K in keyof F]: F[K] extends FieldSpec<infer _T> & { mutable: true } ? K : never;
}[keyof F];
type ValueOf<S> = S extends FieldSpec<infer T> ? T : never;

/** An object of a struct with fields `F`. */
export type StructOf<F extends Fields> = Handle & { [K in MutableKeys<F>]: ValueOf<F[K]> } & {
  readonly [K in Exclude<keyof F, MutableKeys<F>>]: ValueOf<F[K]>;
};

export type Plain<T> = FieldSpec<T> & { readonly mutable: true };
export type Embedded<T> = FieldSpec<T> & { readonly mutable: false };

/** A 32-bit integer. */
export function int(options: GuardOptions & { initial?: number } = {}): Plain<number> {
  return { words: 1, kind: "int", guard: options, initial: options.initial ?? 0, mutable: true };
}

export function bool(options: GuardOptions & { initial?: boolean } = {}): Plain<boolean> {
  return { words: 1, kind: "bool", guard: options, initial: options.initial ? 1 : 0, mutable: true };
}

/** A pointer to a struct object, or null. */
export function ref<T extends Handle>(options: GuardOptions = {}): Plain<T | null> {
  return { words: 1, kind: "ref", guard: options, initial: 0, mutable: true };
}

/** An embedded object of `words` words whose handle `make` creates. */
export function embedded<T extends object>(
  words: number,
  make: (at: number, name: string, className: string) => T,
): Embedded<T> {
  return { words, kind: "object", guard: {}, initial: 0, embed: make, mutable: false };
}

export interface StructType<F extends Fields> {
  readonly name: string;
  /** Set-up only: a new object with its initial values. */
  create(name: string, initial?: Partial<{ [K in MutableKeys<F>]: ValueOf<F[K]> }>): StructOf<F>;
}

/** Declares a struct. Raises MF0207 when `guardedBy` names no lock field of it. */
export function struct<F extends Fields>(name: string, fields: F): StructType<F> {
  return declare(name, fields, false);
}

/**
 * A struct whose objects are freed and used again (`freeObject`, `reuseObject`): whoever touches a free one breaks a rule,
 * except for fields that say `whenFree`.
 */
export function pooledStruct<F extends Fields>(name: string, fields: F): StructType<F> {
  return declare(name, fields, true);
}

function declare<F extends Fields>(name: string, fields: F, pooled: boolean): StructType<F> {
  const offsets = new Map<string, number>();
  let size = 0;
  for (const [key, spec] of Object.entries(fields)) {
    offsets.set(key, size);
    size += spec.words;
  }
  // Behind the fields, so never 0 for pooled structs.
  const freeOffset = pooled ? size++ : 0;
  class Instance implements Handle {
    readonly at: number;
    readonly name: string;
    readonly id: number;
    readonly parts: Record<string, object> = {};
    readonly freeOffset = freeOffset;
    constructor(at: number, objectName: string, layout: Layout) {
      this.at = at;
      this.name = objectName;
      const machine = settingUpMachine(`a ${name}`);
      this.id = machine.register(this, at);
      for (const [key, spec] of Object.entries(fields)) {
        const fieldAt = at + (offsets.get(key) ?? 0);
        const kind = spec.kind === "object" ? "int" : spec.kind;
        layout.label(fieldAt, spec.words, `${objectName}.${key}`, kind);
        W[fieldAt] = spec.initial;
        if (!spec.embed) continue;
        const part = spec.embed(fieldAt, `${objectName}.${key}`, `${name}.${key}`);
        this.parts[key] = part;
        // Where its use need not be checked, it is a plain property.
        if (!pooled || machine.options.sequential) Object.defineProperty(this, key, { value: part });
      }
      if (pooled) layout.label(at + freeOffset, 1, `${objectName}.free`, "bool");
      for (const [key, { guard }] of Object.entries(fields)) {
        if (typeof guard.guardedBy === "string" && !(this.parts[guard.guardedBy] instanceof Lock))
          throw noSuchGuard(`${name}.${key}`, guard.guardedBy, locksOf(this.parts));
      }
    }
  }
  for (const [key, spec] of Object.entries(fields)) {
    const guard = spec.guard.guardedBy;
    if (typeof guard === "string" && !fields[guard]?.embed)
      throw noSuchGuard(`${name}.${key}`, guard, embeddedOf(fields));
    defineField(Instance.prototype, name, key, spec, offsets.get(key) ?? 0, spec.guard.whenFree ? 0 : freeOffset);
  }
  return {
    name,
    create(objectName, initial = {}) {
      const layout = settingUpMachine(`a ${name}`).layout;
      const at = layout.take(size, objectName, "int");
      const object = new Instance(at, objectName, layout);
      return Object.assign(object, initial) as unknown as StructOf<F>;
    },
  };
}

function embeddedOf(fields: Fields): string[] {
  return Object.keys(fields).filter((key) => fields[key].embed);
}

function locksOf(parts: Readonly<Record<string, object>>): string[] {
  return Object.keys(parts).filter((key) => parts[key] instanceof Lock);
}

function noSuchGuard(field: string, guard: string, names: readonly string[]): Error {
  return mayfailError("MF0207", { field, guard, guards: names.join(", ") || "there is none" }, whereNow());
}

interface InstanceLike extends Handle {
  readonly parts: Record<string, object>;
  /** Where it says whether the object is free; 0 = it never is. */
  readonly freeOffset: number;
}

/** An object of a pooled struct dies: until `reuseObject` every access by task code is a `use-after-free` finding. */
export function freeObject(object: Handle): void {
  const at = freeWord(object);
  if (W[at] !== 0) throw new Finding("use-after-free", `${object.name} is freed twice`);
  W[at] = 1;
}

/** The object is taken from the pool again. */
export function reuseObject(object: Handle): void {
  W[freeWord(object)] = 0;
}

/** Is it an object of a pooled struct? */
export const isPooled = (object: Handle): boolean => (object as InstanceLike).freeOffset > 0;

function freeWord(object: Handle): number {
  const { freeOffset } = object as InstanceLike;
  if (!(freeOffset > 0)) throw new TypeError(`${object.name} belongs to no pooled struct`);
  return object.at + freeOffset;
}

function mustBeLive(object: InstanceLike, freeOffset: number, key: string): void {
  if (freeOffset === 0 || W[object.at + freeOffset] === 0) return;
  throw new Finding("use-after-free", `${taskName()} uses ${object.name}.${key}, and ${object.name} was freed`);
}

function defineField(
  proto: object,
  structName: string,
  key: string,
  spec: FieldSpec<unknown>,
  offset: number,
  freeOffset: number,
): void {
  if (spec.embed) {
    Object.defineProperty(proto, key, {
      get(this: InstanceLike) {
        if (checking) mustBeLive(this, freeOffset, key);
        return this.parts[key];
      },
    });
    return;
  }
  const guardCheck = accessCheck(structName, key, spec.guard, offset);
  const pooledCheck: Check = (o, write) => {
    mustBeLive(o, freeOffset, key);
    guardCheck(o, write);
  };
  const check = freeOffset === 0 ? guardCheck : pooledCheck;
  const isConstant = constantCheck(spec.guard, offset);
  const watch = (o: InstanceLike): void => {
    if (!isProbingNow()) check(o, false);
    else if (!isConstant(o)) noteProbeOfAnything();
  };
  const guards = { watch, check } as Guards;
  Object.defineProperty(proto, key, accessors(spec.kind as FieldKind, key, offset, guards));
}

type Check = (o: InstanceLike, write: boolean) => void;

type LockOf = (o: InstanceLike) => Lock;

function lockOf(guardedBy: Exclude<GuardOptions["guardedBy"], undefined>): LockOf {
  return (typeof guardedBy === "string" ? (o: InstanceLike) => o.parts[guardedBy] : guardedBy) as LockOf;
}

/**
 * For conditions of `until`: can no other task change the field while the running one waits? What is not known to be
 * constant may change with any step, since accesses to plain fields belong to no operation.
 */
function constantCheck(guard: GuardOptions, offset: number): (o: InstanceLike) => boolean {
  if (guard.guardedBy !== undefined) {
    const lock = lockOf(guard.guardedBy);
    return (o) => lock(o).heldBy(current, false);
  }
  if (guard.ordered !== undefined) return () => false;
  return (o) => activeMachine().privateFields.note(o.at + offset, current, false);
}

function accessCheck(structName: string, key: string, guard: GuardOptions, offset: number) {
  const { guardedBy } = guard;
  if (guardedBy !== undefined) {
    const lock = lockOf(guardedBy);
    return (o: InstanceLike, write: boolean): void => {
      const l = lock(o);
      if (!(l instanceof Lock))
        throw noSuchGuard(`${structName}.${key}`, "what its function returns", locksOf(o.parts));
      if (l.heldBy(current, write)) return;
      const verb = write ? "writes" : "reads";
      throw new Finding("data-race", `${taskName()} ${verb} ${o.name}.${key} without holding ${l.name}`);
    };
  }
  if (guard.ordered !== undefined) return keepOrder;
  return (o: InstanceLike, write: boolean): void => {
    if (activeMachine().privateFields.note(o.at + offset, current, write)) return;
    throw new Finding(
      "data-race",
      `${o.name}.${key} is used by ${taskName()} and by another task, and ${structName}.${key} declares no guard`,
    );
  };
}

function taskName(): string {
  return activeMachine().tasks[current]?.name ?? "a task";
}
