import { type Budget, isBudgetPeriod, usualWarnAt } from "../domain/budget.ts";
import { flag } from "../lib/setting-schema.ts";
import { readUsd } from "../lib/nano-usd.ts";
import { budgetSettings } from "./budget-settings.ts";
import type { BudgetsConfig } from "./config.ts";
import { isTree, type Lookup } from "./lookup.ts";
import { readSettings } from "./read-settings.ts";
import type { Report } from "./report.ts";

type Fault = (path: string, expected: string, value?: unknown) => void;

const members = ["amount_usd", "period", "hard", "warn_at"];

/** Reads what users may spend, and who is told of it; `file` is the configuration file's name, for messages. */
export function readBudgets(lookup: Lookup, file: string, report: Report): BudgetsConfig {
  const { onFailure, users, webhookUrl, webhookSecret } = readSettings(budgetSettings, lookup, report);
  if (webhookSecret !== undefined && webhookUrl === undefined)
    report.warn("BUDGET_WEBHOOK_SECRET changes nothing, because BUDGET_WEBHOOK_URL is not set");
  const webhook = webhookUrl && { url: webhookUrl, ...(webhookSecret === undefined ? {} : { secret: webhookSecret }) };
  return { onFailure, ...(webhook && { webhook }), users: readUsers(users, file, report) };
}

function readUsers(written: unknown, file: string, report: Report): BudgetsConfig["users"] {
  const fault: Fault = (path, expected, value) => {
    const found = value === undefined ? "" : `, not ${JSON.stringify(value).slice(0, 80)}`;
    report.fault(`${path} in ${file} must ${expected}${found}`);
  };
  const path = budgetSettings.users.yaml;
  if (written === undefined || written === null || written === "") return {};
  if (!isTree(written)) {
    fault(path, "be a map of users", written);
    return {};
  }
  return Object.fromEntries(
    Object.entries(written).map(([user, list]) => [user, readList(`${path}.${user}`, list, fault)]),
  );
}

function readList(path: string, list: unknown, fault: Fault): readonly Budget[] {
  if (!Array.isArray(list)) {
    fault(path, "be a list of budgets, such as [{ amount_usd: 25, period: month }]", list);
    return [];
  }
  const budgets = list.flatMap((budget: unknown, at) => readBudget(`${path}[${at}]`, budget, fault) ?? []);
  const periods = budgets.map(({ period }) => period);
  const twice = periods.find((period, at) => periods.indexOf(period) !== at);
  if (twice !== undefined) fault(path, `have one budget for each period, and has two for ${twice}`);
  return budgets;
}

function readBudget(path: string, written: unknown, fault: Fault): Budget | undefined {
  if (!isTree(written)) {
    fault(path, "be a budget, such as { amount_usd: 25, period: month }", written);
    return undefined;
  }
  for (const name of Object.keys(written))
    if (!members.includes(name)) fault(path, `have no "${name}"; it may have ${members.join(", ")}`);
  const amountUsd = asText(written["amount_usd"]);
  const period = asText(written["period"]);
  const hard = flag().safeParse(written["hard"] ?? true);
  const warnAt = readWarnAt(written["warn_at"]);
  if (!readUsd(amountUsd)) fault(`${path}.amount_usd`, "be dollars greater than 0, such as 25 or 0.50", amountUsd);
  if (!isBudgetPeriod(period)) fault(`${path}.period`, "be day, month or total", period);
  if (!hard.success) fault(`${path}.hard`, "be true or false", written["hard"]);
  if (!warnAt)
    fault(`${path}.warn_at`, "be percentages from 1 to 100, ascending, such as [50, 80, 100]", written["warn_at"]);
  if (!readUsd(amountUsd) || !isBudgetPeriod(period) || !hard.success || !warnAt) return undefined;
  return { amountUsd, period, hard: hard.data, warnAt };
}

function asText(written: unknown): string {
  return typeof written === "string" || typeof written === "number" ? String(written) : "";
}

function readWarnAt(written: unknown): readonly number[] | undefined {
  if (written === undefined || written === null) return usualWarnAt;
  const percents = Array.isArray(written)
    ? written.map((each: unknown) => (isPercent(each) ? Number(each) : Number.NaN))
    : [];
  const isRight = Array.isArray(written) && percents.every((percent, at) => percent > (percents[at - 1] ?? 0));
  return isRight ? percents : undefined;
}

function isPercent(written: unknown): boolean {
  return /^(?:[1-9]\d?|100)$/.test(String(written));
}
