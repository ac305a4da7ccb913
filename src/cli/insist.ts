import { codeOf } from "./checks/check.ts";

/** What another process holds. */
export class HeldFault extends Error {}

/** Whether an error says that another process has what is asked for. */
function isHeld(error: unknown): boolean {
  return error instanceof HeldFault || codeOf(error) === "EADDRINUSE";
}

/** How long and how often what another process holds is asked for. Milliseconds. */
const withinMs = 2_000;
const everyMs = 50;

/** Tries again for a moment while another process has it: the children of one that was killed see that, and end. */
export async function insist(attempt: () => Promise<void>): Promise<void> {
  const until = performance.now() + withinMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!isHeld(error) || performance.now() > until) throw error;
      await Bun.sleep(everyMs);
    }
  }
}
