/**
 * The table of what allocations may do: every cell is a run of ask.ts.
 *
 * Runs are shared where they cannot differ. (1) The scopes NOFS, NOIO and PIN only take bits from the mask, which is the first
 * thing that an allocation does; so a run with the remaining bits stands for all. (2) Some bits (`UNSEEN`) mean nothing to the
 * modelled allocator. (3) What else a lock that is held changes is a verdict, not what is entered: that is noted of the run which
 * holds nothing. Tests hold (1) and (2) against the runs that are saved.
 */
import { PF_MEMALLOC } from "../../machine/context.ts";
import {
  __GFP_ACCOUNT,
  __GFP_COMP,
  __GFP_FS,
  __GFP_HARDWALL,
  __GFP_HIGHMEM,
  __GFP_IO,
  __GFP_MOVABLE,
  __GFP_NOWARN,
} from "../../machine/gfp.ts";
import type { Rules } from "../rules.ts";
import { type Answer, type Ask, Asked } from "./ask.ts";
import { maskNamed, SCOPE_FLAGS } from "./masks.ts";
import {
  CALLERS,
  type Caller,
  type Ending,
  type Held,
  KSWAPD_ITSELF,
  LOCKS,
  PAGE_KINDS,
  type PageKind,
  PLACES,
  type Place,
  SCOPES,
  type Scope,
} from "./names.ts";

/** Bits that nothing in src/mm looks at when it allocates one page of kernel or user memory. */
export const UNSEEN = __GFP_HARDWALL | __GFP_HIGHMEM | __GFP_COMP | __GFP_NOWARN | __GFP_ACCOUNT;

export interface GfpQuery {
  readonly rules: Rules;
  /** As `maskNamed` reads them, or KSWAPD_ITSELF. */
  readonly masks: readonly string[];
  readonly scopes: readonly Scope[];
  readonly callers: readonly Caller[];
  readonly pages: readonly PageKind[];
  readonly held: readonly Held[];
}

export interface GfpRow {
  readonly mask: string;
  readonly scope: Scope;
  readonly caller: Caller;
  /** What is on the LRU lists. */
  readonly page: PageKind;
  /** What a task that holds no lock enters. */
  readonly entered: readonly Place[];
  /** Is it a bug with any spinlock held? */
  readonly sleeps: boolean;
  /** Does it take pages of ZONE_MOVABLE? */
  readonly movable: boolean;
  /** How it ends when nothing is left. */
  readonly ending: Ending;
  /** Whom the OOM killer has chosen gets an error; null where nobody is killed. */
  readonly victim: Ending | null;
  /** Pages got before that: six are the process's, the others reserves. */
  readonly got: number;
  /** The verdict while a lock is held. */
  readonly held: Readonly<Partial<Record<Held, Answer["verdict"]>>>;
}

/** current_gfp_context. */
function inScope(gfp: number, scope: Scope): number {
  if (scope === "noio") return gfp & ~(__GFP_IO | __GFP_FS);
  if (scope === "nofs") return gfp & ~__GFP_FS;
  return scope === "pin" ? gfp & ~__GFP_MOVABLE : gfp;
}

/** The question whose answer stands for a row. */
export function askOf(mask: string, scope: Scope, caller: Caller, held: Held): Ask {
  if (mask === KSWAPD_ITSELF) return { gfp: null, flags: 0, caller: "kswapd", held };
  const gfp = inScope(maskNamed(mask) ?? 0, scope) & ~UNSEEN;
  return { gfp, flags: SCOPE_FLAGS[scope] & PF_MEMALLOC, caller, held };
}

/** Machines and answers, for one set of rules. */
class Answers {
  private readonly rules: Rules;
  private readonly machines = new Map<PageKind, Asked>();
  private readonly known = new Map<string, Answer>();
  private readonly zones = new Map<number, boolean>();
  private fresh: Asked | null = null;

  constructor(rules: Rules) {
    this.rules = rules;
  }

  to(page: PageKind, ask: Ask): Answer {
    const key = `${page} ${ask.gfp} ${ask.flags} ${ask.caller} ${ask.held} ${ask.victim ?? false}`;
    let answer = this.known.get(key);
    if (answer === undefined) {
      answer = this.machine(page).ask(ask);
      this.known.set(key, answer);
    }
    return answer;
  }

  /** Zones are chosen by the mask alone, reclaim or not. */
  movable(gfp: number | null): boolean {
    if (gfp === null) return false;
    let movable = this.zones.get(gfp);
    if (movable === undefined) {
      this.fresh ??= new Asked("anon", this.rules, { exhausted: false });
      movable = this.fresh.takesMovable(gfp);
      this.zones.set(gfp, movable);
    }
    return movable;
  }

  private machine(page: PageKind): Asked {
    let machine = this.machines.get(page);
    if (machine === undefined) {
      machine = new Asked(page, this.rules);
      this.machines.set(page, machine);
    }
    return machine;
  }
}

/** Rows in the order masks, scopes, callers, pages. `alive` is called between runs. */
export function gfpRows(query: GfpQuery, alive: () => void = () => undefined): GfpRow[] {
  const answers = new Answers(query.rules);
  const rows: GfpRow[] = [];
  for (const mask of query.masks) {
    // What is no allocation has neither scope nor caller.
    const itself = mask === KSWAPD_ITSELF;
    for (const scope of itself ? SCOPES.slice(0, 1) : query.scopes) {
      for (const caller of itself ? CALLERS.slice(2) : query.callers) {
        for (const page of query.pages) {
          rows.push(rowOf(answers, query.held, mask, scope, caller, page));
          alive();
        }
      }
    }
  }
  return rows;
}

function rowOf(
  answers: Answers,
  locks: readonly Held[],
  mask: string,
  scope: Scope,
  caller: Caller,
  page: PageKind,
): GfpRow {
  const ask = (held: Held) => askOf(mask, scope, caller, held);
  const free = answers.to(page, ask("none"));
  const dies = free.ending === "kills" && caller === "process";
  const held: Partial<Record<Held, Answer["verdict"]>> = {};
  for (const each of locks) held[each] = answers.to(page, ask(each)).verdict;
  return {
    mask,
    scope,
    caller,
    page,
    entered: PLACES.filter((place) => free.entered.has(place)),
    sleeps: answers.to(page, ask("spinlock")).verdict === "atomic-sleep",
    movable: answers.movable(ask("none").gfp),
    ending: free.ending,
    victim: dies ? answers.to(page, { ...ask("none"), victim: true }).ending : null,
    got: free.pages,
    held,
  };
}

/** Everything. */
export function wholeQuery(rules: Rules, masks: readonly string[]): GfpQuery {
  return { rules, masks, scopes: SCOPES, callers: CALLERS, pages: PAGE_KINDS, held: LOCKS };
}
