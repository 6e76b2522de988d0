/**
 * What changed between two states of a machine, in names: "folio[3].refcount: 1 -> 2", "worker.getPages.i: 0 -> 1",
 * "worker at: getPages:12 -> pinUserPage:40". For reports and for stepping through a run.
 */
import { contextText } from "./context.ts";
import { codes, F_CALLER, F_SLOTS, type Handle, HEADER, T_CONTEXT, T_FP, T_STATE } from "./core.ts";
import type { WordKind } from "./layout.ts";
import { heldLock } from "./lock.ts";
import { DONE, FAILED, LIVE, type Machine, type TaskInfo } from "./machine.ts";

/** One thing that differs. */
export interface NamedChange {
  /** Index of its word; for tasks of the task's header. */
  readonly at: number;
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

/** The differences from `before` to `after`, two states of `m`, the active machine: objects first, then tasks. */
export function diffStates(m: Machine, before: Int32Array, after: Int32Array): NamedChange[] {
  const isTask = taskWords(m);
  const changes: NamedChange[] = [];
  for (let at = 1; at < m.size; at++) {
    if (before[at] === after[at] || isTask[at] === 1) continue;
    const entry = m.layout.find(at);
    const kind = entry?.kind ?? "int";
    changes.push({
      at,
      name: m.layout.nameOf(at),
      before: wordText(m, kind, before[at]),
      after: wordText(m, kind, after[at]),
    });
  }
  for (const t of m.tasks) changes.push(...taskChanges(m, t, before, after));
  return changes;
}

/** "name: before -> after". */
export function changeText(c: NamedChange): string {
  return `${c.name}: ${c.before} -> ${c.after}`;
}

function taskWords(m: Machine): Uint8Array {
  const isTask = new Uint8Array(m.size);
  const size = HEADER + m.options.heldWords + m.options.stackWords;
  for (const { base } of m.tasks) isTask.fill(1, base, base + size);
  return isTask;
}

/** A word of an object as its layout says that it reads. */
export function wordText(m: Machine, kind: WordKind, word: number): string {
  switch (kind) {
    case "bool":
      return word === 0 ? "false" : "true";
    case "ref":
      return word === 0 ? "null" : objectText(m.handles[word - 1]);
    case "owner":
      return word === 0 ? "nobody" : (m.tasks[word - 1]?.name ?? "anybody");
    case "tasks": {
      const names = m.tasks.filter((t) => t.slot < 32 && (word & (1 << t.slot)) !== 0).map((t) => t.name);
      return names.length === 0 ? "nobody" : names.join(", ");
    }
    default:
      return String(word);
  }
}

/** A tagged word of a stack; see core.ts `encodeSlow`. */
export function slotText(m: Machine, word: number): string {
  if ((word & 1) === 0) return String(word >> 1);
  const constant = ["undefined", "null", "false", "true"][word >> 1];
  return constant ?? objectText(m.handles[(word >> 3) - 1]);
}

function objectText(object: object | undefined): string {
  if (object === undefined) return "?";
  if (typeof object === "function") return (object as { name: string }).name;
  return (object as Partial<Handle>).name ?? (Array.isArray(object) ? `array of ${object.length}` : "object");
}

function taskChanges(m: Machine, t: TaskInfo, before: Int32Array, after: Int32Array): NamedChange[] {
  const [old, now] = [taskView(m, t, before), taskView(m, t, after)];
  const changes: NamedChange[] = [];
  for (const name of new Set([...old.keys(), ...now.keys()])) {
    const [a, b] = [old.get(name) ?? "", now.get(name) ?? ""];
    if (a !== b) changes.push({ at: t.base, name, before: a || "-", after: b || "-" });
  }
  return changes;
}

/** Everything about a task that a reader may want to see, by name. */
function taskView(m: Machine, t: TaskInfo, words: Int32Array): Map<string, string> {
  const view = new Map<string, string>();
  const state = words[t.base + T_STATE];
  view.set(t.name, { [LIVE]: "runs", [DONE]: "has ended", [FAILED]: "has failed" }[state] ?? "not started");
  const context = contextText(words[t.base + T_CONTEXT]);
  if (context !== "") view.set(`${t.name} context`, context);
  const held = [];
  for (let i = 0; i < m.options.heldWords && words[t.base + HEADER + i] !== 0; i++) {
    const { lock, mode } = heldLock(words[t.base + HEADER + i]);
    held.push(mode === "shared" ? `${lock.name} (reading)` : lock.name);
  }
  if (held.length > 0) view.set(`${t.name} holds`, held.join(", "));
  const top = words[t.base + T_FP];
  for (let f = top; f !== 0; f = words[f + F_CALLER]) {
    const { meta } = codes[words[f] >>> 12];
    const point = meta.points[words[f] & 4095];
    if (f === top) view.set(`${t.name} at`, `${meta.name}:${point?.line ?? meta.line}`);
    meta.slots.forEach((slot, i) => {
      const word = words[f + F_SLOTS + i];
      // 0 is how the integer 0 reads, and what a variable without a value leaves behind.
      if (word !== 0) view.set(`${t.name}.${meta.name}.${slot}`, slotText(m, word));
    });
  }
  return view;
}
