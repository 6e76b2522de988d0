import { expect, test } from "vitest";
import {
  __GFP_COMP,
  __GFP_DIRECT_RECLAIM,
  __GFP_HIGH,
  __GFP_KSWAPD_RECLAIM,
  __GFP_NOFAIL,
  __GFP_NOLOCKDEP,
  __GFP_ZERO,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_NOFS,
  GFP_TRANSHUGE,
} from "../machine/gfp.ts";
import { showGfpFlags } from "./showGfpFlags.ts";

test.each([
  // As the records have them.
  [GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_ZERO, "GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO"],
  [GFP_HIGHUSER_MOVABLE, "GFP_HIGHUSER_MOVABLE"],
  // The largest mask that is contained, and what is left of it.
  [GFP_NOFS | __GFP_NOFAIL, "GFP_NOFS|__GFP_NOFAIL"],
  [GFP_KERNEL | __GFP_HIGH, "GFP_KERNEL|__GFP_HIGH"],
  [GFP_TRANSHUGE, "GFP_TRANSHUGE"],
  [__GFP_KSWAPD_RECLAIM, "GFP_NOWAIT"],
  [__GFP_DIRECT_RECLAIM, "__GFP_DIRECT_RECLAIM"],
  [GFP_KERNEL | __GFP_NOLOCKDEP, `GFP_KERNEL|0x${__GFP_NOLOCKDEP.toString(16)}`],
  [0, "none"],
])("%i is %s", (mask, name) => {
  expect(showGfpFlags(mask)).toBe(name);
});
