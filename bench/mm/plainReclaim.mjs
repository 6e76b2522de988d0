// The baseline of the reclaim benchmark: one LRU list in typed arrays, contents that go to a slot and come back, and nothing else.

const nextRandom = (x) => (Math.imul(x, 1103515245) + 12345) & 0x3fffffff;
const below = (x, n) => Math.floor(((x >>> 8) * n) / 0x400000);

export function buildPlain(frames, pages) {
  // Index 0 of the frames is the head of the list, which goes from the newest to the oldest.
  const next = new Int32Array(frames + 1);
  const prev = new Int32Array(frames + 1);
  const owner = new Int32Array(frames + 1);
  const content = new Int32Array(frames + 1);
  const table = new Int32Array(pages);
  const disk = new Int32Array(pages);
  let used = 0;
  let reclaimed = 0;
  let faults = 0;
  const toHead = (f) => {
    const first = next[0];
    next[0] = f;
    prev[f] = 0;
    next[f] = first;
    prev[first] = f;
  };
  const unlink = (f) => {
    next[prev[f]] = next[f];
    prev[next[f]] = prev[f];
  };
  const write = (page, value) => {
    let f = table[page];
    if (f === 0) {
      faults++;
      if (used < frames) {
        f = ++used;
      } else {
        f = prev[0];
        unlink(f);
        disk[owner[f]] = content[f];
        table[owner[f]] = 0;
        reclaimed++;
      }
      owner[f] = page;
      table[page] = f;
      content[f] = disk[page];
    } else {
      unlink(f);
    }
    toHead(f);
    content[f] = value;
  };
  return ({ count, from, seed }) => {
    reclaimed = 0;
    faults = 0;
    if (seed === 0) {
      for (let i = 0, page = from; i < count; i++) {
        write(page, i);
        page = page + 1 === pages ? 0 : page + 1;
      }
    } else {
      for (let i = 0, x = seed; i < count; i++) {
        x = nextRandom(x);
        write(below(x, pages), i);
      }
    }
    return { faults, reclaimed };
  };
}
