/** What tokens and providers' keys begin with; a name such as `task-` doesn't begin one. */
const keys = /(sk-weir-|(?<![\dA-Za-z])sk-|AIza)[\w-]{8,}/g;

/** Parameters that carry a credential, by their names without case and punctuation. */
const secretNames =
  /^(?:\w*api|\w*weir|\w*access|\w*secret|\w*subscription|\w*auth)?key$|^(?:id|\w*auth|\w*access|bearer|refresh|\w*security|\w*session)?token$|^(?:\w*auth|\w*authorization|bearer|jwt|sig)$|(?:signature|credentials?|secret|password)$/;

/** What a query has that tells a secret, and few others have. */
const mayTell = /%|key|token|auth|bearer|jwt|sig|credential|secret|password|sk-|AIza/i;

/** A text that is written down, such as a path, without what looks like a token or a provider's key. */
export function maskSecrets(text: string): string {
  // Nearly every path has none of these.
  if (!/sk-|AIza|%/.test(text)) return text;
  const plain = decodeUnreserved(text);
  const masked = plain.replace(keys, "$1***");
  return masked === plain ? text : masked;
}

/** A query that is written down: parameters keep their names, and those that carry a credential lose their values. */
export function maskQuery(search: string): string {
  if (search === "" || !mayTell.test(search)) return search;
  return maskSecrets(search.split("&").map(maskParameter).join("&"));
}

/** Some servers end a parameter at a semicolon, and a question mark may be written twice. */
function maskParameter(parameter: string): string {
  for (const { 0: written, 1: name = "", index } of parameter.matchAll(/(?:^|[?;])([^?;=]+)=/g))
    if (isSecretName(name)) return `${parameter.slice(0, index + written.length)}***`;
  return parameter;
}

function isSecretName(name: string): boolean {
  return secretNames.test(
    decodeUnreserved(name)
      .toLowerCase()
      .replaceAll(/%[\da-f]{2}|[^\da-z]/g, ""),
  );
}

/** Undoes the percent-encodings that change nothing (RFC 3986, section 2.3). */
function decodeUnreserved(text: string): string {
  return text.replaceAll(/%([2-7][\da-f])/gi, (written, hex: string) => {
    const char = String.fromCharCode(Number.parseInt(hex, 16));
    return /[\w.~-]/.test(char) ? char : written;
  });
}
