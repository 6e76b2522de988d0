/** What compiled task code imports, and nothing else: the contract between the compiler and the machine. */
import { MayfailError } from "../errors.ts";
import { mightSleep } from "./context.ts";
import { pend } from "./core.ts";
import { Finding } from "./finding.ts";
import { NeedsRebuild, NeedsRefinement } from "./refinement.ts";
import { awaitOp } from "./wait.ts";

export { define, enter, leave, probe, probing } from "./core.ts";
export { fell, hold, kept, room, waiting } from "./straight.ts";
export { decodeSlow, encodeSlow } from "./values.ts";

/** `until(() => condition)`: the wait itself. The condition is tested by probing the frame, see core.ts `probeTask`. */
export function awaitPoint(owner?: { readonly at: number }): unknown {
  mightSleep("wait for a condition");
  return pend(awaitOp, 0, owner ? owner.at : 0);
}

/** Task code may catch its own exceptions, never the machine's. */
export function rethrow(error: unknown): void {
  if (error instanceof Finding || error instanceof MayfailError) throw error;
  if (error instanceof NeedsRebuild || error instanceof NeedsRefinement) throw error;
}
