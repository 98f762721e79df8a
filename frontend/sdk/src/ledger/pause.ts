/** Time, for code that shares its thread with a page. */

const SLICE_MS = 12;

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Long work that lets the page live: `await breath()` often, which yields once a slice of time is used up. */
export function breather(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < SLICE_MS) return;
    await pause(0);
    since = performance.now();
  };
}
