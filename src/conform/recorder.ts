/** Turns what the model tells its observer (`probe:…`, from src/mm/user) into a record as the real probe writes it. */
import type { MachineEvent } from "../machine/events.ts";
import { ALL_END, EVENT_NAMES } from "../mm/mmuNotifierTypes.ts";
import type { RecordEvent } from "./record.ts";

const PREFIX = "probe:";
const PAGES_OF_WINDOW = 1 << 20;
const WINDOWS = 16;
/** Content of a page that is filled with one byte: bit 29 and the byte. */
const FILLED = 1 << 29;

type Fields = Readonly<Record<string, string | number | boolean>>;

export class Recorder {
  readonly events: RecordEvent[] = [];
  /** What a call is about to be labelled with, by task: strings are no part of the model's state. */
  readonly #labels = new Map<number, string>();
  readonly #tags = new Map<string, string>();

  /** The observer. */
  see(event: MachineEvent): void {
    if (!event.name.startsWith(PREFIX)) return;
    const e = this.#translate(event.name.slice(PREFIX.length), event.fields, event.task);
    if (e !== null) this.events.push(e);
  }

  #translate(name: string, f: Fields, task: number): RecordEvent | null {
    const label = this.#labels.get(task) ?? "";
    switch (name) {
      case "label":
        this.#labels.set(task, String(f.label));
        return null;
      case "mark":
        return { ev: "mark", label: cut(String(f.label)), ret: contentOf(f.ret) };
      case "begin":
        this.#labels.set(task, String(f.label));
        return { ev: "mark", label: cut(`> ${f.label}`), ret: 0 };
      case "result":
        return { ev: "mark", label: cut(`< ${label}`), ret: contentOf(f.ret) };
      case "register":
        this.#tags.set(`file ${f.file}`, label);
        return { ev: "register", mm: label, flags: Number(f.flags) };
      case "interval_add":
        this.#tags.set(`interval ${f.interval}`, label);
        break;
      case "page":
        return pageEvent(cut(label), f);
      case "pinned":
        return pageEvent("pinned-page", { ...f, bits: "" });
      case "hmmPfn":
        return hmmEvent(f);
      case "pin":
        return { ev: "pin", ...rangeOf(f), mode: modeOf(Number(f.flags)), got: Number(f.got) };
      case "dma":
        return { ev: "dma", write: Number(f.write), val: contentOf(f.val) };
      default:
        break;
    }
    return this.#callback(name, f);
  }

  #callback(ev: string, f: Fields): RecordEvent {
    const { file, interval, start, end, why, blockable, ret, ...rest } = f;
    const tag = this.#tags.get(file === undefined ? `interval ${interval}` : `file ${file}`);
    return {
      ev,
      ...(tag === undefined ? {} : { mm: tag }),
      ...(why === undefined ? {} : { why: EVENT_NAMES[Number(why)] }),
      ...(start === undefined ? (ev === "release" ? { at: "ALL" } : {}) : rangeOf(f)),
      ...(blockable === 0 ? { blockable: 0 } : {}),
      ...(ret === undefined || (ev === "start" && ret === 0) ? {} : { ret: Number(ret) }),
      ...rest,
    };
  }
}

/** The probe keeps 39 characters of a label. */
const cut = (label: string): string => label.slice(0, 39);

/** A number as user space sees it: the first eight bytes of a page, where that is filled with one byte. */
function contentOf(value: unknown): number {
  const n = Number(value);
  return n >= FILLED ? Number(BigInt(n & 255) * 0x0101010101010101n) : n;
}

function rangeOf(f: Fields): { at: string; page?: number; n?: number } {
  const start = Number(f.start ?? f.at);
  const end = Number(f.end ?? start + 1);
  if (start === 0 && end === ALL_END) return { at: "ALL" };
  const window = Math.floor(start / PAGES_OF_WINDOW) - 1;
  if (window < 0 || window >= WINDOWS) return { at: "other", n: end - start };
  return { at: String.fromCharCode(65 + window), page: start % PAGES_OF_WINDOW, n: end - start };
}

function pageEvent(label: string, f: Fields): RecordEvent {
  const pfn = Number(f.pfn);
  const flags = String(f.flags);
  return {
    ev: "page",
    label,
    ...rangeOf(f),
    ...(f.state === undefined ? {} : { state: String(f.state) }),
    bits: String(f.bits),
    ...(pfn < 0
      ? {}
      : { frame: pfn, refs: Number(f.refs), maps: Number(f.maps), flags: flags === "" ? [] : flags.split(",") }),
  };
}

/** See HMM_VALID and HMM_WRITE in src/mm/user/types.ts. */
function hmmEvent(f: Fields): RecordEvent {
  const entry = Number(f.entry);
  const valid = (entry & 1) !== 0;
  return {
    ev: "page",
    label: "hmm-pfn",
    ...rangeOf(f),
    state: valid ? "pte" : "none",
    order: 0,
    bits: (entry & 2) !== 0 ? "w" : "",
    ...(valid ? { frame: entry >> 2 } : {}),
  };
}

function modeOf(flags: number): string {
  const write = (flags & 1) !== 0 ? "+write" : "";
  const longterm = (flags & 2) !== 0 ? "+longterm" : "";
  return `${(flags & 4) !== 0 ? "get" : "pin"}${write}${longterm}`;
}
