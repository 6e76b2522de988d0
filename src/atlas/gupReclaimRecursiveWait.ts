import type { Verdict } from "../machine/finding.ts";
import { defineCase, type Variant } from "../machine/scenario.ts";
import { rules } from "../mm/rules.ts";
import { type Answer, hazardA, hazardB, hazardC } from "./gupReclaimHazards.ts";

const HAZARDS = { a: hazardA, b: hazardB, c: hazardC } as const;
export type Hazard = keyof typeof HAZARDS;

const linux5_7 = rules("linux-5.7");
const freshAnon = rules("linux-5.11");
const classic = {};

interface Row extends Answer {
  readonly about: string;
  /** Verdicts of hazards a, b, c. */
  readonly expect: readonly [Verdict, Verdict, Verdict];
}

/** Every answer that was given, with what becomes of the three hazards. */
export const ANSWERS: Readonly<Record<string, Row>> = {
  "as-in-2020": {
    about: "i915 of v5.7 … v5.10",
    mm: linux5_7,
    driver: classic,
    pages: "anon",
    expect: ["deadlock", "livelock", "deadlock"],
  },
  "patch-2-2": {
    about: "MAYFAIL as posted: unbind does not wait",
    mm: rules("mayfail-as-posted"),
    driver: { mayFail: "patch2" },
    pages: "anon",
    expect: ["deadlock", "livelock", "ok"],
  },
  "mayfail-full": {
    about: "MAYFAIL thought through: refuse while acquiring",
    mm: rules("mayfail-full"),
    driver: { mayFail: "full" },
    pages: "anon",
    expect: ["ok", "ok", "ok"],
  },
  "skip-pinned-unmap": {
    about: "series 2 as posted: in try_to_unmap_one",
    mm: rules("skip-pinned-unmap"),
    driver: classic,
    pages: "anon",
    expect: ["ok", "ok", "ok"],
  },
  "pin-check-all": {
    about: "pin check before the unmap, every page",
    mm: rules("linux-5.7", { reclaimPinCheck: "all" }),
    driver: classic,
    pages: "anon",
    expect: ["ok", "ok", "ok"],
  },
  "pin-check-fresh": {
    about: "pin check as merged; fresh anonymous memory",
    mm: freshAnon,
    driver: classic,
    pages: "anon",
    expect: ["ok", "ok", "ok"],
  },
  "pin-check-fresh-shmem": {
    about: "pin check as merged; shared memory",
    mm: freshAnon,
    driver: classic,
    pages: "shmem",
    expect: ["deadlock", "livelock", "deadlock"],
  },
  "pin-check-fresh-swapcache": {
    about: "pin check as merged; pages in the swap cache",
    mm: freshAnon,
    driver: classic,
    pages: "swapCache",
    expect: ["deadlock", "ok", "deadlock"],
  },
  "no-alloc-under-lock": {
    about: "sg table allocated before mm.lock",
    mm: linux5_7,
    driver: { sgTableBeforeLock: true },
    pages: "anon",
    expect: ["ok", "livelock", "deadlock"],
  },
  "seq-and-wait": {
    about: "i915 of v5.13 … v6.8: sequence, then wait",
    mm: linux5_7,
    driver: { interval: true, waitInCallback: true },
    pages: "anon",
    expect: ["ok", "ok", "deadlock"],
  },
  "seq-only": {
    about: "i915 since v6.9: sequence only",
    mm: linux5_7,
    driver: { interval: true, waitInCallback: false },
    pages: "anon",
    expect: ["ok", "ok", "ok"],
  },
};

interface HazardVariant extends Variant {
  readonly hazard: Hazard;
  readonly answer: Row;
}

function variants(): Record<string, HazardVariant> {
  const all: Record<string, HazardVariant> = {};
  for (const [i, hazard] of (["a", "b", "c"] as const).entries()) {
    for (const [name, answer] of Object.entries(ANSWERS)) {
      all[`${hazard}-${name}`] = {
        hazard,
        answer,
        expect: answer.expect[i],
        about: answer.about,
        rules: answer.mm.name,
      };
    }
  }
  return all;
}

export default defineCase({
  id: "gup-reclaim-recursive-wait",
  title: "pinning page n of an object reclaims pages 0 … n-1 of the same object",
  class: "deadlock",
  variants: variants(),
  setup: (m, { hazard, answer }) => HAZARDS[hazard](m, answer),
});
