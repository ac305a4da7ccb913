import { writeUsd } from "../../lib/nano-usd.ts";
import type { LeftReason } from "../../prices/reprice-exchange.ts";
import { formatCount, formatNumberOf, formatTable } from "../format.ts";
import type { CostDifference, Repricing } from "./repricing-tally.ts";

const leftWords: Readonly<Record<LeftReason, string>> = {
  cache_hit: "answered from the cache: they cost nothing, and what they saved stays as it was counted",
  stated_by_provider: "with a cost that their provider has stated",
  media_unknown: "with estimated usage, of which nobody kept whether there was sound or a picture in the answer",
};

/** What was repriced, for people. */
export function describeRepricing({ looked, models, total, left }: Repricing, dryRun: boolean): readonly string[] {
  const head = ["provider", "model", "exchanges", "old USD", "new USD", "difference", "now priced", "now unpriced"];
  const rows = models.map((each) => [each.provider ?? "", each.model ?? "", ...describeDifference(each)]);
  const table = formatTable([head, ...rows, ["total", "", ...describeDifference(total)]], [2, 3, 4, 5, 6, 7]);
  const done = dryRun ? "would be repriced; nothing was changed" : "repriced";
  return [
    ...(models.length > 0 ? [...table, ""] : []),
    `${formatNumberOf(looked, "exchange")} looked at, ${formatCount(total.exchanges)} ${done}.`,
    ...Object.entries(left).map(
      ([reason, count]) => `${formatCount(count)} left alone: ${isReason(reason) ? leftWords[reason] : reason}.`,
    ),
    "What was spent of budgets stays as it was counted.",
  ];
}

/** The same as plain data, money in USD as text. */
export function writeRepricing({ looked, models, total, left }: Repricing): Readonly<Record<string, unknown>> {
  return {
    looked,
    total: writeDifference(total),
    models: models.map(({ provider, model, ...difference }) => ({ provider, model, ...writeDifference(difference) })),
    left,
    budgetsChanged: false,
  };
}

/** What was different, as plain data. */
export function writeDifference({ exchanges, oldNanoUsd, newNanoUsd, priced, unpriced }: CostDifference) {
  return {
    exchanges,
    oldCostUsd: writeUsd(String(oldNanoUsd)),
    newCostUsd: writeUsd(String(newNanoUsd)),
    differenceUsd: writeUsd(String(newNanoUsd - oldNanoUsd)),
    nowPriced: priced,
    nowUnpriced: unpriced,
  };
}

function describeDifference(difference: CostDifference): readonly string[] {
  const { exchanges, oldCostUsd, newCostUsd, differenceUsd, nowPriced, nowUnpriced } = writeDifference(difference);
  const change = difference.newNanoUsd > difference.oldNanoUsd ? `+${differenceUsd}` : differenceUsd;
  return [formatCount(exchanges), oldCostUsd, newCostUsd, change, formatCount(nowPriced), formatCount(nowUnpriced)];
}

function isReason(reason: string): reason is LeftReason {
  return reason in leftWords;
}
