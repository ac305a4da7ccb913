import { z } from "zod";
import type { Answer, Stage } from "./stage.ts";

/** What a description says of a value. */
export type Schema = {
  readonly $ref?: string | undefined;
  readonly type?: string | readonly string[] | undefined;
  readonly format?: string | undefined;
  readonly enum?: readonly unknown[] | undefined;
  readonly items?: Schema | undefined;
  readonly properties?: Readonly<Record<string, Schema>> | undefined;
  readonly required?: readonly string[] | undefined;
  readonly additionalProperties?: boolean | Schema | undefined;
  readonly example?: unknown;
};

const schema: z.ZodType<Schema> = z.lazy(() =>
  z.looseObject({
    $ref: z.string().optional(),
    type: z.union([z.string(), z.array(z.string())]).optional(),
    format: z.string().optional(),
    enum: z.array(z.unknown()).optional(),
    items: schema.optional(),
    properties: z.record(z.string(), schema).optional(),
    required: z.array(z.string()).optional(),
    additionalProperties: z.union([z.boolean(), schema]).optional(),
    example: z.unknown().optional(),
  }),
);

const content = z.record(z.string(), z.looseObject({ schema }));

const operation = z.looseObject({
  operationId: z.string().optional(),
  tags: z.array(z.string()),
  summary: z.string(),
  security: z.array(z.record(z.string(), z.array(z.string()))).optional(),
  parameters: z.array(z.looseObject({ name: z.string(), in: z.string(), schema })).default([]),
  requestBody: z.looseObject({ content }).optional(),
  responses: z.record(
    z.string(),
    z.looseObject({
      description: z.string(),
      headers: z.record(z.string(), z.unknown()).optional(),
      content: content.optional(),
    }),
  ),
});

const description = z.looseObject({
  openapi: z.string(),
  info: z.looseObject({ title: z.string(), version: z.string() }),
  security: z.array(z.record(z.string(), z.array(z.string()))),
  tags: z.array(z.looseObject({ name: z.string(), description: z.string() })),
  paths: z.record(z.string(), z.record(z.string(), operation)),
  components: z.looseObject({
    schemas: z.record(z.string(), schema),
    securitySchemes: z.record(z.string(), z.unknown()),
  }),
});

/** The description as OpenAPI has it. */
export type Description = z.output<typeof description>;

/** One operation of it. */
export type Operation = {
  readonly method: string;
  readonly path: string;
  readonly operation: z.output<typeof operation>;
  /** Whether the management serves it itself. */
  readonly own: boolean;
};

/** Reads the description. */
export function readDescription({ json }: Answer): Description {
  return description.parse(json);
}

/** Asks for it. */
export async function askDescription(
  stage: Stage,
): Promise<{ readonly api: Description; readonly operations: readonly Operation[] }> {
  const api = readDescription(await stage.ask("GET", "/manage/openapi.json"));
  const operations = Object.entries(api.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, each]) => ({
      method: method.toUpperCase(),
      path,
      operation: each,
      own: !each.tags.includes("Proxied calls"),
    })),
  );
  return { api, operations };
}

/** What a reference stands for. */
export function resolve(api: Description, written: Schema): Schema {
  const name = written.$ref?.split("/").at(-1);
  return name === undefined ? written : (api.components.schemas[name] ?? {});
}
