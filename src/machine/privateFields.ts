/**
 * Fields without a guard: over all explored runs, either nobody writes such a field after set-up, or only one task uses
 * it. What is known about that is gathered outside of the words, one number a word:
 *
 *   0 unused     (slot + 1) << 1 | written   one task     SHARED << 1   read by several
 */
const SHARED = 1 << 20;

export class PrivateFields {
  private readonly users: Int32Array;

  constructor(words: number) {
    this.users = new Int32Array(words);
  }

  /** Task slot `t` uses the word at `at`. False when that breaks the rule. */
  note(at: number, t: number, write: boolean): boolean {
    const { users } = this;
    const seen = users[at];
    const mine = t + 1;
    if (seen >> 1 === mine) {
      if (write) users[at] = (mine << 1) | 1;
      return true;
    }
    if (seen === 0) {
      users[at] = (mine << 1) | (write ? 1 : 0);
      return true;
    }
    if (write || (seen & 1) === 1) return false;
    users[at] = SHARED << 1;
    return true;
  }
}
