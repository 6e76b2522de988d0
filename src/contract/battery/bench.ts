/**
 * What the entries of the battery share. Most are one scene: the process has the device open; its userspace maps a page and
 * lets the hardware write to it, while something happens to that memory.
 *
 *   main ── open ──┬── userspace: map ─▶ access (again on -EAGAIN) ──┬── look ── close ── exit ── nothing is left
 *                  └── event: reclaim, munmap, fork …               ──┘
 */

import type { DeviceUnderTest, Driver } from "../../drivers/underTest.ts";
import type { Task } from "../../machine/core.ts";
import { EAGAIN } from "../../machine/errno.ts";
import { must } from "../../machine/finding.ts";
import type { Machine } from "../../machine/machine.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { nameFile, unlinkFile } from "../../mm/inode.ts";
import type { Kernel, KernelOptions } from "../../mm/kernel.ts";
import { userRead } from "../../mm/memory.ts";
import type { Mm, Process } from "../../mm/mmTypes.ts";
import { createProcess } from "../../mm/mmUsers.ts";
import type { Vpn } from "../../mm/page.ts";
import { claimCoherence } from "../../mm/world/claims.ts";
import { ANON, FILE, type Hog, mapPages, type PageKind } from "../../mm/world/pages.ts";
import { leave, swapKernel } from "../../mm/world/reclaim.ts";
import { A } from "../../mm/world/small.ts";
import type { RuleId } from "../rules.ts";

/** A driver and one of its variants. */
export interface Subject {
  readonly driver: Driver;
  readonly variant: string;
}

export interface Entry {
  readonly name: string;
  /** What happens, for report cards. */
  readonly about: string;
  /** The rules that it is there for: a card says "kept" only of rules that some entry has tried. */
  readonly tries: readonly RuleId[];
  setup(m: Machine, subject: Subject): void;
}

/** What the device writes; the process has written 1. */
export const BY_DEVICE = 3;

/** Sequences may not come back to where they were within one entry: a system call makes up to five sections. */
const ROOM: KernelOptions = { frames: 8, seqMask: 63 };

/** One device, its process, and what happens to them. */
export interface Scene {
  readonly k: Kernel;
  readonly p: Process;
  readonly device: DeviceUnderTest;
  /** Pages that the device is asked to see, from A on. */
  readonly pages: number;
  /** Name of the file that they are of; -1 = none. */
  readonly path: number;
  readonly event: (scene: Scene) => Task;
  /** After both have ended; the device is open still. */
  readonly look: (scene: Scene) => Task;
  /** A second device, if there is one: of the same process, or of process `q`. */
  readonly other: DeviceUnderTest | null;
  readonly q: Process | null;
  /** What has taken the free frames, if they are short. */
  readonly hog: Hog | null;
}

export interface SceneOptions {
  /** Another course of things than `main`'s. */
  readonly course?: (scene: Scene) => Task;
  /** Set-up: what else there is, before anything is a step. */
  readonly more?: (
    m: Machine,
    k: Kernel,
    p: Process,
    device: DeviceUnderTest,
  ) => Partial<Pick<Scene, "other" | "q" | "hog">>;
  readonly kernel?: KernelOptions;
  readonly kind?: PageKind;
  /** Pages of the process that are mapped, from A on, and pages of them that the device sees. */
  readonly mapped?: number;
  readonly pages?: number;
  /** Of those mapped, so many are there already; all, if nothing is said. */
  readonly resident?: number;
  readonly look?: (scene: Scene) => Task;
}

/** Set-up: the device of `subject` for pages [start, start + count) of `p`, with its claim of coherence. */
export function createDevice(
  m: Machine,
  k: Kernel,
  { driver, variant }: Subject,
  p: Process,
  options: { readonly name?: string; readonly start?: Vpn; readonly count?: number; sibling?: DeviceUnderTest } = {},
): DeviceUnderTest {
  const { name = "device", start = A, count = 1, sibling = null } = options;
  const device = m.keep(driver.create(m, k, { process: p, start, count, name, sibling }, variant));
  if (device.table) claimCoherence(m, k, p.mm as Mm, start, name, device.table);
  return device;
}

/** Set-up: the scene that most entries are. */
export function createScene(
  m: Machine,
  subject: Subject,
  event: (scene: Scene) => Task,
  options: SceneOptions = {},
): Scene {
  const { kind = ANON, pages = 1, mapped = pages, look = seesTheWrite } = options;
  const k = swapKernel(m, { ...ROOM, ...options.kernel });
  const p = createProcess(k);
  m.boot(mapPages, [k, p, A, mapped, kind, options.resident ?? mapped]);
  const path = kind === FILE ? nameFile(k, "/mnt/file") : -1;
  const device = createDevice(m, k, subject, p, { count: pages });
  const more = options.more?.(m, k, p, device) ?? {};
  const scene: Scene = { other: null, q: null, hog: null, ...more, ...{ k, p, device, pages, path, event, look } };
  m.keep(scene);
  m.spawn("main", options.course ?? main, [scene], { children: 2 });
  return scene;
}

function* main(scene: Scene): Task {
  const { k, device, event, look } = scene;
  yield* opens(k, device);
  const user = spawn(userspace, scene);
  const other = spawn(event, scene);
  yield* join(user);
  yield* join(other);
  yield* look(scene);
  yield* device.close(k);
  yield* ends(scene);
}

export function* opens(k: Kernel, device: DeviceUnderTest): Task {
  const error = yield* device.open(k);
  must(error === 0, "assertion", `the device cannot be opened: ${error}`);
}

/** The devices are closed: the processes end. */
export function* ends({ k, p, q, path }: Scene): Task {
  yield* leave(k, p);
  if (q) yield* leave(k, q);
  if (path >= 0) yield* unlinkFile(k, path);
}

/** Maps the pages and lets the hardware write to each, until it has, or is told that it cannot. */
export function* userspace({ k, device, pages }: Scene): Task {
  yield* choose(1); // anybody may begin
  yield* useDevice(k, device, pages);
}

/** 0 when the device has written to each page, else what it was told. */
export function* useDevice(k: Kernel, device: DeviceUnderTest, pages: number): Task<number> {
  for (;;) {
    let error = yield* device.map(k, A, pages);
    for (let i = 0; i < pages && error === 0; i++) error = yield* device.access(k, A + i, BY_DEVICE);
    if (error !== -EAGAIN) return error;
  }
}

/** The process reads what its device wrote. */
export function* seesTheWrite({ k, p, pages }: Scene): Task {
  yield* sees(k, p, pages);
}

export function* sees(k: Kernel, p: Process, pages: number): Task {
  for (let i = 0; i < pages; i++) {
    const seen = yield* userRead(k, p, A + i);
    must(
      seen === BY_DEVICE,
      "lost-write",
      `the device wrote ${BY_DEVICE} to page ${A + i}, and its process reads ${seen}`,
    );
  }
}

/** Nothing is promised of the content. */
export function* looksAway(): Task {}
