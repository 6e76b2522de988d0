/** Where a command prints to, and how: the real process, or what a test puts in its place. */
import { availableParallelism } from "node:os";
import type { Style } from "../report/style.ts";
import type { Session, SessionOptions } from "./session.ts";

export interface Io {
  /** Result. False once nobody reads it any more (a pipe was closed). */
  out(text: string): boolean;
  /** Messages. */
  err(text: string): void;
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  readonly columns: number | undefined;
  /** Threads that can run at the same time. */
  readonly cores: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Calls `f` for each Ctrl-C until the returned function is called. */
  onInterrupt(f: () => void): () => void;
  openSession(options: SessionOptions): Promise<Session>;
}

export function processIo(): Io {
  let open = true;
  // `mayfail atlas | head -n 1`: what is left has no reader, and that is no error.
  process.stdout.on("error", (e: NodeJS.ErrnoException) => {
    if (e.code !== "EPIPE") throw e;
    open = false;
  });
  process.stderr.on("error", () => {});
  return {
    out(text) {
      if (open) process.stdout.write(text);
      return open;
    },
    err(text) {
      process.stderr.write(text);
    },
    outIsTerminal: process.stdout.isTTY === true,
    errIsTerminal: process.stderr.isTTY === true,
    columns: process.stdout.isTTY ? process.stdout.columns : undefined,
    cores: availableParallelism(),
    env: process.env,
    onInterrupt(f) {
      process.on("SIGINT", f);
      return () => process.off("SIGINT", f);
    },
    async openSession(options) {
      const { WorkerSession } = await import("./session.ts");
      return new WorkerSession(options);
    },
  };
}

const MIN_WIDTH = 60;
const MAX_WIDTH = 160;
/** For files and pipes: the same on every machine. */
const PIPE_WIDTH = 100;

/** Colours only on a terminal and unless NO_COLOR or --no-color says no; ASCII where the locale is known to be no UTF-8. */
export function styleOf(io: Io, color: boolean | undefined): Style {
  const { env } = io;
  const noColor = color === false || (env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb";
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "UTF-8";
  const width = io.outIsTerminal ? (io.columns ?? 80) : PIPE_WIDTH;
  return {
    width: Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, width)),
    unicode: !io.outIsTerminal || /utf-?8/i.test(locale),
    color: io.outIsTerminal && !noColor,
  };
}
