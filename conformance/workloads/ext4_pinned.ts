import { path, type Task } from "mayfail/user";
import { filePinned } from "./shared/filePinned.ts";

export default function* ext4Pinned(): Task {
  yield* filePinned(path("/mnt/f"));
}
