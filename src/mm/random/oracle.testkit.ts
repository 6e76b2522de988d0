/**
 * The naive oracle: what memory contains, page by page. It knows no areas, page tables, frames, references or reverse
 * mappings; a page of a process is a place, a place has a page of its own or looks at a page of a file.
 */
import type { Process } from "../mmTypes.ts";

/** A page of memory, whoever sees it. */
export interface Cell {
  value: number;
  /** Somebody has written since it was clean: it may not be thrown away. */
  dirty: boolean;
}

export interface FileModel {
  readonly ext4: boolean;
  /** Bytes. */
  size: number;
  /** Pages that are cached, or all that were ever touched (tmpfs). */
  readonly cells: Map<number, Cell>;
  readonly disk: Map<number, number>;
}

/** One page of an address space. */
export interface Place {
  /** Null: private anonymous memory. */
  readonly file: FileModel | null;
  readonly index: number;
  readonly shared: boolean;
  /** The private page; null as long as nothing was written (zeros, or what the file has). */
  own: Cell | null;
  prot: number;
  locked: boolean;
  noFork: boolean;
  wipe: boolean;
  /** Node + 1. */
  policy: number;
  /** Written since soft-dirty bits were cleared. */
  soft: boolean;
}

export interface Space {
  readonly places: Map<number, Place>;
  users: number;
  readonly startBrk: number;
  brk: number;
  /** MREMAP_DONTUNMAP of locked memory leaves a count behind that fits nothing (as in Linux). */
  lockedOff: boolean;
}

export interface Actor {
  readonly process: Process;
  space: Space;
}

/** What a device holds on to, page by page; null = it must not be looked at any more. */
export interface Pin {
  readonly slot: number;
  readonly get: boolean;
  readonly write: boolean;
  readonly cells: (Cell | null)[];
  /** Whose private pages they are; null for those of files. */
  readonly of: (Space | null)[];
}

export interface Oracle {
  readonly actors: Actor[];
  readonly pins: Pin[];
  /** By number of the path. */
  readonly files: FileModel[];
}

export const READ = 1;
export const WRITE = 2;
export const EFAULT = -14;
export const EINVAL = -22;
export const ENOMEM = -12;
export const EACCES = -13;
export const EIO = -5;
export const EAGAIN = -11;
export const EINTR = -4;

export const pages = (bytes: number): number => Math.ceil(bytes / 4096);

export function newFile(ext4: boolean, size: number): FileModel {
  return { ext4, size, cells: new Map(), disk: new Map() };
}

export function newSpace(startBrk: number): Space {
  return { places: new Map(), users: 1, startBrk, brk: startBrk, lockedOff: false };
}

/** The page of a file: every mapping of it sees the same. */
export function cellOf(file: FileModel, index: number): Cell {
  let cell = file.cells.get(index);
  if (!cell) {
    cell = { value: file.disk.get(index) ?? 0, dirty: false };
    file.cells.set(index, cell);
  }
  return cell;
}

/** Is it behind the end of its file? Then whoever touches it gets a signal. */
export const beyond = (place: Place): boolean =>
  place.own === null && place.file !== null && place.index >= pages(place.file.size);

export function contentOf(place: Place): number {
  if (place.own) return place.own.value;
  return place.file ? cellOf(place.file, place.index).value : 0;
}

export const readable = (place: Place | undefined): place is Place =>
  place !== undefined && place.prot !== 0 && !beyond(place);
export const writable = (place: Place | undefined): place is Place =>
  place !== undefined && (place.prot & WRITE) !== 0 && !beyond(place);

/** The page that a write goes to: the file's, or the own copy. */
export function cellForWrite(place: Place): Cell {
  if (place.shared && place.file) return cellOf(place.file, place.index);
  place.own ??= { value: contentOf(place), dirty: true };
  return place.own;
}

/** A write fault, or a pin for writing. */
export function touchForWrite(place: Place): Cell {
  const cell = cellForWrite(place);
  cell.dirty = true;
  return cell;
}

export function writeTo(place: Place, value: number): void {
  touchForWrite(place).value = value;
  place.soft = true;
}

/** What populating does to a page: writable private memory gets pages of its own. False = a signal would be sent. */
export function populatePlace(place: Place): boolean {
  if (place.prot === 0 || beyond(place)) return false;
  if (!place.shared && (place.prot & WRITE) !== 0) touchForWrite(place);
  return true;
}

/** Dirty pages [from, to) go to disk. */
export function writeBack(file: FileModel, from: number, to: number): void {
  if (!file.ext4) return;
  for (const [index, cell] of file.cells) {
    if (index < from || index >= to || index >= pages(file.size) || !cell.dirty) continue;
    file.disk.set(index, cell.value);
    cell.dirty = false;
  }
}

/** Pages [from, to) of the file vanish, in memory and on disk. */
export function removePages(file: FileModel, from: number, to: number): void {
  for (const pool of [file.cells, file.disk]) {
    for (const index of [...pool.keys()]) if (index >= from && index < to) pool.delete(index);
  }
}

/** A hole: private copies stay. */
export function punch(oracle: Oracle, file: FileModel, from: number, to: number): void {
  removePages(file, from, to);
  forget(oracle, file, from, to, false);
}

/** Places that lose their page-table entries lose what these knew. */
function forget(oracle: Oracle, file: FileModel, from: number, to: number, cows: boolean): void {
  for (const { space } of oracle.actors) {
    for (const place of space.places.values()) {
      if (place.file !== file || place.index < from || place.index >= to) continue;
      if (cows) place.own = null;
      if (place.own === null) place.soft = false;
    }
  }
}

/** A truncation also takes private copies. */
export function truncate(oracle: Oracle, file: FileModel, bytes: number): void {
  if (bytes < file.size) {
    removePages(file, pages(bytes), Number.POSITIVE_INFINITY);
    forget(oracle, file, pages(bytes), Number.POSITIVE_INFINITY, true);
  }
  file.size = bytes;
}

/** How many pages from `at` on are mapped, at most `n`. */
export function mappedRun(space: Space, at: number, n: number): number {
  let j = 0;
  while (j < n && space.places.has(at + j)) j++;
  return j;
}

export function unmapPlaces(space: Space, at: number, n: number): void {
  for (let j = 0; j < n; j++) space.places.delete(at + j);
}

export function forkSpace(oracle: Oracle, space: Space): Space {
  const child = newSpace(space.startBrk);
  child.brk = space.brk;
  for (const [at, place] of space.places) {
    if (place.noFork) continue;
    const own = place.own && !place.wipe ? { ...place.own } : null;
    child.places.set(at, { ...place, own, locked: false, soft: place.own !== null && place.soft && !place.wipe });
  }
  // Plain references do not keep fork from sharing the page: the next write of the process may go elsewhere.
  for (const pin of oracle.pins) {
    if (!pin.get) continue;
    for (let i = 0; i < pin.cells.length; i++) if (pin.of[i] === space) pin.cells[i] = null;
  }
  return child;
}
