import {
  A,
  begin,
  closeAndUnlink,
  done,
  dropCaches,
  fadviseDontneed,
  get,
  MAP_SHARED,
  mkfile,
  mmap,
  PR,
  path,
  register,
  snap,
  type Task,
} from "mayfail/user";

export default function* ext4DropCaches(): Task {
  const file = yield* mkfile(path("/mnt/f"), 4);
  yield* mmap(A, 4, PR, MAP_SHARED, file, 0);
  yield* get(A);
  yield* register("P", 0);
  yield* begin("drop_caches 1");
  yield* dropCaches(1);
  done(0);
  yield* snap("after", A, 4);
  yield* begin("fadvise DONTNEED");
  done(yield* fadviseDontneed(file, 0, 4));
  yield* snap("after", A, 4);
  yield* closeAndUnlink(file);
}
