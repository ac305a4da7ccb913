/** The wire formats of one vendor's API, which count media in their own way. */
export type Family = "openai" | "anthropic" | "gemini";

/** What is given to a model and isn't text. */
export type Media = {
  readonly kind: "image" | "audio" | "video" | "document";
  /** OpenAI's `detail: "low"`. */
  readonly low: boolean;
  /** Its base64, as far as it is in the request. */
  readonly base64Bytes: number;
};

/** LLM tokens of one image, one second of sound, one second of film, and one page. */
type Rule = {
  readonly image: number;
  readonly lowImage: number;
  readonly audio: number;
  readonly video: number;
  readonly page: number;
};

/**
 * What the providers say of media. Nobody can look into them in time, so each image counts as one of a usual size, and length goes by bytes.
 *
 * | | OpenAI | Anthropic | Gemini |
 * |---|---|---|---|
 * | an image | 765 (four tiles of high detail and 85); 85 in low detail | 1,600 at most | 258 |
 * | a second of sound | 10 | as OpenAI | 32 |
 * | a second of film | as Gemini | as Gemini | 258 and its sound |
 * | a page of a document | its image | its image, and up to 3,000 of text | 258 |
 *
 * https://platform.openai.com/docs/guides/images-vision, https://docs.anthropic.com/en/docs/build-with-claude/vision,
 * https://docs.anthropic.com/en/docs/build-with-claude/pdf-support, https://ai.google.dev/gemini-api/docs/tokens
 */
const rules: Readonly<Record<Family, Rule>> = {
  openai: { image: 765, lowImage: 85, audio: 10, video: 290, page: 765 },
  anthropic: { image: 1_600, lowImage: 1_600, audio: 10, video: 290, page: 4_600 },
  gemini: { image: 258, lowImage: 258, audio: 32, video: 290, page: 258 },
};

/** Sound of 128 kbit/s, film of 1 Mbit/s, and a page of a document with some pictures. */
const bytesOf = { audio: 16_000, video: 125_000, page: 50_000 };

/** The LLM tokens of one image, recording, film or document. What isn't in the request (a URL, a file's id) is taken for a short one. */
export function countMediaTokens(family: Family, { kind, low, base64Bytes }: Media): number {
  const rule = rules[family];
  const bytes = Math.max(1, (base64Bytes * 3) / 4);
  switch (kind) {
    case "image":
      return low ? rule.lowImage : rule.image;
    case "audio":
      return Math.ceil((bytes / bytesOf.audio) * rule.audio);
    case "video":
      return Math.ceil((bytes / bytesOf.video) * rule.video);
    case "document":
      return Math.ceil(bytes / bytesOf.page) * rule.page;
  }
}
