/** For tests: one run of the OOM killer. */
import type { Task } from "../machine/core.ts";
import { EINTR } from "../machine/errno.ts";
import { must } from "../machine/finding.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { becomeProcess } from "./current.ts";
import type { Kernel } from "./kernel.ts";
import { joinMemcg, memoryReclaim, setMemoryHigh, setMemoryMax } from "./memcontrol.ts";
import { userWrite } from "./memory.ts";
import { sysMmap } from "./mmap.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE, type Process } from "./mmTypes.ts";
import { outOfMemory } from "./oomKill.ts";

export function* killOnce(k: Kernel, gfp: number): Task {
  yield* lock(k.oom.lock);
  yield* outOfMemory(k, gfp, 0, 1000);
  yield* unlock(k.oom.lock);
}

/** An OOM notifier that has something. */
export function* freesOne(_k: Kernel): Task<number> {
  return 1;
}

/** Pages of each process; the first has some more. */
const PAGES = 24;

/** Processes in a cgroup fill their memory, one after the other: the first with shared pages, which the reaper cannot take. */
export function* fillsCgroup(k: Kernel, all: readonly Process[]): Task {
  const at = 1 << k.windowShift;
  for (let i = 0; i < all.length; i++) {
    const kind = i === 0 ? MAP_SHARED : MAP_PRIVATE;
    const pages = i === 0 ? PAGES + 8 : PAGES;
    joinMemcg(all[i], 1);
    yield* sysMmap(k, all[i], at, pages, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, null, 0);
    for (let page = 0; page < pages; page++) {
      const error = yield* userWrite(k, all[i], at + page, 7);
      must(error === 0, "assertion", `page ${page} of process ${i} cannot be written: ${error}`);
    }
  }
}

/** The caller is what the OOM killer chooses: nothing keeps it in the kernel. */
export function* limitsItself(k: Kernel, p: Process): Task {
  const at = 1 << k.windowShift;
  becomeProcess(p);
  joinMemcg(p, 1);
  yield* sysMmap(k, p, at, PAGES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  for (let page = 0; page < PAGES; page++) yield* userWrite(k, p, at + page, 7);
  yield* setMemoryMax(k, 1, 4);
  must(p.killed, "assertion", "nobody was killed");
  yield* setMemoryHigh(k, 1, 4);
  const error = yield* memoryReclaim(k, 1, 4);
  must(error === -EINTR, "assertion", `memory.reclaim answers ${error} to a task that is killed`);
}
