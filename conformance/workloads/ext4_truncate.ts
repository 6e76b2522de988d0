import { path, type Task } from "mayfail/user";
import { fileTruncate } from "./shared/fileTruncate.ts";

export default function* ext4Truncate(): Task {
  yield* fileTruncate(path("/mnt/f"));
}
