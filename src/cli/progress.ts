/** One line on stderr that says what is going on, only on a terminal, gone when the result comes. */
import { count, shorten } from "../report/width.ts";
import type { Progress } from "../search/check.ts";
import type { Io } from "./io.ts";

const EVERY_MS = 100;
/** Quick commands show nothing at all. */
const FIRST_MS = 400;

export class ProgressLine {
  private readonly io: Io;
  private readonly start: number;
  private shown = Number.NEGATIVE_INFINITY;
  private visible = false;
  /** What is being worked on; stands in front of the figures. */
  subject = "";

  /** `start`: when the command began, in milliseconds of `performance.now()`. */
  constructor(io: Io, start = performance.now()) {
    this.io = io;
    this.start = start;
  }

  show(p: Progress): void {
    if (!this.io.errIsTerminal) return;
    const now = performance.now();
    if (now - this.start < FIRST_MS || now - this.shown < EVERY_MS) return;
    this.shown = now;
    const seconds = ((now - this.start) / 1000).toFixed(0);
    const figures = p.states > 0 ? `: ${count(p.states, "state")}, ${count(p.transitions, "transition")}` : "";
    const line = `${this.subject === "" ? "" : `${this.subject}  `}${p.phase}${figures}, ${seconds} s`;
    this.visible = true;
    this.io.err(`\r\u001b[K${shorten(line, Math.max(20, (this.io.columns ?? 80) - 1), { unicode: false })}`);
  }

  clear(): void {
    if (this.visible) this.io.err("\r\u001b[K");
    this.visible = false;
  }
}
