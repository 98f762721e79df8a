/** The auditor's key for as long as this tab lives, and the epochs that it opens. Nothing of it is ever sent. */

import type { Point } from "@shadowpool/sdk/crypto/babyjubjub";
import { type ReactNode, createContext, useContext, useEffect, useMemo, useRef, useState } from "react";

import type { Epoch, Keys, Market, Status } from "./api/types";
import type { AuditView, SettledEpoch } from "./crypto/auditor";
import { CryptoWorker } from "./crypto/client";

export interface Auditor {
  /** The loaded key's public point; null without one. */
  point: Point | null;
  unlock: (text: string, password: string, progress: (part: number) => void) => Promise<Point>;
  forget: () => void;
  open: (id: string, epoch: SettledEpoch) => Promise<AuditView>;
}

const Context = createContext<Auditor | null>(null);

export function AuditProvider({ children }: { children: ReactNode }) {
  const [point, setPoint] = useState<Point | null>(null);
  const vault = useRef<CryptoWorker | null>(null);
  const opened = useRef(new Map<string, Promise<AuditView>>());
  const auditor = useMemo<Auditor>(() => {
    const forget = () => {
      vault.current?.stop();
      vault.current = null;
      opened.current.clear();
      setPoint(null);
    };
    return {
      point,
      forget,
      async unlock(text, password, progress) {
        const worker = new CryptoWorker();
        try {
          const found = await worker.run("unlock", { text, password }, progress);
          forget();
          vault.current = worker;
          setPoint(found);
          return found;
        } catch (error) {
          worker.stop();
          throw error;
        }
      },
      open(id, epoch) {
        let view = opened.current.get(id);
        if (!view) {
          view = vault.current ? vault.current.run("open", epoch) : Promise.reject(new Error("no key is loaded"));
          opened.current.set(id, view);
        }
        return view;
      },
    };
  }, [point]);
  return <Context value={auditor}>{children}</Context>;
}

export function useAuditor(): Auditor {
  return useContext(Context)!;
}

export interface Opened {
  view: AuditView | null;
  error: string | null;
}

const NOTHING: Opened = { view: null, error: null };

/** What the loaded key opens of a settled epoch; nothing without a key, or while it is at work. */
export function useOpened(
  epoch: Epoch | null,
  market: Market | null,
  status: Status | null,
  keys: Keys | null,
): Opened {
  const auditor = useAuditor();
  const [opened, setOpened] = useState<Opened & { id: string | null }>({ ...NOTHING, id: null });
  const settled = auditor.point && epoch && market && status && keys ? settledEpoch(epoch, market, status, keys) : null;
  const id = settled && [epoch!.market, epoch!.epoch, epoch!.settlement!.tx, Boolean(epoch!.print)].join(":");
  useEffect(() => {
    if (id === null) return;
    let current = true;
    auditor.open(id, settled!).then(
      (view) => current && setOpened({ id, view, error: null }),
      (error: Error) => current && setOpened({ id, view: null, error: error.message }),
    );
    return () => {
      current = false;
    };
  }, [auditor, id]);
  return opened.id === id ? opened : NOTHING;
}

/** The words that opening needs, as the chain has them; null until the epoch is settled. */
export function settledEpoch(epoch: Epoch, market: Market, status: Status, keys: Keys): SettledEpoch | null {
  const { settlement, reference } = epoch;
  const auditorKey = keys.auditor.find((key) => key.version === epoch.auditor_version);
  if (!settlement || reference === null || !auditorKey) return null;
  const big = (value: number | string | null) => BigInt(value ?? 0);
  const pair = (words: [string, string]): Point => [BigInt(words[0]), BigInt(words[1])];
  return {
    context: {
      chainId: big(status.chain_id),
      pool: big(status.pool),
      market: big(epoch.market),
      epoch: big(epoch.epoch),
      revealChain: big(epoch.reveal_chain),
      reference: big(reference),
      revealVersion: big(epoch.reveal_version),
      auditorVersion: big(epoch.auditor_version),
      treasuryVersion: big(epoch.treasury_version),
    },
    auditorKey: pair(auditorKey.point),
    reveals: epoch.reveal_list.map((reveal) => ({
      oc: big(reveal.oc),
      point: pair(reveal.point),
      ciphertext: reveal.ciphertext.map(BigInt),
    })),
    invalidMask: big(settlement.invalid_mask),
    printCommitment: big(settlement.print_commitment),
    auditPoint: pair(settlement.audit_point),
    audit: settlement.audit.map(BigInt),
    slots: settlement.slots.map(([receipt, audit]) => ({ receipt: big(receipt), audit: big(audit) })),
    collarBps: big(market.terms.collar_bps),
    print: epoch.print && { price: big(epoch.print.price), volume: big(epoch.print.volume) },
  };
}
