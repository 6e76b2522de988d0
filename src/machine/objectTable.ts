/** Which object begins at which word: few objects among very many words, looked up by every operation on a lock. */

const PAGE_SHIFT = 10;
const PAGE = 1 << PAGE_SHIFT;

type Page = readonly (object | undefined)[];
/** Shared by all stretches of words without objects. */
const EMPTY: Page = Array.from({ length: PAGE }, () => undefined);

export class ObjectTable {
  private readonly pages: (object | undefined)[][] = [];

  /** The object whose words begin at `at`, the innermost one; undefined in between. */
  at(at: number): object | undefined {
    const page = this.pages[at >> PAGE_SHIFT];
    return page === undefined ? undefined : page[at & (PAGE - 1)];
  }

  set(at: number, object: object): void {
    const n = at >> PAGE_SHIFT;
    while (this.pages.length <= n) this.pages.push(EMPTY as (object | undefined)[]);
    if (this.pages[n] === EMPTY) this.pages[n] = EMPTY.slice();
    this.pages[n][at & (PAGE - 1)] = object;
  }

  /** All objects, in the order of their words. */
  all(): object[] {
    return this.pages.flatMap((page) => page.filter((object) => object !== undefined));
  }
}
