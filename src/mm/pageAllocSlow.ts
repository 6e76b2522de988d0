/** The slow path of the allocator. */
import { immediately, type Task } from "../machine/core.ts";
import type { Kernel } from "./kernel.ts";
import type { Pfn } from "./page.ts";

export function allocPagesSlowpath(_k: Kernel, _gfp: number, _nid: number): Task<Pfn> {
  return immediately(-1) as never;
}
