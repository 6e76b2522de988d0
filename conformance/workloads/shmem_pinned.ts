import { path, type Task } from "mayfail/user";
import { filePinned } from "./shared/filePinned.ts";

export default function* shmemPinned(): Task {
  yield* filePinned(path("/tmp/f"));
}
