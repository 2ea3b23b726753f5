/**
 * Whatever goes wrong on the way to an answer becomes an RFC 9457 problem with a code of `errors.ts`. What is our
 * own mistake is logged with its cause and sent without: the caller gets the id to look for.
 */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { BatonError, type ErrorCode, messageOf, problemBody } from '../errors.js';

export const PROBLEM_TYPE = 'application/problem+json';

/** Errors of Fastify that a caller can cause. */
const CALLER_MISTAKES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_VALIDATION: 'invalid_request',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed_json',
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed_json',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_request',
  FST_ERR_BAD_URL: 'invalid_request',
  FST_ERR_MAX_PARAM_LENGTH: 'invalid_request',
};

interface Violation {
  readonly path: string;
  readonly message: string;
}

function violations({ validation }: FastifyError): Violation[] {
  return (validation ?? []).map(({ instancePath, message, params }) => {
    const name = params.additionalProperty ?? params.missingProperty;
    const allowed = Array.isArray(params.allowedValues) ? params.allowedValues.join(', ') : null;
    const detail = typeof name === 'string' ? name : allowed;
    const suffix = detail === null ? '' : ` (${detail})`;
    return {
      path: instancePath === '' ? '/' : instancePath,
      message: `${message ?? 'is not valid'}${suffix}`,
    };
  });
}

function fromFastify(error: FastifyError): BatonError | null {
  const code = error instanceof SyntaxError ? 'malformed_json' : CALLER_MISTAKES[error.code];
  if (code === undefined) return null;
  if (code !== 'invalid_request' || error.validation === undefined)
    return new BatonError(code, error.message);
  const found = violations(error);
  const part = error.validationContext ?? 'request';
  const message = found
    .map(({ path, message }) => `${part}${path === '/' ? '' : path} ${message}`)
    .join('; ');
  return new BatonError(code, message, { details: { violations: found } });
}

export function sendProblem(reply: FastifyReply, request: FastifyRequest, error: BatonError): FastifyReply {
  const body = { ...problemBody(error), instance: `urn:baton:request:${request.id}` };
  if (error.code === 'unauthenticated') reply.header('www-authenticate', 'Bearer realm="batond"');
  return reply.code(body.status).type(PROBLEM_TYPE).serializer(JSON.stringify).send(body);
}

export function handleError(
  thrown: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (thrown instanceof BatonError) return sendProblem(reply, request, thrown);
  const mistake = fromFastify(thrown);
  if (mistake !== null) return sendProblem(reply, request, mistake);
  request.log.error({ err: thrown, url: request.url }, 'request failed');
  const message = `Internal error: look for request ${request.id} in the daemon's log`;
  return sendProblem(reply, request, new BatonError('internal_error', message));
}

/** What is no HTTP never becomes a request: the answer is written by hand. */
export function answerToBrokenHttp(error: Error & { code?: string }): string {
  const isLarge = error.code === 'HPE_HEADER_OVERFLOW';
  const problem = new BatonError(isLarge ? 'headers_too_large' : 'malformed_http', messageOf(error));
  const body = JSON.stringify(problemBody(problem));
  const status = isLarge ? '431 Request Header Fields Too Large' : '400 Bad Request';
  return `HTTP/1.1 ${status}\r\nContent-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;
}
