/** Slots for tasks: a header with the list of held locks, and a stack, for each task that may ever run. */
import { mayfailError } from "../errors.ts";
import { HEADER } from "./core.ts";
import type { Machine } from "./machine.ts";
import type { SpawnOptions, TaskInfo } from "./options.ts";

/** As many as a set of tasks has bits; see taskSet.ts. */
const MAX_TASKS = 64;

export class TaskSlots {
  readonly tasks: TaskInfo[] = [];
  /** Word index of each header. */
  readonly bases = new Int32Array(MAX_TASKS);
  /** Word index behind each stack. */
  readonly stackEnds = new Int32Array(MAX_TASKS);

  /** Takes words of `m` for one more task. Raises MF0210 when there are too many. */
  add(m: Machine, name: string, parent: number, options: SpawnOptions = {}): TaskInfo {
    const slot = this.tasks.length;
    if (slot === MAX_TASKS) throw mayfailError("MF0210", { limit: MAX_TASKS });
    const words = HEADER + m.options.heldWords + m.options.stackWords;
    const base = m.layout.take(words, name, "task");
    const { daemon = false, rests = null } = options;
    const task: TaskInfo = { slot, base, name, daemon, rests, children: [], parent };
    this.tasks.push(task);
    this.bases[slot] = base;
    this.stackEnds[slot] = base + words;
    m.register(task, base);
    return task;
  }

  /** One more slot for a while, with the words [base, end). Raises MF0210 when there are too many. */
  borrow(base: number, end: number): void {
    const slot = this.tasks.length;
    if (slot === MAX_TASKS) throw mayfailError("MF0210", { limit: MAX_TASKS });
    this.tasks.push({ slot, base, name: "boot", daemon: false, rests: null, children: [], parent: -1 });
    this.bases[slot] = base;
    this.stackEnds[slot] = end;
  }

  giveBack(): void {
    const { slot } = this.tasks.pop() as TaskInfo;
    this.bases[slot] = 0;
    this.stackEnds[slot] = 0;
  }
}
