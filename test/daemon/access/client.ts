/** A caller as there are many: over the unix socket as any user, or over TLS with and without a certificate. */
import { execFile } from 'node:child_process';
import { request as overUnix } from 'node:http';
import { request as overTls } from 'node:https';

const DEADLINE_MS = 10_000;

export type Where =
  | { readonly socketPath: string }
  | {
      readonly host: '127.0.0.1';
      readonly port: number;
      readonly ca: string;
      readonly cert?: string;
      readonly key?: string;
    };

export interface Question {
  readonly method?: string;
  readonly path: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is. */
  readonly body?: string | Buffer;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  // biome-ignore lint/suspicious/noExplicitAny: documents are asserted on member by member
  readonly body: any;
}

/** Each on a connection of its own. */
export function ask(where: Where, { method = 'GET', path, token, headers, body }: Question): Promise<Reply> {
  const options = {
    ...where,
    agent: false as const,
    method,
    path,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    timeout: DEADLINE_MS,
  };
  return new Promise((resolve, reject) => {
    const request = 'port' in where ? overTls(options) : overUnix(options);
    request.on('timeout', () => request.destroy(new Error(`expected ${method} ${path} to be answered`)));
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        const isJson = String(response.headers['content-type']).includes('json');
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: isJson && text !== '' && !text.includes('}\n{') ? JSON.parse(text) : text,
        });
      });
    });
    request.end(body);
  });
}

export interface User {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

const PROGRAM = `
  const [socketPath, method, path] = process.argv.slice(1);
  require('http').request({ socketPath, method, path }, (response) => {
    let text = '';
    response.on('data', (chunk) => { text += chunk; });
    response.on('end', () => console.log(JSON.stringify({ status: response.statusCode, text })));
  }).on('error', (error) => console.log(JSON.stringify({ status: 0, text: error.code }))).end();
`;

/** As another user, from a process of its own. Only root can. Status 0: could not connect, `body` says why. */
export function askAs(
  { uid, gid, groups }: User,
  socketPath: string,
  { method = 'GET', path }: Question,
): Promise<Pick<Reply, 'status' | 'body'>> {
  const as = groups.length === 0 ? ['--clear-groups'] : ['--groups', groups.join(',')];
  const args = ['--reuid', String(uid), '--regid', String(gid), ...as];
  const node = [process.execPath, '-e', PROGRAM, socketPath, method, path];
  return new Promise((resolve, reject) => {
    execFile('setpriv', [...args, ...node], { timeout: DEADLINE_MS, cwd: '/' }, (error, stdout) => {
      if (error !== null) return reject(error);
      const { status, text } = JSON.parse(stdout) as { status: number; text: string };
      resolve({ status, body: status === 0 ? text : JSON.parse(text) });
    });
  });
}
