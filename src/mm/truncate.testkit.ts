/** The processes of truncate.test.ts. Each says what it finds. */
import type { Task } from "../machine/core.ts";
import {
  A,
  closeAndUnlink,
  drain,
  dropCaches,
  enterCgroup,
  type File,
  fsync,
  ftruncate,
  get,
  MAP_SHARED,
  memoryReclaim,
  mkfile,
  mmap,
  munmap,
  type Path,
  PG,
  PW,
  path,
  punchHole,
  register,
  set,
} from "./user/api.ts";
import { say } from "./user/run.testkit.ts";

/** Three pages of a file, whose first words are 11, 12, 13, all written back. */
function* threePages(at: Path): Task<File> {
  const f = yield* mkfile(at, 3);
  yield* mmap(A, 3, PW, MAP_SHARED, f, 0);
  for (let i = 0; i < 3; i++) yield* set(A + i, 11 + i);
  yield* fsync(f);
  return f;
}
function* look(what: string): Task {
  for (let i = 0; i < 3; i++) say(`${what}: page ${i}`, yield* get(A + i));
}

/** Holes that begin and end within pages. */
function* punches(at: Path): Task {
  const f = yield* threePages(at);
  yield* punchHole(f, 8, PG - 8);
  yield* look("behind the first word");
  yield* punchHole(f, PG, 8);
  yield* look("only the first word");
  yield* set(A + 1, 12);
  yield* punchHole(f, 100, 2 * PG);
  yield* look("from page 0 into page 2");
  yield* closeAndUnlink(f);
}
export function* punchesDisk(): Task {
  yield* punches(path("/mnt/f"));
}
export function* punchesTmpfs(): Task {
  yield* punches(path("/tmp/f"));
}

/** Part of a page that is not in memory: what comes back from the disk has the hole. */
export function* punchesEvicted(): Task {
  const f = yield* threePages(path("/mnt/f"));
  yield* munmap(A, 3);
  yield* dropCaches(1);
  yield* punchHole(f, PG, 100);
  yield* punchHole(f, 2 * PG, 1024);
  yield* dropCaches(1);
  yield* mmap(A, 3, PW, MAP_SHARED, f, 0);
  yield* look("read again");
  yield* closeAndUnlink(f);
}

/** The same of a tmpfs page in swap. */
export function* punchesSwapped(): Task {
  enterCgroup();
  const f = yield* threePages(path("/tmp/f"));
  yield* drain();
  yield* munmap(A, 3);
  for (let i = 0; i < 4; i++) yield* memoryReclaim(3 * PG);
  yield* punchHole(f, PG, 100);
  yield* mmap(A, 3, PW, MAP_SHARED, f, 0);
  yield* look("from swap");
  yield* closeAndUnlink(f);
}

/** The last byte moves within a page: tmpfs looks for no mapping, ext4 always does. */
function* shrinksWithinPage(at: Path): Task {
  const f = yield* threePages(at);
  yield* mmap(A, 4, PW, MAP_SHARED, f, 0);
  yield* ftruncate(f, 2 * PG + 1000);
  yield* register("P", 0);
  yield* ftruncate(f, 2 * PG + 8);
  yield* look("the first word is left");
  yield* closeAndUnlink(f);
}
export function* shrinksDisk(): Task {
  yield* shrinksWithinPage(path("/mnt/f"));
}
export function* shrinksTmpfs(): Task {
  yield* shrinksWithinPage(path("/tmp/f"));
}

/** A hole that ends within the first word of a page. */
export function* cutsWord(): Task {
  const f = yield* threePages(path("/tmp/f"));
  yield* punchHole(f, 0, 4);
  yield* closeAndUnlink(f);
}
