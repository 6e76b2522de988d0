import { PIN_GET, PIN_WRITE, type Task } from "mayfail/user";
import { pinFork } from "./shared/pinFork.ts";

export default function* getForkWrite(): Task {
  yield* pinFork(PIN_WRITE | PIN_GET);
}
