import type { Task } from "mayfail/user";
import { directIo } from "./shared/directIo.ts";

export default function* odirectFork(): Task {
  yield* directIo(true);
}
