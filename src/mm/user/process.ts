/**
 * Processes and threads of user space: each is a task. On the one CPU of a sequential run a new one begins when its parent
 * waits; in a search it runs at any time.
 *
 *   fork(child) ──▶ task of the child: child(); exit      childWait(pid) joins it and its threads
 */
import { touch } from "../../machine/cell.ts";
import { current, type Handle, handleId, handleOf, runAs, type Task } from "../../machine/core.ts";
import { EINTR } from "../../machine/errno.ts";
import { fatalSignalPending, setFatalSignal } from "../../machine/killable.ts";
import { activeMachine } from "../../machine/machine.ts";
import { choose, join, until } from "../../machine/wait.ts";
import { becomeProcess } from "../current.ts";
import {
  chargeObject,
  chargePagesNow,
  KERNEL_STACK_PAGES,
  PROCESS_BYTES,
  THREAD_BYTES,
  unchargeObject,
  unchargePages,
} from "../kmem.ts";
import { joinMemcg } from "../memcontrol.ts";
import type { Process } from "../mmTypes.ts";
import type { Vpn } from "../page.ts";
import { scheduleTimeoutIdle } from "../timer.ts";
import { inheritProbe, releaseProbes } from "./probeFile.ts";
import { loadProgram, mapThreadStack, returnFromFork } from "./program.ts";
import { EXITED, kernelCalls, RUNNING, self, userSpace } from "./space.ts";

/** Code of a process. It must be exported or known to the machine (`keep`), as it is part of the state. */
export type Body = () => Task;
/** Number of a process: its task. */
export type Pid = number;

export const SIGKILL = 9;
/** The pipes: from the parent to the child, and back. */
export const PP = 0;
export const PC = 1;

/** Set-up: the first process; it runs `body(argument)` and exits. It may start so many processes and threads. */
export function startProcess<T>(body: (argument: T) => Task, argument: T, process: Process, children: number): void {
  const m = activeMachine();
  m.keep(body);
  userSpace().first.slot = m.tasks.length;
  m.spawn("P", runFirst as (b: typeof body, a: T, p: Process) => Task, [body, argument, process], { children });
}

function* runFirst(body: (argument: unknown) => Task, argument: unknown, process: Process): Task {
  become(process, current);
  yield* loadProgram();
  yield* body(argument);
  yield* finish();
}

/** The running task is `process` from now on. */
function become(process: Process, leader: number): void {
  const { tasks } = userSpace();
  becomeProcess(process);
  if (process.mm) joinMemcg(process, process.mm.memcg);
  tasks.process[current] = handleId(process) + 1;
  tasks.leader[current] = leader + 1;
}

function* runChild(body: Body, process: Process, parent: number): Task {
  become(process, current);
  userSpace().tasks.parent[current] = parent + 1;
  inheritProbe(userSpace(), parent, current);
  yield* choose(1); // the parent goes on first
  yield* returnFromFork(false);
  yield* body();
  yield* finish();
}

function* runThread(body: Body, process: Process, leader: number): Task {
  const { tasks } = userSpace();
  become(process, leader);
  tasks.probe[current] = tasks.probe[leader];
  yield* choose(1);
  yield* body();
  yield* finish();
}

/** exit: the mm first, then the files. */
function* finish(): Task {
  const { tasks } = userSpace();
  if (tasks.how[current] !== RUNNING) return;
  unchargeTask();
  tasks.status[current] = self().killed ? -SIGKILL : 0;
  yield* userSpace().calls.exit(userSpace().k, self());
  const leader = tasks.leader[current] - 1;
  if (leader !== current) tasks.threads[leader]--;
  tasks.how[current] = EXITED;
  // Threads share the files: the last one closes them.
  if (tasks.threads[leader] === 0 && tasks.how[leader] === EXITED) yield* releaseProbes(userSpace(), leader);
}

/** All tasks are made from those that were set aside for the first process. */
function start(
  f: (body: Body, p: Process, task: number) => Task,
  body: Body,
  p: Process,
  task: number,
  bytes: number,
): Pid {
  const me = current;
  const { slot } = activeMachine().startChild(userSpace().first.slot, f, [body, p, task]);
  runAs(me);
  chargeTask(slot, p, bytes);
  return slot;
}

/** task_struct and kernel stack of the task in `slot`, which the running one starts. */
function chargeTask(slot: number, p: Process, bytes: number): void {
  const { k, tasks } = userSpace();
  chargeObject(k, p, bytes);
  tasks.stackPayer[slot] = chargePagesNow(k, KERNEL_STACK_PAGES);
  tasks.bytes[slot] = bytes;
}
function unchargeTask(): void {
  const { k, tasks } = userSpace();
  unchargeObject(k, self(), tasks.bytes[current]);
  unchargePages(k, tasks.stackPayer[current], KERNEL_STACK_PAGES);
  tasks.stackPayer[current] = 0;
}

/** The child runs `body` and exits with 0. Its number, or -errno. */
export function fork(body: Body): Task<Pid> {
  activeMachine().keep(body);
  return forkTo(body);
}
function* forkTo(body: Body): Task<Pid> {
  const p = yield* kernelCalls().fork(userSpace().k, self());
  if (typeof p === "number") return p;
  const child = start(runChild, body, p, current, PROCESS_BYTES);
  yield* returnFromFork(true);
  return child;
}

/** The child shares the address space, and the parent waits until it has none any more. */
export function vfork(body: Body): Task<Pid> {
  activeMachine().keep(body);
  return vforkTo(body);
}
function* vforkTo(body: Body): Task<Pid> {
  const p = yield* kernelCalls().vfork(userSpace().k, self());
  if (typeof p === "number") return p;
  const mm = self().mm;
  const child = start(runChild, body, p, current, PROCESS_BYTES);
  yield* until(() => p.mm !== mm);
  return child;
}

/** pthread_create: shares the address space, and keeps it alive. */
export function thread(body: Body): Task<Pid> {
  activeMachine().keep(body);
  return threadOf(body);
}
function* threadOf(body: Body): Task<Pid> {
  yield* mapThreadStack();
  const p = yield* kernelCalls().vfork(userSpace().k, self());
  if (typeof p === "number") return p;
  const leader = userSpace().tasks.leader[current] - 1;
  userSpace().tasks.threads[leader]++;
  return start(runThread, body, p, leader, THREAD_BYTES);
}

/** execve of a small program, which exits. Nothing of the caller runs afterwards. */
export function* exec(): Task {
  yield* kernelCalls().exec(userSpace().k, self());
  yield* finish();
}

/** waitpid: the exit status, or minus the signal. */
export function* childWait(pid: Pid): Task<number> {
  const { tasks } = userSpace();
  if (fatalSignalPending() || pid < 0) return -EINTR;
  yield* join(activeMachine().tasks[pid]);
  yield* until(() => userSpace().tasks.threads[pid] === 0);
  return tasks.status[pid];
}

/** kill(pid, SIGKILL): all threads die as soon as they are in no call that cannot be interrupted. */
export function kill(pid: Pid): void {
  const { tasks } = userSpace();
  if (fatalSignalPending()) return;
  for (let t = 0; t < tasks.count; t++) {
    if (tasks.leader[t] !== pid + 1 || tasks.how[t] !== RUNNING) continue;
    (handleOf(tasks.process[t] - 1) as Process & Handle).killed = true;
    setFatalSignal(t);
  }
}

/** pause: until it is killed. */
export function* pause(): Task {
  const me = self();
  yield* until(() => me.killed);
}

/** Sleeps for so many milliseconds; signals do not wake it. */
export function* sleep(ms: number): Task {
  if (fatalSignalPending()) return;
  yield* scheduleTimeoutIdle(userSpace().k, ms);
}

/** A byte into the pipe. */
export function* tell(pipe: number): Task {
  if (fatalSignalPending()) return;
  const bytes = userSpace().pipes[pipe];
  yield* touch(bytes);
  bytes.value++;
}
/** A byte out of the pipe: waits for one. */
export function* awaitByte(pipe: number): Task {
  const bytes = userSpace().pipes[pipe];
  const me = self();
  yield* until(() => bytes.value > 0 || me.killed, bytes);
  if (me.killed) return;
  yield* touch(bytes);
  bytes.value--;
}

/** One page of another process: 8, the bytes, or -errno. */
export function* processVmReadv(pid: Pid, at: Vpn): Task<number> {
  return yield* kernelCalls().processVmReadv(userSpace().k, self(), processOf(pid), at);
}
export function* processVmWritev(pid: Pid, at: Vpn, value: number): Task<number> {
  return yield* kernelCalls().processVmWritev(userSpace().k, self(), processOf(pid), at, value);
}
/** `n` whole pages of another process: the bytes, fewer where its memory ends, or -errno. */
export function* processVmReadvPages(pid: Pid, at: Vpn, n: number): Task<number> {
  return yield* kernelCalls().processVmReadvPages(userSpace().k, self(), processOf(pid), at, n);
}
export function* processVmWritevPages(pid: Pid, at: Vpn, n: number, value: number): Task<number> {
  return yield* kernelCalls().processVmWritevPages(userSpace().k, self(), processOf(pid), at, n, value);
}
export function* processMrelease(pid: Pid): Task<number> {
  return yield* kernelCalls().processMrelease(userSpace().k, self(), processOf(pid));
}
export const getpid = (): Pid => userSpace().tasks.leader[current] - 1;
export const getppid = (): Pid => userSpace().tasks.parent[current] - 1;

/** The process itself, or where that has ended a thread of it that still has the address space. */
function processOf(pid: Pid): Process {
  const { tasks } = userSpace();
  let task = pid;
  for (let t = 0; t < tasks.count && tasks.how[task] !== RUNNING; t++) {
    if (tasks.leader[t] === pid + 1 && tasks.how[t] === RUNNING) task = t;
  }
  return handleOf(tasks.process[task] - 1) as Process;
}
