/** One small process for each place that raises range events: see raisingSites.test.ts. */
import type { Task } from "../machine/core.ts";
import {
  A,
  anon,
  awaitByte,
  B,
  brk,
  childWait,
  clearRefs,
  closeAndUnlink,
  drain,
  enterCgroup,
  fill,
  fork,
  fsync,
  ftruncate,
  get,
  interval,
  kill,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_REMOVE,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  MPOL_MF_MOVE,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  MS_SYNC,
  madvise,
  memoryReclaim,
  mkfile,
  mmap,
  movePages,
  mprotect,
  mremap,
  msync,
  munmap,
  openProbe,
  PG,
  PP,
  PR,
  PW,
  path,
  pause,
  pin,
  processMrelease,
  punchHole,
  register,
  set,
  sleep,
  tell,
  thread,
} from "./user/api.ts";

/** n touched anonymous pages at A, and a subscriber. */
function* touched(n: number): Task {
  yield* anon(A, n);
  yield* fill(A, n, 1);
  yield* drain();
  yield* register("P", 0);
}

export function* unmaps(): Task {
  yield* touched(4);
  yield* munmap(A + 1, 2);
}
export function* mapsOver(): Task {
  yield* touched(4);
  yield* mmap(A + 1, 2, PW, MAP_PRIVATE | MAP_ANONYMOUS, null, 0);
}
export function* shrinksTheHeap(): Task {
  const start = yield* brk(0);
  yield* brk(start + 4);
  yield* fill(start, 4, 1);
  yield* register("P", 0);
  yield* brk(start + 1);
}
export function* shrinksByMremap(): Task {
  yield* touched(4);
  yield* mremap(A, 4, 1, 0, 0);
}
export function* exits(): Task {
  yield* touched(1);
  yield* interval("I", A, 1, 0);
}
export function* dontneed(): Task {
  yield* touched(4);
  yield* madvise(A + 1, 2, MADV_DONTNEED);
}
export function* truncates(): Task {
  const f = yield* mkfile(path("/mnt/f"), 4);
  yield* mmap(A, 2, PW, MAP_SHARED, f, 1);
  yield* get(A);
  yield* register("P", 0);
  yield* ftruncate(f, PG);
  yield* closeAndUnlink(f);
}
export function* punches(): Task {
  const f = yield* mkfile(path("/tmp/f"), 4);
  yield* mmap(A, 2, PW, MAP_SHARED, f, 1);
  yield* get(A);
  yield* register("P", 0);
  yield* punchHole(f, 0, 2 * PG);
  yield* closeAndUnlink(f);
}
export function* removes(): Task {
  yield* mmap(A, 4, PW, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* fill(A, 4, 1);
  yield* register("P", 0);
  yield* madvise(A + 1, 2, MADV_REMOVE);
}
export function* frees(): Task {
  yield* touched(4);
  yield* madvise(A + 1, 2, MADV_FREE);
}
export function* releases(): Task {
  const p = yield* fork(victim);
  yield* awaitByte(PP);
  kill(p);
  yield* sleep(50);
  yield* processMrelease(p);
  yield* childWait(p);
}
export function* victim(): Task {
  yield* openProbe();
  yield* touched(2);
  yield* mmap(B, 2, PW, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* fill(B, 2, 1);
  yield* thread(hangs);
  yield* sleep(10);
  yield* tell(PP);
  yield* pause();
}
export function* hangs(): Task {
  yield* sleep(2000);
}
export function* forks(): Task {
  yield* touched(2);
  yield* mmap(B, 2, PW, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* fill(B, 2, 1);
  yield* childWait(yield* fork(waits));
}
export function* waits(): Task {
  yield* sleep(10);
}
export function* writesAfterFork(): Task {
  yield* touched(1);
  const p = yield* fork(waits);
  yield* set(A, 2);
  yield* childWait(p);
}
export function* writesZeroPage(): Task {
  yield* anon(A, 1);
  yield* register("P", 0);
  yield* get(A);
  yield* set(A, 1);
}
export function* pinsShared(): Task {
  yield* touched(1);
  const p = yield* fork(waits);
  yield* pin(A, 1, 0);
  yield* childWait(p);
}
export function* protects(): Task {
  yield* touched(2);
  yield* mprotect(A, 2, PR);
}
export function* moves(): Task {
  yield* touched(2);
  yield* mremap(A, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, B);
}
export function* splits(): Task {
  yield* touched(1024);
  yield* munmap(A + 100, 1);
}
export function* reclaims(): Task {
  enterCgroup();
  yield* touched(1);
  yield* memoryReclaim(PG);
}
export function* reclaimsFile(): Task {
  enterCgroup();
  const f = yield* mkfile(path("/mnt/f"), 1);
  yield* mmap(A, 1, PR, MAP_SHARED, f, 0);
  yield* get(A);
  yield* drain();
  yield* register("P", 0);
  for (let i = 0; i < 4; i++) yield* memoryReclaim(PG);
  yield* closeAndUnlink(f);
}
export function* migrates(): Task {
  yield* touched(1);
  yield* movePages(A, 1, 1, MPOL_MF_MOVE);
}
export function* syncs(): Task {
  const f = yield* mkfile(path("/mnt/f"), 1);
  yield* mmap(A, 1, PW, MAP_SHARED, f, 0);
  yield* set(A, 1);
  yield* register("P", 0);
  yield* msync(A, 1, MS_SYNC);
  yield* closeAndUnlink(f);
}
export function* writesBack(): Task {
  const f = yield* mkfile(path("/mnt/f"), 1);
  yield* mmap(A, 1, PW, MAP_SHARED, f, 0);
  yield* set(A, 1);
  yield* register("P", 0);
  yield* fsync(f);
  yield* closeAndUnlink(f);
}
export function* clearsSoftDirty(): Task {
  yield* touched(1);
  yield* clearRefs(4);
}
