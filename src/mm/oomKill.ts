/**
 * The OOM killer (mm/oom_kill.c): who dies when nothing can be reclaimed.
 *
 *   no memory ─▶ notifiers free something? ─▶ am I dying anyway? ─▶ may the mask kill? ─▶ worst process ─▶ SIGKILL ─▶ reaper
 *
 * oom_lock is held by the caller: one kill at a time. What becomes of the victim's memory is in oomReaper.ts.
 */
import type { Task } from "../machine/core.ts";
import { Finding } from "../machine/finding.ts";
import { __GFP_FS } from "../machine/gfp.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { currentProcess, killProcess } from "./current.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm, Process } from "./mmTypes.ts";
import { mmdrop, mmgrab } from "./mmUsers.ts";
import { queueOomReaper } from "./oomReaper.ts";
import type { OomNotifier } from "./oomTypes.ts";
import { tablesOf } from "./pageTable.ts";
import { guards } from "./rules.ts";
import { countMemcgEvent, countVm, EV } from "./vmstat.ts";

/** Never to be killed. */
export const OOM_SCORE_ADJ_MIN = -1000;

/** Set-up: asked in the order of registration. */
export function registerOomNotifier(k: Kernel, notifier: OomNotifier): void {
  k.oomNotifiers.push(notifier);
}

/**
 * oom_badness: pages that killing it would free, shifted by its oom_score_adj in thousandths of `totalPages`; null for who
 * must not be killed. `pgtablePages`: of its page tables.
 */
export function oomBadness(
  rssPages: number,
  swapEntries: number,
  pgtablePages: number,
  adj: number,
  totalPages: number,
) {
  if (adj === OOM_SCORE_ADJ_MIN) return null;
  return rssPages + swapEntries + pgtablePages + adj * Math.trunc(totalPages / 1000);
}

function badnessOf(k: Kernel, p: Process, totalPages: number): number | null {
  const { mm } = p;
  if (!mm || mm.oomSkip) return null;
  const rss = mm.rssAnon + mm.rssFile + mm.rssShmem;
  return oomBadness(rss, mm.swapEntries, tablesOf(k, mm), p.oomScoreAdj, totalPages);
}

/** May memory of `memcg` be freed by killing somebody who uses `mm`? */
function belongsTo(k: Kernel, mm: Mm, memcg: number): boolean {
  if (memcg === 0) return true;
  for (let at = mm.memcg; at > 0; at = k.memcgParents[at]) if (at === memcg) return true;
  return false;
}

/**
 * select_bad_process. "aborted": a victim is dying and has not been given up, so memory will come. Null: nobody may be
 * killed. The last of equals is chosen.
 */
function selectBadProcess(k: Kernel, memcg: number, totalPages: number): Process | "aborted" | null {
  let chosen: Process | null = null;
  let worst = Number.NEGATIVE_INFINITY;
  for (const p of k.processes) {
    const mm = p.mm ?? p.oomMm;
    if (!mm || !belongsTo(k, mm, memcg)) continue;
    if (p.oomMm) {
      if (p.oomMm.oomSkip || !guards(k.rules, "oomOneVictim")) continue;
      return "aborted";
    }
    const points = badnessOf(k, p, totalPages);
    if (points === null || points < worst) continue;
    chosen = p;
    worst = points;
  }
  return chosen;
}

/** task_will_free_mem: it dies, everybody who shares its memory dies, and the reaper has not given up on it. */
function taskWillFreeMem(k: Kernel, p: Process): boolean {
  const { mm } = p;
  if (!mm || !p.killed || mm.oomSkip) return false;
  return k.processes.every((other) => other.mm !== mm || other.killed);
}

/** mark_oom_victim: it may use reserves from now on, and nobody else is killed while it dies. Its task_lock held, it has an mm. */
function* markOomVictim(p: Process): Task {
  if (p.oomMm) return;
  yield* mmgrab(p.mm as Mm);
  p.oomMm = p.mm;
}

/** oom_kill_process: everybody who shares the victim's memory dies with it. Nobody, if it has gone meanwhile. */
function* oomKillProcess(k: Kernel, victim: Process): Task {
  // task_lock: as long as it is held the process keeps its mm, and so does our reference afterwards.
  yield* lock(victim.taskLock);
  const { mm } = victim;
  if (!mm) {
    yield* unlock(victim.taskLock);
    return;
  }
  yield* mmgrab(mm);
  const dying = taskWillFreeMem(k, victim);
  if (!dying) {
    countVm(k, EV.oom_kill);
    countMemcgEvent(k, mm.memcg, "oom_kill");
    yield* killProcess(victim);
  }
  yield* markOomVictim(victim);
  yield* unlock(victim.taskLock);
  if (!dying) yield* killSharers(k, mm);
  yield* queueOomReaper(k, mm);
  yield* mmdrop(k, mm);
}

function* killSharers(k: Kernel, mm: Mm): Task {
  for (let i = 0; i < k.processes.length; i++) {
    const p = k.processes[i];
    if (p.mm === mm && !p.killed) yield* killProcess(p);
  }
}

/**
 * out_of_memory, for all memory (`memcg` 0) or that of a cgroup. True = memory was or will be freed, or killing would be of
 * no use, so that the caller may try again; false = there is nobody to kill. `totalPages`: RAM and swap, or the limit.
 * oom_lock held. Without a cgroup nobody to kill is the end: an `assertion` finding, as the kernel panics.
 */
export function* outOfMemory(k: Kernel, gfp: number, memcg: number, totalPages: number): Task<boolean> {
  if (memcg === 0 && (yield* callNotifiers(k)) > 0) return true;
  const me = currentProcess();
  if (me && taskWillFreeMem(k, me)) {
    yield* oomKillProcess(k, me);
    return true;
  }
  // Without file systems reclaim was not really tried.
  if (memcg === 0 && gfp !== 0 && (gfp & __GFP_FS) === 0) return true;
  const chosen = selectBadProcess(k, memcg, totalPages);
  if (chosen === null) {
    if (memcg !== 0) return false;
    throw new Finding("assertion", "Out of memory, and no process that may be killed");
  }
  if (chosen !== "aborted") yield* oomKillProcess(k, chosen);
  return true;
}

function* callNotifiers(k: Kernel): Task<number> {
  let freed = 0;
  for (let i = 0; i < k.oomNotifiers.length; i++) freed += yield* k.oomNotifiers[i](k);
  return freed;
}
