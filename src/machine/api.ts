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
export { type ColumnSpec, type Columns, column, columns } from "./columns.ts";
export {
  type Completion,
  complete,
  completeAll,
  completedBy,
  completion,
  completionDone,
  completionField,
  reinitCompletion,
  tryWaitForCompletion,
  waitForCompletion,
} from "./completion.ts";
export * from "./context.ts";
export type { Handle, Task } from "./core.ts";
export { type Cpu, type CpuOptions, condResched, cpu, yieldCpu } from "./cpu.ts";
export { changeText, diffStates, type NamedChange } from "./diff.ts";
export * from "./errno.ts";
export { emit, eventText, type MachineEvent, note, observeEvents, tracing } from "./events.ts";
export {
  type Fence,
  fence,
  fenceField,
  fenceInit,
  fenceIsSignaled,
  fenceSignal,
  fenceWait,
  signaledBy,
} from "./fence.ts";
export { assert, Finding, must, type Verdict } from "./finding.ts";
export {
  type FolioLock,
  folioHandOver,
  folioLock,
  folioLocked,
  folioLockField,
  lockFolio,
  trylockFolio,
  unlockFolio,
  waitFolioLocked,
} from "./folioLock.ts";
export * from "./gfp.ts";
export type { Lock } from "./lock.ts";
export {
  fsReclaim,
  type LockMap,
  lockMap,
  lockMapAcquire,
  lockMapRelease,
  lockMapTouch,
  mmuNotifierInvalidateRangeStart,
} from "./lockMap.ts";
export { Machine, type SpawnOptions, type TaskInfo } from "./machine.ts";
export { lock, type Mutex, mutex, mutexField, spinlock, spinlockField, trylock, unlock } from "./mutex.ts";
export {
  type Refcount,
  refcount,
  refcountField,
  refGet,
  refGetUnlessZero,
  refHandOver,
  refPut,
  refUntil,
} from "./refcount.ts";
export {
  downgradeWrite,
  downRead,
  downReadTrylock,
  downWrite,
  downWriteTrylock,
  type RwSem,
  rwlock,
  rwlockField,
  rwsem,
  rwsemField,
  upRead,
  upWrite,
} from "./rwsem.ts";
export { type Case, defineCase, type Source, type Variant } from "./scenario.ts";
export {
  readSeqcountBegin,
  readSeqcountRetry,
  type Seqcount,
  seqcount,
  seqcountField,
  writeSeqcountBegin,
  writeSeqcountEnd,
} from "./seqcount.ts";
export {
  callSrcu,
  type Srcu,
  srcu,
  srcuBarrier,
  srcuCallback,
  srcuField,
  srcuReadLock,
  srcuReadUnlock,
  synchronizeSrcu,
} from "./srcu.ts";
export { Counters, Histogram } from "./stats.ts";
export { bool, type FieldSpec, type GuardOptions, int, ref, type StructOf, struct } from "./struct.ts";
export { choose, join, never, progress, spawn, until } from "./wait.ts";
export {
  finishWait,
  prepareToWait,
  schedule,
  type WaitQueue,
  waitEvent,
  waitQueue,
  waitQueueField,
  wakeUp,
} from "./waitQueue.ts";
export {
  cancelWork,
  cancelWorkSync,
  flushWork,
  flushWorkqueue,
  queueWork,
  type Work,
  type WorkQueue,
  work,
  workField,
  workqueue,
} from "./workqueue.ts";
export {
  type AcquireCtx,
  acquireCtx,
  type WwClass,
  type WwMutex,
  wwAcquireFini,
  wwAcquireInit,
  wwClass,
  wwLock,
  wwLockSlow,
  wwMutex,
  wwMutexField,
  wwTrylock,
  wwUnlock,
} from "./wwMutex.ts";
