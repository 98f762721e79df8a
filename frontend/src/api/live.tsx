/** The chain as it grows: one WebSocket for the page, with polling while there is none. */

import { type ReactNode, createContext, useContext, useEffect, useMemo, useState } from "react";

import { forget, get } from "./client";
import type { Frame, Status } from "./types";

export interface Live {
  /** The last indexed block, and when it was made; null before the first answer. */
  block: number | null;
  timestamp: number | null;
  head: number | null;
  status: Status | null;
  connection: "connecting" | "live" | "polling";
  /** Changes whenever a block held events of ours, so that what is on show is asked for again. */
  revision: number;
}

const NOTHING: Live = { block: null, timestamp: null, head: null, status: null, connection: "connecting", revision: 0 };
const POLL_MS = 4_000;
const RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000];
const Context = createContext<Live>(NOTHING);

export function useLive(): Live {
  return useContext(Context);
}

export function LiveProvider({ children }: { children: ReactNode }) {
  const [live, setLive] = useState<Live>(NOTHING);
  useEffect(() => follow((change) => setLive(change)), []);
  return <Context value={useMemo(() => live, [live])}>{children}</Context>;
}

/** Follow the stream for as long as the page lives; returns how to stop. */
function follow(update: (change: (live: Live) => Live) => void): () => void {
  let socket: WebSocket | null = null;
  let timer = 0;
  let cursor: string | null = null;
  let failures = 0;
  let stopped = false;

  const readStatus = () =>
    get<Status>("/v1/status").then(
      (status) =>
        update((live) => ({
          ...live,
          status,
          block: status.block,
          timestamp: status.block_timestamp,
          head: status.head,
          revision: status.block === live.block ? live.revision : live.revision + 1,
        })),
      () => undefined,
    );

  const connect = () => {
    if (stopped) return;
    const address = new URL(
      cursor === null ? "/v1/stream" : `/v1/stream?cursor=${encodeURIComponent(cursor)}`,
      location.href,
    );
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(address);
    socket.onmessage = (message) => {
      const frame = JSON.parse(String(message.data)) as Frame;
      failures = 0;
      cursor = cursorAfter(cursor, frame);
      if (frame.type === "rollback" || frame.type === "reset") forget();
      if (frame.type === "status" || frame.type === "reset") void readStatus();
      update((live) => step(live, frame));
    };
    socket.onclose = () => {
      if (stopped) return;
      update((live) => ({ ...live, connection: "polling" }));
      void readStatus();
      timer = window.setTimeout(connect, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
    };
  };

  void readStatus();
  connect();
  const poll = window.setInterval(() => socket?.readyState !== WebSocket.OPEN && void readStatus(), POLL_MS);
  return () => {
    stopped = true;
    window.clearTimeout(timer);
    window.clearInterval(poll);
    socket?.close();
  };
}

/**
 * Where to go on from after a frame. A stream taken up again greets with its newest cursor, before it tells what came
 * in between: a connection lost among that must not miss the rest.
 */
export function cursorAfter(cursor: string | null, frame: Frame): string | null {
  if (frame.type === "ping" || (frame.type === "hello" && cursor !== null)) return cursor;
  return frame.cursor;
}

export function step(live: Live, frame: Frame): Live {
  switch (frame.type) {
    case "hello":
    case "block": {
      const fresh = frame.type === "block" && frame.events.length > 0;
      const { block, timestamp, head } = frame;
      return { ...live, block, timestamp, head, connection: "live", revision: live.revision + (fresh ? 1 : 0) };
    }
    case "rollback":
      return { ...live, block: frame.block, revision: live.revision + 1 };
    case "reset":
      return { ...live, revision: live.revision + 1 };
    default:
      return live;
  }
}
