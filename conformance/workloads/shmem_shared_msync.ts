import { path, type Task } from "mayfail/user";
import { fileShared } from "./shared/fileShared.ts";

export default function* shmemSharedMsync(): Task {
  yield* fileShared(path("/tmp/f"));
}
