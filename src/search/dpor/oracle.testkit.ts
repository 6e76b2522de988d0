/**
 * What the search must find, by brute force: all classes of runs, level by level, without any reduction. A class is
 * known by its events and, for each word, the order of its writes and between which of them each read lies.
 */
import { Finding } from "../../machine/finding.ts";
import { LIVE, type Machine } from "../../machine/machine.ts";
import type { AccessSink } from "../../machine/op.ts";

export interface Classes {
  readonly completed: number;
  readonly blocked: number;
  /** The last words of all runs, each once. */
  readonly ends: ReadonlySet<string>;
  readonly prefixes: number;
}

interface Prefix {
  readonly words: Int32Array;
  readonly events: readonly Event[];
}

interface Event {
  readonly name: string;
  /** Word << 1 | written. */
  readonly accesses: readonly number[];
}

/** Null when there are more than `limit` classes of beginnings. */
export function classes(m: Machine, limit: number): Classes | null {
  const initial = m.snapshot();
  let level = new Map<string, Prefix>([["", { words: initial, events: [] }]]);
  const ends = new Set<string>();
  let completed = 0;
  let blocked = 0;
  let prefixes = 0;
  while (level.size > 0) {
    const next = new Map<string, Prefix>();
    for (const p of level.values()) {
      if (++prefixes > limit) return null;
      m.restore(p.words, 0);
      const enabled = m.tasks.map((t) => t.slot).filter((t) => m.enabled(t));
      if (enabled.length === 0) {
        if (m.tasks.some((t) => m.stateOf(t.slot) === LIVE && !t.daemon)) blocked++;
        else completed++;
        ends.add(p.words.join());
      }
      for (const t of enabled) {
        m.restore(p.words, 0);
        const outcomes = m.choices(t);
        for (let choice = 0; choice < outcomes; choice++) {
          m.restore(p.words, 0);
          const index = p.events.filter((e) => e.name.startsWith(`${t}.`)).length;
          const events = [...p.events, { name: `${t}.${index}.${choice}`, accesses: accessesOf(m, t) }];
          stepOn(m, t, choice);
          const key = keyOf(events);
          if (!next.has(key)) next.set(key, { words: m.snapshot(), events });
        }
      }
    }
    level = next;
  }
  m.restore(initial, 0);
  return { completed, blocked, ends, prefixes };
}

/** Everybody reads word 0, and who conflicts with everything writes it. */
function accessesOf(m: Machine, t: number): number[] {
  const found: number[] = [0];
  const sink: AccessSink = {
    read: (at) => found.push(at << 1),
    write: (at) => found.push((at << 1) | 1),
    top: () => found.push(1),
  };
  m.access(t, sink);
  return found;
}

function stepOn(m: Machine, t: number, choice: number): void {
  try {
    m.step(t, choice);
  } catch (e) {
    if (!(e instanceof Finding)) throw e;
    for (let f: Finding | null = e; f !== null; ) f = m.fail(f.task < 0 ? t : f.task);
  }
}

function keyOf(events: readonly Event[]): string {
  const words = new Map<number, { writes: string[]; reads: string[] }>();
  const names: string[] = [];
  for (const e of events) {
    names.push(e.name);
    for (const a of e.accesses) {
      const w = words.get(a >> 1) ?? { writes: [], reads: [] };
      words.set(a >> 1, w);
      if ((a & 1) === 1) w.writes.push(e.name);
      else w.reads.push(`${e.name}@${w.writes.length}`);
    }
  }
  const parts = [...words].sort((a, b) => a[0] - b[0]).map(([at, w]) => `${at}:${w.writes}/${w.reads.sort()}`);
  return `${names.sort()};${parts.join(";")}`;
}
