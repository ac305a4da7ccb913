/** What was found out about one thing that a gateway needs. */
export type Finding = {
  readonly name: string;
  readonly state: "ok" | "warn" | "fail";
  /** What is so. */
  readonly message: string;
  /** How to mend it. */
  readonly advice?: string;
  /** It fails because something elsewhere can't be reached. */
  readonly unreachable?: true;
};

/** What an error says of itself, in a word where it has one. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}
