/** Objects that have numbers in the active machine. */
import { handles, interned } from "./core.ts";

/** Number under which `value` is known to the active machine, -1 if unknown. */
export function handleId(value: object): number {
  return interned.get(value) ?? -1;
}

export function handleOf(id: number): object {
  return handles[id];
}
