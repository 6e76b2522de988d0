/** Mixes of statements: each reaches deep into one corner. */
import type { Mix } from "./ast.testkit.ts";

/**
 * Who may use a field without a guard is learnt from all explored runs, so which task breaks the rule, and stops, depends
 * on the order of exploration. That one does, does not.
 */
export const unguarded: Mix = {
  locks: ["mutex"],
  weights: { peek: 1, poke: 1, read: 3, write: 3, cmpxchg: 2, section: 2, if: 5, choose: 1, until: 1 },
  maxTasks: 3,
  maxStatements: 10,
};

const cells = { read: 3, write: 3, add: 1, exchange: 1, cmpxchg: 2, swap: 1 } as const;

export const mixes: Readonly<Record<string, Mix>> = {
  locks: {
    locks: ["mutex", "mutex", "mutex", "spinlock"],
    weights: { section: 9, take: 1, drop: 1, get: 3, set: 4, read: 1, write: 2 },
    maxTasks: 3,
    maxStatements: 15,
  },
  "reader-writer locks": {
    locks: ["rwsem", "queued rwsem", "rwlock", "mutex"],
    weights: { section: 8, downgrade: 2, try: 2, get: 3, set: 3, read: 1, write: 1 },
    maxTasks: 4,
    maxStatements: 14,
  },
  trylocks: {
    locks: ["mutex", "mutex", "spinlock", "folio", "rwsem"],
    weights: { section: 4, try: 6, take: 1, drop: 1, get: 2, set: 3, read: 1, write: 1, assert: 1 },
    maxTasks: 3,
    maxStatements: 13,
  },
  tickets: {
    locks: ["ww", "ww", "ww", "mutex"],
    weights: { tickets: 8, section: 3, try: 2, read: 2, write: 2, get: 1, set: 2 },
    maxTasks: 3,
    maxStatements: 8,
  },
  cells: {
    locks: ["mutex"],
    weights: { ...cells, section: 2, if: 2, assert: 1, choose: 1 },
    maxTasks: 3,
    maxStatements: 12,
  },
  waiting: {
    locks: ["mutex", "spinlock"],
    weights: { ...cells, section: 4, until: 3, waitEvent: 2, wake: 3, if: 1, twice: 1 },
    maxTasks: 3,
    maxStatements: 11,
  },
  signals: {
    locks: ["mutex", "folio"],
    weights: {
      complete: 3,
      completeAll: 1,
      waitCompletion: 3,
      tryCompletion: 1,
      signal: 2,
      waitFence: 2,
      isSignaled: 1,
      section: 3,
      read: 2,
      write: 2,
      if: 1,
    },
    maxTasks: 3,
    maxStatements: 12,
  },
  "srcu, counts, sequences": {
    locks: ["mutex"],
    weights: {
      srcuRead: 3,
      synchronize: 2,
      refGet: 1,
      refTry: 2,
      refPut: 2,
      refUntil: 2,
      seqRead: 2,
      seqWrite: 2,
      section: 2,
      write: 3,
      read: 1,
    },
    maxTasks: 3,
    maxStatements: 10,
  },
  children: {
    locks: ["mutex"],
    weights: { spawn: 4, join: 3, section: 3, read: 2, write: 2, add: 1, until: 1, try: 1, assert: 1, choose: 1 },
    maxTasks: 2,
    maxStatements: 12,
  },
  everything: {
    locks: ["mutex", "spinlock", "rwsem", "queued rwsem", "folio", "ww"],
    weights: {
      ...cells,
      section: 6,
      try: 3,
      take: 1,
      drop: 1,
      downgrade: 1,
      until: 2,
      get: 2,
      set: 2,
      choose: 1,
      if: 2,
      twice: 1,
      assert: 1,
      complete: 1,
      waitCompletion: 1,
      wake: 1,
      waitEvent: 1,
      srcuRead: 1,
      synchronize: 1,
      refPut: 1,
      refUntil: 1,
    },
    maxTasks: 3,
    maxStatements: 12,
  },
};
