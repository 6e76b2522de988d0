/** The processes of sequences.test.ts: what each of them does stands after the label of `begin`. */
import type { Task } from "../machine/core.ts";
import {
  A,
  anon,
  awaitByte,
  B,
  begin,
  brk,
  C,
  childWait,
  clearRefs,
  closeAndUnlink,
  drain,
  enterCgroup,
  fill,
  fork,
  ftruncate,
  get,
  interval,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_PAGEOUT,
  MADV_REMOVE,
  MAP_SHARED,
  MPOL_MF_MOVE,
  MREMAP_DONTUNMAP,
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
  PC,
  PG,
  PIN_WRITE,
  PP,
  PR,
  PW,
  path,
  pin,
  punchHole,
  register,
  set,
  tell,
} from "./user/api.ts";

function* touched(n: number): Task {
  yield* anon(A, n);
  yield* fill(A, n, 1);
  yield* drain();
  yield* register("P", 0);
}

/** A child that has nothing but what fork gave it, and ends when it is told to. */
export function* waits(): Task {
  yield* awaitByte(PP);
}

export function* maps(): Task {
  yield* register("P", 0);
  yield* begin("mmap");
  yield* anon(A, 4);
  yield* begin("first writes");
  yield* fill(A, 4, 1);
}
export function* zeroPage(): Task {
  yield* anon(A, 2);
  yield* register("P", 0);
  yield* begin("read");
  yield* get(A);
  yield* begin("write");
  yield* set(A, 1);
}
export function* unmapsTwo(): Task {
  yield* touched(4);
  yield* mprotect(A + 2, 2, PR);
  yield* begin("munmap of two VMAs");
  yield* munmap(A, 4);
}
export function* unmapsMiddle(): Task {
  yield* touched(1024);
  yield* begin("munmap");
  yield* munmap(A + 100, 1);
}
export function* dontneedTwo(): Task {
  yield* touched(4);
  yield* mprotect(A + 2, 2, PR);
  yield* begin("MADV_DONTNEED over two VMAs");
  yield* madvise(A + 1, 2, MADV_DONTNEED);
}
export function* frees(): Task {
  yield* touched(2);
  yield* begin("MADV_FREE");
  yield* madvise(A, 2, MADV_FREE);
  yield* begin("write");
  yield* set(A, 5);
}
export function* protects(): Task {
  yield* anon(A, 8);
  yield* set(A + 2, 1);
  yield* register("P", 0);
  yield* begin("to read-only");
  yield* mprotect(A, 8, PR);
  yield* begin("the same");
  yield* mprotect(A, 8, PR);
  yield* begin("back");
  yield* mprotect(A, 8, PW);
  yield* anon(B, 8);
  yield* begin("untouched");
  yield* mprotect(B, 8, PR);
}
export function* moves(): Task {
  yield* touched(2);
  yield* begin("mremap");
  yield* mremap(A, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, B);
  yield* begin("MREMAP_DONTUNMAP");
  yield* mremap(B, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, C);
}
export function* shrinks(): Task {
  yield* touched(4);
  yield* begin("mremap");
  yield* mremap(A, 4, 3, 0, 0);
  const start = yield* brk(0);
  yield* brk(start + 2);
  yield* fill(start, 2, 1);
  yield* begin("brk");
  yield* brk(start + 1);
}
export function* forks(): Task {
  yield* touched(2);
  yield* anon(B, 1);
  yield* begin("fork");
  const p = yield* fork(waits);
  yield* begin("write");
  yield* set(A, 2);
  yield* tell(PP);
  yield* childWait(p);
  yield* begin("write of the last one");
  yield* set(A + 1, 2);
}
export function* forksUndrained(): Task {
  yield* anon(A, 1);
  yield* fill(A, 1, 1);
  yield* register("P", 0);
  const p = yield* fork(endsAtOnce);
  yield* childWait(p);
  yield* begin("write of the last one");
  yield* set(A, 2);
}
export function* endsAtOnce(): Task {}
export function* forksPinned(): Task {
  yield* touched(1);
  yield* pin(A, 1, PIN_WRITE);
  yield* begin("fork");
  const p = yield* fork(waits);
  yield* begin("write");
  yield* set(A, 2);
  yield* tell(PP);
  yield* childWait(p);
}
export function* pinsReadOnly(): Task {
  yield* touched(2);
  const p = yield* fork(waits);
  yield* begin("pin of what the child has too");
  yield* pin(A, 1, 0);
  yield* tell(PP);
  yield* childWait(p);
  yield* begin("pin of what only we have");
  yield* pin(A + 1, 1, 0);
}
export function* reclaims(): Task {
  enterCgroup();
  yield* touched(1);
  yield* begin("memory.reclaim");
  yield* memoryReclaim(PG);
  yield* begin("swap-in");
  yield* get(A);
}
export function* reclaimsShared(): Task {
  enterCgroup();
  yield* touched(1);
  const p = yield* fork(alsoHears);
  yield* awaitByte(PC);
  yield* begin("memory.reclaim");
  yield* memoryReclaim(PG);
  yield* begin("over");
  yield* tell(PP);
  yield* childWait(p);
}
export function* alsoHears(): Task {
  yield* openProbe();
  yield* register("C", 0);
  yield* tell(PC);
  yield* awaitByte(PP);
}
export function* reclaimsPinned(): Task {
  enterCgroup();
  yield* touched(1);
  yield* pin(A, 1, PIN_WRITE);
  yield* begin("memory.reclaim");
  yield* memoryReclaim(PG);
}
/** A clean page of a file, mapped twice. */
export function* reclaimsFile(): Task {
  enterCgroup();
  const f = yield* mkfile(path("/mnt/f"), 1);
  yield* mmap(A, 1, PR, MAP_SHARED, f, 0);
  yield* mmap(B, 1, PR, MAP_SHARED, f, 0);
  yield* get(A);
  yield* get(B);
  yield* drain();
  yield* register("P", 0);
  yield* begin("memory.reclaim");
  for (let i = 0; i < 4; i++) yield* memoryReclaim(PG);
  yield* begin("over");
  yield* closeAndUnlink(f);
}
export function* syncs(): Task {
  const f = yield* mkfile(path("/mnt/f"), 1);
  yield* mmap(A, 1, PW, MAP_SHARED, f, 0);
  yield* mmap(B, 1, PW, MAP_SHARED, f, 0);
  yield* set(A, 1);
  yield* set(B, 2);
  yield* register("P", 0);
  yield* begin("msync");
  yield* msync(A, 1, MS_SYNC);
  yield* begin("write");
  yield* set(A, 3);
  yield* closeAndUnlink(f);
}
export function* truncates(): Task {
  const f = yield* mkfile(path("/tmp/f"), 4);
  yield* mmap(A, 4, PW, MAP_SHARED, f, 0);
  yield* mmap(B, 2, PW, MAP_SHARED, f, 2);
  for (let i = 0; i < 4; i++) yield* get(A + i);
  yield* register("P", 0);
  yield* begin("hole punch");
  yield* punchHole(f, PG, 2 * PG);
  yield* begin("MADV_REMOVE");
  yield* madvise(A + 3, 1, MADV_REMOVE);
  yield* begin("ftruncate");
  yield* ftruncate(f, 3 * PG);
  yield* begin("over");
  yield* closeAndUnlink(f);
}
export function* migrates(): Task {
  yield* touched(2);
  yield* pin(A + 1, 1, PIN_WRITE);
  yield* begin("move_pages");
  yield* movePages(A, 1, 1, MPOL_MF_MOVE);
  yield* begin("move_pages of a pinned page");
  yield* movePages(A + 1, 1, 1, MPOL_MF_MOVE);
}
export function* pagesOut(): Task {
  yield* touched(2);
  yield* begin("MADV_PAGEOUT");
  yield* madvise(A, 2, MADV_PAGEOUT);
}
export function* clearsRefs(): Task {
  yield* touched(1);
  yield* begin("clear_refs 1");
  yield* clearRefs(1);
  yield* begin("clear_refs 4");
  yield* clearRefs(4);
}
export function* exits(): Task {
  yield* touched(1);
  yield* interval("I", A, 1, 0);
  yield* begin("exit");
}
