/**
 * Where a thread stands that gives no sign of life: it is paused for a moment with the debugger that is built into Node,
 * and its stack is read. Nothing is left behind; the thread goes on unless the caller ends it.
 */
import { readFileSync } from "node:fs";
import { Session } from "node:inspector";
import { SourceMap, type SourceMapPayload } from "node:module";
import { fileURLToPath } from "node:url";
import type { Worker } from "node:worker_threads";
import type { SourcePlace } from "../errors.ts";

export interface Stall {
  readonly where: SourcePlace;
  /** Name of the task that makes the step; null outside of steps. */
  readonly task: string | null;
}

interface CallFrame {
  readonly callFrameId: string;
  readonly functionName: string;
  readonly location: { readonly scriptId: string; readonly lineNumber: number; readonly columnNumber: number };
}

interface Script {
  readonly url: string;
  readonly sourceMapURL: string;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { callFrames: CallFrame[]; scriptId: string; url: string; sourceMapURL: string };
  readonly result?: { readonly result?: { readonly value?: unknown } };
}

const PATIENCE_MS = 2000;

/** Where in task code `worker` stands; null when it is in our own code or cannot be paused. */
export async function findStall(worker: Worker): Promise<Stall | null> {
  const session = new Session();
  let timer: NodeJS.Timeout | undefined;
  try {
    session.connect();
    return await new Promise<Stall | null>((resolve) => {
      timer = setTimeout(() => resolve(null), PATIENCE_MS);
      look(session, worker.threadId, resolve);
    });
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
    session.disconnect();
  }
}

function look(session: Session, threadId: number, done: (stall: Stall | null) => void): void {
  const scripts = new Map<string, Script>();
  let stall: Stall | null = null;
  session.on("NodeWorker.attachedToWorker", ({ params: { sessionId, workerInfo } }) => {
    if (Number.isFinite(threadId) && workerInfo.type !== "worker") return;
    let id = 0;
    const send = (method: string, params: object = {}) =>
      session.post("NodeWorker.sendMessageToWorker", {
        sessionId,
        message: JSON.stringify({ id: ++id, method, params }),
      });
    session.on("NodeWorker.receivedMessageFromWorker", (event) => {
      if (event.params.sessionId !== sessionId) return;
      const { method, params, result, id: answered } = JSON.parse(event.params.message) as Message;
      if (method === "Debugger.scriptParsed" && params) scripts.set(params.scriptId, params);
      if (method === "Debugger.paused" && params) {
        stall = stallOf(params.callFrames, scripts);
        const step = params.callFrames.find((f) => isMachineStep(f, scripts));
        if (stall === null || step === undefined) return finish();
        send("Debugger.evaluateOnCallFrame", { callFrameId: step.callFrameId, expression: "this.tasks[t].name" });
      } else if (answered === EVALUATION && stall !== null) {
        const name = result?.result?.value;
        stall = { ...stall, task: typeof name === "string" ? name : null };
        finish();
      }
    });
    const finish = () => {
      send("Debugger.disable");
      done(stall);
    };
    send("Debugger.enable");
    send("Debugger.pause");
  });
  session.post("NodeWorker.enable", { waitForDebuggerOnStart: false });
}

/** The third message that is sent to a worker. */
const EVALUATION = 3;

/** The innermost place that is neither ours nor Node's. */
function stallOf(frames: readonly CallFrame[], scripts: ReadonlyMap<string, Script>): Stall | null {
  for (const { location } of frames) {
    const script = scripts.get(location.scriptId);
    if (!script || script.url === "" || script.url.startsWith("node:") || isOurs(script.url)) continue;
    return { where: original(script, location.lineNumber, location.columnNumber), task: null };
  }
  return null;
}

const HERE = new URL("..", import.meta.url).href;

function isOurs(url: string): boolean {
  return url.startsWith(HERE) && !/\/(atlas|drivers|mm)\//.test(url.slice(HERE.length - 1));
}

function isMachineStep(f: CallFrame, scripts: ReadonlyMap<string, Script>): boolean {
  return f.functionName === "step" && /\/machine\/machine\.[jt]s$/.test(scripts.get(f.location.scriptId)?.url ?? "");
}

/** The place in the author's file. Lines and columns of the debugger count from 0. */
function original(script: Script, line: number, column: number): SourcePlace {
  const file = script.url.startsWith("file:")
    ? fileURLToPath(script.url.replace(/[?#].*$/, ""))
    : script.url.slice(0, 80);
  try {
    const entry = new SourceMap(mapOf(script)).findEntry(line, column);
    if ("originalSource" in entry) {
      const source = new URL(entry.originalSource, script.url);
      const path = source.protocol === "file:" ? fileURLToPath(source) : entry.originalSource;
      return { file: path, line: entry.originalLine + 1, column: entry.originalColumn + 1 };
    }
  } catch {
    // No map, or one that cannot be read: the place in the compiled file is better than none.
  }
  return { file, line: line + 1, column: column + 1 };
}

function mapOf({ url, sourceMapURL }: Script): SourceMapPayload {
  const inline = /^data:application\/json[^,]*?(;base64)?,(.*)$/s.exec(sourceMapURL);
  const text = inline
    ? Buffer.from(decodeURIComponent(inline[2] ?? ""), inline[1] ? "base64" : "utf8").toString()
    : readFileSync(new URL(sourceMapURL, url), "utf8");
  return JSON.parse(text) as SourceMapPayload;
}
