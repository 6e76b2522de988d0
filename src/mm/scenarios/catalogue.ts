/** All concurrent scenarios of the memory management, each with the rules of 6.1 and with single guards taken away. */
import type { Case } from "../../machine/scenario.ts";
import { cowUnpin } from "./cowUnpin.ts";
import { faultMunmap } from "./faultMunmap.ts";
import { forkGupFast } from "./forkGupFast.ts";
import { intervals } from "./intervals.ts";
import { lruBatch } from "./lruBatch.ts";
import { mremapMigrate } from "./mremapMigrate.ts";
import { tlbFile } from "./tlbFile.ts";
import { tlbProtect } from "./tlbProtect.ts";
import { tlbUnmap } from "./tlbUnmap.ts";
import { truncateFault } from "./truncateFault.ts";
import { unregisterRelease } from "./unregisterRelease.ts";

export const SCENARIOS: readonly Case[] = [
  faultMunmap,
  lruBatch,
  forkGupFast,
  cowUnpin,
  mremapMigrate,
  intervals,
  unregisterRelease,
  truncateFault,
  tlbUnmap,
  tlbProtect,
  tlbFile,
];
