/** Asks a small machine (world.ts), and notes what the task enters. Each answer is one run; equal questions have equal answers. */
import { unchecked } from "../../machine/core.ts";
import { observeEvents } from "../../machine/events.ts";
import { type Broken, Finding } from "../../machine/finding.ts";
import { observeResched } from "../../machine/wait.ts";
import type { Rules } from "../rules.ts";
import { EVENTS } from "../vmstat.ts";
import { ZONE_MOVABLE } from "../zone.ts";
import { CALLER_FLAGS } from "./masks.ts";
import { CALLERS, type Caller, type Ending, type Held, LOCKS, type PageKind, type Place } from "./names.ts";
import { ALLOCATE, BALANCE, type BuiltWorld, buildWorld } from "./world.ts";

export interface Ask {
  /** The mask; null = no allocation, but kswapd's own reclaim. */
  readonly gfp: number | null;
  /** PF_* flags of the scope. */
  readonly flags: number;
  readonly caller: Caller;
  readonly held: Held;
  /** The OOM killer chooses the caller, if it is a process. */
  readonly victim?: boolean;
}

export interface Answer {
  readonly entered: ReadonlySet<Place>;
  readonly ending: Ending;
  readonly verdict: Broken | "ok";
  /** What the finding says. */
  readonly why: string;
  /** Pages that were got. */
  readonly pages: number;
}

/**
 * Reclaims in a row that gave no page, and killed nobody, after which a call is taken to go round for ever: who does not kill
 * gives up after 16. A run that holds a lock ends earlier, as all that follows are repetitions, and its end is not asked for.
 */
const PATIENCE = 36;
const PATIENCE_HOLDING = 2;
/** Waits in a row for a call that does not even reclaim. */
const MAX_WAITS = 64;
/** Places in a row at which others might run, after which such a call is made to wait: nobody else is there. */
const MAX_OFFERS = 4096;

const EVENT_PLACES: Readonly<Record<string, Place>> = {
  mm_vmscan_wakeup_kswapd: "kswapd",
  mm_vmscan_direct_reclaim_begin: "reclaim",
  young: "young",
  notifier: "notifier",
  shrinker: "shrinker",
  inodes: "inodes",
  release_folio: "release",
  writepage: "writepage",
  swap_writepage: "swap",
  oom: "oom",
};

/** A machine that can be asked again and again. */
export class Asked {
  private readonly built: BuiltWorld;
  private readonly start: Int32Array;
  /** Of the run: reclaims, and waits since the last reclaim, without a page. */
  private fruitless = 0;
  private waits = 0;
  private offers = 0;
  /** The OOM killer was asked, and no page has come since. */
  private asked = false;
  /** Set where the run was left before its end. */
  private left: Ending | null = null;
  /** No run is left before all its reclaims were in vain: for tests of those that are. */
  private readonly patient: boolean;

  constructor(kind: PageKind, rules: Rules, { exhausted = true, patient = false } = {}) {
    this.patient = patient;
    this.built = buildWorld(kind, rules, exhausted);
    const { m } = this.built;
    m.activate();
    if (m.initialFinding) throw m.initialFinding;
    while (m.enabled(0)) m.step(0);
    this.start = m.snapshot();
  }

  /** Every run begins in the same state. */
  ask(ask: Ask): Answer {
    const { m, world } = this.built;
    m.activate();
    m.restore(this.start, 0);
    for (const event of EVENTS) world.k.stat.global[event] = 0;
    this.put(ask);
    const entered = new Set<Place>();
    const patience = ask.held === "none" || this.patient ? PATIENCE : PATIENCE_HOLDING;
    this.fruitless = 0;
    this.waits = 0;
    this.offers = 0;
    this.left = null;
    this.asked = false;
    const before = observeEvents((event) => {
      const place = EVENT_PLACES[event.name];
      if (place !== undefined) entered.add(place);
      if (event.name === "page") this.fruitless = 0;
      if (event.name === "page" || place === "oom") this.asked = place === "oom";
      if (event.name === "page" || place === "reclaim") {
        this.waits = 0;
        this.offers = 0;
      }
      if (place === "reclaim") this.leaveIf(patience, ask.victim === true);
    });
    observeResched(() => ++this.offers > MAX_OFFERS);
    try {
      // kswapd has an end of its own, however often it waits.
      const end = this.run(ask.gfp === null ? Number.POSITIVE_INFINITY : MAX_WAITS);
      return { entered, ...end, pages: unchecked(() => world.question.taken) };
    } finally {
      observeResched(null);
      observeEvents(before);
    }
  }

  private put(ask: Ask): void {
    const { question } = this.built.world;
    unchecked(() => {
      question.asked = ask.gfp === null ? BALANCE : ALLOCATE;
      question.gfp = ask.gfp ?? 0;
      question.flags = ask.flags | CALLER_FLAGS[ask.caller];
      question.held = LOCKS.indexOf(ask.held);
      question.caller = CALLERS.indexOf(ask.caller);
      question.victim = ask.victim === true ? 1 : 0;
    });
  }

  /**
   * Ends the run where all that follows is known. A call that goes round may never wait, and so be within one step: what is thrown
   * here leaves it. A killer that was asked and did not kill will not the next time: nothing is different then. `pastKill`: a kill
   * is not the end.
   */
  private leaveIf(patience: number, pastKill: boolean): void {
    if (this.built.world.k.stat.global.oom_kill > 0 && !pastKill) this.left = "kills";
    else if (this.asked && !pastKill && !this.patient) this.left = "loops";
    else if (++this.fruitless > patience) this.left = "loops";
    if (this.left !== null) throw new Finding("policy", "the run is left");
  }

  private run(maxWaits: number): Pick<Answer, "ending" | "verdict" | "why"> {
    const { m, world } = this.built;
    try {
      while (m.enabled(0)) {
        // One task, and a device that is done at once: there is one run, and it is all that can happen.
        if (m.choices(0) !== 1) throw new RangeError("the environment has a choice, and only one is looked at");
        m.step(0);
        if (++this.waits > maxWaits) return { ending: "loops", ...WELL };
      }
      const finding = m.judgeEnd();
      if (finding !== null) throw finding;
    } catch (e) {
      if (!(e instanceof Finding)) throw e;
      if (this.left !== null) return { ending: this.left, ...WELL };
      return { ending: "broken", verdict: e.verdict, why: e.message };
    }
    return { ending: unchecked(() => world.question.failed) === 1 ? "fails" : "done", ...WELL };
  }

  /** Does the first page come from ZONE_MOVABLE? For a machine that is not exhausted. */
  takesMovable(gfp: number): boolean {
    this.ask({ gfp, flags: 0, caller: "process", held: "none" });
    return unchecked(() => this.built.world.question.zone) === ZONE_MOVABLE;
  }
}

const WELL = { verdict: "ok", why: "" } as const;
