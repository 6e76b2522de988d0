/** For tests: files of the disk file system, written and closed, and what becomes of them in memory. */
import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { __GFP_NORETRY, GFP_KERNEL } from "../machine/gfp.ts";
import { downWrite, upWrite } from "../machine/rwsem.ts";
import { DROP_PAGECACHE, DROP_SLAB, dropCaches } from "./dropCaches.ts";
import { fileRead, fileWrite } from "./filemap.ts";
import { type File, O_CREAT } from "./fs.ts";
import { closeFile, openFile, unlinkFile } from "./inode.ts";
import type { Kernel } from "./kernel.ts";
import { fsyncFile } from "./msync.ts";
import { allocPage } from "./pageAlloc.ts";
import { registerShrinker, shrinkSlab } from "./shrinker.ts";
import { killSuper, type SuperBlock } from "./superShrinker.ts";
import { folioPut, lruAddDrain } from "./swap.ts";

export interface SuperWorld {
  readonly k: Kernel;
  readonly sb: SuperBlock;
  readonly path: number;
  look(): void;
}

function* writesFile({ k, path }: SuperWorld, pages: number): Task {
  const file = (yield* openFile(k, path, O_CREAT)) as File;
  for (let i = 0; i < pages; i++) yield* fileWrite(k, file, i, 40 + i);
  yield* fsyncFile(k, file);
  yield* closeFile(k, file);
}
function* readsFile({ k, path }: SuperWorld, pages: number): Task {
  const file = (yield* openFile(k, path, 0)) as File;
  for (let i = 0; i < pages; i++) must((yield* fileRead(k, file, i)) === 40 + i, "assertion", "the file is lost");
  yield* closeFile(k, file);
}

/** Written; its pages dropped; read again; all slab dropped twice; read again. `look` after each. */
export function* dropsInodes(w: SuperWorld): Task {
  const { k, sb } = w;
  yield* registerShrinker(k, sb.shrinker);
  yield* writesFile(w, 3);
  w.look();
  yield* dropCaches(k, DROP_PAGECACHE);
  w.look();
  yield* readsFile(w, 3);
  w.look();
  // Pages in the batch have one more user.
  yield* lruAddDrain(k);
  for (let i = 0; i < 3; i++) {
    yield* dropCaches(k, DROP_SLAB);
    w.look();
  }
  yield* readsFile(w, 3);
  yield* unlinkFile(k, w.path);
  yield* killSuper(k, sb);
}

/** One pass over the shrinkers, with an inode that could go. */
export function* shrinksWith(w: SuperWorld, gfp: number): Task {
  const { k, sb } = w;
  yield* registerShrinker(k, sb.shrinker);
  yield* writesFile(w, 1);
  yield* dropCaches(k, DROP_PAGECACHE);
  yield* shrinkSlab(k, gfp, 0, 0, 0);
  w.look();
}

/** Mounting allocates with s_umount held, and memory is short. */
export function* allocatesMounting(w: SuperWorld): Task {
  const { k, sb } = w;
  yield* registerShrinker(k, sb.shrinker);
  yield* writesFile(w, 1);
  yield* dropCaches(k, DROP_PAGECACHE);
  yield* downWrite(sb.sUmount);
  const first = yield* allocPage(k, GFP_KERNEL | __GFP_NORETRY);
  const second = yield* allocPage(k, GFP_KERNEL | __GFP_NORETRY);
  const third = yield* allocPage(k, GFP_KERNEL | __GFP_NORETRY);
  yield* upWrite(sb.sUmount);
  if (first >= 0) yield* folioPut(k, first);
  if (second >= 0) yield* folioPut(k, second);
  if (third >= 0) yield* folioPut(k, third);
  yield* unlinkFile(k, w.path);
  yield* killSuper(k, sb);
}
