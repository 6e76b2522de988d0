/**
 * What an author says of a driver so that the contract can be tried on it: how userspace opens the device on a process, lets
 * it see memory, and what the hardware then does. Everything else, processes, reclaim, forks, failing allocations, second
 * devices, comes from the battery (src/contract).
 *
 *   open ─▶ map ─▶ access … access ─▶ close          a device on a process
 *            ▲  └─▶ -EAGAIN: asked again   │
 *            └────── -EAGAIN ──────────────┘         the translation is gone, or outdated
 */
import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import type { Kernel } from "../mm/kernel.ts";
import type { Process } from "../mm/mmTypes.ts";
import type { Pfn, Vpn } from "../mm/page.ts";
import type { DeviceEntry } from "../mm/world/claims.ts";

/** Where a device is to be: which pages of which process it may be asked to see. */
export interface Place {
  readonly process: Process;
  readonly start: Vpn;
  readonly count: number;
  /** For the names of its locks and objects. */
  readonly name: string;
  /** Another process has the same device open already; null for the first. */
  readonly sibling: DeviceUnderTest | null;
}

/** Task code unless it says otherwise. Errors are -errno. */
export interface DeviceUnderTest {
  /** The process opens the device: subscriptions are made here. 0 or -errno. */
  open(k: Kernel): Task<number>;
  /** The device is to see [at, at + n). 0; -EAGAIN = userspace asks again; -ENOMEM … = it cannot. */
  map(k: Kernel, at: Vpn, n: number): Task<number>;
  /** A job of the hardware: it stores `content` to page `at`. 0, or -EAGAIN = it has no translation (any more). */
  access(k: Kernel, at: Vpn, content: number): Task<number>;
  /** The process closes the device, or its exit does. Nothing of it may be left. */
  close(k: Kernel): Task;
  /**
   * Not task code: the device's page table from `place.start` on, where the driver claims that it never maps what the
   * process has not; tested after every step. Without it only what the hardware does is judged.
   */
  readonly table?: () => ArrayLike<DeviceEntry>;
}

/** What every variant says about itself; a driver adds its own options. */
export interface DriverVariant {
  readonly about?: string;
  /** Numbers of the rules that this version is known to break; what the suite finds is compared with it. */
  readonly breaks?: readonly string[];
}

export interface DriverDefinition<V extends object = object> {
  readonly id: string;
  readonly title: string;
  readonly variants: Readonly<Record<string, V & DriverVariant>>;
  /** Set-up: a device that is not open yet. Which tasks run it is not its business. */
  create(m: Machine, k: Kernel, place: Place, variant: V & DriverVariant): DeviceUnderTest;
}

/** A driver whose variants' options have been checked by the type checker. */
export interface Driver {
  readonly kind: "mayfail-driver";
  readonly id: string;
  readonly title: string;
  readonly variants: Readonly<Record<string, DriverVariant>>;
  readonly create: (m: Machine, k: Kernel, place: Place, variant: string) => DeviceUnderTest;
}

export function defineDriver<V extends object>(definition: DriverDefinition<V>): Driver {
  const { id, title, variants } = definition;
  return {
    kind: "mayfail-driver",
    ...{ id, title, variants },
    // Kept, so that task code may be given the options.
    create: (m, k, place, variant) => definition.create(m, k, place, m.keep(variants[variant])),
  };
}

/**
 * The hardware stores `content` to frame `pfn`, which was allocated for the `generation`-th time when it was mapped.
 * Raises `use-after-free` when the frame has been freed since.
 */
export function hardwareStore(k: Kernel, pfn: Pfn, generation: number, content: number): void {
  must(
    k.frames.generation[pfn] === generation,
    "use-after-free",
    `the device writes to frame ${pfn}, which was freed since it was mapped`,
  );
  k.frames.content[pfn] = content;
}
