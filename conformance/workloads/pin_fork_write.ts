import { PIN_LONGTERM, PIN_WRITE, type Task } from "mayfail/user";
import { pinFork } from "./shared/pinFork.ts";

export default function* pinForkWrite(): Task {
  yield* pinFork(PIN_WRITE | PIN_LONGTERM);
}
