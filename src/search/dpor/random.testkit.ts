/** Random small programs: a list of instructions for each task, run by one interpreter written as task code. */
import {
  type Cell,
  cell,
  choose,
  cmpxchg,
  fetchAdd,
  join,
  lock,
  type Machine,
  type Mutex,
  mutex,
  point,
  readOnce,
  spawn,
  type Task,
  touch,
  trylock,
  unlock,
  until,
  writeOnce,
} from "../../machine/api.ts";
import { downRead, downWrite, type RwSem, rwsem, upRead, upWrite } from "../../machine/rwsem.ts";

/** `op` and two small numbers. */
export type Instruction = readonly [op: string, a: number, b: number];
export type Code = readonly Instruction[];

/** A seeded generator of numbers below `n`. */
export function dice(seed: number): (n: number) => number {
  let s = (seed * 2654435761 + 12345) >>> 0;
  return (n) => {
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    s >>>= 0;
    return s % n;
  };
}

interface Objects {
  readonly cells: Cell[];
  readonly locks: Mutex[];
  readonly semaphores: RwSem[];
}

/**
 * A machine for `codes`: those at `children` and later are not started but spawned, by "spawn" instructions in order.
 * An instruction is skipped if its op begins with "?" and the task's last value is even.
 */
export function setup(codes: readonly Code[], children: number): (m: Machine) => void {
  return (m) => {
    const objects: Objects = {
      cells: [cell("x"), cell("y"), cell("z")],
      locks: [mutex("l"), mutex("k")],
      semaphores: [rwsem("s"), rwsem("q", { queue: true })],
    };
    function* perform(code: number, i: number, v: number): Task<number> {
      const [op, a, b] = codes[code][i];
      if (op === "read") return yield* readOnce(objects.cells[a]);
      if (op === "write") yield* writeOnce(objects.cells[a], b);
      else if (op === "store") yield* writeOnce(objects.cells[a], v);
      else if (op === "add") return yield* fetchAdd(objects.cells[a], 1);
      else if (op === "cas") return yield* cmpxchg(objects.cells[a], b, b + 1);
      else if (op === "swap") {
        yield* touch(objects.cells[a], objects.cells[b]);
        const x = objects.cells[a].value;
        objects.cells[a].value = objects.cells[b].value;
        objects.cells[b].value = x;
      } else if (op === "choose") return yield* choose(2 + b);
      else if (op === "lock") yield* lock(objects.locks[a]);
      else if (op === "unlock") yield* unlock(objects.locks[a]);
      else if (op === "downRead") yield* downRead(objects.semaphores[a]);
      else if (op === "upRead") yield* upRead(objects.semaphores[a]);
      else if (op === "downWrite") yield* downWrite(objects.semaphores[a]);
      else if (op === "upWrite") yield* upWrite(objects.semaphores[a]);
      else if (op === "until") yield* until(() => objects.cells[a].value === b);
      else if (op === "either") yield* until(() => objects.cells[a].value === 0 || objects.cells[b].value === 1);
      else if (op === "point") yield* point();
      else if (op === "both") yield* until(() => objects.cells[a].value === 0 && objects.cells[b].value === 0);
      return v;
    }
    function* interpret(code: number): Task {
      let v = 0;
      const length = codes[code].length;
      for (let i = 0; i < length; i++) {
        const op = codes[code][i][0];
        if (op === "spawn") {
          const child = spawn(interpret, codes[code][i][1]);
          if (codes[code][i][2] === 1) yield* join(child);
        } else if (op === "try") {
          if (yield* trylock(objects.locks[codes[code][i][1]])) yield* unlock(objects.locks[codes[code][i][1]]);
          else v++;
        } else if (op === "odd") {
          if (v % 2 === 0) i++;
        } else v = yield* perform(code, i, v);
      }
    }
    for (let c = 0; c < children; c++) m.spawn(`t${c}`, interpret, [c], { children: codes.length - children });
  };
}

const SIMPLE = ["read", "write", "store", "add", "cas", "swap"];
const WAITING = ["until", "either", "both"];

/** Random code for 2 or 3 tasks, or `more`, and sometimes for a child. */
export function randomCodes(seed: number, more = 0): { codes: Code[]; children: number } {
  const roll = dice(seed);
  const tasks = 2 + more + roll(2);
  const codes: Instruction[][] = [];
  const kinds = roll(8);
  for (let t = 0; t < tasks; t++) {
    const code: Instruction[] = [];
    const length = 1 + roll(tasks === 2 ? 4 : 3);
    while (code.length < length) {
      const k = roll(8);
      const cells: [number, number] = [roll(3), roll(3)];
      if (kinds === 6 ? k < 2 : k < 4) code.push([SIMPLE[roll(SIMPLE.length)], ...cells]);
      else if (k <= 4) code.push([WAITING[roll(3)], cells[0], cells[1]]);
      else if (k === 5 && (kinds & 1) === 1) code.push(["choose", 0, roll(2)], ["odd", 0, 0], ["add", cells[0], 0]);
      else if (k === 6 && (kinds & 2) === 2) code.push(...section(roll));
      else if (k === 7 && (kinds & 4) === 4) code.push(roll(6) === 0 ? ["point", 0, 0] : ["try", roll(2), 0]);
    }
    codes.push(code);
  }
  if (roll(3) === 0) {
    codes[0].splice(roll(codes[0].length + 1), 0, ["spawn", tasks, roll(2)]);
    codes.push([
      [SIMPLE[roll(SIMPLE.length)], roll(3), roll(3)],
      ["read", roll(3), 0],
    ]);
  }
  return { codes, children: tasks };
}

/** A critical section of a lock or semaphore, sometimes around another one. */
function section(roll: (n: number) => number, depth = 0): Instruction[] {
  const which = roll(3);
  const l = roll(2);
  const inside: Instruction[] =
    depth === 0 && roll(2) === 0 ? section(roll, 1) : [[SIMPLE[roll(SIMPLE.length)], roll(3), roll(3)]];
  const ops = [
    ["lock", "unlock"],
    ["downRead", "upRead"],
    ["downWrite", "upWrite"],
  ][which];
  const never = roll(5) === 0;
  return [[ops[0], l, 0], ...inside, ...(never ? [] : [[ops[1], l, 0] as const])];
}
