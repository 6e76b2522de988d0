/**
 * Events: what happens in a run, told to an observer while one listens (a replay that is traced), and to nobody else.
 * They are no part of the state; task code must not depend on whether somebody listens.
 */
import { current } from "./core.ts";

/** Something that a task did. `name` and fields as in the kernel's trace events where there is one. */
export interface MachineEvent {
  /** Slot of the task, -1 during set-up. */
  readonly task: number;
  readonly name: string;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}

export type EventObserver = (event: MachineEvent) => void;

let observer: EventObserver | null = null;

/** From now on `o` is told about events; null = nobody. Returns the observer that was there before. */
export function observeEvents(o: EventObserver | null): EventObserver | null {
  const before = observer;
  observer = o;
  return before;
}

/** Is somebody listening? For events whose fields take time to put together. */
export function tracing(): boolean {
  return observer !== null;
}

/** Task code: something happened. Costs nothing while nobody listens, apart from what its arguments cost. */
export function emit(name: string, fields: MachineEvent["fields"] = {}): void {
  if (observer !== null) observer({ task: current, name, fields });
}

/** Task code: a remark for whoever reads the run, in words. */
export function note(text: string | (() => string)): void {
  if (observer !== null) emit("note", { text: typeof text === "string" ? text : text() });
}

/** An event in one line: a note as it is, others as `name: key=value key=value`, like ftrace. */
export function eventText(event: MachineEvent): string {
  if (event.name === "note") return String(event.fields.text);
  const fields = Object.entries(event.fields).map(([key, value]) => `${key}=${value}`);
  return fields.length === 0 ? event.name : `${event.name}: ${fields.join(" ")}`;
}
