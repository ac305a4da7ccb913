/** A token: what the names of headers, connection options and subprotocols are made of (RFC 9110, section 5.6.2). */
const validName = /^[!#$%&'*+\-.^`|~\w]+$/;

/** Whether HTTP could name something so. */
export function isHttpName(text: string): boolean {
  return validName.test(text);
}
