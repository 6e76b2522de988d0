/**
 * Schedules as short printable words, for links, mails and command lines: `1-a3bA2.1_bc-40-q7xk`.
 *
 *   word    = "1" settings "-" body "-" checksum        1 = version of this format
 *   settings= ["f"] ["x" number] {"v" number}           fine steps; extra child slots; locks with visible releases
 *   body    = {item}
 *   item    = task [count] ["." choice]                 count decisions of one task, all with that choice (0 if missing)
 *           | "_" item {item} "-" count                 a group, `count` times
 *   task    = {"~"} letter                              slots 0-25 a-z, 26-51 A-Z; each "~" adds 52
 *
 * The settings belong to the schedule because slots and steps are numbered under them: a search may have needed them on
 * some other path. Same decisions and settings, same word: links keep working.
 */
import { mayfailError } from "../errors.ts";
import type { Handle } from "../machine/core.ts";
import type { Machine, MachineOptions } from "../machine/machine.ts";
import type { Decision } from "./program.ts";

/** Decisions together with what numbers their slots and steps. */
export interface Schedule {
  readonly decisions: readonly Decision[];
  /** Every operation is a step of its own. */
  readonly fine: boolean;
  readonly extraChildren: number;
  /** Locks whose releases are steps in coarse runs too, as ordinals among the machine's objects, ascending. */
  readonly visibleLocks: readonly number[];
}

/** More decisions than this are refused: no run that a person looks at is longer. */
export const MAX_DECISIONS = 1_000_000;

const VERSION = "1";
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS32 = "0123456789abcdefghjkmnpqrstvwxyz";
const CHECK_LENGTH = 4;
/** Groups that repeat are looked for up to this many items. */
const MAX_PERIOD = 64;
const MAX_NESTING = 8;
const MAX_NUMBER = 1 << 30;

/** What `decisions`, found on machine `m`, need to be replayed anywhere. */
export function scheduleOf(m: Machine, decisions: readonly Decision[]): Schedule {
  const { fine, extraChildren, visibleReleases } = m.options;
  const visibleLocks = objectNames(m).flatMap((name, i) => (visibleReleases.includes(name) ? [i] : []));
  return { decisions, fine, extraChildren, visibleLocks: fine ? [] : visibleLocks };
}

/** Options under which a machine numbers slots and steps as `schedule` does. `m` is any machine of the same program. */
export function machineOptionsOf(m: Machine, schedule: Omit<Schedule, "decisions">): Partial<MachineOptions> {
  const names = objectNames(m);
  const missing = schedule.visibleLocks.find((i) => i >= names.length);
  if (missing !== undefined) {
    throw mayfailError("MF0402", { step: 1, reason: `it speaks of object ${missing + 1} of ${names.length}` });
  }
  return {
    fine: schedule.fine,
    extraChildren: schedule.extraChildren,
    visibleReleases: schedule.visibleLocks.map((i) => names[i]).sort(),
  };
}

/** Names of all objects that have words, in the order of their words, which does not depend on any size. */
function objectNames(m: Machine): string[] {
  return m.objects.all().map((object) => (object as Handle).name);
}

// ---------------------------------------------------------------------------------------------------------------------
// Writing

/** The word for a schedule. Byte-stable: the same schedule gives the same word in every release of this version. */
export function scheduleText(s: Schedule): string {
  const settings = [
    s.fine ? "f" : "",
    s.extraChildren > 0 ? `x${s.extraChildren}` : "",
    ...s.visibleLocks.map((i) => `v${i}`),
  ];
  const head = `${VERSION}${settings.join("")}-${compress(items(s.decisions))}`;
  return `${head}-${checksum(head)}`;
}

/** Maximal runs of equal decisions. */
function items(decisions: readonly Decision[]): string[] {
  const list: string[] = [];
  for (let i = 0; i < decisions.length; ) {
    const { task, choice } = decisions[i];
    let n = 1;
    while (i + n < decisions.length && decisions[i + n].task === task && decisions[i + n].choice === choice) n++;
    list.push(`${taskLetter(task)}${n > 1 ? n : ""}${choice > 0 ? `.${choice}` : ""}`);
    i += n;
  }
  return list;
}

function taskLetter(slot: number): string {
  const { length } = LETTERS;
  return "~".repeat(Math.floor(slot / length)) + LETTERS[slot % length];
}

/** Joins items; at each place the repetition that saves most characters becomes a group, from left to right. */
function compress(list: readonly string[]): string {
  const lengths = [0];
  for (const item of list) lengths.push(lengths[lengths.length - 1] + item.length);
  let text = "";
  for (let i = 0; i < list.length; ) {
    let best = { saved: 0, period: 0, times: 0 };
    for (let period = 1; period <= MAX_PERIOD && i + 2 * period <= list.length; period++) {
      let same = 0;
      while (i + period + same < list.length && list[i + same] === list[i + period + same]) same++;
      const times = Math.floor(same / period) + 1;
      const saved = (times - 1) * (lengths[i + period] - lengths[i]) - 2 - String(times).length;
      if (saved > best.saved) best = { saved, period, times };
    }
    if (best.period === 0) {
      text += list[i++];
    } else {
      text += `_${compress(list.slice(i, i + best.period))}-${best.times}`;
      i += best.period * best.times;
    }
  }
  return text;
}

/** Four digits to base 32 of the FNV-1a hash of `text`: one mistyped word in a million goes unnoticed. */
export function checksum(text: string): string {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b3c6d);
  let sum = "";
  for (let i = 0; i < CHECK_LENGTH; i++) sum += DIGITS32[(h >>> (27 - 5 * i)) & 31];
  return sum;
}

// ---------------------------------------------------------------------------------------------------------------------
// Reading

/**
 * The schedule that `text` stands for; blanks and line ends, as mail programs put them in, are ignored.
 * Raises MF0401 for anything that `scheduleText` cannot have written, above all for mistyped words.
 */
export function parseSchedule(text: string): Schedule {
  const word = text.replace(/\s+/g, "");
  const bad = (reason: string): Error =>
    mayfailError("MF0401", { schedule: word.length > 60 ? `${word.slice(0, 57)}...` : word, reason });
  if (/^\d/.test(word) && !/^1(?!\d)/.test(word)) {
    throw bad(`it is of version ${/^\d{1,9}/.exec(word)?.[0]}, and this release knows only version ${VERSION}`);
  }
  const parts = /^1(f?)(?:x(\d{1,2}))?((?:v\d{1,6})*)-(.*)-([^-]*)$/.exec(word);
  if (!parts) throw bad("it does not have the form 1-…-xxxx");
  const [, fine, extra, visible, body, sum] = parts;
  if (sum !== checksum(word.slice(0, -(sum.length + 1)))) {
    throw bad("its last four characters do not fit the rest, so a character is wrong or missing");
  }
  const visibleLocks = visible.split("v").slice(1).map(Number);
  return {
    decisions: new Reader(body, bad).decisions(),
    fine: fine === "f",
    extraChildren: Number(extra ?? 0),
    visibleLocks,
  };
}

class Reader {
  private readonly text: string;
  private readonly bad: (reason: string) => Error;
  private at = 0;

  constructor(text: string, bad: (reason: string) => Error) {
    this.text = text;
    this.bad = bad;
  }

  decisions(): Decision[] {
    const list = this.items(0);
    if (this.at < this.text.length) throw this.unexpected();
    return list;
  }

  /** Items up to the end of the text or of the group. */
  private items(nesting: number): Decision[] {
    const list: Decision[] = [];
    for (;;) {
      const c = this.text[this.at];
      if (c === "_") {
        if (nesting === MAX_NESTING) throw this.bad("its groups are nested too deeply");
        this.at++;
        const group = this.items(nesting + 1);
        if (this.text[this.at] !== "-" || group.length === 0) throw this.unexpected();
        this.at++;
        this.repeat(list, group, this.number());
      } else if (c === "~" || (c !== undefined && LETTERS.includes(c))) {
        const task = this.task();
        const count = this.isDigit() ? this.number() : 1;
        let choice = 0;
        if (this.text[this.at] === ".") {
          this.at++;
          choice = this.number();
        }
        this.repeat(list, [{ task, choice }], count);
      } else {
        return list;
      }
    }
  }

  private repeat(list: Decision[], group: readonly Decision[], times: number): void {
    if (list.length + group.length * times > MAX_DECISIONS)
      throw this.bad(`it has more than ${MAX_DECISIONS} decisions`);
    for (let i = 0; i < times; i++) for (const d of group) list.push(d);
  }

  private task(): number {
    let slot = 0;
    for (; this.text[this.at] === "~"; this.at++) slot += LETTERS.length;
    const letter = LETTERS.indexOf(this.text[this.at] ?? "?");
    if (letter < 0) throw this.unexpected();
    this.at++;
    return slot + letter;
  }

  private isDigit(): boolean {
    const c = this.text[this.at];
    return c !== undefined && c >= "0" && c <= "9";
  }

  private number(): number {
    if (!this.isDigit()) throw this.unexpected();
    let n = 0;
    for (; this.isDigit(); this.at++) {
      n = 10 * n + Number(this.text[this.at]);
      if (n > MAX_NUMBER) throw this.bad("it contains a number that is too large");
    }
    return n;
  }

  private unexpected(): Error {
    const c = this.text[this.at];
    return this.bad(
      c === undefined ? "it ends too early" : `"${c}" is not possible at character ${this.at + 1} of its body`,
    );
  }
}
