/** Time, for code that shares its thread with a page. */

const SLICE_MS = 12;

/** Until the time is over, or `signal` says that nobody waits any more. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    if (signal?.aborted) done();
    else signal?.addEventListener("abort", done);
  });
}

/** What `action` gives; if it gives nothing in time, the error that `late` makes. */
export async function within<T>(milliseconds: number, action: Promise<T>, late: () => Error): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), milliseconds);
  });
  try {
    return await Promise.race([action, over]);
  } finally {
    clearTimeout(timer);
  }
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
