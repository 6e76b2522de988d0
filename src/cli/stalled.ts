/**
 * Where a thread stands that gives no sign of life, and whether it is stuck there: it is paused twice for a moment with the
 * debugger that is built into Node, and its stack is read. Nothing is left behind; it goes on unless the caller ends it.
 *
 * Stuck = task code is on the stack both times, and within a step it is the same step: the first look leaves a mark in the
 * frame of Machine.step, and what has not changed a single word in between is taken for the same step, too.
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

const PATIENCE_MS = 4000;
const BETWEEN_LOOKS_MS = 250;

/** "idle": it does not run at all. "busy": it runs, in our own code or making one step after the other. */
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
    return await Promise.race([lookTwice(new Debugger(session, worker.threadId)), late]);
  } catch {
    return "busy";
  } finally {
    clearTimeout(timer);
    session.disconnect();
  }
}

async function lookTwice(d: Debugger): Promise<State> {
  await d.attach();
  const first = await look(d);
  if (first === null) return "busy";
  await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS_MS));
  const second = await look(d);
  if (second === null) return "busy";
  const { step } = second;
  if (step === null) return first.step === null ? { where: second.where, task: null } : "busy";
  const same = step.marked || (first.step?.words === step.words && first.step.task === step.task);
  return same ? { where: second.where, task: step.task } : "busy";
}

interface Look {
  readonly where: SourcePlace;
  /** The step that is being made: its task, whether an earlier look has marked it, and a hash of all words. */
  readonly step: { readonly task: string; readonly marked: boolean; readonly words: string } | null;
}

/** Pauses the thread, reads its stack, and lets it go on. Null when no task code is on it. */
async function look(d: Debugger): Promise<Look | null> {
  const frames = await d.pause();
  try {
    const inner = frames.find((f) => isTaskCode(d.scripts.get(f.location.scriptId)));
    const script = inner && d.scripts.get(inner.location.scriptId);
    if (!inner || !script) return null;
    const where = originalPlace(script, inner.location.lineNumber, inner.location.columnNumber);
    const step = frames.find((f) => f.functionName === "step" && isMachine(d.scripts.get(f.location.scriptId)));
    if (!step) return { where, step: null };
    const said = await d.evaluate(step.callFrameId, READ_STEP);
    const [marked = "", words = "", ...task] = said.split(" ");
    return { where, step: { task: task.join(" "), marked: marked === "true", words } };
  } finally {
    d.resume();
  }
}

/** Runs in the frame of `Machine.step(t, choice)`, whose `choice` is no longer needed while task code runs. */
const READ_STEP = `(() => {
  const marked = choice === "marked";
  choice = "marked";
  let h = 5;
  for (const w of this.words) h = Math.imul(h ^ w, 16777619);
  return marked + " " + h + " " + this.tasks[t].name;
})()`;

const HERE = new URL("..", import.meta.url).href;

/** The user's files, and those of ours that hold task code. */
function isTaskCode(script: Script | undefined): boolean {
  if (!script || script.url === "" || script.url.startsWith("node:")) return false;
  return !script.url.startsWith(HERE) || /^(atlas|drivers|mm)\//.test(script.url.slice(HERE.length));
}

function isMachine(script: Script | undefined): boolean {
  return script?.url === `${HERE}machine/machine.js`;
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
