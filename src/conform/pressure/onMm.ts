/** The memory management as a model of pressure jobs: a kernel like that of the record, one process, one CPU. */
import { observeEvents } from "../../machine/events.ts";
import { Finding } from "../../machine/finding.ts";
import { buildSequential } from "../../machine/sequential.ts";
import { startFlusher } from "../../mm/flusher.ts";
import { createKernel, type Kernel, type KernelOptions } from "../../mm/kernel.ts";
import { startKswapd } from "../../mm/kswapd.ts";
import type { Mm } from "../../mm/mmTypes.ts";
import { pteAt, pteReadable } from "../../mm/pageTable.ts";
import { createProcess, syscalls } from "../../mm/syscalls.ts";
import { startProcess } from "../../mm/user/process.ts";
import { createUserSpace, type UserSpace } from "../../mm/user/space.ts";
import { ZONE_NAMES, type ZoneName } from "../../mm/zone.ts";
import { Recorder } from "../recorder.ts";
import { countingPasses, noWork, type Work } from "./cost.ts";
import { createCpuTlb } from "./cpuTlb.ts";
import type { PressureJob, PressureMachine, PressureParams } from "./job.ts";
import type { Counters, PressureModel, PressureResult } from "./model.ts";
import { type OneCpu, runOnOneCpu } from "./oneCpu.ts";
import { GROUP, isMappedByProgram, type Mark, noteOfPins, type PressureRun, pressureProgram } from "./program.ts";
import { TEXT_PAGES } from "./programText.ts";
import { accessesOf } from "./sequence.ts";
import { type VmscanEvent, vmscanEventOf } from "./vmscan.ts";

/** QEMU's, as it starts: CPU_TLB_DYN_DEFAULT_BITS and CPU_VTLB_SIZE. */
const TLB_ENTRIES = 256;
const TLB_VICTIMS = 8;

/** What the program writes is two words of a page: with lzo-rle that goes into the size class of 64 bytes of zsmalloc. */
const ZRAM_OBJECTS = 64;

const ROOM: KernelOptions = {
  tables: 512,
  mms: 2,
  processes: 4,
  vmas: 64,
  inodes: 4,
  files: 8,
  filePages: 2048,
};

export const pressureModel: PressureModel = { run };

function run(job: PressureJob, alive: () => void): PressureResult {
  const recorder = new Recorder();
  const vmscan: VmscanEvent[] = [];
  const work = noWork();
  const before = observeEvents((e) => {
    recorder.see(e);
    work.callbacks = recorder.events.length;
    const event = vmscanEventOf(e.name, e.fields, e.task === 0 ? "pressure" : "kswapd0");
    if (event === null) return;
    vmscan.push(event);
    if (event.ev === "lru_isolate") work.batches++;
  });
  try {
    const read = new Map<Mark, Counters>();
    const failed = runProgram(job, work, read, alive);
    const between = (from: Mark, to: Mark): Counters => difference(read.get(from), read.get(to));
    return {
      failed,
      prefill: between("start", "prefill"),
      run: between("accesses", "end"),
      vmscan,
      callbacks: recorder.events,
    };
  } finally {
    observeEvents(before);
  }
}

/** Fills in the statistics, as they are read. Why the run comes to no end, or null. */
function runProgram(
  { params, machine }: PressureJob,
  work: Work,
  read: Map<Mark, Counters>,
  alive: () => void,
): string | null {
  const made: Kernel[] = [];
  const spaces: UserSpace[] = [];
  const m = buildSequential((mach) => {
    const k = createKernel(mach, { ...kernelOf(params, machine), policy: countingPasses(work) });
    made[0] = k;
    if (params.memcgMaxPages === 0) takeOthers(k, machine);
    spaces[0] = createUserSpace(mach, k, syscalls);
    const process = createProcess(mach, k, "P");
    const { mm } = process;
    const run: PressureRun = {
      params,
      accesses: accessesOf(params),
      tlb: createCpuTlb(
        TLB_ENTRIES,
        TLB_VICTIMS,
        (vpn) => isMappedByProgram(vpn) || pteReadable(pteAt(k, mm as Mm, vpn)),
      ),
      pinned: noteOfPins(),
      sum: 0,
      work,
      minflt: 0,
      majflt: 0,
      mark: (at) => read.set(at, { ...countersOf(k, params), minflt: run.minflt, majflt: run.majflt }),
      alive,
    };
    // The first task: events tell it from those of the kernel by that.
    startProcess(pressureProgram, run, process, 1);
    startKswapd(mach, k);
    startFlusher(mach, k);
  });
  const cpu: OneCpu = {
    kernel: made[0] as Kernel,
    timers: spaces[0] as UserSpace,
    work,
  };
  const finding = findingOf(() => runOnOneCpu(m, cpu));
  return finding && `${finding.verdict}: ${finding.message}`;
}

/** Whether a step raised it, or the end is none. */
function findingOf(run: () => Finding | null): Finding | null {
  try {
    return run();
  } catch (e) {
    if (e instanceof Finding) return e;
    throw e;
  }
}

/** What was not free before the job: the kernel, and the programs and files of its initial memory. It stays in use. */
function takeOthers(k: Kernel, { zones }: PressureMachine): void {
  const { frames, zoneState, state } = k;
  // The program's own file is among them, and is made by the run: in the highest zone.
  const highest = Math.max(...k.zones.map((zone) => zone.type));
  for (const zone of k.zones) {
    const own = zone.type === highest ? TEXT_PAGES : 0;
    const free = (zones[`0/${ZONE_NAMES[zone.type]}`]?.free ?? zone.managed) + own;
    while (zoneState.free[zone.index] > free) {
      const pfn = zoneState.head[zone.index] - 1;
      zoneState.head[zone.index] = frames.next[pfn];
      zoneState.free[zone.index]--;
      frames.next[pfn] = 0;
      frames.flags[pfn] = 0;
      frames.refcount[pfn] = 1;
      state.pagesInUse++;
    }
  }
}

function kernelOf(
  params: PressureParams,
  { zones, sysctl, swapPages, faultAroundBytes }: PressureMachine,
): KernelOptions {
  return {
    ...ROOM,
    zones: Object.entries(zones).map(([name, { managed }]) => ({
      name: name.split("/")[1] as ZoneName,
      pages: managed,
    })),
    nodes: 1,
    minFreeKbytes: sysctl["min_free_kbytes"] ?? "auto",
    swappiness: sysctl["swappiness"] ?? 60,
    swapPages,
    zramObjectsPerPage: ZRAM_OBJECTS,
    pageCluster: sysctl["page-cluster"] ?? 3,
    faultAroundBytes,
    dirtyThrottling: true,
    readahead: true,
    batchedStats: true,
    memcgs: params.memcgMaxPages > 0 ? [{ max: params.memcgMaxPages }] : [],
  };
}

/** memory.stat of the group, where there is one; what it does not count, from /proc/vmstat. */
function countersOf(k: Kernel, params: PressureParams): Counters {
  const { global } = k.stat;
  if (params.memcgMaxPages === 0) return { ...global };
  return { ...global, ...k.stat.memcg[GROUP], pswpin: global.pswpin, pswpout: global.pswpout };
}

function difference(from: Counters = {}, to: Counters = {}): Counters {
  return Object.fromEntries(Object.entries(to).map(([name, n]) => [name, n - (from[name] ?? 0)]));
}
