/** How often a path may be percent-encoded: a proxy may undo it once and the program behind it again. */
const maxEncodings = 3;

/**
 * A path's segments without percent-encoding, for a decision about it; `undefined` where it could lead elsewhere than it seems to:
 * by dot-segments that only show once it is decoded, by backslashes and control characters, or by what can't be decoded.
 * An encoded slash stays within its segment.
 */
export function readSegments(path: string): readonly string[] | undefined {
  // What follows a hash never goes up.
  const [sent = ""] = path.split("#", 1);
  const segments: string[] = [];
  for (const written of sent.slice(1).split("/")) {
    const segment = decode(written);
    if (segment === undefined || isTreacherous(segment)) return undefined;
    segments.push(segment);
  }
  return segments;
}

/** Whether a path lies at or below one of the prefixes, which are segments too. */
export function isBelow(segments: readonly string[], prefixes: readonly (readonly string[])[]): boolean {
  return prefixes.some((prefix) => prefix.every((segment, at) => segments[at] === segment));
}

/** The model that a path names: Gemini's before a verb (`/v1beta/models/gemini-2.5-pro:generateContent`), Azure's as a deployment. */
export function findPathModel(segments: readonly string[]): string | undefined {
  // An encoded slash may be taken for one, and then more of the path is the name.
  const parts = segments.join("/").split("/");
  const after = (name: string) => parts.findIndex((part) => part.toLowerCase() === name) + 1;
  const at = after("models") || after("tunedmodels");
  const colon = at > 0 ? parts.slice(at).join("/").lastIndexOf(":") : -1;
  if (colon !== -1) {
    const name = parts.slice(at).join("/").slice(0, colon);
    return parts[at - 1]?.toLowerCase() === "models" ? name : `${parts[at - 1]}/${name}`;
  }
  const deployment = after("deployments");
  if (deployment === 0 || parts.length <= deployment + 1) return undefined;
  return parts.length === segments.length ? parts[deployment] : parts.slice(deployment).join("/");
}

function decode(written: string): string | undefined {
  let text = written;
  for (let times = 0; times < maxEncodings; times += 1) {
    if (!text.includes("%")) return text;
    try {
      text = decodeURIComponent(text);
    } catch {
      // A percent sign that was encoded itself stays one.
      return times === 0 ? undefined : text;
    }
  }
  return text.includes("%") ? undefined : text;
}

/** Some servers cut a segment at its semicolon before they look for dots. */
function isTreacherous(segment: string): boolean {
  return /[\\\p{Cc}]|(?:^|\/)\.{1,2}(?:[/;]|$)/u.test(segment);
}
