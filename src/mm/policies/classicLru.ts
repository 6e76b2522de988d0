/** The policy of Linux since 2.6: two lists a type, balanced by cost. Its parts are functions of mm/vmscan.c and mm/swap.c. */
import type { ReclaimPolicy } from "../reclaimPolicy.ts";
import { folioMarkAccessedClassic } from "../swap.ts";
import { ageActiveAnon, prepareScanCount, shrinkLruvec } from "../vmscanLruvec.ts";

export const classicLru: ReclaimPolicy = {
  name: "classic",
  prepare: (k, sc, nid) => prepareScanCount(k, sc, nid),
  shrinkLruvec: (k, sc, lruvec) => shrinkLruvec(k, sc, lruvec),
  age: (k, sc, nid) => ageActiveAnon(k, sc, nid),
  markAccessed: (k, pfn) => folioMarkAccessedClassic(k, pfn),
};
