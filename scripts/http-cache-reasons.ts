/** Why some tests don't find what they look for. */
export type Reason = {
  readonly because:
    | "RFC 9111 has it otherwise"
    | "Weir keeps less than it might"
    | "Weir departs from the standard"
    | "Weir has it so where the standard leaves room"
    | "It is no part of HTTP's caching"
    | "The test can't tell";
  readonly why: string;
  /** Ids; a `*` at the end is for all that begin so. */
  readonly tests: readonly string[];
};

/** The reasons; a test that has none, or a reason that no test needs any more, is a fault of this list. */
export const reasons: readonly Reason[] = [
  {
    because: "RFC 9111 has it otherwise",
    why: "Section 5.1: of several ages the first counts, and one that is no number is ignored. The suite has these stale, of which RFC 7234 said nothing.",
    tests: [
      "age-parse-nonnumeric",
      "age-parse-negative",
      "age-parse-prefix-twoline",
      "age-parse-dup-0",
      "age-parse-dup-0-twoline",
      "age-parse-dup-old",
    ],
  },
  {
    because: "RFC 9111 has it otherwise",
    why: "Section 3.2: a 304 updates what is kept, and `Content-MD5` is no exception; it is none of HTTP's headers any more.",
    tests: ["304-etag-update-response-Content-MD5"],
  },
  {
    because: "RFC 9111 has it otherwise",
    why: "Section 4.3.4: a 304 with another strong tag is about none of what is kept and must not update it. Weir asks again for the whole answer, for which the test has status 999.",
    tests: ["304-etag-update-response-ETag"],
  },
  {
    because: "RFC 9111 has it otherwise",
    why: "Section 4.4: a cache may make forgotten what `Location` and `Content-Location` name; it must only for the URL that was called, and there Weir does.",
    tests: [
      "invalidate-POST-location",
      "invalidate-PUT-location",
      "invalidate-DELETE-location",
      "invalidate-M-SEARCH-location",
      "invalidate-POST-cl",
      "invalidate-PUT-cl",
      "invalidate-DELETE-cl",
      "invalidate-M-SEARCH-cl",
    ],
  },
  {
    because: "RFC 9111 has it otherwise",
    why: "Sections 4.2 and 5.3: a date in none of HTTP's three forms, or in another zone than GMT, is in the past. The two that mean to test large dates have no comma after the day of the week.",
    tests: [
      "freshness-expires-32bit",
      "freshness-expires-far-future",
      "freshness-expires-invalid-utc",
      "freshness-expires-invalid-aest",
      "freshness-expires-invalid-2-digit-year",
      "freshness-expires-invalid-no-comma",
      "freshness-expires-invalid-multiple-spaces",
      "freshness-expires-invalid-date-dashes",
      "freshness-expires-invalid-time-periods",
      "freshness-expires-invalid-1-digit-hour",
      "freshness-expires-invalid-multiple-lines",
    ],
  },
  {
    because: "RFC 9111 has it otherwise",
    why: "Section 4.3.2: without `Last-Modified` the answer's `Date` is compared, and that is later than what the consumer asks about.",
    tests: ["conditional-lm-fresh-no-lm"],
  },
  {
    because: "Weir departs from the standard",
    why: "A cookie is for the consumer that it was given to. Whoever gets a kept answer is another, so it is passed on once and never kept.",
    tests: [
      "headers-store-Set-Cookie",
      "headers-store-Set-Cookie2",
      "304-etag-update-response-Set-Cookie",
      "304-etag-update-response-Set-Cookie2",
    ],
  },
  {
    because: "Weir keeps less than it might",
    why: "Only what says itself how long it holds is kept. A guess from `Last-Modified` is for pages of the web; in an API it is a wrong answer.",
    tests: [
      "heuristic-200-cached",
      "heuristic-203-cached",
      "heuristic-204-cached",
      "heuristic-404-cached",
      "heuristic-405-cached",
      "heuristic-410-cached",
      "heuristic-414-cached",
      "heuristic-501-cached",
      "heuristic-599-cached",
      "heuristic-delta-*",
      "pragma-response-no-cache-heuristic",
      "other-heuristic-content-disposition-attachment",
    ],
  },
  {
    because: "Weir keeps less than it might",
    why: "A failure of the upstream is never kept, whatever it says, nor a status that the cache doesn't know.",
    tests: [
      "status-299-fresh",
      "status-400-fresh",
      "status-499-fresh",
      "status-500-fresh",
      "status-502-fresh",
      "status-503-fresh",
      "status-504-fresh",
      "status-599-fresh",
    ],
  },
  {
    because: "Weir keeps less than it might",
    why: "A request with `Range` passes the cache by, and a part of an answer is never kept: what a model says is asked for whole.",
    tests: ["partial-store-*"],
  },
  {
    because: "Weir keeps less than it might",
    why: "An answer belongs to the credential that it was asked for with, even where it is `public`; a project's tokens have theirs in common, and a rule with `shared: true` gives it to all.",
    tests: ["other-authorization-public", "other-authorization-must-revalidate", "other-authorization-smaxage"],
  },
  {
    because: "Weir keeps less than it might",
    why: "A cookie may choose an account, so it is a part of the key.",
    tests: ["other-cookie"],
  },
  {
    because: "Weir keeps less than it might",
    why: "A POST is kept for equal POSTs, where somebody opted in, and never given to a GET.",
    tests: ["method-POST"],
  },
  {
    because: "Weir keeps less than it might",
    why: "What comes stale and has nothing to be asked about by is of no use but to `max-stale`.",
    tests: ["ccreq-max-stale-age"],
  },
  {
    because: "Weir keeps less than it might",
    why: "`no-cache` that names headers is taken as one that names none, as section 5.2.2.4 allows: the answer is asked about.",
    tests: ["headers-omit-headers-listed-in-Cache-Control-no-cache*"],
  },
  {
    because: "Weir keeps less than it might",
    why: "What `Vary` names is compared as it is said, spaces apart. Which language a provider would choose, or whether case matters to it, is not ours to know.",
    tests: ["vary-normalise-lang-order", "vary-normalise-lang-case", "vary-normalise-lang-select"],
  },
  {
    because: "Weir keeps less than it might",
    why: "A stale answer stands in for an upstream that fails only where the answer or the request says `stale-if-error`.",
    tests: ["stale-close", "stale-503"],
  },
  {
    because: "Weir keeps less than it might",
    why: "The answer to a HEAD changes nothing of what is kept of the GET.",
    tests: ["head-200-freshness-update", "head-200-retain"],
  },
  {
    because: "Weir has it so where the standard leaves room",
    why: "Of two ages in `Cache-Control` the least counts (section 4.2.1), and one that is no number is 0.",
    tests: [
      "freshness-max-age-a100",
      "freshness-max-age-two-fresh-stale-sameline",
      "freshness-max-age-two-fresh-stale-sepline",
      "freshness-max-age-two-stale-fresh-sameline",
      "freshness-max-age-two-stale-fresh-sepline",
    ],
  },
  {
    because: "Weir has it so where the standard leaves room",
    why: "Spaces around the `=` of a directive are overlooked.",
    tests: ["freshness-max-age-space-before-equals", "freshness-max-age-space-after-equals"],
  },
  {
    because: "Weir has it so where the standard leaves room",
    why: "An answer's age is what `Age` says. Section 4.2.3 has its `Date` count too where the clocks of both sides agree, which a gateway can't know of its providers.",
    tests: ["freshness-max-age-date"],
  },
  {
    because: "Weir has it so where the standard leaves room",
    why: "A request with `Pragma: no-cache` and no `Cache-Control` has the upstream asked.",
    tests: ["pragma-request-no-cache"],
  },
  {
    because: "Weir has it so where the standard leaves room",
    why: "A tag is text in quotes, with `W/` or without it. What isn't one is passed on as it came and equals nothing.",
    tests: [
      "conditional-etag-quoted-respond-unquoted",
      "conditional-etag-unquoted-respond-unquoted",
      "conditional-etag-unquoted-respond-quoted",
      "conditional-etag-weak-respond-lowercase",
      "conditional-etag-weak-respond-backslash",
      "conditional-etag-weak-respond-omit-slash",
      "conditional-etag-strong-generate-unquoted",
      "conditional-etag-forward-unquoted",
    ],
  },
  {
    because: "Weir has it so where the standard leaves room",
    why: "What was kept for other headers is nothing to ask about for these.",
    tests: ["conditional-etag-vary-headers-mismatch"],
  },
  {
    because: "It is no part of HTTP's caching",
    why: "`Surrogate-Control` is of another specification, and passes through like every header.",
    tests: ["surrogate-*"],
  },
  {
    because: "The test can't tell",
    why: "The test has the answer say a `Transfer-Encoding` that doesn't exist. No client can read that, so it is 502.",
    tests: ["headers-store-Transfer-Encoding"],
  },
  {
    because: "The test can't tell",
    why: "The suite's origin writes this tag in UTF-8 and its consumer asks for it in Latin-1. Weir changes neither's bytes.",
    tests: ["conditional-etag-strong-respond-obs-text"],
  },
];

/** The reasons that are for a test. */
export function findReasons(id: string): readonly Reason[] {
  return reasons.filter(({ tests }) => tests.some((pattern) => matches(pattern, id)));
}

/** What the list names and these ids are not. */
export function findUnneeded(ids: readonly string[]): readonly string[] {
  return reasons.flatMap(({ tests }) => tests).filter((pattern) => !ids.some((id) => matches(pattern, id)));
}

function matches(pattern: string, id: string): boolean {
  return pattern.endsWith("*") ? id.startsWith(pattern.slice(0, -1)) : id === pattern;
}
