import { path, type Task } from "mayfail/user";
import { fileReclaim } from "./shared/fileReclaim.ts";

export default function* shmemReclaim(): Task {
  yield* fileReclaim(path("/tmp/f"));
}
