import { path, type Task } from "mayfail/user";
import { filePrivate } from "./shared/filePrivate.ts";

export default function* shmemPrivate(): Task {
  yield* filePrivate(path("/tmp/f"));
}
