// The baseline: typed arrays and loops that do the least that has the same result, without kernel, locks or tasks.

export function resident(timed, pages, accesses, stride) {
  const table = new Int32Array(pages);
  const content = new Int32Array(pages + 1);
  for (let i = 0; i < pages; i++) {
    table[i] = ((i + 1) << 2) | 3;
    content[i + 1] = i;
  }
  const read = (page) => {
    const pte = table[page];
    return (pte & 1) !== 0 ? content[pte >>> 2] : -1;
  };
  const write = (page, value) => {
    const pte = table[page];
    if ((pte & 2) === 0) return false;
    content[pte >>> 2] = value;
    return true;
  };
  return {
    sequentialRead: timed(accesses, () => {
      let sum = 0;
      for (let i = 0, page = 0; i < accesses; i++) {
        sum = (sum + read(page)) | 0;
        if (++page === pages) page = 0;
      }
      return sum;
    }),
    scatteredRead: timed(accesses, () => {
      let sum = 0;
      for (let i = 0, page = 0; i < accesses; i++) {
        sum = (sum + read(page)) | 0;
        page += stride;
        if (page >= pages) page -= pages;
      }
      return sum;
    }),
    sequentialWrite: timed(accesses, () => {
      let done = 0;
      for (let i = 0, page = 0; i < accesses; i++) {
        if (write(page, i)) done++;
        if (++page === pages) page = 0;
      }
      return done;
    }),
    scatteredWrite: timed(accesses, () => {
      let done = 0;
      for (let i = 0, page = 0; i < accesses; i++) {
        if (write(page, i)) done++;
        page += stride;
        if (page >= pages) page -= pages;
      }
      return done;
    }),
  };
}

/** A frame from a free list, its counts, its entry; copies of entries with counts; a copied frame; giving all back. */
export function faults(timed, pages) {
  const frames = 2 * pages + 1;
  const next = new Int32Array(frames);
  const refcount = new Int32Array(frames);
  const mapcount = new Int32Array(frames);
  const content = new Int32Array(frames);
  const table = new Int32Array(pages);
  const child = new Int32Array(pages);
  let free = 0;
  for (let f = frames - 1; f >= 1; f--) {
    next[f] = free;
    free = f;
  }
  const take = () => {
    const f = free;
    free = next[f];
    refcount[f] = 1;
    mapcount[f] = 1;
    return f;
  };
  const drop = (f) => {
    mapcount[f]--;
    if (--refcount[f] > 0) return;
    next[f] = free;
    free = f;
  };
  return {
    fault: timed(pages, () => {
      for (let i = 0; i < pages; i++) {
        if (table[i] !== 0) continue;
        const f = take();
        table[i] = (f << 2) | 3;
        content[f] = i;
      }
    }),
    fork: timed(pages, () => {
      for (let i = 0; i < pages; i++) {
        const f = table[i] >>> 2;
        refcount[f]++;
        mapcount[f]++;
        table[i] &= ~2;
        child[i] = table[i];
      }
    }),
    copyFault: timed(pages, () => {
      for (let i = 0; i < pages; i++) {
        if ((table[i] & 2) !== 0) continue;
        const old = table[i] >>> 2;
        const f = take();
        content[f] = content[old];
        table[i] = (f << 2) | 3;
        drop(old);
        content[f] = i;
      }
    }),
    exit: timed(pages, () => {
      for (let i = 0; i < pages; i++) {
        drop(child[i] >>> 2);
        child[i] = 0;
      }
    }),
  };
}
