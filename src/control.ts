import type { BudgetsConfig, ControlConfig } from "./config/config.ts";
import type { Actor, AuditEvent } from "./domain/audit.ts";
import type { Budget } from "./domain/budget.ts";
import type { Refusal } from "./domain/refusal.ts";
import type { Arrival, Clock } from "./gateway/arrival.ts";
import { createDatabaseLife, type DatabaseState } from "./gateway/database-life.ts";
import { createDenials } from "./gateway/denials.ts";
import { createTokenBook, type TokenBook } from "./gateway/token-book.ts";
import { auditBudgetEvent } from "./limits/budget-event.ts";
import { createBudgetWebhook } from "./limits/budget-webhook.ts";
import { type Budgets, createBudgets } from "./limits/budgets.ts";
import type { Log } from "./lib/log.ts";
import type { TroubleLog } from "./lib/trouble-log.ts";
import { type ControlStore, openControlStore } from "./storage/control-store.ts";
import { isDataRefused, mayDatabaseRecover } from "./storage/database-failure.ts";
import { startTokenCleanup } from "./storage/token-cleanup.ts";
import { tryToWrite } from "./storage/try-to-write.ts";

/** Projects and tokens, as the data plane and the management use them. */
export type Control = {
  /** `undefined` as long as the database has never been reached. */
  readonly findStore: () => ControlStore | undefined;
  /** Asks the database for a sign of life, at most every other second. */
  readonly databaseState: () => Promise<DatabaseState>;
  readonly tokens: TokenBook;
  readonly budgets: Budgets;
  /** Tells the audit of a call that was not let in. */
  readonly deny: (arrival: Arrival, refusal: Refusal, peer: string) => void;
  /** Tells the audit of something that the program itself did. */
  readonly note: (event: AuditEvent) => void;
  /** Writes down what was counted, and closes the database. */
  readonly close: () => Promise<void>;
};

/** What it is opened with. */
export type ControlParts = {
  readonly config: ControlConfig;
  readonly budgets: Pick<BudgetsConfig, "onFailure" | "webhook">;
  readonly userBudgets: (user: string) => readonly Budget[];
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  readonly trouble: TroubleLog;
  readonly log: Pick<Log, "warn" | "info">;
};

const retryAfterMs = 1_000;

/**
 * Opens the database and what is kept of it in memory; throws what the operator has to mend: a database that a server
 * doesn't have, a user whom it doesn't let in. A server that doesn't answer yet is no fault: it is tried again, and calls
 * that need it are refused until then.
 */
export async function openControl({
  config,
  budgets: { onFailure, webhook },
  userBudgets,
  fetch,
  clock,
  trouble,
  log,
}: ControlParts): Promise<Control> {
  const { now, elapsed } = clock;
  let store: ControlStore | undefined;
  let endCleanup = () => {};
  let closing = false;
  const need = (): ControlStore => {
    if (!store) throw new Error("The database has not been reached yet");
    return store;
  };
  const { check: databaseState, watch } = createDatabaseLife({
    elapsed,
    read: async () => need().tokens.changedSince(undefined),
    write: async () => tryToWrite(need().storage),
  });
  const tokens = createTokenBook({
    tokens: {
      findAccess: async (digest) => need().tokens.findAccess(digest),
      spend: async (id) => watch(need().tokens.spend(id)),
      giveBack: async (id) => watch(need().tokens.giveBack(id)),
      addUses: async (uses) => watch(need().tokens.addUses(uses)),
      changedSince: async (epoch) => need().tokens.changedSince(epoch),
    },
    version: () => store?.storage.version(),
    clock,
    onTrouble: trouble,
  });
  const budgetWebhook =
    webhook &&
    createBudgetWebhook({
      ...webhook,
      store: {
        lease: async (most) => need().notices.lease(most),
        delivered: async (id) => need().notices.delivered(id),
        failed: async (id, pauseMs) => need().notices.failed(id, pauseMs),
        hurry: async () => need().notices.hurry(),
        forget: async () => need().notices.forget(),
        dueIn: async () => need().notices.dueIn(),
      },
      fetch,
      log,
      onTrouble: trouble,
    });
  const budgets = createBudgets({
    store: {
      sync: async (holder, news, describe) => watch(need().spend.sync(holder, news, describe)),
      touch: async (holder) => watch(need().spend.touch(holder)),
      end: async (holder, turns) => watch(need().spend.end(holder, turns)),
    },
    clock,
    userBudgets,
    onFailure,
    onEvent(event) {
      note(auditBudgetEvent(event));
      budgetWebhook?.wake();
    },
    keepNotices: budgetWebhook !== undefined,
    isRefused: isDataRefused,
    onTrouble: trouble,
  });
  const denials = createDenials({
    note: async (actor: Actor, events: readonly AuditEvent[]) => watch(need().changes.note(actor, events)),
    now,
    onTrouble: (error) => trouble(error, "a call that was not let in could not be told to the audit"),
  });
  try {
    await open();
  } catch (error) {
    if (config.database.driver === "sqlite" || !mayDatabaseRecover(error)) throw error;
    void openLater(error);
  }
  return {
    findStore: () => store,
    databaseState,
    tokens,
    budgets,
    deny: denials.tell,
    note,
    async close() {
      closing = true;
      endCleanup();
      await budgets.close();
      await budgetWebhook?.close();
      await tokens.close();
      await store?.close();
    },
  };

  function note(event: AuditEvent): void {
    store?.changes
      .note({ name: "system", origin: "system" }, [event])
      .catch((error: unknown) => trouble(error, "something that was done could not be told to the audit"));
  }

  async function open(): Promise<void> {
    store = await openControlStore({ ...config, now, onChanged: tokens.changed, onTrouble: trouble });
    endCleanup = startTokenCleanup(store.tokens, config.tokenCleanupMs, trouble);
    // What a former process could not tell.
    budgetWebhook?.wake();
  }

  async function openLater(why: unknown): Promise<void> {
    trouble(why, "the database can't be reached and is tried again");
    await Bun.sleep(retryAfterMs);
    if (!closing) await open().catch(openLater);
  }
}
