/** One modelled kernel: its rules, its memory and its pools of structs. Passed as `k` to everything in src/mm. */
import { type Cell, cellField } from "../machine/cell.ts";
import type { Handle } from "../machine/core.ts";
import type { Machine } from "../machine/machine.ts";
import { type Mutex, mutexField, spinlockField } from "../machine/mutex.ts";
import { type Srcu, srcu } from "../machine/srcu.ts";
import { bool, freeObject, int, isPooled, ref, struct } from "../machine/struct.ts";
import type { Work } from "../machine/workqueue.ts";
import { type Announced, createAnnounced } from "./announced.ts";
import {
  type File,
  type FileBehaviour,
  type FileOptions,
  fileBehaviour,
  fileStruct,
  type Inode,
  inodeStruct,
} from "./fs.ts";
import { createPages, type Pages } from "./gup.ts";
import { createCache, createMoved, createTableSlab, createTables, MAX_MOVED } from "./kernelColumns.ts";
import { createKmem, type Kmem } from "./kmemTypes.ts";
import { createLru, type Lru, type LruOptions } from "./lruTypes.ts";
import { createMemcgs, type MemcgOptions, type Memcgs, memcgParents, memcgWalk } from "./memcontrolTypes.ts";
import type { DevPagemap } from "./memremap.ts";
import {
  type AnonVma,
  type AnonVmaChain,
  anonVmaChainStruct,
  anonVmaStruct,
  type Mm,
  mmStruct,
  type Process,
  processStruct,
  type Vma,
  vmaStruct,
} from "./mmTypes.ts";
import { createGathers, type Gather } from "./mmuGatherTypes.ts";
import { createSubscriptions, type IntervalNotifier } from "./mmuNotifierTypes.ts";
import { createOom, type Oom, type OomNotifier } from "./oomTypes.ts";
import { createFrames, type Frames, PG_buddy } from "./page.ts";
import { createPageLists, type PageList } from "./pageList.ts";
import { createPgdats, type Pgdat } from "./pgdat.ts";
import { createPinsHeld, type PinsHeld } from "./pinsHeld.ts";
import { POLICIES, type PolicyName } from "./policies/catalogue.ts";
import type { ReclaimPolicy } from "./reclaimPolicy.ts";
import { rulesInForce } from "./ruleChanges.ts";
import { rules as presetRules, type Rules } from "./rules.ts";
import { createScanControls, type ScanControl } from "./scanControl.ts";
import { createShrinkers, type Shrinkers } from "./shrinker.ts";
import { createSwap, type Swap, type SwapOptions } from "./swapTypes.ts";
import { createTlb, type Tlb, type TlbOption } from "./tlb.ts";
import { createStat, type Stat } from "./vmstat.ts";
import { createZonelists, createZoneState, createZones, framesOf, pageZone, type Zone, type ZoneSpec } from "./zone.ts";

/** How large the machine is. Searches want it small, simulations large. */
export interface KernelOptions extends SwapOptions, LruOptions, FileOptions {
  readonly rules?: Rules;
  /** Page frames, the zero page included. */
  readonly frames?: number;
  /** Frames of devices' own memory (memremap.ts): after all others. */
  readonly devicePages?: number;
  /** NUMA nodes; each has an equal share of the frames. */
  readonly nodes?: number;
  /** This share of each node's frames, from its end, is ZONE_MOVABLE: 0 … 1. */
  readonly movable?: number;
  /** Zones of each node with their pages, instead of `frames` and `movable`. */
  readonly zones?: readonly ZoneSpec[];
  /** vm.min_free_kbytes; "auto" = as at boot. Without it there are no watermarks and no reserves. */
  readonly minFreeKbytes?: number | "auto";
  readonly watermarkScaleFactor?: number;
  /** Do allocations reclaim when nothing is free? Else they fail. By default they do where there are watermarks. */
  readonly reclaims?: boolean;
  /** vm.swappiness. */
  readonly swappiness?: number;
  /** Memory cgroups besides the root: they have the numbers 1 …. */
  readonly memcgs?: readonly MemcgOptions[];
  /** Tasks that may reclaim at a time. */
  readonly reclaimers?: number;
  /** Which folios are reclaimed: see reclaimPolicy.ts. */
  readonly policy?: PolicyName | ReclaimPolicy;
  /** Ages, activation counts and the like wrap at this mask, so that checks stay finite. */
  readonly ageMask?: number;
  /** A page table has 2^tableShift entries: 9, less in small machines. */
  readonly tableShift?: number;
  /** Windows are 2^windowShift pages apart, which is also what one entry of the top table covers. */
  readonly windowShift?: number;
  readonly tables?: number;
  readonly mms?: number;
  readonly processes?: number;
  /** Passes of migrate_pages over pages that refuse: 10 in Linux. From the fourth on it waits for folio locks. */
  readonly migrationPasses?: number;
  /** MAX_OOM_REAP_RETRIES: how often the OOM reaper tries. */
  readonly oomReapRetries?: number;
  readonly vmas?: number;
  readonly inodes?: number;
  readonly files?: number;
  /** Largest file, in pages. */
  readonly filePages?: number;
  /** mmu_gathers that may be open at a time, and how many pages each can keep before it must flush. */
  readonly gathers?: number;
  readonly gatherPages?: number;
  /** Shrinkers that may be made, and tasks that may run one at the same time. */
  readonly shrinkers?: number;
  readonly shrinking?: number;
  /** Notifier sequences wrap at this mask; small ones let retry loops come back to equal states. */
  readonly seqMask?: number;
  /** CPUs keep old translations until they are flushed (tlb.ts): for searches in small address spaces. */
  readonly tlb?: TlbOption;
  /** Every change of a page-table entry is held against the open notifier sections (announced.ts). */
  readonly watchPtes?: boolean;
}

const DEFAULTS = {
  frames: 4096,
  devicePages: 0,
  nodes: 2,
  movable: 0,
  zones: null,
  minFreeKbytes: null,
  watermarkScaleFactor: 10,
  swappiness: 60,
  memcgs: [],
  reclaimers: 4,
  ageMask: (1 << 29) - 1,
  tableShift: 9,
  windowShift: 20,
  tables: 256,
  mms: 8,
  processes: 8,
  migrationPasses: 10,
  oomReapRetries: 10,
  vmas: 128,
  inodes: 8,
  files: 16,
  filePages: 64,
  gathers: 4,
  gatherPages: 9698,
  shrinkers: 0,
  shrinking: 3,
  seqMask: (1 << 29) - 1,
  tlb: false,
  watchPtes: false,
} as const;

/** Heads of the free lists, and locks of the kernel as a whole. */
export interface KernelState extends Handle {
  readonly zoneLock: Mutex;
  readonly mmAllLocksMutex: Mutex;
  freeTable: number;
  freeMm: Mm | null;
  freeProcess: Process | null;
  freeVma: Vma | null;
  freeAnonVma: AnonVma | null;
  freeChain: AnonVmaChain | null;
  freeInode: Inode | null;
  freeFile: File | null;
  freeGather: Gather | null;
  freeList: PageList | null;
  freeScanControl: ScanControl | null;
  /** The so many-th allocation from now on fails; 0 = none does. */
  failIn: number;
  /** lru_cache_disable: batches are emptied at once while it is above 0. */
  lruDisabled: number;
  /** Pages that somebody took from the free lists. */
  pagesInUse: number;
  tablesInUse: number;
  /** The stock of the CPU: pages charged to `stockMemcg` ahead of their use. */
  stockMemcg: number;
  stockPages: number;
  /** Its stock of bytes for structs, of cgroup `objStockMemcg`. */
  objStockMemcg: number;
  objStockBytes: number;
  /** nr_dirtied less nr_dirtied_pause: at 1 the limits are looked at. */
  dirtied: number;
  /** Above 0 = dirty pages are to be written; see flusher.ts. */
  readonly flusherWork: Cell;
  hasFlusher: boolean;
}
const slab = { ordered: "slab" };
const stateStruct = struct("kernel", {
  zoneLock: spinlockField(),
  mmAllLocksMutex: mutexField(),
  freeTable: int(slab),
  freeMm: ref<Mm>(slab),
  freeProcess: ref<Process>(slab),
  freeVma: ref<Vma>(slab),
  freeAnonVma: ref<AnonVma>(slab),
  freeChain: ref<AnonVmaChain>(slab),
  freeInode: ref<Inode>(slab),
  freeFile: ref<File>(slab),
  freeGather: ref<Gather>(slab),
  freeList: ref<PageList>(slab),
  freeScanControl: ref<ScanControl>(slab),
  failIn: int({ ordered: "set by a test between calls" }),
  lruDisabled: int({ ordered: "atomic" }),
  pagesInUse: int({ ordered: "zone lock" }),
  tablesInUse: int(slab),
  stockMemcg: int({ ordered: "the CPU's own, with preemption off" }),
  stockPages: int({ ordered: "the CPU's own, with preemption off" }),
  objStockMemcg: int({ ordered: "the CPU's own, with preemption off" }),
  objStockBytes: int({ ordered: "the CPU's own, with preemption off" }),
  dirtied: int({ ordered: "of the running task, as one task writes files" }),
  flusherWork: cellField(),
  hasFlusher: bool({ ordered: "set at boot" }),
});

export interface Kernel extends FileBehaviour {
  readonly rules: Rules;
  readonly nodes: number;
  readonly frames: Frames;
  /** The memory of devices begins with this frame. */
  readonly deviceStart: number;
  readonly pagemaps: DevPagemap[];
  /** Of lruDrainAll.ts; none = who drains all does it himself. */
  readonly drainWorks: Work[];
  /** Word indices of element 0 of columns whose elements are accessed atomically. */
  readonly words: {
    readonly refcount: number;
    readonly mapcount: number;
    readonly lock: number;
    readonly content: number;
    readonly pte: number;
    /** Element t says whether page table t is free. */
    readonly tableFree: number;
  };
  /** Entries of all page tables: table t has those from t << tableShift on. Tables count from 1. */
  readonly tables: ReturnType<typeof createTables>;
  /** For each table: is it free, and which one follows it in the list of a gather that will free it? */
  readonly tableSlab: ReturnType<typeof createTableSlab>;
  readonly tableShift: number;
  readonly windowShift: number;
  readonly zones: readonly Zone[];
  /** At nid * 4 + highest type: see zone.ts. */
  readonly zonelists: readonly (readonly Zone[])[];
  readonly zoneState: ReturnType<typeof createZoneState>;
  readonly pgdats: readonly Pgdat[];
  readonly reclaims: boolean;
  readonly swappiness: number;
  readonly memcgs: Memcgs;
  readonly kmem: Kmem;
  readonly memcgParents: readonly number[];
  /** All cgroups in the order in which reclaim visits them. */
  readonly memcgWalk: readonly number[];
  readonly memcgSwappiness: readonly number[];
  readonly ageMask: number;
  readonly scanControls: readonly ScanControl[];
  readonly policy: ReclaimPolicy;
  readonly stat: Stat;
  readonly lru: Lru;
  readonly cache: ReturnType<typeof createCache>;
  readonly swap: Swap;
  readonly filePages: number;
  readonly gatherPages: number;
  readonly gathered: { readonly page: Int32Array };
  readonly state: KernelState;
  readonly seqMask: number;
  readonly shrinkers: Shrinkers;
  readonly tlb: Tlb | null;
  readonly announced: Announced | null;
  readonly pinsHeld: PinsHeld | null;
  /** All of them, for checks. */
  readonly mms: readonly Mm[];
  readonly vmas: readonly Vma[];
  readonly inodes: readonly Inode[];
  readonly processes: readonly Process[];
  readonly oom: Oom;
  /** Asked by the OOM killer before it kills; set-up. */
  readonly oomNotifiers: OomNotifier[];
  readonly migrationPasses: number;
  readonly oomReapRetries: number;
  /** All interval subscribers that there may ever be. */
  readonly intervals: IntervalNotifier[];
  /** The one SRCU domain that all walks of notifier lists share, whatever their mm. */
  readonly notifierSrcu: Srcu;
  /** One page of an own array, for calls that use one page at a time. */
  readonly scratch: Pages;
  /** Status of each page of the last move_pages: node or -errno. */
  readonly moved: ReturnType<typeof createMoved>;
  /** Paths of files, in order of first use at set-up (`nameFile`). */
  readonly paths: string[];
}

/** Set-up: a kernel with all its memory free. */
export function createKernel(m: Machine, options: KernelOptions = {}): Kernel {
  const merged = { ...DEFAULTS, ...options };
  const o = { ...merged, frames: merged.zones === null ? merged.frames : framesOf(merged.zones) };
  const frames = createFrames(o.frames + o.devicePages);
  const zones = createZones(o);
  const parents = memcgParents(o.memcgs);
  const tables = createTables(o.tables, o.tableShift);
  const tableSlab = createTableSlab(o.tables);
  const state: KernelState = stateStruct.create("kernel");
  const notifierSrcu = srcu("mmuNotifierSrcu");
  const pool = <T extends Handle & { nextFree: T | null }>(n: number, create: (i: number) => T): readonly T[] => {
    const all = Array.from({ length: n }, (_, i) => create(i + 1));
    all.forEach((each, i) => {
      each.nextFree = all[i + 1] ?? null;
      if (isPooled(each)) freeObject(each);
    });
    return all;
  };
  const mms = pool<Mm>(o.mms, (i) =>
    Object.assign(mmStruct.create(`mm${i}`), { notifierSubscriptions: createSubscriptions(`mm${i}`) }),
  );
  const vmas = pool<Vma>(o.vmas, (i) => vmaStruct.create(`vma${i}`));
  const processes = pool<Process>(o.processes, (i) => processStruct.create(`process${i}`));
  const inodes = pool<Inode>(o.inodes, (i) => Object.assign(inodeStruct.create(`inode${i}`), { slot: i - 1 }));
  state.freeMm = mms[0];
  state.freeVma = vmas[0];
  state.freeInode = inodes[0];
  state.freeProcess = processes[0];
  state.freeAnonVma = pool<AnonVma>(o.vmas, (i) => anonVmaStruct.create(`anonVma${i}`))[0];
  state.freeChain = pool<AnonVmaChain>(4 * o.vmas, (i) => anonVmaChainStruct.create(`anonVmaChain${i}`))[0];
  const files = pool<File>(o.files, (i) => fileStruct.create(`file${i}`));
  state.freeFile = files[0];
  const gatherPages = Math.min(o.gatherPages, o.frames);
  const gathers = createGathers(o.gathers, gatherPages);
  state.freeGather = gathers.first;
  state.freeList = createPageLists(16);
  const scanControls = createScanControls(o.reclaimers);
  state.freeScanControl = scanControls[0] ?? null;
  const k: Kernel = {
    rules: rulesInForce(o.rules ?? presetRules("linux-6.1")),
    nodes: o.nodes,
    frames,
    deviceStart: o.frames,
    pagemaps: [],
    drainWorks: [],
    words: {
      refcount: frames.wordOf("refcount", 0),
      mapcount: frames.wordOf("mapcount", 0),
      lock: frames.wordOf("lock", 0),
      content: frames.wordOf("content", 0),
      pte: tables.wordOf("entry", 0),
      tableFree: tableSlab.wordOf("free", 0),
    },
    tables,
    tableSlab,
    tableShift: o.tableShift,
    windowShift: o.windowShift,
    zones,
    zonelists: createZonelists(zones, o.nodes),
    zoneState: createZoneState(zones.length),
    pgdats: createPgdats(o.nodes),
    reclaims: o.reclaims ?? o.minFreeKbytes !== null,
    swappiness: o.swappiness,
    memcgs: createMemcgs(o.memcgs),
    kmem: createKmem(parents.length, o.tables, mms[0], files[o.files - 1]),
    memcgParents: parents,
    memcgWalk: memcgWalk(parents),
    memcgSwappiness: [o.swappiness, ...o.memcgs.map((each) => each.swappiness ?? o.swappiness)],
    ageMask: o.ageMask,
    scanControls,
    policy: typeof o.policy === "object" ? o.policy : POLICIES[o.policy ?? "classic"],
    stat: createStat(parents.length),
    lru: createLru(o.nodes, parents.length, zones.length > o.nodes, o),
    cache: createCache(o.inodes * o.filePages),
    swap: createSwap(o),
    filePages: o.filePages,
    ...fileBehaviour(o),
    gatherPages,
    gathered: gathers.pages,
    state,
    seqMask: o.seqMask,
    processes,
    oom: createOom(),
    oomNotifiers: [],
    migrationPasses: o.migrationPasses,
    oomReapRetries: o.oomReapRetries,
    shrinkers: createShrinkers(o.shrinkers, o.nodes, parents.length, o.shrinkers === 0 ? 0 : o.shrinking),
    tlb: createTlb(m, o.tlb, (1 << o.tableShift) << o.windowShift, () => k),
    announced: o.watchPtes ? createAnnounced() : null,
    pinsHeld: o.watchPtes ? createPinsHeld(frames.count) : null,
    mms,
    vmas,
    inodes,
    intervals: [],
    notifierSrcu,
    scratch: createPages("scratchPages", 1),
    moved: createMoved(MAX_MOVED),
    paths: [""],
  };
  for (let t = o.tables; t >= 1; t--) {
    tables.entry[t << o.tableShift] = state.freeTable;
    state.freeTable = t;
  }
  for (let pfn = o.frames - 1; pfn >= 1; pfn--) {
    const zone = pageZone(k, pfn).index;
    frames.next[pfn] = k.zoneState.head[zone];
    k.zoneState.head[zone] = pfn + 1;
    k.zoneState.free[zone]++;
    frames.flags[pfn] = PG_buddy;
  }
  for (let pfn = o.frames; pfn < frames.count; pfn++) frames.flags[pfn] = PG_buddy;
  frames.refcount[0] = 1; // the zero page is never freed
  return m.keep(k);
}
