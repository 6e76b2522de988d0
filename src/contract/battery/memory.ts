/** Entries in which something takes the memory away, moves it, or changes the rights to it, while the device is given it. */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { GFP_KERNEL } from "../../machine/gfp.ts";
import { choose } from "../../machine/wait.ts";
import { sysExit } from "../../mm/exit.ts";
import { sysFork } from "../../mm/fork.ts";
import { MADV_DONTNEED, sysMadvise } from "../../mm/madvise.ts";
import { userRead, userWrite } from "../../mm/memory.ts";
import { MPOL_MF_MOVE, sysMovePages } from "../../mm/mempolicy.ts";
import { sysMunmap } from "../../mm/mmap.ts";
import { PROT_READ, type Process } from "../../mm/mmTypes.ts";
import { sysMprotect } from "../../mm/mprotect.ts";
import { MREMAP_FIXED, MREMAP_MAYMOVE, sysMremap } from "../../mm/mremap.ts";
import { performReclaim } from "../../mm/vmscan.ts";
import { ANON, FILE, SHMEM } from "../../mm/world/pages.ts";
import { A } from "../../mm/world/small.ts";
import { createScene, type Entry, looksAway, type Scene } from "./bench.ts";

function* nothing(): Task {}

function* reclaims({ k }: Scene): Task {
  yield* choose(1);
  yield* performReclaim(k, GFP_KERNEL, 0);
}

function* drops({ k, p }: Scene): Task {
  yield* choose(1);
  yield* sysMadvise(k, p, A, 1, MADV_DONTNEED);
}

function* unmaps({ k, p }: Scene): Task {
  yield* choose(1);
  yield* sysMunmap(k, p, A, 1);
}

function* moves({ k, p }: Scene): Task {
  yield* choose(1);
  yield* sysMovePages(k, p, A, 1, 1, MPOL_MF_MOVE);
}

/** A page that the device does not see takes the place of one that it sees. */
function* movesAnotherHere({ k, p }: Scene): Task {
  yield* choose(1);
  yield* sysMremap(k, p, A + 1, 1, 1, MREMAP_MAYMOVE | MREMAP_FIXED, A);
}

/** A child reads the page as it was when it was born, however often it looks. */
function* forks({ k, p }: Scene): Task {
  yield* choose(1);
  const child = yield* sysFork(k, p);
  if (typeof child === "number") return;
  const first = yield* userRead(k, child, A);
  yield* choose(1);
  const second = yield* userRead(k, child, A);
  yield* sysExit(k, child);
  must(
    first === second,
    "stale-mapping",
    `a child reads ${first}, then ${second}, which the device wrote for its parent`,
  );
}

/** The parent writes after the fork: the device must be where the parent is. */
function* forksAndWrites({ k, p }: Scene): Task {
  yield* choose(1);
  const child = yield* sysFork(k, p);
  yield* userWrite(k, p, A, 2);
  if (typeof child !== "number") yield* sysExit(k, child as Process);
}

/** What has become read-only stays as it is. */
function* protects({ k, p, device }: Scene): Task {
  yield* choose(1);
  yield* sysMprotect(k, p, A, 1, PROT_READ);
  if (device.table === undefined) return; // a pin is a right of its own: it outlives mprotect
  const first = yield* userRead(k, p, A);
  yield* choose(1);
  const second = yield* userRead(k, p, A);
  must(first === second, "stale-mapping", `a read-only page holds ${first}, then ${second}`);
}

/** Another thread of the process unmaps everything, in one range that begins before the device's pages. */
function* unmapsAll({ k, p }: Scene): Task {
  yield* choose(1);
  yield* sysMunmap(k, p, 0, A + 2);
}

/** The same again and again. */
function* dropsTwice(scene: Scene): Task {
  yield* drops(scene);
  yield* drops(scene);
}

export const MEMORY_ENTRIES: readonly Entry[] = [
  {
    name: "alone",
    about: "the process maps a page, the device writes to it, the process closes it",
    tries: ["C13", "C19"],
    setup: (m, s) => void createScene(m, s, nothing),
  },
  {
    name: "reclaim",
    about: "reclaim takes private memory away",
    tries: ["C03", "C04", "C05", "C11", "C12"],
    setup: (m, s) => void createScene(m, s, reclaims),
  },
  {
    name: "reclaim-shmem",
    about: "reclaim takes shared memory away",
    tries: ["C03", "C04", "C11", "C12"],
    setup: (m, s) => void createScene(m, s, reclaims, { kind: SHMEM }),
  },
  {
    name: "reclaim-file",
    about: "reclaim takes a clean page of a file away",
    tries: ["C03", "C11", "C12"],
    setup: (m, s) => void createScene(m, s, reclaims, { kind: FILE }),
  },
  {
    name: "munmap",
    about: "the memory is unmapped",
    tries: ["C03", "C04"],
    setup: (m, s) => void createScene(m, s, unmaps, { kind: ANON, look: looksAway }),
  },
  {
    name: "munmap-all",
    about: "everything that the process has is unmapped, in one range",
    tries: ["C03", "C15"],
    setup: (m, s) => void createScene(m, s, unmapsAll, { pages: 2, look: looksAway }),
  },
  {
    name: "dontneed",
    about: "the memory is dropped, twice",
    tries: ["C03", "C04", "C05", "C08"],
    setup: (m, s) => void createScene(m, s, dropsTwice, { look: looksAway }),
  },
  {
    name: "second-page",
    about: "the second of two pages is moved away, over the first",
    tries: ["C03", "C15"],
    setup: (m, s) => void createScene(m, s, movesAnotherHere, { pages: 2, look: looksAway }),
  },
  {
    name: "fork",
    about: "the process forks, and its child looks",
    tries: ["C18"],
    setup: (m, s) => void createScene(m, s, forks, { kernel: { mms: 3, frames: 10, vmas: 6, tables: 12 } }),
  },
  {
    name: "fork-write",
    about: "the process forks and writes",
    tries: ["C03", "C18"],
    setup: (m, s) =>
      void createScene(m, s, forksAndWrites, { look: looksAway, kernel: { mms: 3, frames: 10, vmas: 6, tables: 12 } }),
  },
  {
    name: "mprotect",
    about: "the memory becomes read-only",
    tries: ["C03", "C18"],
    setup: (m, s) => void createScene(m, s, protects, { look: looksAway }),
  },
  {
    name: "migration",
    about: "the page moves to another node",
    tries: ["C03", "C04", "C11"],
    // Three polite passes and one that waits for the folio: who takes short references may spoil them all.
    setup: (m, s) => void createScene(m, s, moves, { kernel: { nodes: 2, frames: 10, migrationPasses: 4 } }),
  },
];
