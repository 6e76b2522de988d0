import { path, type Task } from "mayfail/user";
import { fileTruncate } from "./shared/fileTruncate.ts";

export default function* shmemTruncate(): Task {
  yield* fileTruncate(path("/tmp/f"));
}
