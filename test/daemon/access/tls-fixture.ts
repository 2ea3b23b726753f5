/** A daemon in this process that is served on a unix socket and, by TLS, on a port of the loopback interface. */
import type { App, AppOptions } from '../../../daemon/app.js';
import { TlsListener, type TlsListenerOptions } from '../../../daemon/tls-listener.js';
import { type Certificates, type KeyPair, makeCertificates } from '../../helpers/certificates.js';
import { type Folders, makeFolders, startApp, tearDown } from '../fixture.js';
import { ask, type Where } from './client.js';

export interface TlsContext {
  folders: Folders;
  app: App;
  unix: { socketPath: string };
  listener: TlsListener;
  port: number;
  certificates: Certificates;
}

export interface TlsOptions {
  readonly access?: AppOptions['access'] | ((made: Certificates) => AppOptions['access']);
  readonly listener?: Partial<TlsListenerOptions>;
}

export async function startTls(context: TlsContext, { access = {}, listener = {} }: TlsOptions = {}) {
  context.folders = await makeFolders();
  context.certificates = makeCertificates(context.folders.path);
  const { server, ca } = context.certificates;
  const own = typeof access === 'function' ? access(context.certificates) : access;
  context.app = await startApp(context.folders, { ownBuild: null, ...(own && { access: own }) });
  context.unix = { socketPath: `${context.folders.path}/api.sock` };
  await context.app.server.listen({ path: context.unix.socketPath });
  context.listener = new TlsListener({
    files: { cert: server.certFile, key: server.keyFile, clientCa: ca.certFile },
    http: context.app.server.server,
    ...listener,
  });
  context.port = (await context.listener.listen({ address: '127.0.0.1', port: 0 })).port;
}

export async function endTls({ folders, app, listener }: TlsContext): Promise<void> {
  await listener.close();
  await tearDown(folders, app);
}

/** As somebody with this certificate, or with none. */
export function tlsAs({ port, certificates }: TlsContext, pair?: KeyPair): Where {
  const own = pair === undefined ? {} : { cert: pair.cert, key: pair.key };
  return { host: '127.0.0.1', port, ca: certificates.ca.cert, ...own };
}

/** A new token; asked for over the unix socket, as root or the user of the daemon. */
export async function tokenFor(
  { unix }: TlsContext,
  body: { name: string; role: string; machines?: string[]; expiresIn?: string },
): Promise<{ id: string; token: string; expiresAt: string | null }> {
  const answer = await ask(unix, { method: 'POST', path: '/v1/tokens', body: JSON.stringify(body) });
  if (answer.status !== 201) throw new Error(`expected 201, got ${answer.status} ${answer.body.detail}`);
  return answer.body;
}
