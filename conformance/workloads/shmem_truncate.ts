import type { Task } from "mayfail/user";
import { fileTruncate } from "./shared/fileTruncate.ts";

export default function* shmemTruncate(): Task {
  yield* fileTruncate("/tmp/f");
}
