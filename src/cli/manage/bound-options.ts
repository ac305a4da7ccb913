import { type Command, InvalidArgumentError, Option } from "commander";
import { isBudgetPeriod } from "../../domain/budget.ts";
import { readWholeNumber } from "../../lib/whole-number.ts";
import { formatCount } from "../format.ts";
import { ManageFault } from "./fault.ts";
import { collect } from "./key-options.ts";
import type { Project } from "./shapes.ts";
import { formatTime } from "./words.ts";

/** Options that say how much may be called and spent. */
export type BoundOptions = {
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  readonly requestsPerDay?: number;
  readonly tokensPerDay?: number;
  readonly concurrent?: number;
  /** `25/month` or `25/month,soft` each. */
  readonly budget?: readonly string[];
};

type Bounds = Pick<Project, "limits" | "budget">;

/** Adds them to a command. */
export function addBoundOptions(command: Command): Command {
  const figure = (name: string, about: string) => new Option(`--${name} <number>`, about).argParser(readFigure);
  return command
    .addOption(figure("requests-per-minute", "requests in any minute; 0 is unlimited"))
    .addOption(figure("tokens-per-minute", "LLM tokens in any minute"))
    .addOption(figure("requests-per-day", "requests in a day, in UTC"))
    .addOption(figure("tokens-per-day", "LLM tokens in a day"))
    .addOption(figure("concurrent", "requests that are under way at once"))
    .option(
      "--budget <usd/period>",
      'what may be spent: 25/month, 5/day or 100/total, and 25/month,soft only warns; again for another period, in place of all that were there; "" takes all away',
      collect,
    );
}

/** What they say; an empty budget alone takes all away, where there may be any. Throws a `ManageFault`. */
export function readBounds(options: BoundOptions, { isNew }: { readonly isNew: boolean }) {
  const { requestsPerMinute, tokensPerMinute, requestsPerDay, tokensPerDay, concurrent, budget } = options;
  const figures = {
    ...(requestsPerMinute === undefined ? {} : { requests_per_minute: requestsPerMinute }),
    ...(tokensPerMinute === undefined ? {} : { tokens_per_minute: tokensPerMinute }),
    ...(requestsPerDay === undefined ? {} : { requests_per_day: requestsPerDay }),
    ...(tokensPerDay === undefined ? {} : { tokens_per_day: tokensPerDay }),
    ...(concurrent === undefined ? {} : { concurrent }),
  };
  return {
    ...(Object.keys(figures).length === 0 ? {} : { limits: figures }),
    ...(budget === undefined ? {} : { budget: readBudgets(budget, isNew) }),
  };
}

/** Limits on one line; a dash where there are none. */
export function formatLimits({ limits }: Bounds): string {
  const set = Object.entries(limits).flatMap(([name, figure]) =>
    figure === null ? [] : `${name.replaceAll("_", " ")} ${figure === 0 ? "unlimited" : formatCount(figure)}`,
  );
  return set.length === 0 ? "-" : set.join(", ");
}

/** Budgets with what is left of them, on one line; a dash where there are none. */
export function formatBudgets({ budget }: Bounds): string {
  const written = budget.map(({ amount_usd: amount, period, hard, spent_usd: spent, renews_at: renewsAt }) => {
    const renews = renewsAt === null ? "" : `, renews ${formatTime(renewsAt)}`;
    return `$${spent} of $${amount} ${period === "total" ? "in all" : `a ${period}`}${hard ? "" : " (soft)"}${renews}`;
  });
  return written.length === 0 ? "-" : written.join("; ");
}

/** How much may be called. */
export function readFigure(written: string): number {
  const number = readWholeNumber(written);
  if (number !== undefined && number >= 0) return number;
  throw new InvalidArgumentError("It must be a whole number such as 1000 or 1e3; 0 is unlimited.");
}

/** An empty text is mostly a variable that isn't set, and must not become no budget at all. */
function readBudgets(written: readonly string[], isNew: boolean) {
  if (!isNew && written.length === 1 && written[0] === "") return [];
  if (!written.includes("")) return written.map(readBudget);
  const none = isNew ? "leave the option out" : 'give nothing but --budget ""';
  throw new ManageFault(2, `--budget must not be empty: write 25/month or the like, or ${none}, which is no budget`);
}

function readBudget(written: string) {
  const [, amount = "", period = "", kind = "hard"] = /^\$?([\d.]+)\/([a-z]+)(?:,(soft|hard))?$/.exec(written) ?? [];
  if (!isBudgetPeriod(period))
    throw new ManageFault(
      2,
      `--budget must be such as 25/month, 5/day or 100/total,soft, or "" to take all away, not "${written}"`,
    );
  return { amount_usd: amount, period, hard: kind === "hard" };
}
