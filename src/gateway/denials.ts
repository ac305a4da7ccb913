import type { Actor, AuditEvent } from "../domain/audit.ts";
import type { Refusal } from "../domain/refusal.ts";
import { maskQuery, maskSecrets } from "../lib/mask-secrets.ts";
import type { Arrival } from "./arrival.ts";

/** Hears of calls that were not let in, and tells the audit of some. */
export type Denials = { readonly tell: (arrival: Arrival, refusal: Refusal, peer: string) => void };

/** What it is made of. */
export type DenialsParts = {
  readonly note: (actor: Actor, events: readonly AuditEvent[]) => Promise<void>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly onTrouble: (error: unknown) => void;
};

/** So many entries for each code in a minute; what comes on top is counted, so that a flood doesn't fill the audit. */
const perMinute = 10;
const minute = 60_000;

/** Creates it. */
export function createDenials({ note, now, onTrouble }: DenialsParts): Denials {
  const counts = new Map<string, { since: number; count: number }>();

  return {
    tell(arrival, refusal, peer) {
      const { code, subject } = refusal;
      if (!take(code)) return;
      const actor: Actor = {
        name: subject?.tokenId ?? "anonymous",
        origin: "proxy",
        requestId: arrival.id,
        clientAddress: peer,
        method: arrival.method,
        path: (maskSecrets(arrival.path) + maskQuery(arrival.search)).slice(0, 500),
        userAgent: arrival.headers["user-agent"]?.slice(0, 256),
      };
      const event = { action: "proxy_request", outcome: "denied", reason: code, ...subject } as const;
      note(actor, [event]).catch(onTrouble);
    },
  };

  function take(code: string): boolean {
    const at = now();
    const entry = counts.get(code);
    if (!entry || at - entry.since >= minute) {
      counts.set(code, { since: at, count: 1 });
      if (entry && entry.count > perMinute) tellRest(code, entry.count - perMinute);
      return true;
    }
    entry.count += 1;
    return entry.count <= perMinute;
  }

  function tellRest(code: string, count: number): void {
    const event = { action: "proxy_request", outcome: "denied", reason: code, after: { count } } as const;
    note({ name: "anonymous", origin: "proxy" }, [event]).catch(onTrouble);
  }
}
