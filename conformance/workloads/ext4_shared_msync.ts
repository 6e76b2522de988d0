import { path, type Task } from "mayfail/user";
import { fileShared } from "./shared/fileShared.ts";

export default function* ext4SharedMsync(): Task {
  yield* fileShared(path("/mnt/f"));
}
