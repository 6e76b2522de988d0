/**
 * Records: what a workload was told and saw, one JSON object a line. Made by the probe module in a real kernel
 * (conformance/real-kernel) or by the model, and brought into one form so that they can be compared.
 */

/** One line. Which fields there are depends on `ev`; conformance/README.md lists them. */
export interface RecordEvent {
  readonly ev: string;
  readonly mm?: string;
  readonly label?: string;
  readonly why?: string;
  /** Window, or "ALL". */
  readonly at?: string;
  readonly page?: number;
  readonly n?: number;
  readonly ret?: number;
  readonly blockable?: number;
  readonly state?: string;
  readonly bits?: string;
  readonly frame?: number;
  readonly refs?: number;
  readonly maps?: number;
  readonly flags?: number | readonly string[];
  readonly [field: string]: unknown;
}

/** Callbacks: they are part of a record only where they concern the windows of the workload or everything. */
const CALLBACKS: ReadonlySet<string> = new Set([
  "start",
  "end",
  "range",
  "clear_flush_young",
  "clear_young",
  "test_young",
  "change_pte",
  "release",
  "interval",
]);
/** Who ran a callback and through which functions is for readers, and not compared. */
const IGNORED: ReadonlySet<string> = new Set(["seq", "stack", "via", "ctx"]);

export const isCallback = (e: RecordEvent): boolean => CALLBACKS.has(e.ev);
export const isSnapshot = (e: RecordEvent): boolean => e.ev === "page";

function concernsWorkload(e: RecordEvent): boolean {
  return !isCallback(e) || e.at === "ALL" || /^[A-P]$/.test(e.at ?? "");
}

/** The form that is compared: only what concerns the workload, frames numbered in order of appearance. */
export function normalise(events: readonly RecordEvent[]): RecordEvent[] {
  const frames = new Map<number, number>();
  return events
    .filter((e) => typeof e.ev === "string" && e.ev !== "totals" && concernsWorkload(e))
    .map((e) => {
      const kept = Object.entries(e).filter(([key]) => !IGNORED.has(key));
      const event = Object.fromEntries(kept) as Record<string, unknown> & { ev: string };
      const { frame } = e;
      if (frame !== undefined) {
        if (!frames.has(frame)) frames.set(frame, frames.size + 1);
        event["frame"] = frames.get(frame);
      }
      return event;
    });
}

/** The lines of a record. Throws a SyntaxError that names the line. */
export function parseRecord(text: string): RecordEvent[] {
  return text.split("\n").flatMap((line, i) => {
    if (line.trim() === "") return [];
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (e) {
      throw new SyntaxError(`line ${i + 1}: ${(e as Error).message}`);
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new SyntaxError(`line ${i + 1}: not an object`);
    }
    return "workload" in value ? [] : [value as RecordEvent];
  });
}

/** An event in one short line. */
export function lineOf(e: RecordEvent): string {
  const range = e.page === undefined ? (e.at ?? "") : `${e.at}+${e.page}/${e.n}`;
  const { ev, mm, label, why, at, page, n, state, bits, frame, refs, maps, flags, ret, blockable, mode, ...rest } = e;
  const parts = [
    ev,
    mm,
    label,
    why,
    range === "" && n !== undefined ? `n=${n}` : range,
    state,
    bits,
    mode,
    frame === undefined ? undefined : `f${frame}`,
    refs === undefined ? undefined : `r${refs}m${maps}`,
    Array.isArray(flags) ? flags.join(",") : flags === undefined ? undefined : `flags=${String(flags)}`,
    ret === undefined ? undefined : `ret=${ret}`,
    ...Object.entries(rest).map(([key, value]) => `${key}=${String(value)}`),
    blockable === 0 ? "non-blockable" : undefined,
  ];
  return parts.filter((part) => part !== undefined && part !== "").join(" ");
}
