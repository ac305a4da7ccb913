import type { Finding, Findings, SuiteCategory, SuiteTest } from "./http-cache-suite.ts";

/** What a test says of a cache, in the suite's own terms: `setup` and `dependency` are no verdicts, as it never came so far. */
export type Outcome = "passed" | "failed" | "not optimal" | "yes" | "no" | "setup" | "dependency" | "untested";

/** Outcomes by test. */
export type Outcomes = ReadonlyMap<string, Outcome>;

/** Judges all findings, as the suite's own pages do. */
export function judgeFindings(categories: readonly SuiteCategory[], findings: Findings): Outcomes {
  const tests = new Map(categories.flatMap((category) => category.tests).map((test) => [test.id, test]));
  const judged = new Map<string, Outcome>();
  for (const { id } of tests.values()) judge(id);
  return judged;

  function judge(id: string): Outcome {
    const known = judged.get(id);
    if (known !== undefined) return known;
    const test = tests.get(id);
    const finding = findings[id];
    const outcome = test && finding !== undefined ? judgeOne(test, finding) : "untested";
    judged.set(id, outcome);
    return outcome;
  }

  function judgeOne(test: SuiteTest, finding: Finding): Outcome {
    return test.depends_on.every((needed) => isGood(judge(needed))) ? judgeAlone(test, finding) : "dependency";
  }
}

/** Whether a cache does what its test looks for. */
export function isGood(outcome: Outcome | undefined): boolean {
  return outcome === "passed" || outcome === "yes";
}

function judgeAlone({ kind }: SuiteTest, finding: Finding): Outcome {
  if (finding !== true && finding[0] === "Setup") return "setup";
  switch (kind) {
    case "required":
      return finding === true ? "passed" : "failed";
    case "optimal":
      return finding === true ? "passed" : "not optimal";
    case "check":
      return finding === true ? "yes" : "no";
  }
}
