/**
 * The OpenAPI document to browse, at `/docs`. All that the page needs comes from this daemon, and its policy lets it load
 * and call nothing else: no other origin, no inline script or style, no frame around it. Nobody has to prove who he
 * is to read it; what is tried out from it is asked like everything else.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';

const PREFIX = '/docs';
/** Files of the package: it looks beside the code that runs, which in a bundle is another folder. */
const FILES = join(dirname(createRequire(import.meta.url).resolve('@fastify/swagger-ui')), 'static');

const POLICY = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'font-src': "'self'",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
};

/** Before roles are given to routes. */
export function openDocs(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    if (route.url === PREFIX || route.url.startsWith(`${PREFIX}/`)) {
      route.config = { ...route.config, role: 'anyone' };
    }
    /* The package would make the text anew for whoever asks. */
    if (route.url === `${PREFIX}/json`) {
      route.handler = async (_request, reply) => reply.type('application/json').send(app.openapiText());
    }
  });
}

export async function addDocs(app: FastifyInstance): Promise<void> {
  await app.register(async (scope) => {
    scope.addHook('onSend', async (_request, reply) => {
      reply.header('x-content-type-options', 'nosniff').header('referrer-policy', 'no-referrer');
    });
    await scope.register(swaggerUi, {
      routePrefix: PREFIX,
      baseDir: FILES,
      staticCSP: POLICY,
      theme: { title: 'Baton' },
      /* Without the bar of its own, whose picture has a style in it. */
      logo: null as never,
      uiConfig: {
        layout: 'BaseLayout',
        deepLinking: true,
        docExpansion: 'list',
        defaultModelsExpandDepth: 0,
        displayOperationId: true,
        displayRequestDuration: true,
        persistAuthorization: false,
        validatorUrl: null,
      },
    });
  });
}
