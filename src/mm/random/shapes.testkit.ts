/** The machines that sequences run on: one with room for everything, and small ones that must reclaim. */
import type { KernelOptions } from "../kernel.ts";

export interface Shape {
  readonly name: string;
  /** Memory is short: calls may fail, pages go and come back, and other tasks of the kernel run in between. */
  readonly pressure: boolean;
  readonly options: KernelOptions;
}

const COMMON: KernelOptions = {
  tables: 160,
  tableShift: 4,
  windowShift: 10,
  vmas: 192,
  mms: 7,
  processes: 4,
  inodes: 64,
  files: 6,
  filePages: 48,
  gatherPages: 6,
  watchPtes: true,
  movable: 0.25,
};

export const ROOMY: Shape = { name: "roomy", pressure: false, options: { ...COMMON, frames: 768 } };

/** Memory is not short, but calls may fail all the same. */
export const ROOMY_AND_FAILING: Shape = { ...ROOMY, name: "roomy and failing", pressure: true };

const SMALL: KernelOptions = { ...COMMON, minFreeKbytes: 32, reclaimers: 6 };

/** Memory that is short in different ways. */
export const SHAPES: readonly Shape[] = [
  { name: "zram", pressure: true, options: { ...SMALL, frames: 72, swapPages: 200, pageCluster: 0 } },
  { name: "slow swap", pressure: true, options: { ...SMALL, frames: 72, swapPages: 120, swapSlow: true } },
  { name: "full swap", pressure: true, options: { ...SMALL, frames: 96, swapPages: 12, pageCluster: 0 } },
  { name: "no swap", pressure: true, options: { ...SMALL, frames: 96 } },
  {
    name: "cgroups",
    pressure: true,
    options: {
      ...SMALL,
      frames: 128,
      swapPages: 120,
      pageCluster: 2,
      memcgs: [{ max: 60, high: 48 }, { parent: 1, max: 40, swapMax: 30 }, { high: 24 }],
    },
  },
];
