/**
 * Sequence counters: readers take no lock; they look at the number before and after, and retry when it moved or is odd.
 *
 *   sequence   odd while a writer is inside; only grows
 *   writer     slot + 1 of that writer
 *
 * What they protect is read while it may change, so it must be made of cells. Writers exclude each other by other means.
 */
import { current, defineOp, type Handle, objectAt, pend, type Task, W } from "./core.ts";
import { Finding } from "./finding.ts";
import { activeMachine, nameWords, settingUpMachine, takeWords } from "./machine.ts";
import { promisedBy } from "./promise.ts";
import { type Embedded, embedded } from "./struct.ts";

const WRITER = 1;
const WORDS = 2;

export class Seqcount implements Handle {
  readonly id: number;
  readonly at: number;
  readonly name: string;

  constructor(at: number, name: string) {
    this.at = at;
    this.name = name;
    this.id = settingUpMachine("a seqcount").register(this, at);
    nameWords(at, name, { "": "int", writer: "owner" });
  }
}

/** A sequence counter that stands alone; as a field of a struct use `seqcountField()`. */
export function seqcount(name: string): Seqcount {
  return new Seqcount(takeWords(WORDS, name), name);
}

export function seqcountField(): Embedded<Seqcount> {
  return embedded(WORDS, (at, name) => new Seqcount(at, name));
}

const seqAt = (at: number): Seqcount => objectAt(at) as Seqcount;

/** The reader spins while a writer is inside. */
const readBeginOp = defineOp({
  name: "readSeqcountBegin",
  waits: "all",
  enabled: (at) => (W[at] & 1) === 0,
  apply: (at) => W[at],
  owners: (at) => promisedBy(at + WRITER),
  access: (at, _a, _b, _t, out) => out.read(at),
  describe: (at) => `read section of ${seqAt(at).name}`,
});

const readRetryOp = defineOp({
  name: "readSeqcountRetry",
  enabled: () => true,
  apply: (at, start) => W[at] !== start,
  access: (at, _a, _b, _t, out) => out.read(at),
  describe: (at, start) => `is ${seqAt(at).name} still ${start}?`,
});

const writeBeginOp = defineOp({
  name: "writeSeqcountBegin",
  enabled: () => true,
  apply: (at, _a, _b, task) => {
    if (W[at + WRITER] !== 0) {
      const other = activeMachine().tasks[W[at + WRITER] - 1].name;
      throw new Finding(
        "data-race",
        `two writers of ${seqAt(at).name} at once, the other is ${other}: let them share a lock`,
      );
    }
    W[at]++;
    W[at + WRITER] = task + 1;
  },
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at) => `begin to write under ${seqAt(at).name}`,
});

/** Not a mere release: a reader that looks afterwards sees another number. */
const writeEndOp = defineOp({
  name: "writeSeqcountEnd",
  enabled: () => true,
  apply: (at) => {
    W[at]++;
    W[at + WRITER] = 0;
  },
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at) => `end of writing under ${seqAt(at).name}`,
});

/** read_seqcount_begin: waits until no writer is inside; the sequence number for `readSeqcountRetry`. */
export function readSeqcountBegin(s: Seqcount): Task<number> {
  return pend(readBeginOp, s.at) as never;
}

/** read_seqcount_retry: true when a writer came in between, so that what was read must be thrown away. */
export function readSeqcountRetry(s: Seqcount, start: number): Task<boolean> {
  return pend(readRetryOp, s.at, start) as never;
}

/** write_seqcount_begin. Raises `data-race` when another writer is inside. */
export function writeSeqcountBegin(s: Seqcount): Task {
  return pend(writeBeginOp, s.at) as never;
}

/** write_seqcount_end. Raises an `assertion` finding when the caller is not the writer. */
export function writeSeqcountEnd(s: Seqcount): Task {
  if (W[s.at + WRITER] !== current + 1) {
    throw new Finding("assertion", `${s.name} is ended by a task that did not begin to write under it`);
  }
  return pend(writeEndOp, s.at) as never;
}
