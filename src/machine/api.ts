/** The machine as authors of task code see it. */
export {
  type Cell,
  cell,
  cellField,
  cmpxchg,
  exchange,
  fetchAdd,
  point,
  readOnce,
  touch,
  writeOnce,
} from "./cell.ts";
export * from "./context.ts";
export type { Handle, Task } from "./core.ts";
export { assert, Finding, must, type Verdict } from "./finding.ts";
export { Machine, type SpawnOptions, type TaskInfo } from "./machine.ts";
export { lock, type Mutex, mutex, mutexField, spinlock, spinlockField, trylock, unlock } from "./mutex.ts";
export { type Case, defineCase, type Source, type Variant } from "./scenario.ts";
export {
  bool,
  type FieldSpec,
  type GuardOptions,
  int,
  ref,
  type StructOf,
  struct,
} from "./struct.ts";
export { choose, join, never, progress, spawn, until } from "./wait.ts";
