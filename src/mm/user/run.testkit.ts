/**
 * Runs a workload in a machine of its own, and writes down what its subscribers are told: for tests. One line for each
 * event, with the place in the kernel that it comes from.
 *
 *   "start CLEAR A+1/1"   "range A+1/1"   "change_pte A+1/1"   "end CLEAR A+1/1"   "> label"
 *
 * Lines of the second file of the probe (a child that has called openProbe) begin with "2: ", and so on.
 */
import { current, type Task } from "../../machine/core.ts";
import { emit, type MachineEvent, observeEvents } from "../../machine/events.ts";
import { locksHeld } from "../../machine/lock.ts";
import { stackOfTask } from "../../machine/place.ts";
import { buildSequential } from "../../machine/sequential.ts";
import { trackCalls } from "../../machine/straight.ts";
import { createKernel, type KernelOptions } from "../kernel.ts";
import { ALL_END, EVENT_NAMES } from "../mmuNotifierTypes.ts";
import { createProcess, syscalls } from "../syscalls.ts";
import { openProbe } from "./probe.ts";
import { type Body, startProcess } from "./process.ts";
import { createUserSpace, passTime, type UserSpace } from "./space.ts";

export interface Heard {
  readonly line: string;
  /** File of the function that opened the section, without its folder; "" for what is no section. */
  readonly file: string;
  /** That function. */
  readonly site: string;
  /** Locks that its task holds when the section is opened, in the order of taking: "mm1.mmapLock w"; "folio w" comes last. */
  readonly locks: readonly string[];
}

const WINDOW = 1 << 20;
/** What the start of a section takes itself. */
const OF_NOTIFIERS = /^mmu_?notifier/i;
const SIMPLE: ReadonlySet<string> = new Set(["range", "change_pte", "clear_flush_young", "release", "interval"]);

/** Writes a line of the caller's own. */
export function say(label: string, n: number): void {
  emit("said", { label, n });
}

/** What is heard until the last process has ended. Raises the finding of a run that breaks a rule. */
export function runProcess(body: Body, children: readonly Body[] = [], options: KernelOptions = {}): Heard[] {
  const heard: Heard[] = [];
  let space: UserSpace | null = null;
  trackCalls(true);
  const before = observeEvents((e) => {
    const line = lineOf(e);
    if (line !== null) heard.push({ line, ...siteOf(space) });
  });
  try {
    const m = buildSequential((machine) => {
      const k = createKernel(machine, { watchPtes: true, memcgs: [{}], swapPages: 64, ...options });
      space = createUserSpace(machine, k, syscalls);
      for (const f of children) machine.keep(f);
      startProcess(first, { body }, createProcess(machine, k, "P"), 6);
    });
    if (m.initialFinding) throw m.initialFinding;
    do {
      for (let moved = true; moved; ) {
        moved = false;
        for (let t = 0; t < m.tasks.length; t++) {
          if (!m.enabled(t)) continue;
          m.step(t);
          moved = true;
        }
      }
    } while (passTime(space as unknown as UserSpace));
    const finding = m.judgeEnd();
    if (finding) throw finding;
  } finally {
    observeEvents(before);
    trackCalls(false);
  }
  return heard;
}

function* first({ body }: { body: Body }): Task {
  yield* openProbe();
  yield* body();
}

function lineOf({ name, fields: f }: MachineEvent): string | null {
  if (name === "said") return `${f.label} ${f.n}`;
  if (!name.startsWith("probe:")) return null;
  const kind = name.slice("probe:".length);
  if (kind === "begin") return `> ${f.label}`;
  if (kind !== "start" && kind !== "end" && !SIMPLE.has(kind)) return null;
  const who = Number(f.file ?? 0) > 0 ? `${Number(f.file) + 1}: ` : "";
  const why = f.why === undefined ? "" : ` ${EVENT_NAMES[Number(f.why)]}`;
  return `${who}${kind}${why}${f.start === undefined ? "" : ` ${placeOf(Number(f.start), Number(f.end))}`}${f.blockable === 0 ? " non-blockable" : ""}`;
}

function placeOf(start: number, end: number): string {
  if (start === 0 && end === ALL_END) return "ALL";
  return `${String.fromCharCode(64 + Math.floor(start / WINDOW))}+${start % WINDOW}/${end - start}`;
}

/** Who called invalidateRangeStart, and with which locks. */
function siteOf(space: UserSpace | null): Omit<Heard, "line"> {
  const stack = current < 0 ? [] : stackOfTask(current);
  const at = stack.findIndex((place) => place.function === "invalidateRangeStart");
  const place = at < 0 ? undefined : stack[at + 1];
  if (place === undefined) return { file: "", site: "", locks: [] };
  return {
    file: place.file.replace(/^.*\//, ""),
    site: place.function,
    locks: [
      ...locksHeld(current)
        .filter(({ lock }) => !OF_NOTIFIERS.test(lock.name))
        .map(({ lock, mode }) => `${lock.name} ${mode === "shared" ? "r" : "w"}`),
      // Locks of folios are words of their frames, and in no list.
      ...(space?.k.frames.lock.some((owner) => owner === current + 1) ? ["folio w"] : []),
    ],
  };
}
