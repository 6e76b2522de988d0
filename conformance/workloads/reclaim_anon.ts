import type { Task } from "mayfail/user";
import { reclaimAnon } from "./shared/reclaimAnon.ts";

export default function* reclaimAnonymous(): Task {
  yield* reclaimAnon(false, 2);
}
