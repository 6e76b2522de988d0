/**
 * Where a thread stands that gives no sign of life, and whether it is stuck there: it is paused a few times for a moment
 * with the debugger that is built into Node, and its stack is read. It goes on afterwards unless the caller ends it.
 *
 * Stuck = task code is on the stack whenever one looks, and it is the same call all the time. How to know that: a look leaves
 * a mark in the frame of our function that called task code (`MARKS`), so the next one knows the frame again. Where no mark
 * can be left, a stack of the same functions in ten looks, or a step that has not changed a single word, is taken for the same.
 */
import { Session } from "node:inspector";
import type { Worker } from "node:worker_threads";
import type { SourcePlace } from "../errors.ts";
import { originalPlace, type Script } from "./sourcePlace.ts";

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

/** What the debugger of the worker says. */
interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly callFrames: CallFrame[]; readonly scriptId: string } & Script;
  readonly result?: { readonly result?: { readonly value?: unknown } };
}

const PATIENCE_MS = 8000;
const BETWEEN_LOOKS_MS = 250;
const LOOKS = 10;

/** "idle": it does not run at all. "busy": it runs, in our own code or with one call of task code after the other. */
export type State = Stall | "idle" | "busy";

/** What `worker` is doing. */
export async function stateOf(worker: Worker): Promise<State> {
  const session = new Session();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"idle">((resolve) => {
    timer = setTimeout(resolve, PATIENCE_MS, "idle");
  });
  try {
    session.connect();
    return await Promise.race([lookAround(new Debugger(session, worker.threadId)), late]);
  } catch {
    return "busy";
  } finally {
    clearTimeout(timer);
    session.disconnect();
  }
}

async function lookAround(d: Debugger): Promise<State> {
  await d.attach();
  let before: Look | null = null;
  for (let i = 0; i < LOOKS; i++) {
    if (i > 0) await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS_MS));
    const now = await look(d);
    if (now === null) return "busy";
    const sameWords = now.words !== "" && now.words === before?.words;
    if (now.marked || sameWords || i === LOOKS - 1) return { where: now.where, task: now.task };
    if (before !== null && now.stack !== before.stack) return "busy";
    before = now;
  }
  return "busy";
}

/** What one look at the stack has seen. */
interface Look {
  readonly where: SourcePlace;
  /** Our functions outside of all task code, and the outermost function of task code. */
  readonly stack: string;
  /** An earlier look has left its mark. */
  readonly marked: boolean;
  /** Hash of all words during a step; empty otherwise. */
  readonly words: string;
  readonly task: string | null;
}

/** Pauses the thread, reads its stack, and lets it go on. Null when no task code is on it. */
async function look(d: Debugger): Promise<Look | null> {
  const frames = await d.pause();
  try {
    const inner = frames.findIndex((f) => isTaskCode(d.scripts.get(f.location.scriptId)));
    const frame = frames[inner];
    const script = frame && d.scripts.get(frame.location.scriptId);
    if (!frame || !script) return null;
    const where = originalPlace(script, frame.location.lineNumber, frame.location.columnNumber);
    const outer = frames.findLastIndex((f) => isTaskCode(d.scripts.get(f.location.scriptId)));
    const stack = frames
      .slice(outer)
      .map((f) => f.functionName)
      .join(" ");
    for (const f of frames.slice(inner + 1)) {
      const mark = MARKS.find((m) => m.name === f.functionName && isOurFile(d, f, m.file));
      if (!mark) continue;
      const [marked, words = "", ...task] = (await d.evaluate(f.callFrameId, readMark(mark))).split(" ");
      return { where, stack, marked: marked === "true", words, task: task.join(" ") || null };
    }
    return { where, stack, marked: false, words: "", task: null };
  } finally {
    d.resume();
  }
}

/** Our functions that call task code, each with a variable that it has no more use for by then. */
const MARKS = [
  { name: "step", file: "machine/machine.js", variable: "choice", words: "this.words", task: "this.tasks[t].name" },
  { name: "probeTask", file: "machine/core.js", variable: "sink", words: "[]", task: '""' },
  { name: "build", file: "machine/machine.js", variable: "options", words: "[]", task: '""' },
] as const;

/** Runs in the frame of that function: "true HASH NAME". */
function readMark({ variable, words, task }: (typeof MARKS)[number]): string {
  return `(() => {
    const marked = ${variable} === "marked";
    ${variable} = "marked";
    let h = 0;
    for (const w of ${words}) h = Math.imul(h ^ w, 16777619) + 1;
    return marked + " " + (h || "") + " " + ${task};
  })()`;
}

const HERE = new URL("..", import.meta.url).href;

/** The user's files, and those of ours that hold task code. */
function isTaskCode(script: Script | undefined): boolean {
  if (!script || script.url === "" || script.url.startsWith("node:")) return false;
  return !script.url.startsWith(HERE) || /^(atlas|drivers|mm)\//.test(script.url.slice(HERE.length));
}

function isOurFile(d: Debugger, { location }: CallFrame, file: string): boolean {
  return d.scripts.get(location.scriptId)?.url === HERE + file;
}

/** The debugger of one worker thread, spoken to through this thread. */
class Debugger {
  readonly scripts = new Map<string, Script>();
  private readonly session: Session;
  private readonly threadId: number;
  private worker = "";
  private sent = 0;
  private readonly answers = new Map<number, (m: Message) => void>();
  private paused: (frames: readonly CallFrame[]) => void = () => undefined;

  constructor(session: Session, threadId: number) {
    this.session = session;
    this.threadId = threadId;
  }

  attach(): Promise<unknown> {
    const { session } = this;
    session.on("NodeWorker.receivedMessageFromWorker", ({ params }) => {
      if (params.sessionId === this.worker) this.receive(JSON.parse(params.message) as Message);
    });
    const attached = new Promise<void>((resolve) => {
      session.on("NodeWorker.attachedToWorker", ({ params }) => {
        if (params.workerInfo.workerId !== String(this.threadId) && this.worker !== "") return;
        this.worker = params.sessionId;
        resolve();
      });
    });
    session.post("NodeWorker.enable", { waitForDebuggerOnStart: false });
    return attached.then(() => this.send("Debugger.enable"));
  }

  async pause(): Promise<readonly CallFrame[]> {
    const frames = new Promise<readonly CallFrame[]>((resolve) => {
      this.paused = resolve;
    });
    void this.send("Debugger.pause");
    return frames;
  }

  resume(): void {
    void this.send("Debugger.resume");
  }

  /** The value of an expression in a frame, as a string; empty when it raises. */
  async evaluate(callFrameId: string, expression: string): Promise<string> {
    const { result } = await this.send("Debugger.evaluateOnCallFrame", { callFrameId, expression });
    const value = result?.result?.value;
    return typeof value === "string" ? value : "";
  }

  private send(method: string, params: object = {}): Promise<Message> {
    const id = ++this.sent;
    const message = JSON.stringify({ id, method, params });
    return new Promise((resolve) => {
      this.answers.set(id, resolve);
      this.session.post("NodeWorker.sendMessageToWorker", { sessionId: this.worker, message });
    });
  }

  private receive(m: Message): void {
    if (m.id !== undefined) this.answers.get(m.id)?.(m);
    if (m.method === "Debugger.scriptParsed" && m.params) this.scripts.set(m.params.scriptId, m.params);
    if (m.method === "Debugger.paused" && m.params) this.paused(m.params.callFrames);
  }
}
