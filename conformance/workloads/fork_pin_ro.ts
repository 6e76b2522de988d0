import type { Task } from "mayfail/user";
import { forkPin } from "./shared/forkPin.ts";

export default function* forkPinRo(): Task {
  yield* forkPin(0);
}
