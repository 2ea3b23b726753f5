/** What the generator of the OpenAPI document does not know of our routes. */

interface Document {
  readonly paths?: Record<string, { post?: { requestBody?: RequestBody } } | undefined>;
}

interface RequestBody {
  required?: boolean;
  content?: Record<string, { schema?: { required?: readonly string[] } }>;
}

/** A body of a POST that requires no member may be left out. The generator calls every body required. */
export function withOptionalBodies<T>(generated: { openapiObject: T } | { swaggerObject: object }): T {
  const { openapiObject } = generated as { openapiObject: T };
  for (const path of Object.values((openapiObject as Document).paths ?? {})) {
    const body = path?.post?.requestBody;
    const required = body?.content?.['application/json']?.schema?.required ?? [];
    if (body !== undefined) body.required = required.length > 0;
  }
  return openapiObject;
}
