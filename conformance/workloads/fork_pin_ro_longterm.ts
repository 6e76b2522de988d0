import { PIN_LONGTERM, type Task } from "mayfail/user";
import { forkPin } from "./shared/forkPin.ts";

export default function* forkPinRoLongterm(): Task {
  yield* forkPin(PIN_LONGTERM);
}
