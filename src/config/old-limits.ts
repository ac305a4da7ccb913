import { hash } from "node:crypto";
import { isTree } from "./lookup.ts";
import type { Report } from "./report.ts";
import { checkKeys } from "./unknown-keys.ts";
import type { YamlTree } from "./yaml-file.ts";

/**
 * Reads `features.rate_limiting` of Instawork's llm-proxy as the `limits` that count alike: its figures bound everybody together
 * and each provider, model, key and user, what is said of one of them takes their place where it is above 0, and only input counts.
 */
export function moveOldLimits(yaml: YamlTree, file: string, report: Report): YamlTree {
  const { features, ...others } = yaml;
  if (!isTree(features)) return yaml;
  const { rate_limiting: old, ...otherFeatures } = features;
  if (!isTree(old)) return yaml;
  const kept = Object.keys(otherFeatures).length === 0 ? others : { ...others, features: otherFeatures };
  if (!isTrue(old["enabled"])) return kept;
  if (yaml["limits"] !== undefined) {
    report.fault(`features.rate_limiting in ${file} must go, because limits stand there too`);
    return kept;
  }
  const before = report.faults.length;
  checkKeys({ features: { rate_limiting: old } }, oldKeys, report);
  // What is left would be told of by names that don't stand in the file.
  if (report.faults.length > before) return kept;
  report.warn(`features.rate_limiting in ${file} is read as limits; write it so, as docs/limits.md shows`);
  const redis = readRedis(old["redis"]);
  return {
    ...kept,
    ...(redis && yaml["redis"] === undefined ? { redis } : {}),
    limits: createLimits(old),
  };
}

const figureNames = ["requests_per_minute", "tokens_per_minute", "requests_per_day", "tokens_per_day", "concurrent"];

/** The keys that it had; of what has names of one's own, which may be secrets, nothing is said here. */
const oldKeys = [
  "enabled",
  "backend",
  "redis",
  ...figureNames.map((figure) => `limits.${figure}`),
  ...["per_key", "per_user", "per_model"].map((scope) => `overrides.${scope}`),
  ...["max_sample_bytes", "bytes_per_token", "chars_per_token", "provider_chars_per_token"].map(
    (name) => `estimation.${name}`,
  ),
].map((path) => `features.rate_limiting.${path}`);

function createLimits({ limits, overrides, estimation, backend }: YamlTree) {
  const base = isTree(limits) ? dropZeros(limits) : {};
  const { per_key = {}, per_user = {}, per_model = {} } = isTree(overrides) ? overrides : {};
  return {
    count: "input",
    global: base,
    ...(backend === undefined ? {} : { backend }),
    ...(isTree(estimation) ? { estimation: readEstimation(estimation) } : {}),
    overrides: {
      provider: readScope({}, base),
      model: readScope(per_model, base),
      user: readScope(per_user, base),
      key: readScope(per_key, base, (key) => hash("sha256", key, "hex")),
    },
  };
}

function readScope(named: unknown, base: YamlTree, nameOf = (name: string) => name): unknown {
  if (!isTree(named)) return named;
  const entries = Object.entries(named).map(([name, figures]) => [
    nameOf(name),
    isTree(figures) ? { ...base, ...dropZeros(figures) } : figures,
  ]);
  return { ...Object.fromEntries(entries), ...(Object.keys(base).length === 0 ? {} : { "*": base }) };
}

/** 0 said nothing there, and nothing of an override. */
function dropZeros(figures: YamlTree): YamlTree {
  return Object.fromEntries(Object.entries(figures).filter(([, figure]) => Number(figure) !== 0));
}

/** Below 0, no text was counted. */
function readEstimation({ max_sample_bytes: most, ...others }: YamlTree): YamlTree {
  return most === undefined ? others : { ...others, max_sample_bytes: Number(most) < 0 ? "0" : most };
}

function readRedis(old: unknown): YamlTree | undefined {
  if (!isTree(old)) return undefined;
  const { address, ...others } = old;
  const entries = Object.entries({ ...others, addr: address }).filter(
    ([, value]) => value !== undefined && value !== null && value !== "",
  );
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function isTrue(value: unknown): boolean {
  return value === true || value === "true";
}
