import type { Kysely } from "kysely";
import type { ExchangeSummary } from "../domain/exchange-summary.ts";
import { type ExchangeBody, readBody } from "./exchange-body.ts";
import { createExchangeQueries, type ExchangeFacts, type ExchangeFilter } from "./exchange-queries.ts";
import type { ExchangeTables } from "./exchange-tables.ts";
import type { Page, Paged } from "./page.ts";
import { createUsageQueries, type UsageAnswer, type UsageQuery } from "./usage-queries.ts";

/** What can be asked of the exchange log; plain data, since it crosses a thread. */
export type ExchangeQuestion =
  | { readonly kind: "list"; readonly filter: ExchangeFilter; readonly page: Page }
  | { readonly kind: "find"; readonly id: string }
  | { readonly kind: "body"; readonly id: string }
  | { readonly kind: "usage"; readonly query: UsageQuery };

/** What it answers. */
export type ExchangeAnswers = {
  readonly list: Paged<ExchangeSummary>;
  readonly find: ExchangeFacts | undefined;
  readonly body: ExchangeBody | undefined;
  readonly usage: UsageAnswer;
};

/** Asks the exchange log. Throws an `ExchangeLogFault` where it can't be asked now. */
export type AskExchanges = <Q extends ExchangeQuestion>(question: Q) => Promise<ExchangeAnswers[Q["kind"]]>;

/** The exchange log can't be asked now: too much is asked already, it took too long, or its database doesn't answer. */
export class ExchangeLogFault extends Error {
  override readonly name = "ExchangeLogFault";
}

/** How much work an answer may be: rows looked through, groups told. */
export type AnswerBounds = {
  readonly mostScanned?: number;
  readonly firstScanned?: number;
  readonly scanForMs?: number;
  readonly mostGroups?: number;
};

/** Creates what answers questions, from a database that has the tables of the log. */
export function createExchangeAnswers(db: Kysely<ExchangeTables>, bounds: AnswerBounds = {}) {
  const exchanges = createExchangeQueries(db, bounds);
  const sums = createUsageQueries(db, bounds);

  return (question: ExchangeQuestion): Promise<ExchangeAnswers[keyof ExchangeAnswers]> => {
    switch (question.kind) {
      case "list":
        return exchanges.list(question.filter, question.page);
      case "find":
        return exchanges.find(question.id);
      case "body":
        return readBody(db, question.id);
      case "usage":
        return sums.usage(question.query);
    }
  };
}
