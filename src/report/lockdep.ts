/** What lockdep would have said, in a word for tables and in a sentence for reports. See docs/lockdep.md for what is meant. */
import type { LockdepSummary } from "../search/lockdepCheck.ts";
import type { Outcome } from "./outcome.ts";
import type { Cell } from "./table.ts";

/** "sees it", "blind", "?", with "+ another" and "+ false alarm" for reports that are about something else. */
export function lockdepWord(s: LockdepSummary | null): string {
  if (s === null) return "";
  const word = s.sees === null ? "" : { yes: "sees it", no: "blind", undecided: "?" }[s.sees];
  const another = s.sees !== "yes" && s.witnessed > 0 ? "another" : "";
  const wolf = s.falseAlarms > 0 ? "false alarm" : "";
  return [word, another, wolf].filter((part) => part !== "").join(" + ");
}

export function lockdepCell(s: LockdepSummary | null): Cell {
  return { text: lockdepWord(s) };
}

/** Null where nothing was searched. */
export function lockdepSentence({ lockdepSummary: s, verdict }: Outcome): string | null {
  if (s === null) return null;
  const others = s.sees === "yes" ? s.witnessed - 1 : s.witnessed;
  const rest = [
    others > 0 ? `${others === 1 ? "One report is" : `${others} reports are`} about another deadlock.` : "",
    s.falseAlarms > 0
      ? `${s.falseAlarms === 1 ? "One report is a false alarm" : `${s.falseAlarms} reports are false alarms`}: no schedule shows it.`
      : "",
    s.undecided > 0 ? `${s.undecided === 1 ? "One report was" : `${s.undecided} reports were`} not decided.` : "",
  ].filter((part) => part !== "");
  if (s.sees === null) return rest.length === 0 ? null : rest.join(" ");
  const first = {
    yes: "it sees this bug once every path has been exercised.",
    no: `it is blind to this bug, whatever paths are exercised: ${whyBlind(verdict)}.`,
    undecided: "whether it sees this bug was not decided: not every path was looked at.",
  }[s.sees];
  return [first, ...rest].join(" ");
}

function whyBlind(verdict: string): string {
  if (verdict === "deadlock")
    return "its circle goes through something that lockdep does not know, or that the code tells it is another lock";
  if (verdict === "atomic-sleep") return "it knows the order of locks, not who may sleep";
  return "it knows nothing but the order of locks";
}
