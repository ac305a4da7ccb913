import { readFileSync } from "node:fs";
import { readDotenv } from "../../config/dotenv.ts";
import type { ConfigResult } from "../../config/read-config.ts";
import { isLocal, localUrl } from "../local-url.ts";
import { ManageFault } from "./fault.ts";

/** What the command line says of the gateway that is managed. */
export type ConnectionOptions = {
  readonly manageApiBaseUrl?: string | undefined;
  readonly managementToken?: string | undefined;
};

/** Which gateway is managed, with what, and where the latter was found. */
export type Connection = { readonly baseUrl: string; readonly token: string; readonly tokenFrom: string };

/** What it is found with. */
export type ConnectionParts = {
  readonly options: ConnectionOptions;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads this directory's configuration; asked only where something is missing. */
  readonly load: () => Promise<ConfigResult>;
};

const usualUrl = "http://127.0.0.1:3000";

/** Finds the gateway and its management token: in the options, in the environment, in this directory's configuration. Throws a `ManageFault`. */
export async function findConnection({ options, env, load }: ConnectionParts): Promise<Connection> {
  const givenUrl = options.manageApiBaseUrl ?? present(env["MANAGEMENT_API_BASE_URL"]);
  const givenToken = options.managementToken ?? present(env["MANAGEMENT_TOKEN"]);
  const tokenFrom = options.managementToken === undefined ? "MANAGEMENT_TOKEN" : "--management-token";
  if (givenUrl !== undefined && givenToken !== undefined)
    return { baseUrl: readBaseUrl(givenUrl), token: givenToken, tokenFrom };
  const own = await load();
  const namedUrl = givenUrl ?? findInDotenv(own);
  const baseUrl = namedUrl === undefined ? findOwnUrl(own) : readBaseUrl(namedUrl);
  if (givenToken !== undefined) return { baseUrl, token: givenToken, tokenFrom };
  return { baseUrl, ...findOwnToken(own, namedUrl === undefined || isLocal(baseUrl)) };
}

/** Reads what somebody gave as the API's address: with a slash, or the API's own path, at its end or without. */
export function readBaseUrl(written: string): string {
  const url = URL.canParse(written) ? new URL(written) : undefined;
  const isRight = url && /^https?:$/.test(url.protocol) && url.username === "" && url.search === "" && url.hash === "";
  if (!isRight)
    throw new ManageFault(
      2,
      "--manage-api-base-url (MANAGEMENT_API_BASE_URL) must be a URL such as http://127.0.0.1:3000, without a user or a query",
    );
  return `${url.origin}${url.pathname.replace(/\/*(?:\/manage)?\/*$/, "")}`;
}

function findOwnUrl(own: ConfigResult): string {
  return own.kind === "ok" ? localUrl(own.config.control.listen ?? own.config) : usualUrl;
}

/** It is no setting of a gateway, so that the configuration doesn't have it. */
function findInDotenv(own: ConfigResult): string | undefined {
  if (own.kind === "faults") return undefined;
  return present(readDotenv(own.sources.files?.dotenv?.text ?? "").variables["MANAGEMENT_API_BASE_URL"]);
}

/** The token that this directory's gateway has; the one that it made for itself is sent to no other machine. */
function findOwnToken(own: ConfigResult, isNear: boolean): Pick<Connection, "token" | "tokenFrom"> {
  if (own.kind === "faults")
    throw new ManageFault(
      2,
      describeMissing(["this directory's configuration has faults:", ...own.faults].join("\n  ")),
    );
  const { gateway, control } = own.config;
  if (gateway.managementToken !== undefined)
    return { token: gateway.managementToken, tokenFrom: "this directory's configuration" };
  const path = control.managementTokenFile;
  if (!isNear) throw new ManageFault(2, describeMissing(`${path} is for this machine's gateway alone`));
  try {
    return { token: readFileSync(path, "utf8").trim(), tokenFrom: path };
  } catch (error) {
    const code = codeOf(error);
    const advice = code === "ENOENT" ? ". Start the gateway once in this directory: it makes it" : "";
    throw new ManageFault(2, describeMissing(`${path} can't be read (${code})${advice}`), error);
  }
}

function describeMissing(why: string): string {
  return `There is no management token: set MANAGEMENT_TOKEN, or give --management-token, where - reads it from the standard input. ${why}`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unreadable";
}

function present(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === "" ? undefined : text.trim();
}
