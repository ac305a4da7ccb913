import { lookup } from "node:dns/promises";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Config } from "../../config/config.ts";
import { registry } from "../../config/registry.ts";
import type { Texts } from "../../config/lookup.ts";
import type { Provider } from "../../providers/provider.ts";
import { formatDuration } from "../format.ts";
import { codeOf, type Finding } from "./check.ts";

/** What was found out about an upstream, and how far its clock is from ours, in milliseconds, where it said. */
export type UpstreamFinding = { readonly finding: Finding; readonly skewMs?: number };

const stepWithinMs = 5_000;

/** Goes the way of a call: the name, the connection, an HTTP answer. No key is sent, and any answer is a sign of life. */
export async function checkUpstream(
  provider: Provider,
  gateway: Config["gateway"],
  env: Texts,
): Promise<UpstreamFinding> {
  const name = `upstream ${provider.name}`;
  const url = new URL(provider.baseUrl);
  const proxied = isProxied(url, env);
  const took: string[] = [];
  try {
    if (!proxied) {
      took.push(await time("DNS", () => lookup(hostOf(url))));
      took.push(await time(url.protocol === "https:" ? "TLS" : "TCP", () => openConnection(url)));
    }
    const sentAt = Date.now();
    const answer = await fetch(provider.baseUrl, {
      method: "HEAD",
      redirect: "manual",
      signal: AbortSignal.timeout(stepWithinMs),
    });
    const answeredAt = Date.now();
    took.push(`HTTP ${formatDuration(answeredAt - sentAt)}`);
    const message = `${provider.baseUrl} answers ${answer.status}${proxied ? " through the proxy" : ""} (${took.join(", ")})`;
    return {
      finding: adviseOnPath(url, judge(name, answer.status, message)),
      ...readSkew(answer, (sentAt + answeredAt) / 2),
    };
  } catch (error) {
    return { finding: describeFault(provider, gateway, { name, proxied, code: codeOf(error) }) };
  }
}

function judge(name: string, status: number, message: string): Finding {
  if (status === 407)
    return {
      name,
      state: "fail",
      message,
      advice: "The proxy wants a credential: put it into HTTPS_PROXY.",
      unreachable: true,
    };
  if (status < 500) return { name, state: "ok", message };
  return { name, state: "warn", message, advice: "It is there, but in trouble: see its own status page or logs." };
}

/** The path of a call is added to a base URL, which mustn't have it already. */
function adviseOnPath({ pathname }: URL, finding: Finding): Finding {
  const [call] =
    /(?:\/v\d+\w*)?\/(?:chat\/completions|completions|embeddings|messages|responses)\/?$/.exec(pathname) ?? [];
  if (call === undefined || finding.state !== "ok") return finding;
  const advice = `Its base URL is that of a single call: leave "${call}" out.`;
  return { ...finding, state: "warn", advice };
}

/** A provider that nobody set up is no reason to fail: it is there for callers who may never come. */
function describeFault(
  { name: providerName, baseUrl, key }: Provider,
  { defaultApi }: Config["gateway"],
  { name, proxied, code }: { name: string; proxied: boolean; code: string },
): Finding {
  const builtIn = registry.providers.find((definition) => definition.name === providerName);
  const needed = key !== undefined || builtIn?.baseUrl !== baseUrl || providerName === defaultApi;
  const way = proxied ? " through the proxy" : "";
  const message = `${baseUrl} can't be reached${way} (${code})${needed ? "" : "; only calls to it need it"}`;
  const advice = advise(code, proxied);
  return needed
    ? { name, state: "fail", message, advice, unreachable: true }
    : { name, state: "warn", message, advice };
}

function advise(code: string, proxied: boolean): string {
  if (proxied) return "Check HTTPS_PROXY and HTTP_PROXY; NO_PROXY names hosts that are reached without.";
  if (/^(?:ENOTFOUND|EAI_AGAIN|DNS_)/.test(code)) return "Check the host in its base URL, and this machine's DNS.";
  if (/REFUSED/i.test(code)) return "Nothing listens there: start it, or correct the port in its base URL.";
  if (/CERT|SIGNED|ISSUER/i.test(code))
    return "Its certificate isn't trusted here: correct its base URL, or name its authority in NODE_EXTRA_CA_CERTS.";
  return "A firewall may be in between; where a proxy is needed, set HTTPS_PROXY.";
}

/** How long a step took, for people. */
async function time(step: string, work: () => Promise<unknown>): Promise<string> {
  const from = performance.now();
  await work();
  return `${step} ${formatDuration(performance.now() - from)}`;
}

function openConnection(url: URL): Promise<void> {
  const isTls = url.protocol === "https:";
  const to = { host: hostOf(url), port: Number(url.port) || (isTls ? 443 : 80) };
  return new Promise((resolve, reject) => {
    const onOpen = () => {
      socket.destroy();
      resolve();
    };
    const socket: Socket = isTls ? connectTls({ ...to, servername: to.host }, onOpen) : connect(to, onOpen);
    socket.setTimeout(stepWithinMs, () => socket.destroy(new Error("ETIMEDOUT")));
    socket.once("error", reject);
  });
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "");
}

/** A date header says the second; its middle is meant. */
function readSkew(answer: Response, at: number): { readonly skewMs?: number } {
  const theirs = Date.parse(answer.headers.get("date") ?? "");
  return Number.isNaN(theirs) ? {} : { skewMs: theirs + 500 - at };
}

function isProxied({ protocol, hostname }: URL, env: Texts): boolean {
  const read = (name: string) => [env[name.toLowerCase()], env[name]].find(Boolean);
  if (!read(protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY")) return false;
  const direct = (read("NO_PROXY") ?? "").split(",").map((entry) =>
    entry
      .trim()
      .replace(/^\*?\./, "")
      .replace(/:\d+$/, ""),
  );
  return !direct.some(
    (entry) => entry === "*" || (entry !== "" && (hostname === entry || hostname.endsWith(`.${entry}`))),
  );
}
