import type { Task } from "mayfail/user";
import { fileShared } from "./shared/fileShared.ts";

export default function* shmemSharedMsync(): Task {
  yield* fileShared("/tmp/f");
}
