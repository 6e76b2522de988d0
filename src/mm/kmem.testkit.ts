/** For tests: a process in a cgroup maps, touches twice, and exits. */
import type { Task } from "../machine/core.ts";
import { sysExit } from "./exit.ts";
import type { Kernel } from "./kernel.ts";
import { joinMemcg } from "./memcontrol.ts";
import { userWrite } from "./memory.ts";
import { sysMmap } from "./mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, PROT_READ, PROT_WRITE, type Process } from "./mmTypes.ts";

export interface Readings {
  readonly usage: number[];
  readonly bytes: number[];
  readonly errors: number[];
}

const AT = 8;

export function* chargesAndExits(k: Kernel, p: Process, seen: { look(): void; noted(error: number): void }): Task {
  joinMemcg(p, 1);
  p.oomScoreAdj = -1000;
  seen.look();
  yield* sysMmap(k, p, AT, 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, null, 0);
  seen.look();
  for (let i = 0; i < 2; i++) {
    seen.noted(yield* userWrite(k, p, AT + i, 1));
    seen.look();
  }
  yield* sysExit(k, p);
  seen.look();
}
