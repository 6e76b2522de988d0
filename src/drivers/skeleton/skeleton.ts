/**
 * A driver to copy: `mayfail new driver NAME`. Its device has a page table of its own, which must never say anything else
 * than that of the process. It holds no reference to any page, so an entry is good only until the next callback:
 *
 *   map       read_begin ─▶ hmm_range_fault ─▶ lock ─▶ read_retry? ── yes ─▶ unlock, again
 *                                                          └── no ──▶ program the device, unlock
 *   callback  lock ─▶ set_seq, entries of the range go ─▶ unlock       (whoever read before must look again)
 *   access    lock ─▶ an entry? the hardware stores through it ─▶ unlock
 *
 * Everything that waits, takes a lock or calls the kernel is a `function*`, called with `yield*`: that is where other tasks
 * may come in between. What lives longer than a call stands in a `struct` or in `columns`, whose fields say which lock
 * guards them; a field that is touched without its lock is a finding.
 */
import {
  column,
  columns,
  createIntervalNotifier,
  createPages,
  type DeviceUnderTest,
  defineDriver,
  downRead,
  EAGAIN,
  EBUSY,
  type Handle,
  HMM_REQ_FAULT,
  HMM_REQ_WRITE,
  hardwareStore,
  hmmRangeFault,
  type IntervalNotifier,
  type IntervalNotifierOps,
  type Kernel,
  lock,
  type Mm,
  type Mutex,
  mmuIntervalNotifierInsert,
  mmuIntervalNotifierRemove,
  mmuIntervalReadBegin,
  mmuIntervalReadRetry,
  mmuIntervalSetSeq,
  mutexField,
  type Pages,
  struct,
  type Task,
  unlock,
  upRead,
  type Vpn,
} from "../../index.ts";

/** Everything of one device. `entry` is its page table: pfn << 2 | HMM_WRITE | HMM_VALID as from hmm_range_fault, 0 = nothing. */
interface Device extends Handle {
  /** The lock of the callback. Nothing may be allocated under it, and nothing waited for that needs memory: rules C01, C02. */
  readonly lock: Mutex;
  readonly start: Vpn;
  /** Page table; and how often the frame of an entry had been freed when it was mapped, which no real device knows. */
  readonly table: ReturnType<typeof createTable>;
  /** What was collected and is not mapped yet. Only the task that maps uses it. */
  readonly collected: Pages;
}
const deviceStruct = struct("device", { lock: mutexField() });

function createTable(name: string, count: number, guard: () => Mutex) {
  return columns(name, count, { entry: column({ guardedBy: guard }), generation: column({ guardedBy: guard }) });
}

/** What you want to compare: each variant is checked for itself. Give the broken one a name, too. */
interface Options {
  /** Looks again, under the lock, whether what it collected is still right. */
  readonly looksAgain: boolean;
}

const ops: IntervalNotifierOps = {
  /** When this has returned the memory management takes the pages [start, end) away: rule C03. */
  *invalidate(_k, sub, start, end, _flags, seq): Task<boolean> {
    const device = sub.driver as Device;
    yield* lock(device.lock);
    yield* mmuIntervalSetSeq(sub, seq); // whoever collects pages just now will look, and find this: rule C04
    const from = Math.max(start - device.start, 0);
    const to = Math.min(end - device.start, device.table.count);
    device.table.entry.fill(0, from, to); // all of the range, and no more: rule C15
    device.table.generation.fill(0, from, to);
    yield* unlock(device.lock);
    return true; // false = refused, which only a range may be that must not block: rule C07
  },
};

/** An ioctl: the device is to see [at, at + n). 0 or -errno. */
function* map(k: Kernel, sub: IntervalNotifier<Device>, at: Vpn, n: number, options: Options): Task<number> {
  const device = sub.driver;
  const mm = sub.mm as Mm;
  for (;;) {
    const seq = yield* mmuIntervalReadBegin(sub);
    yield* downRead(mm.mmapLock);
    const request = HMM_REQ_FAULT | HMM_REQ_WRITE;
    const error = yield* hmmRangeFault(k, mm, sub, seq, at, at + n, request, device.collected);
    yield* upRead(mm.mmapLock);
    if (error === -EBUSY) continue; // the range was invalidated meanwhile
    if (error !== 0) return error; // there is no memory, or no such page: userspace is told
    yield* lock(device.lock);
    const outdated = options.looksAgain && (yield* mmuIntervalReadRetry(sub, seq));
    if (!outdated) program(k, device, at, n);
    yield* unlock(device.lock);
    if (!outdated) return 0;
  }
}

/** No `yield*` in here, so it is an ordinary function: no other task comes in between. The lock is held. */
function program(k: Kernel, device: Device, at: Vpn, n: number): void {
  for (let i = 0; i < n; i++) {
    const entry = device.collected.pfn[i];
    device.table.entry[at - device.start + i] = entry;
    device.table.generation[at - device.start + i] = k.frames.generation[entry >> 2];
  }
}

/** What the hardware does by itself, for a job of userspace. It needs a fault, so another `map`, when it finds no entry. */
function* access(k: Kernel, device: Device, at: Vpn, content: number): Task<number> {
  yield* lock(device.lock);
  const entry = device.table.entry[at - device.start];
  if (entry !== 0) hardwareStore(k, entry >> 2, device.table.generation[at - device.start], content);
  yield* unlock(device.lock);
  return entry === 0 ? -EAGAIN : 0;
}

/** First the device forgets everything, then the subscription goes: in between the callbacks must come still (rule C09). */
function* close(k: Kernel, sub: IntervalNotifier<Device>): Task {
  const device = sub.driver;
  yield* lock(device.lock);
  device.table.entry.fill(0);
  device.table.generation.fill(0);
  yield* unlock(device.lock);
  yield* mmuIntervalNotifierRemove(k, sub);
}

export default defineDriver<Options>({
  id: "skeleton",
  title: "a device that mirrors the page table of a process",
  variants: {
    good: { looksAgain: true, about: "looks again under the lock" },
    hasty: { looksAgain: false, about: "maps what it has collected, whatever happened since", breaks: ["C04"] },
  },
  create(m, k, { process, start, count, name }, options): DeviceUnderTest {
    const device: Device = deviceStruct.create(name) as Device;
    const table = createTable(`${name}.table`, count, () => device.lock);
    Object.assign(device, { start, table, collected: createPages(`${name}.collected`, count) });
    const sub = createIntervalNotifier(m, k, `${name}.notifier`, ops, device);
    return {
      open: (kernel) => mmuIntervalNotifierInsert(kernel, sub, process.mm as Mm, start, count),
      map: (kernel, at, n) => map(kernel, sub, at, n, options),
      access: (kernel, at, content) => access(kernel, device, at, content),
      close: (kernel) => close(kernel, sub),
      table: () => table.entry,
    };
  },
});
