import { complain } from "../command.ts";
import { openLineInput } from "../line-input.ts";
import type { Turn } from "./dialect.ts";
import { describeEnding } from "./ending.ts";
import type { Reply } from "./talk.ts";

/** Talks until the person leaves: every question goes with all that was said before. */
export async function converse(ask: (turns: readonly Turn[], signal: AbortSignal) => Promise<Reply>): Promise<void> {
  const turns: Turn[] = [];
  let stop = new AbortController();
  let isAnswering = false;
  let interrupts = 0;
  using input = openLineInput({
    keepsHistory: true,
    onInterrupt() {
      interrupts += 1;
      if (interrupts > 1) return undefined;
      stop.abort();
      return isAnswering ? "" : "Ctrl-C again leaves.";
    },
  });
  for (;;) {
    const text = await input.ask("> ");
    if (text === undefined) return;
    interrupts = 0;
    if (text.trim() === "") continue;
    turns.push({ role: "user", text });
    stop = new AbortController();
    isAnswering = true;
    const reply = await ask(turns, stop.signal);
    isAnswering = false;
    complain(describeEnding(reply));
    // What brought no answer isn't said again with the next question.
    if (reply.text === "") turns.pop();
    else turns.push({ role: "assistant", text: reply.text });
  }
}
