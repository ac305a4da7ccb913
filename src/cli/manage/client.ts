import { hc } from "hono/client";
import { z } from "zod";
import type { ManagementApi } from "../../management/management.ts";
import { formatForeign } from "../format.ts";
import { bypassProxy } from "../local-url.ts";
import type { Connection } from "./connection.ts";
import { ManageFault } from "./fault.ts";

/** The management API of one gateway. */
export type ManagementClient = {
  readonly manage: ReturnType<typeof hc<ManagementApi>>["manage"];
  /** Waits for an answer, and gives what it says where the API did what it was asked; throws a `ManageFault`. */
  readonly ask: <T>(sending: Promise<Answer>, shape: z.ZodType<T>) => Promise<T>;
  /** Whether calls need no token, as far as the gateway says. */
  readonly isOpen: () => Promise<boolean>;
  /** Gives the bytes of an answer that goes on and on; throws a `ManageFault`. */
  readonly follow: (path: string) => Promise<ReadableStream<Uint8Array>>;
};

/** What every answer of it is, whatever it says. */
type Answer = Pick<Response, "status" | "ok" | "headers" | "text">;

/** What it is made of. */
export type ManagementClientParts = Connection & { readonly version: string };

/** An audit of years may take so long to be looked through. Milliseconds. */
const answersWithinMs = 120_000;
/** How long an answer that goes on may take to begin. Milliseconds. */
const beginsWithinMs = 10_000;

/** How long what need not be known is waited for: providers are looked at for it. Milliseconds. */
const toldWithinMs = 4_000;

const healthSchema = z.object({ features: z.object({ auth_mode: z.array(z.string()) }) });
const faultSchema = z.object({ error: z.object({ message: z.string(), code: z.string() }) });

/** Creates a client; every request says that it comes from the command line. */
export function createManagementClient({
  baseUrl,
  token,
  tokenFrom,
  version,
}: ManagementClientParts): ManagementClient {
  bypassProxy(baseUrl);
  const send = (input: string | URL | Request, init?: RequestInit) =>
    // Who follows a redirect would take the token there.
    fetch(input, { ...init, redirect: "manual", signal: AbortSignal.timeout(answersWithinMs) });
  const headers = { authorization: `Bearer ${token}`, "x-weir-origin": "cli", "user-agent": `weir/${version}` };
  const { manage } = hc<ManagementApi>(baseUrl, {
    headers,
    fetch: Object.assign(send, { preconnect: fetch.preconnect }),
  });

  return {
    manage,
    async ask(sending, shape) {
      const { answer, text } = await receive(sending);
      if (!answer.ok) throw readFault(answer, text);
      const json = parse(text);
      const read = shape.safeParse(json);
      if (read.success) return read.data;
      // Every answer of the API has an id.
      if (json === undefined || !answer.headers.has("x-request-id")) throw readFault(answer, text);
      throw unreadable(read.error);
    },
    async isOpen() {
      try {
        const answer = await fetch(`${baseUrl}/health`, {
          redirect: "manual",
          signal: AbortSignal.timeout(toldWithinMs),
        });
        const { data } = healthSchema.safeParse(await answer.json());
        return data?.features.auth_mode.includes("open") === true;
      } catch {
        return false;
      }
    },
    async follow(path) {
      const leaving = new AbortController();
      const timer = setTimeout(() => leaving.abort(), beginsWithinMs);
      try {
        const answer = await fetch(baseUrl + path, { headers, redirect: "manual", signal: leaving.signal });
        if (answer.ok && answer.body) return answer.body;
        throw readFault(answer, await answer.text());
      } catch (error) {
        throw error instanceof ManageFault ? error : unreachable(error);
      } finally {
        clearTimeout(timer);
      }
    },
  };

  function unreachable(error: unknown): ManageFault {
    return new ManageFault(3, `${baseUrl} can't be reached (${describeFailure(error)}). ${advice}`, error);
  }

  function unreadable({ issues }: z.ZodError): ManageFault {
    const where = issues.map(({ path }) => path.join(".")).find((path) => path !== "") ?? "the whole answer";
    return new ManageFault(
      1,
      `${baseUrl} did as it was asked, but its answer can't be read here (${formatForeign(where)}). Use the weir of the gateway's version; this one is ${version}`,
    );
  }

  async function receive(sending: Promise<Answer>): Promise<{ readonly answer: Answer; readonly text: string }> {
    try {
      const answer = await sending;
      return { answer, text: await answer.text() };
    } catch (error) {
      throw unreachable(error);
    }
  }

  function readFault(answer: Answer, text: string): ManageFault {
    const { data } = faultSchema.safeParse(parse(text));
    if (!data || data.error.code === "not_found") {
      const place = answer.headers.get("location");
      const what = place === null ? `${answer.status}` : `${answer.status}, to ${formatForeign(place)}`;
      return new ManageFault(3, `${baseUrl} answers, but not as Weir's management API (${what}). ${advice}`);
    }
    const source = answer.status === 401 ? ` (this one came from ${tokenFrom})` : "";
    return new ManageFault(1, formatForeign(nameCommands(data.error.message)) + source);
  }
}

const advice =
  "Check that the gateway runs, and the address in --manage-api-base-url (MANAGEMENT_API_BASE_URL): it is that of MANAGEMENT_LISTEN_ADDR where the gateway has one, else the gateway's own";

/** Its lists as the command line has them. */
function nameCommands(message: string): string {
  return message.replace(/GET \/manage\/(projects|tokens|audit|exchanges)\b/, (_, list: string) => {
    const name = list === "projects" || list === "tokens" ? list.slice(0, -1) : list;
    return `weir manage ${name} list`;
  });
}

function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${answersWithinMs / 1000} s`;
  return "code" in error && typeof error.code === "string" ? error.code : formatForeign(error.message);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
