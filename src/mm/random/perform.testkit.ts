/** The calls themselves, against the modelled kernel: one step each, its result as a number. */
import type { Task } from "../../machine/core.ts";
import { directRead, directWrite } from "../directIo.ts";
import { sysExec, sysExit } from "../exit.ts";
import { fileRead, fileWrite } from "../filemap.ts";
import { sysFork, sysVfork } from "../fork.ts";
import { type File, type Inode, O_CREAT, O_TRUNC } from "../fs.ts";
import { FOLL_GET, FOLL_LONGTERM, FOLL_PIN, FOLL_WRITE, getUserPagesFast, unpinUserPages } from "../gup.ts";
import { closeFile, openFile, unlinkFile } from "../inode.ts";
import { sysMadvise } from "../madvise.ts";
import { userRead, userWrite } from "../memory.ts";
import { sysMbind, sysMigratePages, sysMovePages } from "../mempolicy.ts";
import { sysMlock, sysMunlock } from "../mlock.ts";
import { sysBrk, sysMmap, sysMunmap } from "../mmap.ts";
import type { Mm, Process } from "../mmTypes.ts";
import { sysMprotect } from "../mprotect.ts";
import { sysMremap } from "../mremap.ts";
import { fsyncFile, sysMsync } from "../msync.ts";
import { processVmRw, procMemWrite, WORD } from "../processVmAccess.ts";
import { clearRefs } from "../taskMmu.ts";
import { punchHole, truncateSetsize } from "../truncate.ts";
import { performPressure } from "./performPressure.testkit.ts";
import type { Step } from "./step.testkit.ts";
import { isPinned, type World, world } from "./world.testkit.ts";

const w = (): World => world.now as World;
const s = (): Step => w().step as Step;
/** What the flags of a pin's step mean. */
export const pinFlags = (y: number): number => {
  const kind = y & 7;
  const how = kind === 0 || kind === 1 ? FOLL_GET : FOLL_PIN;
  return how | ((y & 8) !== 0 || kind === 1 ? 0 : FOLL_WRITE) | (kind === 2 ? FOLL_LONGTERM : 0);
};
export const pinLength = (n: number): number => Math.max(1, n & 3);
export const clearWhat = (y: number): number => 1 + (y % 5);

export function* perform(): Task<number> {
  switch (s().op) {
    case "write":
      return yield* userWrite(w().k, s().process, s().at, s().value);
    case "read":
      return yield* userRead(w().k, s().process, s().at);
    case "mmap":
      return yield* sysMmap(w().k, s().process, s().at, s().n, s().prot, s().flags, s().file, s().file ? s().index : 0);
    case "munmap":
      return yield* sysMunmap(w().k, s().process, s().at, s().n);
    case "mprotect":
      return yield* sysMprotect(w().k, s().process, s().at, s().n, s().prot);
    case "madvise":
      return yield* sysMadvise(w().k, s().process, s().at, s().n, s().flags);
    case "mremap":
      return yield* sysMremap(w().k, s().process, s().at, s().n, s().pages, s().flags, s().to);
    case "brk":
      return yield* sysBrk(w().k, s().process, s().to);
    case "mlock":
      return yield* sysMlock(w().k, s().process, s().at, s().n);
    case "munlock":
      return yield* sysMunlock(w().k, s().process, s().at, s().n);
    case "msync":
      return yield* sysMsync(w().k, s().process, s().at, s().n, s().flags & 4);
    default:
      return yield* performProcess();
  }
}

function* performProcess(): Task<number> {
  switch (s().op) {
    case "fork":
    case "vfork":
      return yield* forks();
    case "exec":
      return yield* sysExec(w().k, s().process);
    case "exit":
      if (w().oracle.actors.length > 1) yield* sysExit(w().k, s().process);
      return 0;
    case "pin":
      return yield* pins();
    case "dma":
      return device();
    case "unpin":
      if (s().pin >= 0) yield* unpins(s().pin, (s().flags & 1) !== 0);
      return 0;
    case "readv":
      return yield* processVmRw(w().k, s().process, s().targetProcess, s().at, 1, -1, WORD);
    case "writev":
      return yield* processVmRw(w().k, s().process, s().targetProcess, s().at, 1, s().value, WORD);
    case "memWrite":
      return yield* procMemWrite(w().k, s().targetProcess, s().at, s().value);
    case "clearRefs":
      return yield* clearRefs(w().k, s().process, s().process.mm as Mm, clearWhat(s().flags));
    case "movePages":
      return yield* sysMovePages(w().k, s().process, s().at, s().n, s().flags & 1, (s().flags & 2) !== 0 ? 4 : 2);
    case "migrate":
      return yield* sysMigratePages(w().k, s().process, s().flags & 1, (s().flags >> 1) & 1);
    case "mbind":
      return yield* sysMbind(w().k, s().process, s().at, s().n, mbindMode(), mbindNodes(), s().flags & 2);
    default:
      return yield* performFile();
  }
}

const mbindNodes = (): number => (mbindMode() === 0 ? 0 : 1 << (s().flags & 1));
const mbindMode = (): number => ((s().flags & 12) === 0 ? 0 : 2);

function* performFile(): Task<number> {
  switch (s().op) {
    case "fileWrite":
      return yield* fileWrite(w().k, s().file as File, s().index, s().value);
    case "fileRead":
      return yield* fileRead(w().k, s().file as File, s().index);
    case "truncate":
      return yield* truncateSetsize(w().k, s().file?.inode as Inode, s().bytes);
    case "punch":
      return yield* punchHole(w().k, s().file?.inode as Inode, s().index << 12, s().n << 12);
    case "fsync":
      return yield* fsyncFile(w().k, s().file as File);
    case "directRead":
      return s().path === 0 ? 0 : yield* directRead(w().k, s().process, s().file as File, s().at, s().index);
    case "directWrite":
      return s().path === 0 ? 0 : yield* directWrite(w().k, s().process, s().file as File, s().at, s().index);
    case "reopen":
      return yield* reopens();
    default:
      return yield* performPressure();
  }
}

function* forks(): Task<number> {
  if (w().oracle.actors.length >= 3) return 0;
  const child = s().op === "fork" ? yield* sysFork(w().k, s().process) : yield* sysVfork(w().k, s().process);
  if (typeof child === "number") return child;
  w().child = child as Process;
  return 1;
}

/** close, perhaps unlink, open again, perhaps with O_TRUNC. */
function* reopens(): Task<number> {
  yield* closeFile(w().k, s().file as File);
  if ((s().flags & 1) !== 0) yield* unlinkFile(w().k, s().path + 1);
  const file = yield* openFile(w().k, s().path + 1, O_CREAT | ((s().flags & 2) !== 0 ? O_TRUNC : 0));
  if (typeof file === "number") return file;
  w().files[s().path] = file as File;
  return 0;
}

function* pins(): Task<number> {
  const slot = freeSlot();
  if (slot < 0) return 0;
  const n = pinLength(s().n);
  const flags = pinFlags(s().flags);
  const got = yield* getUserPagesFast(w().k, s().process.mm as Mm, s().at, n, flags, w().pinned[slot]);
  w().pinnedSlot = slot;
  if (got > 0) isPinned(slot, got, flags);
  return got;
}

function freeSlot(): number {
  return w().pinCount.indexOf(0);
}

/** What the device does to the first page of a pin: content that it finds, or 0. */
function device(): number {
  const { pin, flags, value } = s();
  if (pin < 0 || !w().mayUse(pin)) return 0;
  const pfn = w().pinned[pin].pfn[0];
  if ((flags & 1) === 0 || !w().mayWrite(pin)) return w().k.frames.content[pfn];
  w().k.frames.content[pfn] = value;
  return value;
}

export function* unpins(slot: number, dirty: boolean): Task {
  const flags = w().pinFlags[slot];
  const marks = dirty && (flags & FOLL_WRITE) !== 0;
  yield* unpinUserPages(w().k, w().pinned[slot], w().pinCount[slot], flags, marks);
  w().pinCount[slot] = 0;
}
