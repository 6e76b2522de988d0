import { path, type Task } from "mayfail/user";
import { filePrivate } from "./shared/filePrivate.ts";

export default function* ext4Private(): Task {
  yield* filePrivate(path("/mnt/f"));
}
