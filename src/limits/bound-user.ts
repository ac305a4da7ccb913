import { hash } from "node:crypto";

/** Characters of a user's name; the index of a database takes no more than some thousand bytes. */
const longestUser = 256;

/** A user's name as it is counted by: of a longer one its beginning, and in hexadecimal the SHA-256 of all of it. */
export function boundUser(name: string): string {
  if (name.length <= longestUser) return name;
  const digest = `#${hash("sha256", name, "hex")}`;
  return name.slice(0, longestUser - digest.length) + digest;
}
