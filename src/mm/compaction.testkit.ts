/** For tests: a process with every other page given back, and compaction, alone or against a pin and a fault. */
import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { compactMemory } from "./compaction.ts";
import { sysExit } from "./exit.ts";
import { FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "./gup.ts";
import type { Kernel } from "./kernel.ts";
import { MADV_DONTNEED, sysMadvise } from "./madvise.ts";
import { userRead, userWrite } from "./memory.ts";
import { sysMmap } from "./mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "./mmTypes.ts";
import { lruAddDrain } from "./swap.ts";

const AT = 8;
const RIGHTS = PROT_READ | PROT_WRITE;

export interface CompactWorld {
  readonly k: Kernel;
  readonly p: Process;
  readonly pages: Pages;
  look(): void;
}

function* maps({ k, p }: CompactWorld, n: number): Task {
  yield* sysMmap(k, p, AT, n, RIGHTS, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  for (let i = 0; i < n; i++) yield* userWrite(k, p, AT + i, 10 + i);
  yield* lruAddDrain(k);
}

/** `n` pages, of which every other one goes; page 1 is pinned if asked. `look` before and after. */
export function* compactsHoles(w: CompactWorld, n: number, pinned: boolean): Task {
  const { k, p, pages } = w;
  yield* maps(w, n);
  for (let i = 0; i < n; i += 2) yield* sysMadvise(k, p, AT + i, 1, MADV_DONTNEED);
  if (pinned) yield* getUserPagesFast(k, p.mm as Mm, AT + 1, 1, FOLL_PIN | FOLL_WRITE, pages);
  w.look();
  yield* compactMemory(k);
  w.look();
  if (pinned) yield* unpinUserPages(k, pages, 1, FOLL_PIN | FOLL_WRITE, true);
  for (let i = 1; i < n; i += 2) must((yield* userRead(k, p, AT + i)) === 10 + i, "lost-write", "contents are lost");
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

/** One page; compaction against a pin through which a device writes. */
export function* compactsAgainstPin(w: CompactWorld): Task {
  const { k, p } = w;
  yield* maps(w, 1);
  const a = spawn(compacts, k);
  const b = spawn(pins, w);
  yield* join(a);
  yield* join(b);
  must((yield* userRead(k, p, AT)) === 2, "lost-write", "what the device wrote is not in the process's page");
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}
export function* compacts(k: Kernel): Task {
  yield* choose(1);
  yield* compactMemory(k);
}
export function* pins({ k, p, pages }: CompactWorld): Task {
  yield* choose(1);
  const got = yield* getUserPagesFast(k, p.mm as Mm, AT, 1, FOLL_PIN | FOLL_WRITE, pages);
  must(got === 1, "assertion", "the page could not be pinned");
  k.frames.content[pages.pfn[0]] = 2;
  yield* unpinUserPages(k, pages, 1, FOLL_PIN | FOLL_WRITE, true);
}
