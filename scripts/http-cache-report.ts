import { isGood, judgeFindings, type Outcome, type Outcomes } from "./http-cache-judge.ts";
import { findReasons, findUnneeded, type Reason, reasons } from "./http-cache-reasons.ts";
import { type Suite, type SuiteTest, suiteName } from "./http-cache-suite.ts";

/** Other caches of which the suite's authors publish what they found. */
const compared = ["nginx", "Squid", "Varnish"] as const;

/** Writes the page about these outcomes; throws where one has no reason, or a reason has none of them. */
export async function writeCacheReport(suite: Suite, outcomes: Outcomes): Promise<string> {
  const tests = suite.categories.flatMap((category) => category.tests);
  const bad = tests.filter(({ id }) => !isGood(outcomes.get(id)));
  const unexplained = bad.filter(({ id }) => outcomes.get(id) !== "dependency");
  checkReasons(unexplained.map(({ id }) => id));
  const others = await readOthers(suite);
  return `${[
    ...writeIntroduction(tests, outcomes),
    "## By category",
    "",
    ...writeTable(suite, outcomes, others),
    "",
    ...writeReasons(unexplained, outcomes),
    ...writeDependents(bad, outcomes),
  ].join("\n")}\n`;
}

type Other = { readonly name: string; readonly version: string; readonly outcomes: Outcomes };

async function readOthers(suite: Suite): Promise<readonly Other[]> {
  const others: Other[] = [];
  for (const name of compared) {
    const found = await suite.findOthers(name);
    if (!found) throw new Error(`The suite has nothing of ${name} any more. Take it out of the list.`);
    // A package's own number says nothing to who doesn't use its system.
    const version = found.version.replace(/-.*$/, "");
    others.push({ name, version, outcomes: judgeFindings(suite.categories, found.findings) });
  }
  return others;
}

function checkReasons(ids: readonly string[]): void {
  const unclear = ids.filter((id) => findReasons(id).length !== 1);
  if (unclear.length > 0)
    throw new Error(`scripts/http-cache-reasons.ts must have one reason for ${unclear.join(", ")}`);
  const unneeded = findUnneeded(ids);
  if (unneeded.length > 0)
    throw new Error(`scripts/http-cache-reasons.ts has reasons for what isn't so: ${unneeded.join(", ")}`);
}

function writeIntroduction(tests: readonly SuiteTest[], outcomes: Outcomes): readonly string[] {
  const good = count(tests, outcomes, isGood);
  const failed = count(tests, outcomes, (outcome) => outcome === "failed");
  return [
    "# The public HTTP cache tests",
    "",
    `What [${suiteName.replace("@", " ")}](https://cache-tests.fyi) finds of the [response cache](cache.md): ${good} of ${tests.length} tests are as the suite has it, and ${failed} required ones aren't. Made by \`npm run cache-tests\`, which fetches the suite and runs it against a whole Weir whose consumer brings a key of its own; [the outcomes of each test](http-cache-tests.json). A test of ours holds that all of this is still true.`,
    "",
    "The suite is older than RFC 9111 and is, by its own words, no conformance test: *required* is what the standard asks for, *optimal* what a cache that keeps as much as it may would do, and a *check* only asks how it is. Where a test fails in its preparations, or one that it depends on does, there is no verdict.",
    "",
  ];
}

function writeTable(suite: Suite, outcomes: Outcomes, others: readonly Other[]): readonly string[] {
  const names = others.map(({ name, version }) => `${name} ${version}`);
  const head = [
    "category",
    "tests",
    "passed",
    "required failed",
    "not optimal",
    "check says no",
    "no verdict",
    ...names,
  ];
  const row = (name: string, tests: readonly SuiteTest[]) => [
    name,
    tests.length,
    count(tests, outcomes, isGood),
    ...(["failed", "not optimal", "no"] as const).map((wanted) => count(tests, outcomes, (found) => found === wanted)),
    count(tests, outcomes, (found) => found === "setup" || found === "dependency"),
    ...others.map((other) => count(tests, other.outcomes, isGood)),
  ];
  const all = suite.categories.flatMap(({ tests }) => tests);
  const rows = [...suite.categories.map(({ name, tests }) => row(name, tests)), row("**all**", all)];
  return [
    "*Passed* counts checks that say yes. What the other caches pass is what the suite's authors publish in the same version.",
    "",
    writeRow(head),
    writeRow(head.map((_, at) => (at === 0 ? "---" : "--:"))),
    ...rows.map(writeRow),
  ];
}

function writeReasons(tests: readonly SuiteTest[], outcomes: Outcomes): readonly string[] {
  const groups = Map.groupBy(reasons, ({ because }) => because);
  const lines = [...groups].flatMap(([because, some]) => [
    `### ${because}`,
    "",
    "| why | tests |",
    "| --- | --- |",
    ...some.map((reason) => writeRow([reason.why, writeConcerned(reason, tests, outcomes)])),
    "",
  ]);
  return ["## Why the others aren't", "", ...lines];
}

function writeConcerned(reason: Reason, tests: readonly SuiteTest[], outcomes: Outcomes): string {
  const concerned = tests.filter(({ id }) => findReasons(id).includes(reason));
  const byOutcome = Map.groupBy(concerned, ({ id }) => outcomes.get(id));
  return [...byOutcome].map(([outcome, some]) => `${writeOutcome(outcome)}: ${listIds(some)}`).join("; ");
}

function writeOutcome(outcome: Outcome | undefined): string {
  return outcome === "setup" ? "no verdict" : `${outcome}`;
}

function writeDependents(tests: readonly SuiteTest[], outcomes: Outcomes): readonly string[] {
  const dependents = tests.filter(({ id }) => outcomes.get(id) === "dependency");
  const byNeeded = Map.groupBy(dependents, ({ depends_on }) => depends_on.find((id) => !isGood(outcomes.get(id))));
  return [
    "### What they depend on isn't so",
    "",
    "| it | tests without a verdict |",
    "| --- | --- |",
    ...[...byNeeded].map(([needed, some]) => writeRow([`\`${needed}\``, listIds(some)])),
  ];
}

function listIds(tests: readonly SuiteTest[]): string {
  return tests.map(({ id }) => `\`${id}\``).join(", ");
}

function count(
  tests: readonly SuiteTest[],
  outcomes: Outcomes,
  wanted: (outcome: Outcome | undefined) => boolean,
): number {
  return tests.filter(({ id }) => wanted(outcomes.get(id))).length;
}

function writeRow(cells: readonly (string | number)[]): string {
  return `| ${cells.join(" | ")} |`;
}
