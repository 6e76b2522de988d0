import type { Task } from "mayfail/user";
import { pinFork } from "./shared/pinFork.ts";

export default function* pinRoForkWrite(): Task {
  yield* pinFork(0);
}
