import type { Task } from "mayfail/user";
import { reclaimAnon } from "./shared/reclaimAnon.ts";

export default function* reclaimAnonPinned(): Task {
  yield* reclaimAnon(true, 3);
}
