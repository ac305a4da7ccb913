import { Refusal } from "../domain/refusal.ts";
import { readSocketEvent } from "./socket-event.ts";
import type { Pass, TokenBook } from "./token-book.ts";
import type { Ticket } from "./ticket.ts";

/** What becomes of a frame, and why: a refused one is answered on the socket, which stays, or else the socket is closed. */
export type SocketVerdict =
  | {
      readonly kind: "passed";
      readonly ticket?: Ticket | undefined;
      /** Gives back all that was taken, where nothing is asked of the upstream after all. */
      readonly spare: () => void;
    }
  | { readonly kind: "refused" | "closed"; readonly refusal: Refusal };

/** Decides of what is asked for on a socket. */
export type SocketGate = {
  /** `undefined` where the frame passes. */
  readonly judge: (frame: Buffer) => Promise<SocketVerdict> | SocketVerdict | undefined;
  /** Decides of an answer that the provider begins by itself. */
  readonly admitUnasked: () => Promise<SocketVerdict>;
  /** Calls `onLost` once when the token may not call any more; gives what stops looking. */
  readonly watch: (onLost: (refusal: Refusal) => void) => () => void;
};

/** What a gate is made of; each is absent where nothing of the kind holds for the socket. */
export type SocketGateParts = {
  readonly pass?: Pass | undefined;
  /** Throws a `Refusal` for a frame that a policy forbids. */
  readonly checkFrame?: ((frame: Buffer) => void) | undefined;
  readonly tokens: Pick<TokenBook, "renew" | "use" | "giveBack">;
  /** Takes what an answer needs of limits and budgets, with the frame that asks for it where one did; throws a `Refusal`. */
  readonly toll: (pass: Pass | undefined, frame?: Buffer) => Ticket | undefined | Promise<Ticket | undefined>;
  /** Whether `toll` could take anything at all. */
  readonly tolled: boolean;
};

/** How often it is looked whether the token may still call. Milliseconds. */
const lookEveryMs = 400;

/** Creates the gate of a socket, on which each answer is a request of its own; `undefined` where anything may pass. */
export function createSocketGate({ pass, checkFrame, tokens, toll, tolled }: SocketGateParts): SocketGate | undefined {
  if (!pass && !checkFrame && !tolled) return undefined;
  return {
    judge(frame) {
      const fault = checkFrame && findFault(() => checkFrame(frame));
      if (fault) return { kind: "refused", refusal: fault };
      return readSocketEvent(frame)?.asks ? admit(frame) : undefined;
    },
    admitUnasked: () => admit(),
    watch(onLost) {
      if (!pass) return () => {};
      const timer = setInterval(() => {
        renew(pass).catch((error: unknown) => {
          if (!isLost(error)) return;
          clearInterval(timer);
          onLost(error);
        });
      }, lookEveryMs);
      return () => clearInterval(timer);
    },
  };

  async function renew(former: Pass): Promise<Pass> {
    return tokens.renew(former);
  }

  async function admit(frame?: Buffer): Promise<SocketVerdict> {
    let ticket: Ticket | undefined;
    try {
      const current = pass && (await renew(pass));
      ticket = await toll(current, frame);
      if (current) await tokens.use(current);
      const spare = () => {
        ticket?.end("spared");
        if (current) void tokens.giveBack(current);
      };
      return { kind: "passed", ticket, spare };
    } catch (error) {
      ticket?.end("spared");
      return { kind: isLost(error) ? "closed" : "refused", refusal: toRefusal(error) };
    }
  }
}

/** The token, or its project, may not call at all any more. */
function isLost(error: unknown): error is Refusal {
  return error instanceof Refusal && (error.status === 401 || error.status === 403);
}

function findFault(check: () => void): Refusal | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return toRefusal(error);
  }
}

function toRefusal(error: unknown): Refusal {
  return error instanceof Refusal ? error : new Refusal("internal_error", { cause: error });
}
