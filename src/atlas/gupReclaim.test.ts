/** The answers of the founding case are good for the reasons given: take one part away and the bug is back. */
import { expect, test } from "vitest";
import { explore } from "../mm/explore.testkit.ts";
import { PRESETS, presetNamed, rules } from "../mm/rules.ts";
import { ANON, SHMEM, SWAP_CACHE } from "../mm/world/pages.ts";
import { ANSWERS } from "./gupReclaimAnswers.ts";
import { type Answer, hazardA, hazardB, hazardC } from "./gupReclaimHazards.ts";

/** Verdicts of hazards a, b, c under `answer`. */
function verdicts(answer: Answer): string {
  return [hazardA, hazardB, hazardC].map((hazard) => explore((m) => hazard(m, answer)).verdict).join(" ");
}

const asBefore = "deadlock livelock deadlock";

test("MAYFAIL needs both halves: the flag of the mm and a callback that heeds it", () => {
  const full = ANSWERS["mayfail-full"];
  expect(verdicts(full)).toBe("ok ok ok");
  expect(verdicts({ ...full, mm: rules("linux-5.7") })).toBe(asBefore);
  expect(verdicts({ ...full, driver: {} })).toBe(asBefore);
});

test("with MAYFAIL as posted in the mm a callback that refuses in full is still enough: the unmap goes on without it", () => {
  expect(verdicts({ ...ANSWERS["mayfail-full"], mm: rules("mayfail-as-posted") })).toBe("ok ok ok");
  expect(verdicts({ ...ANSWERS["patch-2-2"], mm: rules("mayfail-full") })).toBe("deadlock livelock ok");
});

test("the kind of memory decides for the check that was merged, and for no other", () => {
  for (const pages of [ANON, SWAP_CACHE, SHMEM] as const) {
    expect(verdicts({ ...ANSWERS["pin-check-all"], pages })).toBe("ok ok ok");
    expect(verdicts({ ...ANSWERS["skip-pinned-unmap"], pages })).toBe("ok ok ok");
    expect(verdicts({ ...ANSWERS["as-in-2020"], pages })).toBe(asBefore);
  }
});

test("later checks do not help: v6.4 unmaps pinned shared memory first and looks then", () => {
  for (const preset of ["linux-5.11", "linux-6.1", "linux-6.4"] as const) {
    expect(verdicts({ ...ANSWERS["as-in-2020"], mm: rules(preset) })).toBe("ok ok ok");
    expect(verdicts({ ...ANSWERS["as-in-2020"], mm: rules(preset), pages: SHMEM })).toBe(asBefore);
  }
});

test("the answers add up: no allocation under the lock cures a, PATCH 2/2 cures c, together all but b", () => {
  expect(verdicts({ ...ANSWERS["patch-2-2"], driver: { mayFail: "patch2", sgTableBeforeLock: true } })).toBe(
    "ok livelock ok",
  );
});

test("presets have their names, changed switches are part of the name, unknown ones are refused", () => {
  for (const [name, preset] of Object.entries(PRESETS)) expect(presetNamed(name)).toMatchObject({ name: preset.name });
  expect(rules("linux-5.7", { reclaimPinCheck: "all" }).name).toBe("linux-5.7 with reclaimPinCheck=all");
  expect(() => presetNamed("linux-2.6")).toThrow("MF0501");
});
