import { createHmac } from "node:crypto";
import type { BudgetNotice, NoticeStore } from "../domain/budget-notice.ts";
import type { Log } from "../lib/log.ts";

/** Tells somebody elsewhere of budgets: each notice at least once, in no order, for a day at most. */
export type BudgetWebhook = {
  /** There may be notices to send, from this process or left by another; returns at once. */
  readonly wake: () => void;
  /** Sends what is due once more; what can't be sent stays for the next start. */
  readonly close: () => Promise<void>;
};

/** What it is made of. */
export type BudgetWebhookParts = {
  readonly store: NoticeStore;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly url: string;
  /** Signs the body: `x-weir-signature` is `sha256=` and the hexadecimal HMAC. */
  readonly secret?: string;
  readonly log: Pick<Log, "warn" | "info">;
  readonly onTrouble: (error: unknown, phrase: string) => void;
  /** The first pause before something is sent again; each is four times the one before it. Milliseconds. */
  readonly pauseMs?: number;
};

/** How many are sent at once, so that one that hangs holds up no other for long. */
const mostAtOnce = 8;
const answerWithinMs = 5_000;
const longestPauseMs = 300_000;
/** How often it looks for what other processes have left. Milliseconds. */
const sweepEveryMs = 5_000;

/** Creates it; it looks for what is due from the first `wake` on. */
export function createBudgetWebhook(parts: BudgetWebhookParts): BudgetWebhook {
  const { store, fetch, url, secret, log, onTrouble, pauseMs = 1_000 } = parts;
  // The rest of a webhook's address is often a secret.
  const { host } = new URL(url);
  let state: "unknown" | "works" | "fails" = "unknown";
  let timer: ReturnType<typeof setTimeout> | undefined;
  let sweeping: Promise<void> | undefined;
  let isWoken = false;
  let hasHurried = false;
  let closed = false;

  return {
    wake() {
      isWoken = true;
      if (!sweeping) schedule(0);
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await sweeping;
      if (isWoken && state !== "fails") await sweep();
    },
  };

  function schedule(ms: number): void {
    clearTimeout(timer);
    if (closed) return;
    timer = setTimeout(() => {
      sweeping = sweep().then((nextMs) => {
        sweeping = undefined;
        schedule(isWoken ? 0 : nextMs);
      });
    }, ms);
  }

  /** Sends what is due; gives when to look again. */
  async function sweep(): Promise<number> {
    isWoken = false;
    try {
      // Whoever is started anew may have been mended.
      if (!hasHurried) await store.hurry();
      hasHurried = true;
      const lost = await store.forget();
      if (lost > 0) onTrouble(new Error(`${lost} were given up`), "the webhook of budgets could not be told of all");
      do {
        const due = await store.lease(mostAtOnce);
        if (due.length === 0) break;
        await Promise.all(due.map(send));
      } while (!closed);
      return Math.min(sweepEveryMs, (await store.dueIn()) ?? sweepEveryMs);
    } catch (error) {
      onTrouble(error, "what the webhook of budgets has to be told can't be read or written down and is tried again");
      return sweepEveryMs;
    }
  }

  async function send(notice: BudgetNotice & { readonly tries: number }): Promise<void> {
    const reason = await post(notice);
    try {
      if (reason === undefined) {
        await store.delivered(notice.id);
        await works(notice.tries);
      } else {
        await store.failed(notice.id, Math.min(longestPauseMs, pauseMs * 4 ** Math.min(9, notice.tries - 1)));
        fails(reason);
      }
    } catch (error) {
      onTrouble(error, "a notice of budgets could not be written down and is sent again");
    }
  }

  /** Gives why it failed. */
  async function post({ id, body }: BudgetNotice): Promise<string | undefined> {
    try {
      const answer = await fetch(url, {
        method: "POST",
        body,
        redirect: "manual",
        headers: {
          "content-type": "application/json",
          "idempotency-key": id,
          ...(secret === undefined ? {} : { "x-weir-signature": sign(body, secret) }),
        },
        signal: AbortSignal.timeout(answerWithinMs),
      });
      await answer.body?.cancel();
      return answer.ok ? undefined : `It answered ${answer.status}`;
    } catch (error) {
      return describeFailure(error);
    }
  }

  async function works(tries: number): Promise<void> {
    const failedBefore = state === "fails" || (state === "unknown" && tries > 1);
    state = "works";
    if (!failedBefore) return;
    log.info({ host }, "the webhook of budgets is told again");
    await store.hurry();
  }

  function fails(reason: string): void {
    if (state !== "fails")
      log.warn({ host, reason }, "the webhook of budgets can't be told and is tried again for a day");
    state = "fails";
  }
}

/** What says nothing of the address. */
function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return "It failed";
  if (error.name === "TimeoutError") return `It did not answer within ${answerWithinMs / 1000} seconds`;
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}

function sign(body: string, secret: string): string {
  return `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
}
