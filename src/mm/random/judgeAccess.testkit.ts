/** Access from elsewhere: pins and devices, other processes, files, and moving between nodes. */
import { FOLL_GET, FOLL_LONGTERM, FOLL_WRITE } from "../gup.ts";
import { isLongtermPinnable } from "../gupLongterm.ts";
import { equal } from "./judge.testkit.ts";
import {
  beyond,
  type Cell,
  cellForWrite,
  cellOf,
  contentOf,
  EAGAIN,
  EFAULT,
  EINVAL,
  EIO,
  ENOMEM,
  type FileModel,
  newFile,
  type Place,
  pages,
  punch,
  readable,
  type Space,
  touchForWrite,
  truncate,
  WRITE,
  writable,
  writeBack,
  writeTo,
} from "./oracle.testkit.ts";
import { clearWhat, pinFlags, pinLength } from "./perform.testkit.ts";
import type { Step } from "./step.testkit.ts";
import { spaceOf, type World } from "./world.testkit.ts";

export function judgeAccess(w: World, s: Step, got: number, space: Space): void {
  const there = spaceOf(w, s.target).places.get(s.at);
  switch (s.op) {
    case "pin":
      return judgePin(w, s, got, space);
    case "dma":
      return judgeDma(w, s, got);
    case "unpin":
      return judgeUnpin(w, s);
    case "readv":
      equal("process_vm_readv", got, readable(there) ? 8 : EFAULT);
      if (readable(there)) equal("what it read", s.process.remote, contentOf(there));
      return;
    case "writev":
      equal("process_vm_writev", got, writable(there) ? 8 : EFAULT);
      if (writable(there)) writeTo(there, s.value);
      return;
    case "memWrite": {
      // Private memory may be written whatever its rights: a debugger sets a breakpoint.
      const may = there !== undefined && !beyond(there) && (!there.shared || (there.prot & WRITE) !== 0);
      equal("write to /proc/PID/mem", got, may ? 8 : EIO);
      if (may) writeTo(there, s.value);
      return;
    }
    case "clearRefs":
      if (clearWhat(s.flags) === 4) for (const place of space.places.values()) place.soft = false;
      return equal("clear_refs", got, 0);
    case "movePages":
      return judgeMovePages(w, s, got, space);
    case "migrate":
      // Without room on the other node.
      if (w.shape.pressure && got === ENOMEM) return;
      if (got < 0 || (got > 0 && w.oracle.pins.length === 0 && !w.shape.pressure)) equal("migrate_pages", got, 0);
      return;
    case "mbind":
      return judgeMbind(s, got, space);
    default:
      return judgeFile(w, s, got, space);
  }
}

function judgePin(w: World, s: Step, got: number, space: Space): void {
  if (w.pinnedSlot < 0) return equal("pin", got, 0);
  const flags = pinFlags(s.flags);
  const write = (flags & FOLL_WRITE) !== 0;
  const n = pinLength(s.n);
  let expected = 0;
  while (expected < n && (write ? writable : readable)(space.places.get(s.at + expected))) expected++;
  // A page that somebody else holds cannot leave the movable zone: another pin, or a batch of the LRU.
  const longterm = (flags & FOLL_LONGTERM) !== 0;
  const stuck = longterm && (got === ENOMEM || (got > 0 && got < expected));
  for (let j = 0; longterm && j < got; j++) {
    const pfn = w.pinned[w.pinnedSlot].pfn[j];
    if (!isLongtermPinnable(w.k, pfn)) throw new Error(`frame ${pfn} is pinned for long in the movable zone`);
  }
  if (!stuck) equal("pin", got, expected === 0 ? EFAULT : expected);
  const places = Array.from({ length: expected }, (_, j) => space.places.get(s.at + j) as Place);
  const cells = places.map((place) => pinnedCell(place, write));
  if (got <= 0) return;
  const get = (flags & FOLL_GET) !== 0;
  const of = places.map((place) => (place.own ? space : null));
  const usable = cells.slice(0, got).map((cell, j) => (get && !write && of[j] ? null : cell));
  w.oracle.pins.push({ slot: w.pinnedSlot, get, write, cells: usable, of: of.slice(0, got) });
}

/** Memory that was never written is read from the zero page, which is nobody's. */
function pinnedCell(place: Place, write: boolean): Cell {
  if (write) {
    place.soft = true;
    // A page that may be written already is not marked: whoever unpins it does that.
    return place.file?.ext4 ? touchForWrite(place) : cellForWrite(place);
  }
  return place.own ?? (place.file ? cellOf(place.file, place.index) : { value: 0, dirty: false });
}

function judgeDma(w: World, s: Step, got: number): void {
  const cell = w.oracle.pins.find((pin) => pin.slot === s.pin)?.cells[0];
  if (!cell) return equal("DMA", got, 0);
  if ((s.flags & 1) !== 0 && w.mayWrite(s.pin)) cell.value = s.value;
  equal("DMA", got, cell.value);
}

function judgeUnpin(w: World, s: Step): void {
  const { pins } = w.oracle;
  const i = pins.findIndex((pin) => pin.slot === s.pin);
  if (i < 0) return;
  const [pin] = pins.splice(i, 1);
  if ((s.flags & 1) === 0 || !pin.write) return;
  for (const cell of pin.cells) if (cell) cell.dirty = true;
}

function judgeMovePages(w: World, s: Step, got: number, space: Space): void {
  if (got !== 0 && w.oracle.pins.length === 0 && !w.shape.pressure) equal("move_pages", got, 0);
  const all = (s.flags & 2) !== 0;
  for (let j = 0; j < s.n; j++) {
    const place = space.places.get(s.at + j);
    const status = w.k.moved.status[j];
    if (!place) equal(`status of page ${s.at + j}`, got === 0 ? status : EFAULT, EFAULT);
    else if (w.shape.pressure && status < 0)
      continue; // it is in swap, or there is no room on the other node
    else if (place.own && all && w.oracle.pins.length === 0) equal(`status of page ${s.at + j}`, status, s.flags & 1);
  }
}

function judgeMbind(s: Step, got: number, space: Space): void {
  const mapped = Array.from({ length: s.n }, (_, j) => space.places.get(s.at + j));
  const whole = mapped.every((place) => place !== undefined);
  equal("mbind", got, whole ? 0 : EFAULT);
  if (!whole) return;
  for (const place of mapped) if (place) place.policy = (s.flags & 12) === 0 ? 0 : 1 + (s.flags & 1);
}

function judgeFile(w: World, s: Step, got: number, space: Space): void {
  const file = w.oracle.files[s.path];
  const { index } = s;
  switch (s.op) {
    case "fileWrite":
      equal("write(2)", got, 4096);
      Object.assign(cellOf(file, index), { value: s.value, dirty: true });
      file.size = Math.max(file.size, (index + 1) * 4096);
      return;
    case "fileRead":
      return equal("read(2)", got, index < pages(file.size) ? cellOf(file, index).value : 0);
    case "truncate":
      equal("ftruncate", got, 0);
      return truncate(w.oracle, file, s.bytes);
    case "punch":
      writeBack(file, index, index + s.n);
      equal("fallocate", got, 0);
      return punch(w.oracle, file, index, index + s.n);
    case "fsync":
      writeBack(file, 0, pages(file.size));
      return equal("fsync", got, 0);
    case "directRead":
      return file.ext4 ? judgeDirectRead(s, got, file, space.places.get(s.at)) : undefined;
    case "directWrite":
      return file.ext4 ? judgeDirectWrite(s, got, file, space.places.get(s.at)) : undefined;
    case "reopen":
      equal("open", got, 0);
      if ((s.flags & 1) !== 0) w.oracle.files[s.path] = newFile(file.ext4, 0);
      else if ((s.flags & 2) !== 0) truncate(w.oracle, file, 0);
      return;
    case "reclaim":
      if (got !== EAGAIN) equal("memory.reclaim", got, 0);
      return;
    case "fill":
      return judgeFill(s, got, space);
    case "sweep":
      return judgeSweep(w, s, got, space);
    case "swapoff":
      if (got !== EINVAL && got !== ENOMEM) equal("swapoff", got, 0);
      return;
    default:
      equal(s.op, got, 0);
  }
}

function runOf(s: Step, space: Space, may: (place: Place | undefined) => boolean): number {
  let j = 0;
  while (j < s.n && may(space.places.get(s.at + j))) j++;
  return j;
}

function judgeFill(s: Step, got: number, space: Space): void {
  const expected = runOf(s, space, writable);
  equal("pages written", got, expected);
  for (let j = 0; j < Math.min(got, expected); j++) writeTo(space.places.get(s.at + j) as Place, s.value + j);
}

function judgeSweep(w: World, s: Step, got: number, space: Space): void {
  const expected = runOf(s, space, readable);
  for (let j = 0; j < Math.min(got, expected); j++) {
    const content = contentOf(space.places.get(s.at + j) as Place);
    if (w.swept[j] !== content) throw new Error(`page ${s.at + j} contains ${w.swept[j]} instead of ${content}`);
  }
  equal("pages read", got, expected);
}

function judgeDirectRead(s: Step, got: number, file: FileModel, place: Place | undefined): void {
  if (s.index >= pages(file.size)) return equal("O_DIRECT read", got, 0);
  writeBack(file, s.index, s.index + 1);
  equal("O_DIRECT read", got, writable(place) ? 4096 : EFAULT);
  if (!writable(place)) return;
  const value = file.disk.get(s.index) ?? 0;
  cellForWrite(place);
  writeTo(place, value);
}

function judgeDirectWrite(s: Step, got: number, file: FileModel, place: Place | undefined): void {
  writeBack(file, s.index, s.index + 1);
  file.cells.delete(s.index);
  equal("O_DIRECT write", got, readable(place) ? 4096 : EFAULT);
  if (!readable(place)) return;
  file.disk.set(s.index, contentOf(place));
  file.cells.delete(s.index);
  file.size = Math.max(file.size, (s.index + 1) * 4096);
}
