import type { TokenStore } from "./tokens.ts";

/** Marks expired tokens inactive now and then; `everyMs` of 0 never does it. Gives what ends it. */
export function startTokenCleanup(
  tokens: Pick<TokenStore, "deactivateExpired">,
  everyMs: number,
  onTrouble: (error: unknown, phrase: string) => void,
): () => void {
  if (everyMs === 0) return () => {};
  const run = async () => {
    try {
      while ((await tokens.deactivateExpired({ name: "system", origin: "system" })) > 0);
    } catch (error) {
      onTrouble(error, "expired tokens could not be marked inactive");
    }
  };
  const timer = setInterval(() => void run(), everyMs);
  return () => clearInterval(timer);
}
