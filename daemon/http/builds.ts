/** Builds: the VMM binaries that machines can run on. */
import { Type } from 'typebox';
import { BuildsQuery, BuildView, NewBuild } from './build-schemas.js';
import { IdParams, Problem } from './common-schemas.js';
import { listed, pageAnswer, pageAsked, pageOf } from './paging.js';
import { buildPath } from './paths.js';
import type { Routes } from './server.js';
import { buildView } from './views.js';

export const buildRoutes: Routes = async (app, { services }) => {
  const { builds } = services;

  app.get(
    '/builds',
    {
      config: { scoped: true },
      schema: {
        summary: 'Builds, in the order in which they were first registered',
        querystring: BuildsQuery,
        response: { 200: pageOf('builds', BuildView), '4xx': Problem, '5xx': Problem },
      },
    },
    async ({ query }, reply) => {
      const page = await builds.page(pageAsked('builds', query), { kind: listed(query.kind) });
      return pageAnswer('builds', reply, page, buildView);
    },
  );

  app.post(
    '/builds',
    {
      config: { role: 'admin' },
      schema: {
        summary: 'Register a VMM binary; it is run once to learn what it is',
        body: NewBuild,
        response: { 201: BuildView, '4xx': Problem, '5xx': Problem },
      },
    },
    async (request, reply) => {
      const build = await builds.register(request.body.kind, request.body.path);
      return reply.code(201).header('location', buildPath(build.id)).send(buildView(build));
    },
  );

  app.get(
    '/builds/:id',
    {
      config: { scoped: true },
      schema: {
        summary: 'One build',
        params: IdParams,
        response: { 200: BuildView, '4xx': Problem, '5xx': Problem },
      },
    },
    async (request) => buildView(await builds.look(builds.byId(request.params.id))),
  );

  app.delete(
    '/builds/:id',
    {
      config: { role: 'admin' },
      schema: {
        summary: 'Forget a build that no machine needs; its files stay',
        params: IdParams,
        response: { 204: Type.Null(), '4xx': Problem, '5xx': Problem },
      },
    },
    async (request, reply) => {
      builds.remove(request.params.id);
      return reply.code(204).send(null);
    },
  );
};
