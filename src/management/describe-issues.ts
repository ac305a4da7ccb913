import type { z } from "zod";

const maxIssues = 5;
const maxNameLength = 60;

/** Says in one sentence what a schema found wrong; never a value, which may be a secret. `noun` is what its members are called. */
export function describeIssues(issues: readonly z.core.$ZodIssue[], noun: "field" | "parameter"): string {
  const told = [...new Set(issues.flatMap((issue) => describe(issue, noun)))];
  const more = told.length > maxIssues ? `; and ${told.length - maxIssues} more` : "";
  return told.slice(0, maxIssues).join("; ") + more;
}

function describe(issue: z.core.$ZodIssue, noun: string): readonly string[] {
  const path = issue.path.map(show).join(".");
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => `unknown ${noun} ${[...issue.path.map(show), show(key)].join(".")}`);
  if (issue.code === "invalid_key")
    return [`${path} ${issue.issues[0]?.message ?? "is not a name that is known here"}`];
  return [`${path === "" ? "it" : path} ${phrase(issue)}`];
}

/** Our own messages complete the sentence; the library's are made to. */
function phrase({ message }: z.core.$ZodIssue): string {
  const [, expected, received] = /^Invalid input: expected (.+), received (.+)$/.exec(message) ?? [];
  if (received === "undefined") return "is required";
  if (expected !== undefined) return `must be of type ${expected}, not ${received}`;
  const [, options] = /^Invalid option: expected one of (.+)$/.exec(message) ?? [];
  return options === undefined ? message : `must be one of ${options.replaceAll("|", ", ")}`;
}

/** A name that somebody sent: short, on one line. */
function show(name: PropertyKey): string {
  const text = String(name)
    .replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "?")
    .toWellFormed();
  return text.length > maxNameLength ? `${text.slice(0, maxNameLength)}…` : text;
}
