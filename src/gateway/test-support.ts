import type { SocketFacts } from "./socket-exchanges.ts";
import type { Ticket } from "./ticket.ts";

/** What the exchanges of a socket have in common. */
export const socketFacts: SocketFacts = {
  traceId: "0".repeat(32),
  transport: "websocket",
  provider: "openai",
  dialect: "openai-responses",
  method: "GET",
  path: "/v1/realtime",
  attribution: {},
  status: 101,
};

/** A ticket, and how it was ended. */
export function createTicket(): { readonly ticket: Ticket; readonly endings: readonly string[] } {
  const endings: string[] = [];
  const end = (how: string) => {
    endings.push(how);
    return 7;
  };
  return { ticket: { id: Bun.randomUUIDv7(), headers: {}, end }, endings };
}

/** An event as it goes over a socket. */
export function frame(event: unknown): Buffer {
  return Buffer.from(JSON.stringify(event));
}

/** The event with which an answer begins. */
export function created(id: string): Buffer {
  return frame({ type: "response.created", response: { id } });
}

/** The event with which it ends. */
export function done(id: string): Buffer {
  return frame({ type: "response.done", response: { id } });
}
