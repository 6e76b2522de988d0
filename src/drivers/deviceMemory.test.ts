/** Pages in the memory of a device: what becomes of them in each call that comes across one. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import { join, spawn } from "../machine/wait.ts";
import { sysExit } from "../mm/exit.ts";
import { explore } from "../mm/explore.testkit.ts";
import { sysFork } from "../mm/fork.ts";
import { createPages, FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../mm/gup.ts";
import { HMM_REQ_FAULT, HMM_REQ_WRITE, HMM_VALID, HMM_WRITE, hmmRangeFault } from "../mm/hmm.ts";
import type { Kernel } from "../mm/kernel.ts";
import { userRead, userWrite } from "../mm/memory.ts";
import { isDevicePage } from "../mm/memremap.ts";
import { sysMmap, sysMunmap } from "../mm/mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import {
  createIntervalNotifier,
  mmuIntervalNotifierInsert,
  mmuIntervalNotifierRemove,
  mmuIntervalReadBegin,
} from "../mm/mmuIntervalNotifier.ts";
import type { IntervalNotifier, IntervalNotifierOps } from "../mm/mmuNotifierTypes.ts";
import { MMU_NOTIFY_MIGRATE, rangeEvent, rangeIsOwn } from "../mm/mmuNotifierTypes.ts";
import { sysMprotect } from "../mm/mprotect.ts";
import { isDevicePrivateType, pteAt, SWP_DEVICE_WRITE, swpType } from "../mm/pageTable.ts";
import { type Rules, rules } from "../mm/rules.ts";
import { lruAddDrain } from "../mm/swap.ts";
import { A, smallKernel } from "../mm/world/small.ts";
import { createDeviceMemory, type DeviceMemory, migrateFromDevice, migrateToDevice } from "./deviceMemory.ts";

type Body = (k: Kernel, p: Process, device: DeviceMemory, pages: Pages) => Task;

const RULES: readonly Rules[] = (["noRef", "ref", "trylock", "wait"] as const).map((deviceFault) =>
  rules("linux-6.1", { deviceFault }),
);

/** Page A of `p` has content 1 and is in the device's memory, which has two pages; `body`; the end of `p`. */
function run(body: Body, inForce = rules("linux-6.1")): string {
  const r = explore((m: Machine) => {
    const k = smallKernel(m, { rules: inForce, devicePages: 2, frames: 8, tables: 12 });
    const p = createProcess(k);
    const device = createDeviceMemory(m, k, "device", 2);
    m.keep(body);
    m.spawn("main", main, [k, p, device, createPages("pages", 2), body], { children: 2 });
  });
  return `${r.verdict}${r.message}`;
}

function* main(k: Kernel, p: Process, device: DeviceMemory, pages: Pages, body: Body): Task {
  yield* sysMmap(k, p, A, 2, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  must((yield* migrateToDevice(k, device, p.mm as Mm, A, A + 1)) === 0, "assertion", "it goes to the device");
  yield* lruAddDrain(k);
  must(onDevice(k, p, A), "assertion", "it is on the device");
  yield* body(k, p, device, pages);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

const onDevice = (k: Kernel, p: Process, vpn: number): boolean =>
  isDevicePrivateType(swpType(pteAt(k, p.mm as Mm, vpn)));
const usedPages = (k: Kernel): number => {
  let n = 0;
  for (let pfn = k.deviceStart; pfn < k.frames.count; pfn++) if (k.frames.refcount[pfn] > 0) n++;
  return n;
};
function expectThat(condition: boolean, what: string): void {
  must(condition, "assertion", what);
}

function* readsAndWrites(k: Kernel, p: Process): Task {
  expectThat((yield* userRead(k, p, A)) === 1, "the content came back");
  expectThat(!onDevice(k, p, A) && usedPages(k) === 0, "the page came back");
  yield* userWrite(k, p, A, 2);
  expectThat((yield* userRead(k, p, A)) === 2, "it can be written to");
}

test("a CPU that touches the page gets it back, under all rules", () => {
  expect(RULES.map((inForce) => run(readsAndWrites, inForce))).toEqual(["ok", "ok", "ok", "ok"]);
});

function* goesAndComes(k: Kernel, p: Process, device: DeviceMemory): Task {
  const mm = p.mm as Mm;
  yield* userWrite(k, p, A + 1, 5);
  yield* lruAddDrain(k);
  expectThat((yield* migrateToDevice(k, device, mm, A, A + 2)) !== 0, "the second pages of both are not there");
  yield* migrateFromDevice(k, device, mm, A, A + 2);
  expectThat(usedPages(k) === 0, "all came back");
  expectThat((yield* migrateToDevice(k, device, mm, A, A + 2)) === 0, "now both go");
  expectThat(usedPages(k) === 2 && onDevice(k, p, A + 1), "both are there");
  expectThat((yield* userRead(k, p, A)) + (yield* userRead(k, p, A + 1)) === 6, "contents are kept");
}

test("a device without room leaves pages where they are", () => {
  expect(run(goesAndComes)).toBe("ok");
});

function* unmapped(k: Kernel, p: Process): Task {
  yield* sysMunmap(k, p, A, 1);
  expectThat(usedPages(k) === 0, "munmap gives the device its page back");
}
function* nothing(): Task<void> {
  // exit is enough
}

test("munmap and exit free the page", () => {
  expect([run(unmapped), run(nothing)]).toEqual(["ok", "ok"]);
});

function* forks(k: Kernel, p: Process): Task {
  const child = (yield* sysFork(k, p)) as Process;
  expectThat(onDevice(k, p, A) && onDevice(k, child, A) && usedPages(k) === 1, "both have the page");
  yield* userWrite(k, p, A, 2);
  yield* lruAddDrain(k);
  expectThat((yield* userRead(k, child, A)) === 1 && (yield* userRead(k, p, A)) === 2, "each has its own content");
  yield* sysExit(k, child);
}

test("fork shares it; a write brings it back and copies it", () => {
  expect(RULES.map((inForce) => run(forks, inForce))).toEqual(["ok", "ok", "ok", "ok"]);
});

function* protects(k: Kernel, p: Process): Task {
  expectThat(swpType(pteAt(k, p.mm as Mm, A)) === SWP_DEVICE_WRITE, "it may be written to");
  yield* sysMprotect(k, p, A, 1, PROT_READ);
  expectThat(onDevice(k, p, A) && swpType(pteAt(k, p.mm as Mm, A)) !== SWP_DEVICE_WRITE, "it is read-only");
  expectThat((yield* userWrite(k, p, A, 2)) < 0, "a write is refused");
  expectThat((yield* userRead(k, p, A)) === 1, "a read brings it back");
}

test("mprotect takes the right to write from an entry", () => {
  expect(run(protects)).toBe("ok");
});

function* pins(k: Kernel, p: Process, device: DeviceMemory, pages: Pages): Task {
  const mm = p.mm as Mm;
  expectThat((yield* getUserPagesFast(k, mm, A, 1, FOLL_PIN | FOLL_WRITE, pages)) === 1, "a pin brings it back");
  expectThat(!isDevicePage(k, pages.pfn[0]), "it is in RAM");
  yield* migrateToDevice(k, device, mm, A, A + 1);
  expectThat(!onDevice(k, p, A) && usedPages(k) === 0, "a pinned page does not go");
  yield* unpinUserPages(k, pages, 1, FOLL_PIN | FOLL_WRITE, false);
  yield* migrateToDevice(k, device, mm, A, A + 1);
  expectThat(onDevice(k, p, A), "without the pin it does");
}

test("pins bring a page back and keep it", () => {
  expect(run(pins)).toBe("ok");
});

/** Hears of everything but of what its own device migrates. */
const hears: IntervalNotifierOps = {
  *invalidate(_k, sub, _start, _end, flags): Task<boolean> {
    const device = sub.driver as DeviceMemory;
    const own = rangeEvent(flags) === MMU_NOTIFY_MIGRATE && rangeIsOwn(flags, device);
    must(own || rangeEvent(flags) !== MMU_NOTIFY_MIGRATE, "assertion", "somebody else migrates");
    return true;
  },
};

function* asks(k: Kernel, sub: IntervalNotifier, own: boolean, request: number, pages: Pages): Task<number> {
  const mm = sub.mm as Mm;
  const seq = yield* mmuIntervalReadBegin(sub);
  yield* downRead(mm.mmapLock);
  const error = yield* hmmRangeFault(
    k,
    mm,
    sub,
    seq,
    A,
    A + 1,
    request,
    pages,
    0,
    own ? (sub.driver as DeviceMemory) : null,
  );
  yield* upRead(mm.mmapLock);
  return error;
}

function* hmm(k: Kernel, p: Process, sub: IntervalNotifier, pages: Pages): Task {
  const request = HMM_REQ_FAULT | HMM_REQ_WRITE;
  yield* mmuIntervalNotifierInsert(k, sub, p.mm as Mm, A, 1);
  expectThat((yield* asks(k, sub, false, 0, pages)) === 0 && pages.pfn[0] === 0, "to others it is not there");
  expectThat((yield* asks(k, sub, true, request, pages)) === 0, "its owner needs no fault");
  const entry = pages.pfn[0];
  expectThat((entry & 3) === (HMM_VALID | HMM_WRITE) && isDevicePage(k, entry >> 2), "its owner sees it");
  // The fault migrates the page in the middle of the walk, so that the first answer is -EBUSY.
  while ((yield* asks(k, sub, false, request, pages)) !== 0);
  expectThat(!isDevicePage(k, pages.pfn[0] >> 2) && usedPages(k) === 0, "others get it in RAM");
  yield* mmuIntervalNotifierRemove(k, sub);
}

test("hmm_range_fault reports its owner's pages, and brings those of others back", () => {
  const r = explore((m) => {
    const k = smallKernel(m, { devicePages: 2, frames: 8, tables: 12 });
    const p = createProcess(k);
    const device = createDeviceMemory(m, k, "device", 2);
    const sub = createIntervalNotifier(m, k, "interval", hears, device);
    m.spawn("main", withInterval, [k, p, device, sub, createPages("pages", 2)]);
  });
  expect([r.verdict, r.message]).toEqual(["ok", ""]);
});

function* withInterval(k: Kernel, p: Process, device: DeviceMemory, sub: IntervalNotifier, pages: Pages): Task {
  yield* sysMmap(k, p, A, 2, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  yield* migrateToDevice(k, device, p.mm as Mm, A, A + 1);
  yield* hmm(k, p, sub, pages);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* races(k: Kernel, p: Process, device: DeviceMemory): Task {
  const a = spawn(reader, k, p);
  const b = spawn(mover, k, p, device);
  yield* join(a);
  yield* join(b);
}
function* reader(k: Kernel, p: Process): Task {
  expectThat((yield* userRead(k, p, A)) === 1, "the reader sees what was written");
}
function* mover(k: Kernel, p: Process, device: DeviceMemory): Task {
  yield* migrateToDevice(k, device, p.mm as Mm, A, A + 1);
}

test("a reader against another migration to the device, in every interleaving", () => {
  expect(RULES.map((inForce) => run(races, inForce))).toEqual([
    expect.stringMatching(/^use-after-free.*freed/),
    "ok",
    "ok",
    "ok",
  ]);
});

test("there must be frames for the device", () => {
  const setup = (m: Machine) => void createDeviceMemory(m, smallKernel(m, { devicePages: 1 }), "device", 2);
  expect(() => explore(setup)).toThrow("there are no 2 frames left for device.pagemap");
});
