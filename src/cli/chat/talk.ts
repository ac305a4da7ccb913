import { z } from "zod";
import { createSseReader } from "../../lib/sse.ts";
import { formatForeign } from "../format.ts";
import type { ChatDialect, Question } from "./dialect.ts";

/** Where a question goes. */
export type Line = {
  /** The gateway with the provider's prefix. */
  readonly url: string;
  readonly dialect: ChatDialect;
  readonly token: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
};

/** What came back. */
export type Reply = {
  readonly text: string;
  readonly exchangeId: string | null;
  /** How it ended; `faulted` and `refused` say in words what was wrong. */
  readonly ending:
    | { readonly kind: "complete"; readonly finish: string }
    | { readonly kind: "stopped" | "cut" }
    | { readonly kind: "faulted" | "refused" | "unreachable"; readonly message: string };
};

/** Who hears an answer. */
type Listener = { readonly signal: AbortSignal; readonly write: (text: string) => void };

const faultSchema = z.object({ error: z.object({ message: z.string() }) });

/** Asks a model, and writes its answer as it comes; never throws. */
export async function talk(line: Line, question: Question, { signal, write }: Listener): Promise<Reply> {
  const sent = await send(line, question, signal);
  if (!(sent instanceof Response)) return { text: "", exchangeId: null, ending: sent };
  const exchangeId = sent.headers.get("x-weir-exchange-id");
  if (!sent.ok || sent.body === null)
    return { text: "", exchangeId, ending: { kind: "refused", message: await readRefusal(sent) } };
  return { exchangeId, ...(await listen(sent.body, line.dialect, { signal, write })) };
}

async function send(
  { url, dialect, token, headers }: Line,
  question: Question,
  signal: AbortSignal,
): Promise<Response | Reply["ending"]> {
  try {
    return await fetch(url + dialect.path(question), {
      method: "POST",
      headers: { "content-type": "application/json", ...headers, ...dialect.headers(token) },
      body: JSON.stringify(dialect.body(question)),
      signal,
      redirect: "manual",
      // A model may think for as long as it likes.
      timeout: false,
    });
  } catch (error) {
    return signal.aborted ? { kind: "stopped" } : { kind: "unreachable", message: describe(url, error) };
  }
}

async function listen(
  body: ReadableStream<Uint8Array>,
  dialect: ChatDialect,
  { signal, write }: Listener,
): Promise<Pick<Reply, "text" | "ending">> {
  const texts: string[] = [];
  let finish: string | undefined;
  let fault: string | undefined;
  const reader = createSseReader({
    event(_name, data) {
      const piece = dialect.read(parse(data));
      finish = piece.finish ?? finish;
      fault = piece.fault ?? fault;
      if (!piece.text) return;
      texts.push(piece.text);
      write(piece.text);
    },
  });
  try {
    for await (const bytes of body) reader.push(bytes);
    reader.end();
  } catch {
    // Whether the answer was whole, its own events say.
  }
  return { text: texts.join(""), ending: judge() };

  function judge(): Reply["ending"] {
    if (signal.aborted) return { kind: "stopped" };
    if (fault !== undefined) return { kind: "faulted", message: formatForeign(fault) };
    return finish === undefined ? { kind: "cut" } : { kind: "complete", finish };
  }
}

async function readRefusal(answer: Response): Promise<string> {
  const text = await answer.text();
  const { data } = faultSchema.safeParse(parse(text));
  const code = answer.headers.get("x-weir-error");
  const words = data?.error.message ?? text.slice(0, 300);
  return formatForeign(`${answer.status}${code === null ? "" : ` ${code}`}: ${words}`);
}

function describe(url: string, error: unknown): string {
  const why = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : String(error);
  return `${new URL(url).origin} can't be reached (${formatForeign(why)})`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
