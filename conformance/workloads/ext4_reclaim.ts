import { path, type Task } from "mayfail/user";
import { fileReclaim } from "./shared/fileReclaim.ts";

export default function* ext4Reclaim(): Task {
  yield* fileReclaim(path("/mnt/f"));
}
