/**
 * What a program keeps in memory besides the windows of a workload. Nobody looks at these pages, but they take their places
 * in the LRU batch of the CPU, and after a fork parent and child copy them when they go on. Measured with the program of
 * conformance/real-kernel, as its workload lru_batch does; after a fork the figures vary by one page from boot to boot.
 *
 *   on the LRU since long    stack, data
 *   still in the batch       errno (thread-local), three more; and one with the pipes, once they are opened
 *   with a file            two pages with the buffer that is written from; the second is that with the pipes
 *   with a thread            the top of its stack, and two pages that the library writes
 *   after fork               the parent writes its stack; the child its stack, data and thread-local page. That one was in
 *                            the batch, so copying it drains the batch, as does the first errno of the parent.
 */
import { current, type Task } from "../../machine/core.ts";
import { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, PROT_NONE, PROT_READ, PROT_WRITE } from "../mmTypes.ts";
import type { Vpn } from "../page.ts";
import { drain, set } from "./calls.ts";
import { kernelCalls, self, userSpace } from "./space.ts";

const STACK: Vpn = (1 << 12) + 256;
const DATA: Vpn = STACK + 1;
const ERRNO: Vpn = STACK + 2;
const FRESH = 4;
const PIPES: Vpn = ERRNO + FRESH;
/** What mkfile writes from: a page of data of its own, and the beginning of that with the pipes. */
const BUFFER: Vpn = PIPES + 1;
/** What the C library writes when the first thread is made. */
const THREADS: Vpn = BUFFER + 1;
const LIBRARY = 2;
const END: Vpn = THREADS + LIBRARY;
/** Pages of a thread's stack, below its guard page; below those of the program. */
const THREAD_STACK = 2048;

/** execve has loaded it, and it has run for a while. */
export function* loadProgram(): Task {
  if (!userSpace().withProgram) return;
  const { k, calls } = userSpace();
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  yield* calls.mmap(k, self(), STACK, END - STACK, PROT_READ | PROT_WRITE, flags, null, 0);
  yield* write(STACK);
  yield* write(DATA);
  yield* drain();
  for (let i = 0; i < FRESH; i++) yield* write(ERRNO + i);
}

export function* returnFromFork(isParent: boolean): Task {
  yield* write(STACK);
  if (isParent) return;
  yield* write(DATA);
  yield* write(ERRNO);
}

/** errno = 0. */
export function* clearErrno(): Task {
  yield* write(ERRNO);
}

/** pipe(2), twice: before the first `tell` or `awaitByte`. */
export function* openPipes(): Task {
  yield* write(PIPES);
}

/** pthread_create: a stack of 8 MiB and a guard page; its top is written before the thread runs. */
export function* mapThreadStack(): Task {
  if (!userSpace().withProgram) return;
  const { k, tasks } = userSpace();
  const n = tasks.threads[tasks.leader[current] - 1];
  const at = STACK - (n + 1) * (THREAD_STACK + 1);
  if (at < 0) return;
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  yield* kernelCalls().mmap(k, self(), at, THREAD_STACK + 1, PROT_NONE, flags, null, 0);
  yield* kernelCalls().mprotect(k, self(), at + 1, THREAD_STACK, PROT_READ | PROT_WRITE);
  yield* write(at + THREAD_STACK);
  for (let i = 0; i < LIBRARY; i++) yield* write(THREADS + i);
}

/** mkfile fills its buffer. */
export function* fillBuffer(): Task {
  yield* write(BUFFER);
  yield* write(PIPES);
}

function* write(page: Vpn): Task {
  if (userSpace().withProgram) yield* set(page, 1);
}
