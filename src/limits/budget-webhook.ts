import { createHmac, hash } from "node:crypto";
import { type BudgetThreshold, describeThreshold } from "./budget-threshold.ts";

/** Tells somebody elsewhere of budgets' thresholds. */
export type BudgetWebhook = {
  /** Returns at once, and never throws. */
  readonly tell: (event: BudgetThreshold) => void;
  /** Lets what is being sent end, and gives up on the rest. */
  readonly close: () => Promise<void>;
};

/** What it is made of. */
export type BudgetWebhookParts = {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly url: string;
  /** Signs the body: `x-weir-signature` is `sha256=` and the hexadecimal HMAC. */
  readonly secret?: string;
  readonly onTrouble: (error: unknown, phrase: string) => void;
  /** The first pause before something is sent again; each is four times the one before it. Milliseconds. */
  readonly pauseMs?: number;
};

const mostWaiting = 1_000;
const mostTries = 5;
const answerWithinMs = 5_000;

/** Creates it; one event is sent at a time, in their order. */
export function createBudgetWebhook({
  fetch,
  url,
  secret,
  onTrouble,
  pauseMs = 1_000,
}: BudgetWebhookParts): BudgetWebhook {
  const waiting: BudgetThreshold[] = [];
  const closing = new AbortController();
  let sending: Promise<void> | undefined;

  return {
    tell(event) {
      if (closing.signal.aborted) return;
      if (waiting.length >= mostWaiting) {
        onTrouble(new Error("Too many wait already"), "the webhook of budgets could not be told of a threshold");
        return;
      }
      waiting.push(event);
      sending ??= sendAll();
    },
    async close() {
      closing.abort();
      await sending;
    },
  };

  async function sendAll(): Promise<void> {
    // Who tells of one is done before it is sent.
    await Promise.resolve();
    for (let event = waiting.shift(); event; event = closing.signal.aborted ? undefined : waiting.shift())
      await send(event);
    sending = undefined;
  }

  async function send(event: BudgetThreshold): Promise<void> {
    const body = JSON.stringify({ type: "budget.warning", ...describeThreshold(event) });
    for (let tries = 1; ; tries += 1) {
      const failure = await post(body, nameOf(event));
      if (failure === undefined) return;
      if (!failure.passes || tries === mostTries || closing.signal.aborted)
        return onTrouble(failure.error, "the webhook of budgets could not be told of a threshold");
      await pause(pauseMs * 4 ** (tries - 1));
    }
  }

  async function post(body: string, key: string): Promise<Failure | undefined> {
    try {
      const answer = await fetch(url, {
        method: "POST",
        body,
        redirect: "manual",
        headers: {
          "content-type": "application/json",
          "idempotency-key": key,
          ...(secret === undefined ? {} : { "x-weir-signature": sign(body, secret) }),
        },
        signal: AbortSignal.timeout(answerWithinMs),
      });
      await answer.body?.cancel();
      if (answer.ok) return undefined;
      const { status } = answer;
      return { error: new Error(`It answered ${status}`), passes: status >= 500 || [408, 425, 429].includes(status) };
    } catch (error) {
      return { error, passes: true };
    }
  }

  async function pause(ms: number): Promise<void> {
    if (closing.signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    const wake = () => resolve();
    closing.signal.addEventListener("abort", wake, { once: true });
    await promise;
    clearTimeout(timer);
    closing.signal.removeEventListener("abort", wake);
  }
}

/** Why something could not be sent, and whether that may pass. */
type Failure = { readonly error: unknown; readonly passes: boolean };

function sign(body: string, secret: string): string {
  return `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
}

/** The same for the same threshold of the same period, whoever sends it and however often. */
function nameOf({ scope, id, period, starts, percent, amountUsd }: BudgetThreshold): string {
  return hash("sha256", JSON.stringify([scope, id, period, starts, percent, amountUsd]), "hex").slice(0, 32);
}
