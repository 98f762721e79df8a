/** A worker as functions that answer later. */

import type { Reply, Tasks } from "./worker";

interface Waiting {
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
  progress: ((part: number) => void) | undefined;
}

export class CryptoWorker {
  private readonly worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  private readonly waiting = new Map<number, Waiting>();
  private next = 0;

  constructor() {
    this.worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      const task = this.waiting.get(data.id);
      if (!task) return;
      if ("progress" in data) return task.progress?.(data.progress);
      this.waiting.delete(data.id);
      if ("error" in data) task.reject(new Error(data.error));
      else task.resolve(data.result);
    };
    this.worker.onerror = (event) => this.fail(new Error(event.message || "the worker stopped"));
  }

  run<Name extends keyof Tasks>(
    name: Name,
    argument: Tasks[Name][0],
    progress?: (part: number) => void,
  ): Promise<Tasks[Name][1]> {
    return new Promise((resolve, reject) => {
      const id = this.next++;
      this.waiting.set(id, { resolve: resolve as Waiting["resolve"], reject, progress });
      this.worker.postMessage({ id, name, argument });
    });
  }

  /** End the worker, and with it all that it remembers. */
  stop(): void {
    this.worker.terminate();
    this.fail(new Error("stopped"));
  }

  private fail(error: Error): void {
    this.waiting.forEach((task) => task.reject(error));
    this.waiting.clear();
  }
}
