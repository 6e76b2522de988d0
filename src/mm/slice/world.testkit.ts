/** For tests: small kernels, and notifiers that count. */
import type { Task } from "../../machine/core.ts";
import type { Machine } from "../../machine/machine.ts";
import { int, struct } from "../../machine/struct.ts";
import type { Rules } from "../rules.ts";
import { createKernel, type Kernel } from "./kernel.ts";
import { ANON, createMapping, type MappingKind } from "./mapping.ts";
import { populate } from "./memory.ts";
import { createMm, type Mm } from "./mm.ts";
import { createNotifier, type MmuNotifier } from "./mmuNotifier.ts";
import type { Folio } from "./page.ts";

export interface SmallWorld {
  readonly k: Kernel;
  readonly mm: Mm;
  readonly folios: readonly Folio[];
}

/** An mm of `pages` pages, the first `resident` of them in memory, in a kernel of `frames` frames. */
export function smallWorld(
  m: Machine,
  rules: Rules,
  size: { pages: number; resident: number; frames: number },
  options: { kind?: MappingKind; swapCache?: boolean } = {},
): SmallWorld {
  const k = createKernel(m, rules, size.frames);
  const mapping = createMapping(m, "pages", options.kind ?? ANON, size.pages);
  const mm = createMm(m, k, "mm", [{ mapping, pages: size.pages }]);
  const folios: Folio[] = [];
  for (let vpn = 0; vpn < size.resident; vpn++) folios.push(populate(k, mm, vpn, options));
  return { k, mm, folios: m.keep(folios) };
}

/** Calls seen, in order, as decimal digits: 1 a start, 2 an end. Only one task may raise sections. */
export interface Counter {
  calls: number;
  readonly id: number;
  readonly at: number;
  readonly name: string;
}

const counterStruct = struct("counter", { calls: int({ ordered: "one task raises sections" }) });
const countingOps = { invalidateRangeStart: countStart, invalidateRangeEnd: countEnd };

function* countStart(_k: Kernel, sub: MmuNotifier): Task<number> {
  const counter = sub.driver as Counter;
  counter.calls = counter.calls * 10 + 1;
  return 0;
}

function* countEnd(_k: Kernel, sub: MmuNotifier): Task {
  const counter = sub.driver as Counter;
  counter.calls = counter.calls * 10 + 2;
}

/** Set-up: a subscriber of `mm` that counts. */
export function countingNotifier(m: Machine, mm: Mm, name = "counter"): Counter {
  const counter: Counter = counterStruct.create(name);
  createNotifier(m, mm, `${name}.notifier`, countingOps, counter);
  return counter;
}
