import { A, anon, begin, drain, fill, migratePages, register, result, snap, type Task } from "mayfail/user";

export default function* migrateAll(): Task {
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* drain();
  yield* register("P", 0);
  yield* begin("migrate_pages 0->1");
  result(yield* migratePages(0, 1));
  yield* snap("after", A, 2);
  yield* begin("migrate_pages 1->0");
  result(yield* migratePages(1, 0));
}
