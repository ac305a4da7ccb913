import { randomBytes } from "node:crypto";
import page from "./docs-page.html" with { type: "text" };

/** Creates the page that shows the documentation; scripts and styles are its own, by a nonce that is new each time. */
export function createDocsPage(): () => Response {
  // The types know only of pages that are bundled.
  const text: unknown = page;
  if (typeof text !== "string") throw new Error("docs-page.html must be loaded as text");

  return () => {
    const nonce = randomBytes(16).toString("base64");
    return new Response(text.replaceAll("{{nonce}}", nonce), {
      headers: {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
        "referrer-policy": "no-referrer",
      },
    });
  };
}
